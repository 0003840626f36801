"""What is done to a sync: observe, decide, act only if needed, observe again (D1).

Nothing here remembers what an earlier try did. A retry, a cleared task or a killed worker is the same case:
look at the array, and go on from what it shows. Only whose an activation was it does not show: that a run
keeps (:mod:`clones.decide.identity`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clones.act.decided import decided, require_active
from clones.act.prepare import release
from clones.actions import STOP
from clones.asking.side_by_side import abreast, attempts, both
from clones.asking.steps import Command, Result, Steps, note, run
from clones.backends.symclone import commands
from clones.backends.symclone.exit_codes import Outcome, classify, failure
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.identity import clocks_apart, decide_again, planned_stamps, require_own_seen
from clones.decide.ledger import Ledger
from clones.decide.rules import (
    MEND_TORN,
    Decision,
    Verdict,
    decide_break,
    decide_create,
    decide_under_service,
    is_torn,
    labels,
)
from clones.decide.target_sets import Recorded, refuse_last_good
from clones.errors import CloneError, MustWait, NotDone, Refused, Torn, TornForNow, Unknown
from clones.observe.proof_down import prove_down
from clones.observe.running_commands import list_running, refuse_leftovers
from clones.observe.sync import look
from clones.states import ACTIVE, PREPARED, PairSeen, State, SyncSeen


def create(
    scope: Scope, sync: Sync, recorded: Recorded | None = None, ledger: Ledger | None = None
) -> Steps[SyncSeen]:
    """Give every pair a session that has none. The targets are not ready from then on.

    :param recorded: what runs have recorded of the service's target sets.
    :param ledger: of no use: the control host is fenced, and a session is no activation.
    :raises CloneError: see :mod:`clones.errors`.
    """
    running, seen = yield from both(list_running(scope), look(scope, sync))
    decision = decide_create(seen)
    yield from decided(scope, sync, "create", decision, wait_seconds=sync.recreate_timeout)
    if decision.verdict is Verdict.NOTHING:
        return seen
    refuse_last_good(scope, recorded or Recorded())
    sized = [pair.label for pair in decision.pairs if not pair.sizes_known]
    if sized:
        raise Refused(
            f"{scope.subject(sync)}: the array does not show the sizes of {', '.join(sized)}. Nothing was "
            "sent to the array.",
            "check with `symdev show` that each target is at least as large as its source",
        )
    refuse_leftovers(scope, running, [sync], "create")
    if scope.target_set and (yield from release(scope)):
        return (yield from create(scope, sync))  # that may have taken long
    yield from prove_down(scope)
    command = commands.create(scope, sync, seen.symid, decision.pairs)
    return (yield from act(scope, sync, "create", command, seen, lambda s: s is not State.NONE))


def resync(
    scope: Scope, sync: Sync, plan: Mapping[str, Any] | None = None, ledger: Ledger | None = None
) -> Steps[SyncSeen]:
    """Re-establish the copy. Right before the command the service is proven down (D3).

    Of a service on a target set that is what is the set's own; what an earlier prepare has left active of it
    is taken down first. What this run has activated already is left alone; what somebody else has changed
    since its plan is refused.

    :param plan: this run's, as :meth:`clones.runs.refresh.Plan.to_plain` says it; without one nothing is
        skipped.
    :param ledger: what is kept of this sync's activations.
    :raises CloneError: see :mod:`clones.errors`.
    """
    running, seen = yield from both(list_running(scope), look(scope, sync))
    decision = decide_again(sync, seen, planned_stamps(plan, sync), ledger)
    yield from decided(scope, sync, "resync", decision, wait_seconds=sync.copy_timeout)
    if decision.verdict is Verdict.NOTHING:
        return seen
    if scope.target_set and (yield from release(scope)):
        # That may have taken long.
        return (yield from resync(scope, sync, plan, ledger))
    return (yield from _recreate(scope, sync, running, seen, decision.pairs))


def split(
    scope: Scope,
    sync: Sync,
    *,
    mend_torn: bool = False,
    ledger: Ledger | None = None,
    plan: Mapping[str, Any] | None = None,
) -> Steps[SyncSeen]:
    """Activate all pairs of a sync together (D5), after the syncs before it are seen active (D6).

    :param mend_torn: recreate the active pairs of a torn sync, once they are Copied, and activate all
        together.
    :param ledger: keeps that it is sent, before it is, and what it is seen to have done.
    :param plan: the run's, if it has one; of a run that stops the service nothing is taken from it. Nor of a
        service on a target set: that is proven unused right before the command.
    :raises CloneError: see :mod:`clones.errors`.
    """
    before = scope.service.syncs[: [one.name for one in scope.service.syncs].index(sync.name)]
    looks = attempts(look(scope, one) for one in (sync, *before))
    running, (own, *earlier) = yield from both(list_running(scope), looks)
    seen = own.value()
    if ledger is not None:
        ledger.saw(seen)  # of an earlier try that did not come to look
    decision = yield from _decide_split(scope, sync, seen, mend_torn, plan)
    if decision.verdict is Verdict.NOTHING:
        require_own_seen(scope, sync, seen, ledger)
        return seen
    require_active(scope, sync, [outcome.value() for outcome in earlier])
    if decision.torn:
        seen = yield from _recreate(scope, sync, running, seen, decision.pairs)
        # That may have taken long.
        require_active(scope, sync, (yield from abreast(look(scope, one) for one in before)))
    refuse_leftovers(scope, running, [sync], "activate")
    if scope.target_set:
        yield from prove_down(scope)
    command = commands.activate(scope, sync, seen.symid, seen.pairs)
    if ledger is not None:
        command = replace(command, before_send=ledger.sending)
    after = yield from act(
        scope,
        sync,
        "activate",
        command,
        seen,
        lambda state: state in ACTIVE,
        look=look if ledger is None else _look_for(ledger),
        if_torn=TornForNow if mend_torn else Torn,
    )
    require_own_seen(scope, sync, after, ledger)
    apart = clocks_apart(seen, after)
    if apart:
        yield from note(
            f"The array and {scope.control_host} differ: {apart}",
            "set both clocks, and see which zone the array's times are in",
            warning=True,
        )
    return after


def _look_for(ledger: Ledger) -> Callable[[Scope, Sync, SyncSeen], Steps[SyncSeen]]:
    """A look whose outcome is kept, whatever is then made of it."""

    def look_and_keep(scope: Scope, sync: Sync, before: SyncSeen) -> Steps[SyncSeen]:
        seen = yield from look(scope, sync, before)
        ledger.saw(seen)
        return seen

    return look_and_keep


def ready_to_split(
    scope: Scope, sync: Sync, *, mend_torn: bool = False, plan: Mapping[str, Any] | None = None
) -> Steps[None]:
    """Go on only if the activation would not refuse or wait: its source is not held up for nothing.

    :raises CloneError: as :func:`split`, before its command.
    """
    yield from _decide_split(scope, sync, (yield from look(scope, sync)), mend_torn, plan)


def _decide_split(
    scope: Scope, sync: Sync, seen: SyncSeen, mend_torn: bool, plan: Mapping[str, Any] | None
) -> Steps[Decision]:
    decision = decide_break(seen, mend=mend_torn, while_copying=sync.recreate_while_copying)
    if plan and plan["up"] and STOP not in plan["phases"] and not scope.target_set:
        decision = decide_under_service(decision, seen.tools)
    seconds = sync.copy_timeout if decision.torn else sync.precopy_timeout or sync.recreate_timeout
    yield from decided(scope, sync, "break", decision, wait_seconds=seconds)
    return decision


def _recreate(
    scope: Scope, sync: Sync, running: Result, seen: SyncSeen, pairs: Sequence[PairSeen]
) -> Steps[SyncSeen]:
    refuse_leftovers(scope, running, [sync], "recreate")
    yield from prove_down(scope)
    command = commands.recreate(scope, sync, seen.symid, pairs)
    return (yield from act(scope, sync, "recreate", command, seen, lambda state: state in PREPARED))


def act(
    scope: Scope,
    sync: Sync,
    action: str,
    command: Command,
    before: SyncSeen,
    reached: Callable[[State], bool],
    under_way: State = State.CREATE_IN_PROG,
    look: Callable[[Scope, Sync, SyncSeen], Steps[SyncSeen]] = look,
    if_torn: type[Torn] | None = None,
) -> Steps[SyncSeen]:
    """Send one control command and see what came of it.

    The exit code says whether it was accepted; only the observed state says that it worked.

    :param under_way: the state of a pair for which the array is still at it.
    :param if_torn: the error when only some pairs are active afterwards; None for what tears nothing.
    """
    result = yield from run(command)
    try:
        after = yield from look(scope, sync, before)
    except CloneError as error:
        raise Unknown(
            f"{scope.subject(sync)}: {action} ended with {result.ending()}: {result.said()}\nThe result "
            f"is not known: {error.what}",
            "wait for the retry, which checks the array first",
        ) from error
    accepted = classify(result.exit_code) is Outcome.DONE
    missing = [pair for pair in after.pairs if not reached(pair.state)]
    if all(pair.state is under_way for pair in missing):
        if not accepted:
            yield from note(
                f"{action} ended with {result.ending()}, but every pair is where it should be: "
                f"{'it is in progress' if missing else 'done'}",
                warning=True,
            )
        if not missing:
            return after
        raise MustWait(
            f"{scope.subject(sync)}: {action} was accepted and is in progress",
            sync=sync.name,
            wanted="settled",
            seconds=sync.recreate_timeout,
        )
    consequence = _what_changed(before, after)
    if if_torn is not None and is_torn(after):
        # Lost or locked, it may still be going on: the next try waits for its end, and looks.
        may_go_on = classify(result.exit_code) in (Outcome.UNKNOWN, Outcome.LOCKED)
        kind = TornForNow if may_go_on else if_torn
        raise kind(
            f"{scope.subject(sync)}: {action} ended with {result.ending()}: {result.said()}\n"
            f"{_torn(after)}\n{consequence}",
            _mended_by_itself(after) if if_torn is TornForNow else MEND_TORN,
        )
    if not accepted:
        raise failure(result, f"{scope.subject(sync)}: {action}", consequence=consequence)
    raise NotDone(
        f"{scope.subject(sync)}: {action} was accepted ({result.ending()}), but not every pair is where it "
        "should be.\n"
        f"{consequence}",
        "wait for the retry, which checks the array first",
    )


def _torn(seen: SyncSeen) -> str:
    rest = [pair for pair in seen.pairs if pair.state not in ACTIVE]
    return f"The sync is torn: {labels(_active(seen))} active, {labels(rest)} not."


def _mended_by_itself(seen: SyncSeen) -> str:
    return (
        f"clear this task if it is not retried: it waits until {labels(_active(seen))} is Copied, "
        "recreates what is active, and activates all together"
    )


def _active(seen: SyncSeen) -> list[PairSeen]:
    return [pair for pair in seen.pairs if pair.state in ACTIVE]


def _what_changed(before: SyncSeen, after: SyncSeen) -> str:
    changed = [
        f"{old.label}: {old.state} -> {new.state}"
        for old, new in zip(before.pairs, after.pairs, strict=True)
        if old.state != new.state
    ]
    if not changed:
        still = ", ".join(f"{pair.label} is still {pair.state}" for pair in after.pairs)
        return f"Nothing was changed on the array: {still}."
    return f"Changed on the array: {'; '.join(changed)}."
