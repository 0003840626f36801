"""What came of a refresh, as the lab sees it: the copies, and the service on its host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clones.config import App, Fs, Ip, Resource, Service, Sync, Vg
from demo.progress import align
from lab.config import LabConfig
from lab.operations import HostView, Operations

ACTIVE = frozenset({"CopyInProg", "CopyOnAccess", "CopyOnWrite", "Copied", "Linked"})


@dataclass(frozen=True)
class Copy:
    """One pair of the service: device numbers in hex."""

    sync: str
    symid: str
    source: str
    target: str

    def session(self, lab: Operations) -> dict[str, Any]:
        """Its session on the array now: `state`, `percent`, `point_in_time` (lab seconds since 1970)..."""
        return lab.session(self.symid, self.source, self.target)


class LinkedCopy(Copy):
    """One that is linked to a snapshot."""

    def session(self, lab: Operations) -> dict[str, Any]:
        """The same of its link, and the `snapshot`'s name."""
        for snapshot in lab.snapshots(self.symid):
            for link in snapshot["links"]:
                if (link["source"], link["target"]) == (self.source, self.target):
                    return {**link, "point_in_time": snapshot["at"], "snapshot": snapshot["name"]}
        return {"state": "none"}


def copies_of(service: Service, lab: LabConfig) -> list[Copy]:
    """The service's pairs in the order of its syncs; logical names are looked up in the lab's device groups.

    :raises LookupError: when the lab has no such device group or name.
    """
    found = []
    for sync in service.syncs:
        for pair in sync.pairs:
            symid, names = _group(sync, lab) if sync.grouped else (sync.symid or "", {})
            ends = [
                f"{number:04X}" if number is not None else names.get(name)
                for name, number in ((pair.source, pair.source_device), (pair.target, pair.target_device))
            ]
            if ends[0] is None or ends[1] is None:
                raise LookupError(
                    f"sync {sync.name}: device group {sync.symdg} of the lab has no {pair.label}"
                )
            found.append(_copy(sync, symid, ends[0], ends[1]))
    return found


def _copy(sync: Sync, symid: str, source: str, target: str) -> Copy:
    if sync.backend == "snapvx":  # such an array prints five digits
        return LinkedCopy(sync.name, symid, source.zfill(5), target.zfill(5))
    return Copy(sync.name, symid, source, target)


def _group(sync: Sync, lab: LabConfig) -> tuple[str, dict[str, str]]:
    """The array of a sync's device group, and its logical names -> devices."""
    for array in lab.arrays:
        for group in array.device_groups:
            if group.name == sync.symdg:
                return array.symid, {member.name: member.device for member in group.devices}
    raise LookupError(f"sync {sync.name}: the lab has no device group {sync.symdg}")


def copied(copies: Sequence[Copy], lab: Operations) -> dict[str, float]:
    """Percent copied of each sync that is copying now, by tracks."""
    tracks: dict[str, list[tuple[int, float, bool]]] = {}
    for copy in copies:
        session = copy.session(lab)
        moving = session["state"] == "CopyInProg"
        part = (int(session.get("total_tracks") or 1), float(session.get("percent") or 0), moving)
        tracks.setdefault(copy.sync, []).append(part)
    return {
        sync: sum(total * percent for total, percent, _ in parts) / sum(total for total, _, _ in parts)
        for sync, parts in tracks.items()
        if any(moving for _, _, moving in parts)
    }


def copy_table(copies: Sequence[Copy], lab: Operations) -> list[str]:
    """State and point in time of each copy."""
    rows = [("sync", "array", "source -> target", "state", "copied", "point in time", "")]
    for copy in copies:
        session = copy.session(lab)
        percent = "" if session.get("percent") is None else f"{session['percent']:.0f} %"
        moment = session.get("point_in_time")
        text = "" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        pair = f"{copy.source} -> {copy.target}"
        of = session.get("snapshot", "")
        rows.append((copy.sync, copy.symid, pair, session["state"], percent, text, of))
    return align(rows, right={4})


def copy_problems(copies: Sequence[Copy], lab: Operations, since: float) -> list[str]:
    """What keeps the copies from being fresh; [] when all are active since `since` (lab seconds)."""
    problems = []
    for copy in copies:
        session = copy.session(lab)
        what = f"{copy.sync}: {copy.source} -> {copy.target}"
        if session["state"] not in ACTIVE:
            problems.append(f"{what} is {session['state']}, not active")
        elif (session.get("point_in_time") or 0) <= since:
            problems.append(f"{what} has the data of before this run")
    return problems


def points_in_time(copies: Sequence[Copy], lab: Operations) -> dict[Copy, float]:
    """Of each copy, in lab seconds."""
    return {copy: copy.session(lab).get("point_in_time") or 0 for copy in copies}


def rewind_problems(copies: Sequence[Copy], lab: Operations, former: Mapping[Copy, float]) -> list[str]:
    """What keeps the copies from being what they were before; [] when all are of that point in time.

    :param former: :func:`points_in_time` of then.
    """
    return [
        f"{copy.sync}: {copy.source} -> {copy.target} is not of its former point in time"
        for copy, at in points_in_time(copies, lab).items()
        if at != former[copy]
    ]


def service_states(service: Service, lab: Operations) -> list[tuple[str, str, bool]]:
    """Each resource on the service's first host: what it is, how it is, and whether it is up."""
    if not service.hosts:
        return []
    host = lab.host(service.hosts[0].connection)
    facts = host.describe()
    resources = [entry.resource for entry in service.resources]
    return [state for resource in resources if resource for state in _state(resource, facts, host)]


def _state(resource: Resource, facts: Mapping[str, Any], host: HostView) -> Iterator[tuple[str, str, bool]]:
    if isinstance(resource, Ip):
        up = any(a["up"] and a["address"] == str(resource.ipname) for a in facts["addresses"])
        yield f"address {resource.ipname}", "up" if up else "down", up
    elif isinstance(resource, Vg):
        group = facts["volume_groups"].get(resource.name, {})
        up = bool(group.get("active")) and not group.get("missing")
        yield f"volume group {resource.name}", "active" if up else "not active", up
    elif isinstance(resource, Fs):
        mounted = {m["directory"]: m["device"] for m in facts["mounts"]}
        up = resource.mnt in mounted
        text = f"mounted from {mounted[resource.mnt]}" if up else "not mounted"
        yield f"file system {resource.mnt}", text, up
    elif isinstance(resource, App):
        up = facts["apps"].get(resource.name, False)
        yield f"application {resource.name}", "runs" if up else f"does not run on {host.name}", up
