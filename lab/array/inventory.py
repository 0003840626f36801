"""What a simulated array has, and what it shows of it at a moment: devices, groups, sessions."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lab import states
from lab.array.physics import copy_on
from lab.array.refused import Refused
from lab.array.session import Device, Session
from lab.array.sessions import Pair, Sessions
from lab.array.snapshot import SnapshotStore
from lab.clock import Clock
from lab.config.arrays import ArrayConfig, DeviceGroupConfig

GLANCE = 0.02
"""Real seconds within which two readers may be shown the same moment."""
MOST_SETTLING = 0.1
"""The part of the time that may go into settling for readers: with thousands of sessions in motion, they are
shown the same moment for longer."""


@dataclass
class GroupMember:
    name: str
    device: Device
    kind: str


class Inventory:
    """Devices, groups and sessions, brought to now when they are read.

    All sessions of one array share `rate` tracks a second, as long as they have tracks to move. Their parts
    differ by up to `progress_spread`: of two captured pairs of one size, activated together, one was 5 %
    ahead. Reading costs by the sessions that move and those that are read, not by all there are.
    """

    def __init__(self, config: ArrayConfig, clock: Clock, rate_factor: float = 1.0) -> None:
        self.config = config
        self.switches = config.switches
        self.symid = config.symid
        self.clock = clock
        self.rate = config.copy_rate * rate_factor
        self.track_kb = config.track_kb
        self.width = config.device_width
        self.devices: dict[int, Device] = {}
        for entry in config.devices:
            number = int(entry.device, 16)
            tracks = entry.megabytes * 1024 // self.track_kb
            self.devices[number] = Device(
                number, entry.megabytes, tracks, entry.configuration, identifier=entry.identifier
            )
        self.groups: dict[str, dict[str, GroupMember]] = {}
        self.group_configs: dict[str, DeviceGroupConfig] = {}
        for group in config.device_groups:
            self.group_configs[group.name] = group
            self.groups[group.name] = {
                m.name: GroupMember(m.name, self.devices[int(m.device, 16)], m.kind) for m in group.devices
            }
        self.storage_groups: dict[str, list[Device]] = {
            group.name: [self.devices[int(d, 16)] for d in group.devices] for group in config.storage_groups
        }
        for writes in config.writes:
            self.devices[int(writes.device, 16)].writes = (writes.rate, writes.working_set)
        self.sessions = Sessions()
        self.links = Sessions()
        self.snapshots = SnapshotStore()
        self._numbers: list[int] = []
        self._named: dict[int, list[tuple[str, str]]] = {}
        self._named_size = (-1, -1)
        self.last_snapid = 0
        self.held: set[int] = set()
        """The devices that a change of a snapshot or link has locked."""
        self.audit: list[tuple[float, str, str, str]] = []  # time, host, user, command
        self._settled = clock.now()
        self._glance = GLANCE
        for start in config.sessions:
            self._begin(start)

    def _begin(self, start: Any) -> None:
        now = self.clock.now()
        source, target = self.devices[int(start.source, 16)], self.devices[int(start.target, 16)]
        session = Session(source, target, states.CREATED, now - start.age_hours * 3600)
        session.changed = min(source.tracks, start.changed_tracks)
        session.write_rate = start.write_rate
        session.working_set = start.working_set
        session.target_write_rate = start.target_write_rate
        session.target_working_set = start.target_working_set
        session.vse = start.state == states.COPY_ON_WRITE
        session.background_copy = start.background_copy and not session.vse
        session.differential = start.differential
        session.protected = self._protected_for(session, start.state, start.protected_tracks)
        session.point_in_time = session.last_action if start.state in states.ACTIVE else None
        session.enter(start.state, now)
        self.sessions[(source.number, target.number)] = session

    @staticmethod
    def _protected_for(session: Session, state: str, wanted: float | None) -> float:
        if wanted is not None:
            return min(session.total, wanted)
        if state in (states.COPIED, states.RESTORED, states.SPLIT):
            return 0.0
        if state in (states.CREATED, states.CREATE_IN_PROG):
            return float(session.total)
        return float(session.changed or session.total)

    # names

    def name(self, device: Device | int, width: int | None = None) -> str:
        number = device if isinstance(device, int) else device.number
        return f"{number:0{width or self.width}X}"

    def wwn(self, device: Device | int) -> str:
        """`60000970`, the Symmetrix ID, `S` and five digits of the device in hexadecimal ASCII (captured)."""
        return f"60000970{self.symid}{('S' + self.name(device, 5)).encode().hex().upper()}"

    def serial(self, device: Device | int) -> str:
        """The end of the Symmetrix ID, five digits of the device, `000` (captured)."""
        return f"{self.symid[-2:]}{self.name(device, 5)}000"

    def key(self, pair: Pair) -> str:
        return f"{self.symid}:{self.name(pair[0])}>{self.name(pair[1])}"

    def device(self, name: str) -> Device:
        try:
            return self.devices[int(name, 16)]
        except (KeyError, ValueError):
            raise Refused("no_such_device", device=name, symid=self.symid) from None

    @property
    def numbers(self) -> list[int]:
        """All device numbers, in order."""
        if len(self._numbers) != len(self.devices):
            self._numbers = sorted(self.devices)
        return self._numbers

    def add_devices(self, megabytes: Iterable[int]) -> list[Device]:
        """Make devices of these sizes, with the next free numbers."""
        made = []
        for size in megabytes:
            number = max(self.devices, default=0) + 1
            made.append(Device(number, size, size * 1024 // self.track_kb))
            self.devices[number] = made[-1]
        return made

    def within(self, first: int, last: int) -> list[Device]:
        """The devices of a range of numbers, both ends included."""
        numbers = self.numbers
        return [self.devices[n] for n in numbers[bisect_left(numbers, first) : bisect_right(numbers, last)]]

    # looking

    def _look(self) -> None:
        """Settle for a reader. On a clock that runs, what was settled in this very moment is new enough."""
        if self.clock.manual or not 0 <= self.clock.now() - self._settled < self._glance * self.clock.speed:
            began = time.perf_counter()
            self.settle()
            self._glance = max(GLANCE, (time.perf_counter() - began) / MOST_SETTLING)

    def settle(self) -> None:
        """Bring every moving session to now."""
        now = self.clock.now()
        at, self._settled = self._settled, now
        busy = self.sessions.busy
        for session in [s for s in busy if s.pending and s.pending[0] <= now]:
            self._end_pending(session)
        both = [*busy, *self.links.busy] if self.links.busy else busy
        copy_on(both, self.rate, self.config.progress_spread, at, now)
        for moving in (busy, self.links.busy):
            for session in [s for s in moving if not s.moving and s.pending is None]:
                del moving[session]

    def _end_pending(self, session: Session) -> None:
        assert session.pending is not None
        at, state = session.pending
        session.pending = None
        if state == states.NONE:
            self._drop(session)
        else:
            session.enter(state, at)

    def session(self, pair: Pair) -> Session | None:
        """The session as it is now. What `sessions` holds is only as new as the last look at it."""
        self._look()
        session = self.sessions.get(pair)
        if session:
            session.catch_up(self._settled)
        return session

    def state(self, pair: Pair) -> str:
        session = self.session(pair)
        return session.state if session else states.NONE

    def snapshot(self, pairs: Iterable[Pair]) -> dict[str, str]:
        return {self.key(p): self.state(p) for p in pairs}

    def sessions_of(self, device: Device) -> list[Session]:
        """Those that it is the source of, then the one that it is the target of."""
        self._look()
        found = self.sessions.of_source(device.number) + self.sessions.of_target(device.number)
        for session in found:
            session.catch_up(self._settled)
        return found

    def copies_on(self, device: Device) -> list[Session]:
        """What has put data on to a device: the clone session that it is the target of, the link, or both."""
        self._look()
        found = self.sessions.of_target(device.number) + self.links.of_target(device.number)
        for copy in found:
            copy.catch_up(self._settled)
        return found

    def state_of_copy(self, pair: Pair) -> str:
        """Of the clone session of a pair, else of its link."""
        link = self.links.get(pair)
        if self.sessions.get(pair) or link is None:
            return self.state(pair)
        self._look()
        link.catch_up(self._settled)
        return link.state

    def groups_of(self, device: Device) -> list[tuple[str, str]]:
        """(group, logical name) of every membership of a device."""
        for fresh in (False, True):
            size = (len(self.groups), sum(map(len, self.groups.values())))
            if fresh or size != self._named_size:
                self._named_size, self._named = size, {}
                for group, members in self.groups.items():
                    for member in members.values():
                        self._named.setdefault(member.device.number, []).append((group, member.name))
            found = self._named.get(device.number, [])
            if all(self._is_member(device, group, ld) for group, ld in found):
                break
        return list(found)

    def _is_member(self, device: Device, group: str, ld: str) -> bool:
        member = self.groups.get(group, {}).get(ld)
        return member is not None and member.device is device

    def _endpoints(self, pair: Pair) -> tuple[Device, Device]:
        for number in pair:
            if number not in self.devices:
                raise Refused("no_such_device", device=self.name(number), symid=self.symid)
        return self.devices[pair[0]], self.devices[pair[1]]

    def _leave_target(self, session: Session) -> None:
        if session.state == states.TERMINATE_IN_PROG:
            return
        mode = self.switches.terminate_leaves_target
        unfinished = session.state not in (states.COPIED, states.SPLIT, states.RESTORED)
        session.target.ready = mode == "ready" or (mode == "not_ready_if_unfinished" and not unfinished)

    def _drop(self, session: Session) -> None:
        self._leave_target(session)
        self.sessions.pop((session.source.number, session.target.number), None)
