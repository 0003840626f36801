"""One round of looks at an array for many syncs: of each the snapshot that it is linked to.

A sync is asked for once a round, however many wait for it. It takes one request where it is known which
snapshot that is, and a few more where it is not, or is another one by now. A few syncs are asked for at the
same time, and the next ones once these have answered: nothing is queued in the client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

from clones.asking.pieces import chunks, pieces
from clones.asking.side_by_side import Ended, attempts
from clones.asking.steps import Command, Finished, Note, Result, Steps, answer, run
from clones.backends.place import LookKey, Member, Place, place_of, seen_place, written_place
from clones.backends.snapvx import answers, requests
from clones.backends.snapvx.answers import Snapshot
from clones.backends.snapvx.observe import SnapSeen, look
from clones.config import Sync
from clones.config.scope import Scope
from clones.errors import CloneError, Refused, Unknown
from clones.states import Kept, SyncSeen

M = TypeVar("M", bound=Member)
T = TypeVar("T")
Which = tuple[str, str, str]
_OF_ALL = tuple(one.name for one in fields(SyncSeen))

AT_ONCE = 5
"""Syncs that are asked for at the same time: of each one request."""
SILENT = frozenset({None, 408, 502, 503, 504})
"""No answer, or that of a proxy for a server that gives none."""
NOT_LET_IN = 401
MOST_SILENT = 3
"""Lists of syncs of which one got no answer: each took as long as an answer may take."""


@dataclass(frozen=True)
class Looked:
    """What came of one round.

    :param rest: why those are not known that were not asked for.
    """

    found: Mapping[Which, Ended[SnapSeen]]
    rest: CloneError | None = None

    def of(self, one: Member) -> SyncSeen:
        ended = self.found.get(_which(one))
        if ended is None:
            assert self.rest is not None, "it was asked for, or there is a reason"
            raise self.rest
        seen = ended.value()
        # Without what was read of the snapshots: a thousand waits keep what they saw last.
        return SyncSeen(**{name: getattr(seen, name) for name in _OF_ALL})


@dataclass
class _Heard:
    """How the server answered.

    :param lost: why it could not be asked at all.
    """

    lost: CloneError | None = None
    statuses: set[int | None] = field(default_factory=set)


def look_key(scope: Scope, symid: str) -> LookKey:
    """Who waits on the same array by the same server."""
    return LookKey(scope.unisphere, "snapvx", symid, is_server=True)


def locate(scope: Scope, sync: Sync) -> Steps[Place]:
    """As it is written: its pairs are device numbers."""
    yield from ()
    place = written_place(sync)
    assert place is not None, "its pairs are configured by number"
    return place


def seen_at(seen: SyncSeen) -> Place:
    """With the snapshots that it is linked to."""
    place = seen_place(seen)
    linked = {one.name: one.snapid for one in seen.kept if one.linked and one.snapid is not None}
    return Place(place.symid, place.devices, linked)


def looks(members: Sequence[M]) -> Iterator[list[M]]:
    """All that are for one sync together."""
    by_sync: dict[Which, list[M]] = {}
    for one in members:
        by_sync.setdefault(_which(one), []).append(one)
    for some in chunks(((one, 1) for one in by_sync.values()), AT_ONCE):
        yield [member for one in some for member in one]


def first_asked(members: Sequence[Member]) -> tuple[Command, ...]:
    """Nothing: it is asked for together, and not before its turn."""
    return ()


def look_at(
    members: Sequence[Member], subject: str, soon: Sequence[Command] = (), *, kept: bool = False
) -> Steps[Looked]:
    """:raises Unknown: the server could not be asked, or does not let its user in."""
    distinct: dict[Which, Member] = {}
    for one in members:
        if not distinct.setdefault(_which(one), one).place or place_of(one).snapshots:
            distinct[_which(one)] = one
    found: dict[Which, Ended[SnapSeen]] = {}
    silent = 0
    for some in pieces(list(distinct.items()), AT_ONCE):
        heard = _Heard()
        ended = yield from attempts(_hear(_look(one, kept), heard) for _, one in some)
        silent += bool(heard.statuses & SILENT)
        error = _why_no_more(subject, heard, ended, silent)
        if error is None or any(one.error is None for one in ended):
            found |= zip((which for which, _ in some), ended, strict=True)
        if error is not None:
            if not any(one.error is None for one in found.values()):
                raise error
            return Looked(found, error)
    return Looked(found)


def ask_precopied(scope: Scope, sync: Sync, seen: SyncSeen) -> Steps[SyncSeen]:
    """A snapshot needs no precopy."""
    yield from ()
    return seen


def _which(one: Member) -> Which:
    return one.scope.name, one.scope.target_set, one.sync.name


def _look(one: Member, kept: bool) -> Steps[SnapSeen]:
    known = place_of(one).snapshots
    seen = yield from look(one.scope, one.sync, known, all_names=kept)
    silent = [snap.name for snap in seen.kept if snap.snapid is None]
    for name in silent[: one.sync.keep] if kept else ():
        detail = yield from _read_one(one.scope, one.sync, name, known.get(name))
        if detail is not None:
            read = Kept(name, detail.snapid, detail.at, False, detail.expires)
            seen = replace(seen, kept=tuple(read if snap.name == name else snap for snap in seen.kept))
    return seen


def _read_one(scope: Scope, sync: Sync, name: str, snapid: int | None) -> Steps[Snapshot | None]:
    subject = f"{scope.subject(sync)}: snapshot {name}"
    if snapid is None:
        found = answers.snapids((yield from run(requests.list_snapids(scope, sync, name))), subject)
        if len(found) != 1:
            return None  # it was ended since, or it is not known which one is meant
        snapid = found[0]
    shown = yield from run(requests.show_snapshot(scope, sync, name, snapid))
    return answers.snapshot(shown, subject, name, snapid)


def _why_no_more(
    subject: str, heard: _Heard, ended: Sequence[Ended[SnapSeen]], silent: int
) -> CloneError | None:
    """Why the next ones are not asked for: it would be the same with them."""
    if heard.lost is not None:
        return heard.lost
    errors = [one.error for one in ended if one.error is not None]
    all_failed = len(errors) == len(ended)
    if NOT_LET_IN in heard.statuses and all_failed:
        # Whether that stays, the next look tells, which asks first whether the user is let in.
        return Unknown(f"{subject}: the user is not let in: {errors[0].what}", errors[0].remedy)
    if heard.statuses & SILENT and (all_failed or silent >= MOST_SILENT):
        return next((error for error in errors if not isinstance(error, Refused)), errors[0])
    return None


def _hear(steps: Steps[T], heard: _Heard) -> Steps[T]:
    """Drive a procedure, and note how what it asks is answered."""
    asked = answer(steps)
    while not isinstance(asked, Finished):
        if isinstance(asked, Note):
            yield asked
            asked = answer(steps)
            continue
        try:
            reply = yield asked
        except CloneError as error:
            heard.lost = error
            asked = answer(steps, error=error)
            continue
        assert reply is not None, "a question is answered"
        heard.statuses |= {one.exit_code for one in ([reply] if isinstance(reply, Result) else reply)}
        asked = answer(steps, reply)
    return asked.value
