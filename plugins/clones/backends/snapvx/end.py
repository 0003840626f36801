"""Ending a sync for good: its link first, then its own snapshots, each by its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clones.act.decided import decided
from clones.asking.steps import Steps, note, pause, run
from clones.backends.snapvx import requests
from clones.backends.snapvx.act import LAG
from clones.backends.snapvx.change import FIRST_PAUSE, PAUSES, intent_of, need, send, settle, wait_out
from clones.backends.snapvx.intents import Intent, What, known_snapshots
from clones.backends.snapvx.names import is_ours, key_of
from clones.backends.snapvx.observe import SnapSeen, look
from clones.backends.snapvx.outcomes import Outcome, classify, failure
from clones.backends.snapvx.tables import decide_retire
from clones.backends.snapvx.tidy import read_one, why_not
from clones.backends.todo import Todo
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.approval import ASK_AGAIN
from clones.decide.ledger import Ledger
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Verdict
from clones.errors import NotDone, Refused
from clones.observe.proof_down import prove_down
from clones.observe.sync import is_same
from clones.states import State, SyncSeen
from clones.time_limits import SETTLE


def look_to_end(scope: Scope, sync: Sync, before: Sequence[Sync]) -> Steps[tuple[SyncSeen, list[Todo]]]:
    """The sync, and an end for each of its own snapshots.

    :param before: of no use: two syncs have no snapshot in common.
    :raises Refused: a snapshot is restored, secure, or linked to another storage group.
    """
    seen = yield from _whole(scope, sync)
    return seen, _left(scope, sync, seen)


def see_to_end(scope: Scope, sync: Sync) -> Steps[SyncSeen]:
    return (yield from _whole(scope, sync))


def end(
    scope: Scope, sync: Sync, approved: Mapping[str, Any] | None = None, ledger: Ledger | None = None
) -> Steps[None]:
    """End the link of the target group, the service proven down. What is on the targets stays there.

    :param approved: ``bound`` of :func:`clones.runs.retire.to_approve`; the sync must still be that.
    :raises CloneError: see :mod:`clones.errors`.
    """
    kept = need(scope, sync, ledger)
    yield from wait_out(scope, sync, kept)
    seen = yield from _whole(scope, sync)
    if all(pair.state is State.NONE for pair in seen.pairs):
        yield from pause(LAG, f"until the link of sync {sync.name} would show, if there were one")
        seen = yield from _whole(scope, sync)
    decision = decide_retire(sync, seen)
    yield from decided(scope, sync, "retire", decision, wait_seconds=sync.copy_timeout)
    if decision.verdict is Verdict.NOTHING:
        return
    for one in seen.linked:
        request = requests.unlink(scope, sync, one.name, one.snapid)
        if approved is not None and not (
            request.line() in approved["commands"]
            and any(is_same(then, seen) for then in approved["syncs"] if then["sync"] == sync.name)
        ):
            raise Refused(
                f"{scope.subject(sync)}: its copies are no longer what was approved to be ended, or it was "
                "approved before an upgrade, which sends another request. Nothing was sent to the array.",
                ASK_AGAIN,
            )
    for one in seen.linked:
        yield from prove_down(scope)
        now = kept.now()
        intent = Intent(
            kept.run, What.UNLINK, one.name, one.snapid, str(sync.target_group), now, now,
            known={**known_snapshots(None, sync.name, kept), **seen.snapshots}, names=seen.listed or (),
        )  # fmt: skip
        request = requests.unlink(scope, sync, one.name, one.snapid)
        sent = yield from send(request, kept, intent_of(kept, intent))
        name, snapid = one.name, one.snapid

        def shows(name: str = name, snapid: int = snapid) -> Steps[bool | None]:
            detail = yield from read_one(scope, sync, name, snapid)
            left = detail is not None and any(link.group == sync.target_group for link in detail.links)
            return None if left else True

        def consequence(name: str = name) -> Steps[str]:
            yield from ()
            return f"The target group is still linked to {name}."

        yield from settle(scope, sync, kept, sent, "unlink", shows, consequence)
    yield from note(f"The link of sync {sync.name} is ended; what is on the targets stays there")


def remove(scope: Scope, sync: Sync, approved: Mapping[str, Any] | None = None) -> Steps[None]:
    """End the sync's own snapshots, once its link is ended, and see that each is gone.

    :param approved: as of :func:`end`; nothing else is sent.
    :raises CloneError: see :mod:`clones.errors`.
    """
    seen = yield from _whole(scope, sync)
    alive = [f"{pair.label} is {pair.state}" for pair in seen.pairs if pair.state is not State.NONE]
    if alive:
        raise Refused(
            f"{scope.subject(sync)}: its snapshots stay, for {', '.join(alive)}.",
            "end the link first: clear the `terminate` task of this sync",
        )
    if approved is not None:
        seen = yield from _with_approved(scope, sync, seen, approved)
    left = _left(scope, sync, seen)
    if approved is not None and not {one.command.line() for one in left} <= set(approved["commands"]):
        raise Refused(
            f"{scope.subject(sync)}: its snapshots are no longer those that were approved to be ended. They "
            "are left as they are.",
            ASK_AGAIN,
        )
    for todo in left:
        result = yield from run(todo.command)
        if classify(result) not in (Outcome.DONE, Outcome.GONE, Outcome.UNKNOWN):
            raise failure(result, f"{scope.subject(sync)}: {todo.what}", consequence="It is still to do.")
    yield from _see_gone(scope, sync, seen)
    yield from note(f"No snapshot of sync {sync.name} is left")


def _with_approved(scope: Scope, sync: Sync, seen: SnapSeen, approved: Mapping[str, Any]) -> Steps[SnapSeen]:
    """With those that were approved to be ended and that no list shows: an empty list proves nothing.

    :raises CloneError: it could not be told, or one is still linked.
    """
    start = requests.delete(scope, sync, "", 0).line().removesuffix("/snapid/0")
    details = list(seen.details)
    for line in approved["commands"]:
        name, _, number = line.removeprefix(start).partition("/snapid/")
        if not line.startswith(start) or not is_ours(scope.name, key_of(sync), name):
            continue
        if any((one.name, str(one.snapid)) == (name, number) for one in details):
            continue
        found = yield from read_one(scope, sync, name, int(number))
        if found is not None and any(link.group == sync.target_group for link in found.links):
            raise NotDone(
                f"{scope.subject(sync)}: Unisphere lists no link of the target group, and snapshot {name} "
                "shows one. No snapshot was ended.",
                "wait for the retry; if it stays, clear the `terminate` task of this sync",
            )
        details += [found] if found is not None else []
    return replace(seen, details=tuple(details))


def _see_gone(scope: Scope, sync: Sync, seen: SnapSeen) -> Steps[None]:
    """Ask for each snapshot by its number until none is there.

    :raises NotDone: one is still there after a while.
    """
    left, waited, number = list(seen.details), 0.0, 0
    while left:
        step = (FIRST_PAUSE, *PAUSES)[min(number, len(PAUSES))]
        names = ", ".join(one.name for one in left)
        yield from pause(step, f"until Unisphere shows that {names} is ended")
        waited, number, there = waited + step, number + 1, []
        for one in left:
            there += [one] if (yield from read_one(scope, sync, one.name, one.snapid)) is not None else []
        left = there
        if left and waited >= SETTLE.seconds:
            raise NotDone(
                f"{scope.subject(sync)}: Unisphere still shows {', '.join(one.name for one in left)}.",
                "wait for the retry, which checks the array first",
            )


def _left(scope: Scope, sync: Sync, seen: SnapSeen) -> list[Todo]:
    """:raises Refused: one of the snapshots must not be ended."""
    bad = []
    for one in seen.details:
        others = tuple(link for link in one.links if link.group != sync.target_group)
        why = why_not(replace(one, links=others))
        if why:
            bad.append(f"snapshot {one.name}: {why}")
    if bad:
        raise Refused(
            f"{scope.subject(sync)}: it cannot be retired:\n  " + "\n  ".join(bad) + "\nNothing was changed.",
            "end that in Unisphere, or wait until it has expired; then retire it again",
        )
    return [
        Todo(f"snapshot {one.name} is gone", requests.delete(scope, sync, one.name, one.snapid))
        for one in sorted(seen.details, key=lambda one: one.name)
    ]


def _whole(scope: Scope, sync: Sync) -> Steps[SnapSeen]:
    """The sync with every snapshot of its own.

    :raises CloneError: it could not be told.
    """
    seen = yield from look(scope, sync, {}, group=True)
    refuse_wrong_pairs(scope.name, sync, seen)
    details = {one.name: one for one in seen.details}
    for name in seen.listed or ():
        if name not in details:
            found = yield from read_one(scope, sync, name, None)
            if found is not None:
                details[name] = found
    return replace(
        seen,
        details=tuple(details.values()),
        snapshots={name: one.snapid for name, one in details.items()},
    )
