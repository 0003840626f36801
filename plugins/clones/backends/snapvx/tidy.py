"""Ending snapshots that nobody needs any more: only our own, one by one, by name and number.

Kept are the linked snapshot and the newest `keep` that are older, of those up to the one that the service was
last started on. What is newer than that one and not linked any more was never used, or a rewind has left it:
it is ended, so that a rewind goes back to the copy that was in use, and of all syncs to that of one run. What
is newer than the linked one is left: a run is about to link it, or it is ended once a newer one is linked.
That an end fails is a warning: a snapshot ends by itself when its time to live is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from clones.asking.steps import Steps, note, pause, run
from clones.backends.snapvx import answers, requests
from clones.backends.snapvx.answers import Snapshot
from clones.backends.snapvx.change import FIRST_PAUSE, PAUSES
from clones.backends.snapvx.intents import kept_intent
from clones.backends.snapvx.names import is_ours, key_of, ours
from clones.backends.snapvx.observe import SnapSeen
from clones.backends.snapvx.outcomes import Outcome, classify, message
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.errors import CloneError, Fenced, Stale
from clones.time_limits import SETTLE


def to_end(
    linked: Sequence[str], names: Sequence[str], keep: int, former: Sequence[str] = ()
) -> tuple[str, ...]:
    """Which snapshots are over.

    :param linked: the names of those that are linked to the sync's targets.
    :param names: of all of this sync.
    :param former: what the service was last started on; where that is not known, what was linked before. Of a
        torn sync that is more than one: the oldest was linked as a whole.
    :returns: the oldest first.
    """
    if not linked:
        return ()
    older = sorted(name for name in set(names) if name < min(linked))
    unused = [name for name in older if former and name > min(former)]
    used = older[: len(older) - len(unused)]
    return (*used[: max(0, len(used) - keep)], *unused)


def why_not(one: Snapshot) -> str:
    """Why a snapshot must not be ended; empty when it may be."""
    if one.links:
        return f"it is linked to storage group {', '.join(sorted({link.group for link in one.links}))}"
    if one.restored or any(state.lower() == "restored" for state in one.states):
        return "it is restored"
    if one.secure:
        return "it is secure"
    return ""


def tidy(scope: Scope, sync: Sync, seen: SnapSeen, ledger: Ledger) -> Steps[None]:
    """End what is over of a sync whose pairs are wholly linked to one snapshot.

    :raises Fenced: a newer try works on the service.
    :raises Stale: what it rests on was seen too long ago.
    """
    linked = [one.name for one in seen.linked]
    if len(linked) != 1 or not seen.wholly_on(linked[0]):
        return
    kept = kept_intent(ledger)
    known = {**(kept.known if kept else {}), **seen.snapshots}
    names = seen.listed if seen.listed is not None else (*(kept.names if kept else ()), *known)
    former = kept.former if kept is not None and kept.name == linked[0] else ()
    try:
        started = ledger.started_on()
    except CloneError as error:
        yield from note(f"Former snapshots of sync {sync.name} are left: {error.what}", warning=True)
        return
    if started is not None and started.name in names:
        former = (started.name,)
    over = to_end(linked, ours(scope.name, key_of(sync), names), sync.keep, former)
    sent = []
    for name in over:
        try:
            sent += yield from _end(scope, sync, name, known.get(name))
        except (Fenced, Stale):
            raise
        except CloneError as error:
            yield from _left(sync, name, error.what)
    if not sent:
        return
    try:
        left = yield from still_shown(scope, sync, sent)
    except CloneError as error:
        yield from _left(sync, ", ".join(sent), f"it is not known whether it is ended: {error.what}")
        return
    for name in left:
        yield from _left(sync, name, "Unisphere still shows it")
    gone = [name for name in sent if name not in left]
    if gone:
        yield from note(f"Former snapshots of sync {sync.name} are ended: {', '.join(gone)}")
    now = kept_intent(ledger)
    if now is not None:
        plain = now.to_plain()
        plain["known"] = {name: snapid for name, snapid in now.known.items() if name not in gone}
        plain["names"] = [name for name in now.names if name not in gone]
        ledger.know(plain)


def _end(scope: Scope, sync: Sync, name: str, snapid: int | None) -> Steps[list[str]]:
    """Look at one, and end it if it may be ended.

    :returns: its name, where it was sent.
    :raises CloneError: it could not be looked at.
    """
    detail = yield from read_one(scope, sync, name, snapid)
    if detail is None:
        return []
    why = why_not(detail)
    if why:
        yield from _left(sync, name, why)
        return []
    result = yield from run(requests.delete(scope, sync, name, detail.snapid))
    if classify(result) not in (Outcome.DONE, Outcome.UNKNOWN, Outcome.GONE):
        yield from _left(sync, name, f"{result.ending()}: {message(result) or result.said()[:200]}")
        return []
    return [name]


def read_one(scope: Scope, sync: Sync, name: str, snapid: int | None) -> Steps[Snapshot | None]:
    """One snapshot of ours; None when it is not there, or there are two of its name.

    :raises CloneError: it could not be told.
    """
    assert is_ours(scope.name, key_of(sync), name), "nothing else is ever ended"
    subject = f"{scope.subject(sync)}: snapshot {name}"
    if snapid is None:
        found = answers.snapids((yield from run(requests.list_snapids(scope, sync, name))), subject)
        if len(found) > 1:
            yield from _left(sync, name, f"there are {len(found)} of that name")
        if len(found) != 1:
            return None
        snapid = found[0]
    shown = yield from run(requests.show_snapshot(scope, sync, name, snapid))
    return answers.snapshot(shown, subject, name, snapid)


def still_shown(scope: Scope, sync: Sync, sent: Sequence[str]) -> Steps[list[str]]:
    """Of snapshots whose end was sent, those that still show after a while.

    :raises CloneError: it could not be told.
    """
    yield from pause(FIRST_PAUSE, f"until Unisphere shows that {', '.join(sent)} is ended")
    waited, number = FIRST_PAUSE, 0
    while True:
        listed = yield from run(requests.list_snapshots(scope, sync))
        names = answers.names(listed, f"{scope.subject(sync)}: the snapshots of {sync.source_group}")
        left = [name for name in sent if name in names.manual]
        if not left or waited >= SETTLE.seconds:
            return left
        step = PAUSES[min(number, len(PAUSES) - 1)]
        yield from pause(step, f"until Unisphere shows that {', '.join(left)} is ended")
        waited, number = waited + step, number + 1


def _left(sync: Sync, name: str, why: str) -> Steps[None]:
    yield from note(
        f"Snapshot {name} of sync {sync.name} is left: {why}",
        f"it ends by itself {sync.time_to_live} days after it was taken, unless it is linked",
        warning=True,
    )
