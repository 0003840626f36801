"""A simulated array: devices, sessions, and the control actions that move sessions between states."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lab import states
from lab.clock import Clock
from lab.config import ArrayConfig, DeviceGroupConfig
from lab.physics import copy_on
from lab.session import Device, Session
from lab.sessions import Pair, Sessions

__all__ = ["Array", "GroupMember", "Pair", "Refused"]

GLANCE = 0.02
"""Real seconds within which two readers may be shown the same moment."""
MOST_SETTLING = 0.1
"""The part of the time that may go into settling for readers: with thousands of sessions in motion, they are
shown the same moment for longer."""


class Refused(Exception):
    """The array refuses: `key` names the text in `symcli/messages.yaml`, `exit` is the exit code."""

    def __init__(self, key: str, exit: int = 1, **words: Any) -> None:
        super().__init__(key)
        self.key = key
        self.exit = exit
        self.words = words


@dataclass
class GroupMember:
    name: str
    device: Device
    kind: str


class Array:
    """All sessions of one array share `rate` tracks a second, as long as they have tracks to move.

    Their parts differ by up to `progress_spread`: of two captured pairs of one size, activated together, one
    was 5 % ahead. Reading costs by the sessions that move and those that are read, not by all there are.
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
            self.devices[number] = Device(number, entry.megabytes, tracks, entry.configuration)
        self.groups: dict[str, dict[str, GroupMember]] = {}
        self.group_configs: dict[str, DeviceGroupConfig] = {}
        for group in config.device_groups:
            self.group_configs[group.name] = group
            self.groups[group.name] = {
                m.name: GroupMember(m.name, self.devices[int(m.device, 16)], m.kind) for m in group.devices
            }
        self.sessions = Sessions()
        self._numbers: list[int] = []
        self._named: dict[int, list[tuple[str, str]]] = {}
        self._named_size = (-1, -1)
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
        session.background_copy, session.differential = start.background_copy, start.differential
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
        copy_on(busy, self.rate, self.config.progress_spread, at, now)
        for session in [s for s in busy if not s.moving and s.pending is None]:
            del busy[session]

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

    def _known(self, pairs: Sequence[Pair]) -> list[Session]:
        self.settle()
        found = [self.session(p) for p in pairs]
        if not pairs or any(s is None for s in found):
            raise Refused("not_a_session")
        return [s for s in found if s is not None]

    def _taken_from(self, action: str) -> set[str]:
        """The states an action is taken from, as this array's switches have it."""
        taken = set(states.TAKEN_FROM[action])
        switches = self.switches
        if action in ("recreate", "establish") and switches.recreate_from_copyinprog == "accepted":
            taken.add(states.COPY_IN_PROG)
        if switches.recreate_from_copyonaccess == "refused" and action in ("recreate", "establish"):
            taken.discard(states.COPY_ON_ACCESS)
        if action == "restore" and switches.restore_from_copyinprog == "accepted":
            taken.add(states.COPY_IN_PROG)
        if action == "terminate" and not switches.restinprog_needs_symforce:
            taken.add(states.REST_IN_PROG)
        if action == "terminate" and not switches.copyinprog_needs_symforce:
            taken.add(states.COPY_IN_PROG)
        return taken

    def _check(self, action: str, sessions: list[Session], force: bool, already_exit: int) -> list[Session]:
        """The sessions that the action is for; refuses the whole command when one is in another state."""
        taken = self._taken_from(action)
        fit = [s for s in sessions if s.state in taken]
        if len(fit) == len(sessions):
            return fit
        if not fit and all(s.state in states.LEADS_TO.get(action, ()) for s in sessions):
            raise Refused("already_in_state", already_exit)
        if force and fit:
            return fit
        bad = next(s for s in sessions if s not in fit)
        if action == "terminate":
            raise Refused("needs_symforce", 23, state=bad.state)
        raise Refused(
            "wrong_state", state=bad.state, source=self.name(bad.source), target=self.name(bad.target)
        )

    # acting

    def create(
        self, pairs: Sequence[Pair], *, precopy: bool, copy: bool, differential: bool,
        concurrent: bool = False,
    ) -> None:  # fmt: skip
        self.settle()
        now = self.clock.now()
        targets = Counter(s.source for s in self.sessions.values())
        for pair in pairs:
            source, target = self._endpoints(pair)
            if source is target:
                raise Refused("same_device", device=self.name(source))
            if pair in self.sessions:
                raise Refused("session_exists")
            if self.sessions.of_target(target.number):
                raise Refused("target_busy")
            if target.tracks < source.tracks:
                raise Refused("size_mismatch", source=self.name(source), target=self.name(target))
            if targets[source] and not concurrent and self.switches.concurrent_needed:
                raise Refused("concurrent_needed", source=self.name(source))
            targets[source] += 1
            if targets[source] > 16:
                raise Refused("too_many_targets", source=self.name(source))
        precopy = self._precopy(precopy)
        for pair in pairs:
            source, target = self._endpoints(pair)
            session = Session(source, target, states.CREATED, now, protected=float(source.tracks))
            session.background_copy, session.differential = copy, differential
            self.sessions[pair] = session
            self._prepare(session, states.PRECOPY if precopy else states.CREATED, now)

    def _endpoints(self, pair: Pair) -> tuple[Device, Device]:
        for number in pair:
            if number not in self.devices:
                raise Refused("no_such_device", device=self.name(number), symid=self.symid)
        return self.devices[pair[0]], self.devices[pair[1]]

    def _precopy(self, asked: bool) -> bool:
        if asked and self.switches.precopy == "refused":
            raise Refused("precopy_refused")
        return asked and self.switches.precopy == "accepted"

    def _prepare(self, session: Session, state: str, now: float) -> None:
        session.cycled = False
        session.last_action = now
        if self.switches.create_seconds > 0:
            session.pending = (now + self.switches.create_seconds, state)
            state = states.CREATE_IN_PROG
        session.enter(state, now)

    def recreate(self, pairs: Sequence[Pair], *, precopy: bool, force: bool = False) -> None:
        sessions = self._known(pairs)
        fit = self._check("recreate", sessions, force, self.switches.already_recreated_exit)
        self._recreate(fit, self._precopy(precopy))

    def _recreate(self, fit: list[Session], precopy: bool) -> None:
        now = self.clock.now()
        for session in fit:
            # The changes on the target are thrown away, so those tracks are copied again too.
            owed = session.changed + session.changed_target + session.protected
            session.protected = float(min(session.total, owed))
            session.changed = session.changed_target = 0.0
            self._prepare(session, states.PRECOPY if precopy else states.RECREATED, now)

    def activate(
        self, pairs: Sequence[Pair], *, force: bool = False, not_ready: bool = False,
        first: int | None = None, consistent: bool = False,
    ) -> None:  # fmt: skip
        """All pairs get one point in time, `consistent` or not. `first` stops after that many (a fault)."""
        sessions = self._known(pairs)
        fit = self._check("activate", sessions, force, self.switches.already_active_exit)
        now = self.clock.now()
        for session in fit[:first]:
            session.last_action = session.point_in_time = now
            session.changed = session.changed_target = 0.0
            session.enter(states.COPY_IN_PROG if session.background_copy else states.COPY_ON_ACCESS, now)
            session.target.ready = not not_ready
        if first is not None and first < len(fit):
            raise Refused(
                "activate_failed_midway", pair=self.key((0, fit[first].target.number)).split(">")[1]
            )

    def establish(
        self, pairs: Sequence[Pair], *, full: bool = False, copy: bool = True, differential: bool = True,
        force: bool = False, not_ready: bool = False, concurrent: bool = False,
    ) -> None:  # fmt: skip
        """Recreate, or with `full` create, and activate in one step (recalled)."""
        if full:
            self.create(pairs, precopy=False, copy=copy, differential=differential, concurrent=concurrent)
            fit = self._known(pairs)
        else:
            fit = self._check("establish", self._known(pairs), force, 18)
            self._recreate(fit, False)
        for session in fit:
            if session.pending:
                session.enter(session.pending[1], self.clock.now())
                session.pending = None
        self.activate([(s.source.number, s.target.number) for s in fit], not_ready=not_ready)

    def restore(self, pairs: Sequence[Pair], *, force: bool = False, not_ready: bool = False) -> None:
        sessions = self._known(pairs)
        if any(not s.differential for s in sessions):
            raise Refused("not_differential")
        now = self.clock.now()
        for session in self._check("restore", sessions, force, 18):
            session.last_action = now
            session.protected = float(min(session.total, session.changed + session.changed_target))
            self._write_source(session)
            session.changed = session.changed_target = 0.0
            session.enter(states.REST_IN_PROG, now)
            session.target.ready = session.target.ready and not not_ready

    def _write_source(self, restoring: Session) -> None:
        """A restore writes on the source: its other copies have so many changed tracks more (assumed)."""
        for other in self.sessions.of_source(restoring.source.number):
            if other is not restoring and other.state in states.COUNTING:
                other.catch_up(self._settled)
                other.changed = min(other.total, other.changed + restoring.protected)

    def split(self, pairs: Sequence[Pair], *, force: bool = False) -> None:
        now = self.clock.now()
        for session in self._check("split", self._known(pairs), force, 18):
            session.last_action = now
            session.enter(states.SPLIT, now)

    def end_restored(self, pairs: Sequence[Pair]) -> None:
        """`terminate -restored`: the restore flag goes, the session stays."""
        now = self.clock.now()
        for session in self._check("terminate -restored", self._known(pairs), False, 18):
            session.last_action = now
            session.enter(self.switches.terminate_restored_leaves, now)

    def terminate(self, pairs: Sequence[Pair], *, symforce: bool = False) -> None:
        self.settle()
        found = [self.session(p) for p in pairs]
        if not found or any(s is None for s in found):
            raise Refused("no_session_to_terminate")
        sessions = [s for s in found if s is not None]
        self._check("terminate -symforce" if symforce else "terminate", sessions, False, 18)
        now = self.clock.now()
        for session in sessions:
            session.last_action = now
            if self.switches.terminate_seconds > 0:
                session.pending = (now + self.switches.terminate_seconds, states.NONE)
                self._leave_target(session)
                session.state = states.TERMINATE_IN_PROG
                session.be_busy()
            else:
                self._drop(session)

    def _leave_target(self, session: Session) -> None:
        if session.state == states.TERMINATE_IN_PROG:
            return
        mode = self.switches.terminate_leaves_target
        unfinished = session.state not in (states.COPIED, states.SPLIT, states.RESTORED)
        session.target.ready = mode == "ready" or (mode == "not_ready_if_unfinished" and not unfinished)

    def _drop(self, session: Session) -> None:
        self._leave_target(session)
        self.sessions.pop((session.source.number, session.target.number), None)

    # for tests and faults: what no command can do

    def put(self, pair: Pair, state: str, protected: float | None = None) -> Session:
        """Put a session into a state, making it when there is none."""
        if state not in states.ALL:
            raise ValueError(f"unknown state {state!r}; one of {', '.join(states.ALL)}")
        self.settle()
        session = self.session(pair)
        now = self._settled
        source, target = self._endpoints(pair)
        if session is None:
            session = self.sessions[pair] = Session(source, target, state, now)
        session.pending = None
        session.protected = self._protected_for(session, state, protected)
        if state in states.ACTIVE and session.point_in_time is None:
            session.point_in_time = now
        session.enter(state, now)
        return session

    def remove(self, pair: Pair) -> None:
        self.sessions.pop(pair, None)

    def resource(self, pair: Pair, source: int) -> None:
        """Let the target of `pair` be a copy of another source."""
        self.settle()
        session = self.sessions.pop(pair)
        session.source = self._endpoints((source, pair[1]))[0]
        session.protected = min(session.protected, session.total)
        self.sessions[(source, pair[1])] = session
