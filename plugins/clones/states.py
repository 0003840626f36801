"""States of a copy session, grouped once, and what was observed of a sync.

The names are SYMCLI's. Which of them a given microcode shows, and when, is not all proven; see
``docs/reference/symcli.md``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from clones.config import Pair


class State(enum.StrEnum):
    """State of one pair's session, as SYMCLI writes it; ``none`` when there is no session."""

    NONE = "none"
    CREATE_IN_PROG = "CreateInProg"
    CREATED = "Created"
    PRE_COPY = "PreCopy"
    RECREATED = "Recreated"
    COPY_IN_PROG = "CopyInProg"
    COPY_ON_ACCESS = "CopyOnAccess"
    COPY_ON_WRITE = "CopyOnWrite"
    COPIED = "Copied"
    REST_IN_PROG = "RestInProg"
    RESTORED = "Restored"
    SPLIT = "Split"
    TERMINATE_IN_PROG = "TermInProg"
    FAILED = "Failed"
    INVALID = "Invalid"
    UNKNOWN = "unknown"

    @classmethod
    def read(cls, text: str) -> State:
        """A state as printed; anything that is not known is ``unknown``, which no rule accepts."""
        return _AS_PRINTED.get(text.strip().lower(), cls.UNKNOWN)


_AS_PRINTED = {state.value.lower(): state for state in State} | {"terminateinprog": State.TERMINATE_IN_PROG}
"""The vendor's monitoring knows `TermInProg`; the longer name is recalled, and means the same."""

PREPARED = frozenset({State.CREATED, State.PRE_COPY, State.RECREATED})
"""Can be activated; the target is not ready."""
ACTIVE = frozenset({State.COPY_IN_PROG, State.COPY_ON_ACCESS, State.COPY_ON_WRITE, State.COPIED})
"""The target is usable."""

COMES_BY_ITSELF: dict[State, frozenset[State]] = {
    State.CREATE_IN_PROG: frozenset({State.CREATED, State.PRE_COPY}),
    State.COPY_IN_PROG: frozenset({State.COPIED}),
    State.REST_IN_PROG: frozenset({State.RESTORED}),
    State.TERMINATE_IN_PROG: frozenset({State.NONE}),
}
"""The states that each moving state ends in without any command."""
MOVING = frozenset(COMES_BY_ITSELF)
"""To be waited for: no command is sent to such a pair, apart from what a rule names."""
COPYING = frozenset({State.CREATE_IN_PROG, State.PRE_COPY, State.COPY_IN_PROG, State.REST_IN_PROG})
"""A percent says how far these are. Not the same: no rule waits for the end of a precopy as such, and of a
session that is being ended no percent is of use."""

GROUPS: dict[str, frozenset[State]] = {
    "prepared": PREPARED,
    "active": ACTIVE,
    "copied": frozenset({State.COPIED}),
    "precopied": PREPARED | ACTIVE,
    "restored": frozenset({State.RESTORED}),
    "none": frozenset({State.NONE}),
    "settled": frozenset(State) - MOVING - {State.UNKNOWN},
}
"""What a wait can ask for by one word; any single state can be asked for by its name."""


def wanted_states(wanted: str) -> frozenset[State]:
    """The states that a wait for ``wanted`` accepts: a word of :data:`GROUPS` or a state's name.

    :raises ValueError: when it is neither.
    """
    if wanted in GROUPS:
        return GROUPS[wanted]
    state = State.read(wanted)
    if state is State.UNKNOWN:
        known = ", ".join([*GROUPS, *(s.value for s in State if s is not State.UNKNOWN)])
        raise ValueError(f"{wanted!r} is not a state of a copy session; known: {known}")
    return frozenset({state})


class DeviceNumber(int):
    """A device number that knows how its array has printed it: ``01A10`` keeps its zero.

    :param text: hexadecimal digits.
    """

    text: str

    def __new__(cls, text: str) -> DeviceNumber:
        number = super().__new__(cls, text, 16)
        number.text = text.upper()
        return number

    def __reduce__(self) -> tuple[type[DeviceNumber], tuple[str]]:
        return DeviceNumber, (self.text,)


_ZEROS = re.compile(r"\b0+")


def device_text(number: int | None) -> str:
    """In hexadecimal, as the array prints it, else with 4 digits or as many as it needs; ``?`` for none."""
    if number is None:
        return "?"
    return number.text if isinstance(number, DeviceNumber) else f"{number:04X}"


@dataclass(frozen=True)
class Session:
    """One copy session of the array.

    :param source: device number.
    :param target: device number.
    :param written: the state as printed.
    :param percent: copied, 0 to 100, or None when not shown.
    :param last_action: time of the last control command on it, in the control host's local time. Right
        after an activation that is the copy's point in time.
    """

    source: int
    target: int
    state: State
    written: str
    percent: int | None = None
    last_action: datetime | None = None


@dataclass(frozen=True)
class Device:
    """One device of the array.

    :param size: megabytes, or None when not shown.
    """

    number: int
    status: str = ""
    size: int | None = None
    sessions: tuple[Session, ...] = ()


@dataclass(frozen=True)
class PairSeen:
    """What was observed of one configured pair.

    :param source: device number, None when its logical name is not in the group.
    :param target: likewise.
    :param session: the session between exactly these two, or None.
    :param wrong: why this is not the configured pair (another source, a missing device), or empty.
    :param source_size: megabytes, None when the array did not show it.
    :param target_size: likewise.
    :param others: the source's sessions with devices other than the target.
    """

    pair: Pair
    source: int | None
    target: int | None
    session: Session | None
    wrong: str = ""
    source_size: int | None = None
    target_size: int | None = None
    others: tuple[Session, ...] = ()

    @property
    def sizes_known(self) -> bool:
        """Whether the array showed both sizes, so that they were compared."""
        return self.source_size is not None and self.target_size is not None

    @property
    def state(self) -> State:
        return self.session.state if self.session else State.NONE

    @property
    def label(self) -> str:
        """``DEV001 -> CLONE001 (1234 -> 4321)``; only the numbers when the pair is configured by numbers."""
        numbers = f"{device_text(self.source)} -> {device_text(self.target)}"
        by_number = _ZEROS.sub("", self.pair.label.upper()) == _ZEROS.sub("", numbers)
        return self.pair.label if by_number else f"{self.pair.label} ({numbers})"


@dataclass(frozen=True)
class PointInTime:
    """A snapshot: what a break links, or a rewind goes back to.

    :param snapid: the array's number of it.
    :param at: when it was taken, as the array says, in UTC without zone.
    """

    name: str
    snapid: int
    at: datetime

    def to_plain(self) -> dict[str, Any]:
        """As JSON; :meth:`read` reads it back."""
        return {"name": self.name, "snapid": self.snapid, "at": self.at.isoformat()}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> PointInTime:
        """What :meth:`to_plain` wrote."""
        return cls(plain["name"], plain["snapid"], datetime.fromisoformat(plain["at"]))


@dataclass(frozen=True)
class Kept:
    """A point in time that is kept for a sync: that of its copy, or one to which a rewind can go back.

    :param snapid: the array's number of it; None where that was not asked.
    :param at: when it was taken, in UTC without zone.
    :param linked: the targets are linked to it.
    :param expires: when the array ends it, unless it is linked, in UTC without zone; None where that is not
        shown.
    """

    name: str
    snapid: int | None
    at: datetime | None
    linked: bool
    expires: datetime | None = None


@dataclass(frozen=True)
class Tools:
    """How people look at an array by hand: what advice names, each as a sentence has it.

    :param query: shows the state of the pairs.
    :param show: shows devices and their sizes.
    :param audit: shows who has acted on them.
    :param end_restored: removes the restore flag of a merge-back.
    :param times: shows when pairs were last acted on.
    :param clock: by which ages are counted.
    :param uncounted: why it is not shown how much differs.
    """

    query: str = "the array's management"
    show: str = "the array's management"
    audit: str = "the array's audit log"
    end_restored: str = "the array's management"
    times: str = "the times of these pairs"
    clock: str = "the clock of what is asked"
    uncounted: str = "the array does not show how much differs"


@dataclass(frozen=True)
class SyncSeen:
    """What was observed of one sync, at one time.

    :param clock: the control host's local time, read by the same command as the states; of a server with a
        REST API its own, in UTC without zone.
    :param symid: the array's id.
    :param precopied: whether the precopy has gone through all tracks once; None when that was not asked.
    :param prepared: what the next break will link, where a resync makes a point in time of its own.
    :param torn: why the pairs are not of one point in time, where their states do not tell; else empty.
    :param wrong: what is wrong that is no single pair's.
    :param snapshots: by name the array's numbers of this sync's snapshots, as far as they were asked: the
        next look need not ask for these again.
    :param kept: of a sync with snapshots those that hold a copy, the newest first.
    :param tools: how people look at its array.
    """

    name: str
    symid: str
    clock: datetime
    pairs: tuple[PairSeen, ...]
    precopied: bool | None = None
    prepared: PointInTime | None = None
    torn: str = ""
    wrong: tuple[str, ...] = ()
    snapshots: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    tools: Tools = Tools()

    def all_in(self, states: frozenset[State]) -> bool:
        """Whether every pair is the configured one and in one of these states."""
        return all(not seen.wrong and seen.state in states for seen in self.pairs)

    @property
    def without_time(self) -> tuple[PairSeen, ...]:
        """The pairs whose session does not show when it was last acted on."""
        return tuple(pair for pair in self.pairs if pair.session and pair.session.last_action is None)

    @property
    def percent(self) -> int | None:
        """Percent copied of the pair that is furthest behind."""
        shown = [s.session.percent for s in self.pairs if s.session and s.session.percent is not None]
        return min(shown) if shown else None

    def lines(self) -> tuple[str, ...]:
        """One line a pair, for the log."""
        lines = [_line(seen) for seen in self.pairs]
        if self.prepared:
            lines.append(f"snapshot {self.prepared.name} of {self.prepared.at:%Y-%m-%d %H:%M:%S}, not linked")
        return (*lines, *(f"WRONG: {wrong}" for wrong in (*self.wrong, self.torn) if wrong))


def _line(seen: PairSeen) -> str:
    parts = [seen.label, seen.session.written if seen.session else "no session"]
    if seen.session and seen.session.percent is not None:
        parts.append(f"{seen.session.percent}% copied")
    if seen.session and seen.session.last_action:
        parts.append(f"last action {seen.session.last_action:%Y-%m-%d %H:%M:%S}")
    if seen.wrong:
        parts.append(f"WRONG: {seen.wrong}")
    return "  ".join(parts)
