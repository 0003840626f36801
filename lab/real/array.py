"""An array whose sessions move real blocks.

A session's tracks to copy are those that differ: they are compared, as an array looks into its record of
changed tracks. What they are shown as changed while a copy is active stays at 0.

* `recreate`, `create`: every access to the target fails from here on. With `-precopy` the tracks that differ
  move at once, else they are counted.
* `activate`: what differs still moves, and the target comes back under the same name. With `-consistent` the
  file systems on the sources are frozen meanwhile. The session is Copied then.
* `restore`: the tracks that differ move back.

The journal has an event `tracks` for each. The lab does nothing else meanwhile; a pair of 300 MB takes about
half a second.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from lab import states
from lab.array.array import Array
from lab.array.refused import Refused
from lab.array.session import Device, Session
from lab.array.sessions import Pair
from lab.config.arrays import ArrayConfig
from lab.real.disk import Disk
from lab.real.freeze import FreezeError, frozen
from lab.real.host import RealHost
from lab.real.tracks import move
from lab.world import World


class RealArray(Array):
    def __init__(self, config: ArrayConfig, world: World, rate_factor: float = 1.0) -> None:
        super().__init__(config, world.clock, rate_factor)
        self.world = world
        self.disks: dict[int, Disk] = {}

    def open(self, folder: Path) -> None:
        """Make the devices. :raises OSError: one can not be made."""
        for number, device in self.devices.items():
            size = device.tracks * self.track_kb * 1024
            disk = self.disks[number] = Disk(folder, self.symid, number, size)
            if device.ready:
                disk.attach()
            else:
                disk.withhold()

    def close(self) -> list[str]:
        """Give the devices up: those that somebody uses still."""
        disks, self.disks = self.disks, {}
        return [self.name(n) for n, disk in disks.items() if not disk.close()]

    @property
    def hosts(self) -> list[RealHost]:
        return [h for h in self.world.hosts.values() if isinstance(h, RealHost)]

    def _follow(self, device: Device) -> None:
        """Let the device be there for its hosts, or not, as it is ready or not."""
        disk = self.disks.get(device.number)
        if disk is None or disk.ready == device.ready:
            return
        if device.ready:
            disk.attach()
        else:
            disk.withhold()
        for host in self.hosts:
            host.show(disk)
        disk.settle()

    def _move(self, session: Session, action: str, *, write: bool, **words: Any) -> None:
        """Move what differs, or with `write` false say how much that is."""
        disks = [self.disks[d.number] for d in (session.source, session.target)]
        if action == "restore":
            disks.reverse()
        began = time.monotonic()
        size = session.total * self.track_kb * 1024
        count = move(disks[0].file, disks[1].file, size, self.track_kb * 1024, write=write)
        session.protected = 0.0 if write else float(count)
        self.world.journal.event(
            "tracks",
            action=action,
            pair=self.key((session.source.number, session.target.number)),
            differing=count,
            moved=count if write else 0,
            total=session.total,
            seconds=round(time.monotonic() - began, 3),
            **words,
        )

    def _prepare(self, session: Session, state: str, now: float) -> None:
        super()._prepare(session, state, now)
        self._follow(session.target)
        self._move(session, "recreate", write=state == states.PRECOPY)
        session.enter(session.state, now)

    def activate(
        self, pairs: Sequence[Pair], *, force: bool = False, not_ready: bool = False,
        first: int | None = None, consistent: bool = False,
    ) -> None:  # fmt: skip
        waiting = [s for p in pairs if (s := self.session(p)) and s.state in states.PREPARED]
        held = self._mounted([s.source for s in waiting]) if consistent else {}
        try:
            with frozen(held) if consistent else nullcontext():
                point = time.time()
                try:
                    super().activate(
                        pairs, force=force, not_ready=not_ready, first=first, consistent=consistent
                    )
                finally:
                    active = [s for s in waiting if s.state in states.ACTIVE]
                    for session in active:
                        directories = [d for names in held.values() for d in names]
                        self._move(session, "activate", write=True, frozen=directories, point_in_time=point)
        except FreezeError as error:
            raise Refused("verbatim", text=f"{error}\n") from error
        finally:
            for session in waiting:
                if session.state in states.ACTIVE:
                    session.arrive()
                self._follow(session.target)

    def _mounted(self, sources: list[Device]) -> dict[int, list[str]]:
        """Process id of a host -> where it has mounted something that stands on these devices."""
        disks = [self.disks[source.number] for source in sources]
        return {h.pid: [m.directory for disk in disks for m in h.mounts_on(disk)] for h in self.hosts}

    def restore(self, pairs: Sequence[Pair], *, force: bool = False, not_ready: bool = False) -> None:
        able = [
            s
            for p in pairs
            if (s := self.session(p)) and s.state not in (states.REST_IN_PROG, states.RESTORED)
        ]
        super().restore(pairs, force=force, not_ready=not_ready)
        for session in able:
            if session.state not in (states.REST_IN_PROG, states.RESTORED):
                continue
            # What the host still holds of the source in memory must not be taken for what is there now.
            session.source.ready = False
            self._follow(session.source)
            self._move(session, "restore", write=True)
            session.source.ready = True
            self._follow(session.source)
            self._follow(session.target)
            session.enter(session.state, session.mark)

    def _leave_target(self, session: Session) -> None:
        super()._leave_target(session)
        self._follow(session.target)

    def put(self, pair: Pair, state: str, protected: float | None = None) -> Session:
        session = super().put(pair, state, protected)
        self._follow(session.target)
        return session
