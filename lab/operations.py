"""The operations on a lab as methods: the same for a lab in this process and behind a control port."""

from __future__ import annotations

from typing import Any


class LabError(RuntimeError):
    """The lab refused an operation; the text says why."""


class SessionView(dict[str, Any]):
    """A session as it was when it was asked for: `view.state` and `view["state"]` are the same."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class HostView:
    """A host as it is now: every call looks again."""

    def __init__(self, lab: Operations, name: str) -> None:
        self._lab = lab
        self.name = name

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = self._lab.ask("host", host=self.name)
        return found

    def mounts(self) -> dict[str, str]:
        """Mount point -> device."""
        return {m["directory"]: m["device"] for m in self.describe().get("mounts", [])}

    def volume_groups(self) -> dict[str, dict[str, Any]]:
        """Name -> {"known": bool, "active": bool, "missing": [paths of disks that do not answer]}."""
        groups: dict[str, dict[str, Any]] = self.describe().get("volume_groups", {})
        return groups

    def addresses(self) -> dict[str, str]:
        """Address -> interface, of those that are up."""
        return {a["address"]: a["interface"] for a in self.describe().get("addresses", []) if a["up"]}

    def apps(self) -> dict[str, bool]:
        """Name -> running."""
        apps: dict[str, bool] = self.describe().get("apps", {})
        return apps

    @property
    def files(self) -> dict[str, str]:
        """Path -> text of every file."""
        files: dict[str, str] = self.describe()["files"]
        return files

    @property
    def directories(self) -> list[str]:
        found: list[str] = self.describe()["directories"]
        return found

    def occupy(self, directory: str, name: str = "sleep") -> int:
        """Let a process use a directory, so that it can not be unmounted. Gives its pid."""
        return int(self._lab.ask("occupy", host=self.name, directory=directory, name=name))

    def use_disk(self, path: str, how: str | None) -> None:
        """Let somebody else use a disk: `mounted` in another namespace, `open` under another name, `loop`,
        `btrfs`; None ends it."""
        self._lab.ask("use_disk", host=self.name, path=path, how=how)

    def release(self, pid: int) -> None:
        self._lab.ask("release", host=self.name, pid=pid)

    def refuse_connections(self, refuse: bool = True) -> None:
        self._lab.ask("refuse_connections", host=self.name, refuse=refuse)

    def rights(self, **texts: str) -> None:
        """Other rule files of `sudo`, `doas`, `pfexec` or `pbrun`, as texts."""
        self._lab.ask("rights", host=self.name, **texts)

    def gate(self, policy: str | None) -> None:
        """A gate with the text of that policy before its shell; None takes it away."""
        self._lab.ask("gate", host=self.name, policy=policy)

    def write_file(self, path: str, text: str) -> None:
        self._lab.ask("write_file", host=self.name, path=path, text=text)

    def remove_file(self, path: str) -> None:
        self._lab.ask("remove_file", host=self.name, path=path)


class Operations:
    """Devices are named in hex, arrays by their id or its last digits; seconds are lab seconds."""

    def ask(self, op: str, **words: Any) -> Any:
        raise NotImplementedError

    @property
    def connections(self) -> dict[str, dict[str, Any]]:
        """As in connections.json."""
        found: dict[str, dict[str, Any]] = self.ask("connections")
        return found

    @property
    def journal(self) -> list[dict[str, Any]]:
        return self.entries()

    def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """Journal entries with a `seq` above `since`."""
        found: list[dict[str, Any]] = self.ask("journal", since=since)
        return list(found)

    def commands(self, since: int = 0) -> list[dict[str, Any]]:
        """The commands of the journal, without the events."""
        return [e for e in self.entries(since) if e["event"] == "command"]

    def now(self) -> float:
        """Lab time, seconds since the epoch."""
        return float(self.ask("ping")["now"])

    def advance(self, seconds: float) -> float:
        """Turn the clock and give the new time."""
        return float(self.ask("advance", seconds=seconds)["now"])

    def jump(self, on: bool = True) -> None:
        """Let a manual clock go on by itself to where a command sleeps until (`sleep`, -i and -c)."""
        self.ask("jump", on=on)

    def session(self, symid: str, source: str, target: str) -> SessionView:
        """state (`none` without a session), percent, total_tracks, protected_tracks, changed_tracks,
        last_action, point_in_time, cycled, target_ready."""
        return SessionView(self.ask("session", symid=symid, source=source, target=target))

    def sessions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("sessions")
        return found

    def set_state(
        self, symid: str, source: str, target: str, state: str, protected: float | None = None
    ) -> dict[str, Any]:
        """Put the session into a state, making it if need be; `protected` tracks are still to copy."""
        words = {"symid": symid, "source": source, "target": target, "state": state, "protected": protected}
        return SessionView(self.ask("set_state", **words))

    def set_source(self, symid: str, source: str, target: str, new_source: str) -> dict[str, Any]:
        """Let the target be a copy of another source."""
        found: dict[str, Any] = self.ask(
            "set_source", symid=symid, source=source, target=target, new_source=new_source
        )
        return found

    def set_last_action(self, symid: str, source: str, target: str, age_seconds: float) -> dict[str, Any]:
        """Let the session's last control be so long ago."""
        found: dict[str, Any] = self.ask(
            "set_last_action", symid=symid, source=source, target=target, age_seconds=age_seconds
        )
        return found

    def set_switch(self, symid: str, name: str, value: Any) -> None:
        self.ask("set_switch", symid=symid, name=name, value=value)

    def set_unisphere_switch(self, unisphere: str, name: str, value: Any) -> None:
        self.ask("set_unisphere_switch", unisphere=unisphere, name=name, value=value)

    def unisphere(self, name: str) -> dict[str, Any]:
        """name, jobs (id -> state), switches."""
        found: dict[str, Any] = self.ask("unisphere", unisphere=name)
        return found

    def restart_unisphere(self, name: str, *, finish: bool = False) -> None:
        """Its jobs and pages are gone; `finish`: what jobs had begun is done all the same."""
        self.ask("restart_unisphere", unisphere=name, finish=finish)

    def administrator(self, on: str, run: str) -> None:
        """Let a second administrator do something: a command on a host, `METHOD PATH [BODY]` on a
        Unisphere."""
        self.ask("administrator", on=on, run=run)

    def snapshots(self, symid: str) -> list[dict[str, Any]]:
        """group, name, snapid, at (lab seconds), sources, ours, expires, secure, policy, restored, links
        (source, target, group, state, percent, protected_tracks, defined) of each that is there."""
        found: list[dict[str, Any]] = self.ask("snapshots", symid=symid)
        return found

    def set_link(
        self, symid: str, source: str, target: str, snapid: int, state: str = "Copied", group: str = ""
    ) -> None:
        """Link a pair to a snapshot in a state (CopyInProg, Copied, Linked, Failed), whatever was there."""
        words = {"symid": symid, "source": source, "target": target, "snapid": snapid, "state": state}
        self.ask("set_link", **words, group=group)

    def remove_link(self, symid: str, source: str, target: str) -> None:
        self.ask("remove_link", symid=symid, source=source, target=target)

    def set_group(self, symid: str, group: str, devices: list[str]) -> None:
        """Let a storage group have these devices; it is made when it is not there, and gone without any."""
        self.ask("set_group", symid=symid, group=group, devices=devices)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The REST calls of the journal."""
        return [e for e in self.entries(since) if e["event"] == "request"]

    def set_rate(self, symid: str, tracks_per_second: float) -> None:
        self.ask("set_rate", symid=symid, tracks_per_second=tracks_per_second)

    def remove_session(self, symid: str, source: str, target: str) -> None:
        self.ask("remove_session", symid=symid, source=source, target=target)

    def fault(self, kind: str, **words: Any) -> int:
        """Set a fault: host, match, count, after and what its kind takes (`lab.faults`)."""
        return int(self.ask("fault", kind=kind, **words))

    def draw(self, seed: int) -> list[int]:
        """Set what the seed picks of the configuration's `random_faults`; gives the faults' numbers."""
        return list(self.ask("draw", seed=seed))

    def faults(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("faults")
        return found

    def clear_faults(self, id: int | None = None) -> None:
        self.ask("clear_faults", id=id)

    def note(self, note: str, **words: Any) -> int:
        """Write a note into the journal; `lab.check` says which it reads. Gives its line."""
        return int(self.ask("note", note=note, **words))

    def host(self, name: str) -> HostView:
        """By its name or its connection id."""
        view = HostView(self, name)
        view.describe()
        return view
