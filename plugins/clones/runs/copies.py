"""What a plan sees of a service's copies, and what it decides about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clones.actions import BREAK, RESYNC, REWIND, START, STOP
from clones.asking.side_by_side import abreast, attempts
from clones.asking.steps import Steps, note
from clones.backends import backend_of
from clones.backends.doing import doing_of
from clones.config.scope import Scope
from clones.decide.freshness import freshness
from clones.decide.ledger import Activation
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Decision, Verdict
from clones.decide.start_order import Kept, decide_start
from clones.errors import MustWait, Refused, Unknown
from clones.observe import estimates
from clones.runs.refresh_steps import Decided
from clones.states import ACTIVE, SyncSeen, device_text


def goes_by_order(phases: Sequence[str]) -> bool:
    """Whether a plan asks which activation made each copy: it starts the service on copies that are there."""
    return START in phases and RESYNC not in phases


@dataclass(frozen=True)
class Copies:
    """The copies of a service as a plan sees them.

    :param decisions: one for each sync that the run resyncs or breaks.
    :param refused: all that the run must not do to them.
    """

    seen: tuple[SyncSeen, ...]
    decisions: tuple[Decided, ...]
    refused: tuple[Refused, ...]


def judge(scope: Scope, action: str, phases: Sequence[str], known: Mapping[str, Activation]) -> Steps[Copies]:
    """Look at every sync, and judge it for an action.

    :param known: by sync, the newest activation that was kept.
    :raises CloneError: a sync cannot be seen.
    """
    rewinds = action == REWIND and scope.service.snapshots
    refused: list[Refused] = []
    seen: list[SyncSeen] = []
    decisions: list[Decided] = []
    observed = yield from attempts(
        doing_of(sync).look_to_rewind(scope, sync)
        if rewinds
        else backend_of(sync).survey(scope, sync, known[sync.name].snapshots if sync.name in known else {})
        for sync in scope.service.syncs
    )
    for sync, outcome in zip(scope.service.syncs, observed, strict=True):
        shown = None
        try:
            shown = outcome.value()
            refuse_wrong_pairs(scope.name, sync, shown)
        except Refused as error:
            if phases != (STOP,):
                refused.append(error)
                continue
            # Nothing is sent to the array: what is wrong there keeps no service up.
            yield from note(f"Does not prevent {action}: {error.what}", warning=True)
        if shown is None:
            continue
        seen.append(shown)
        fresh = freshness(shown, scope.service.sync_max_delay)
        on = f" of set {scope.target_set}" if scope.target_set else ""
        yield from note(f"Sync {sync.name}{on} is {fresh.status}: {fresh.why}")
        if rewinds:
            decision = backend_of(sync).decide_rewind(sync, shown)
        elif RESYNC in phases:
            decision = backend_of(sync).decide_resync(sync, shown)
        elif BREAK in phases:
            decision = backend_of(sync).decide_break(sync, shown, mend=False)
        else:
            continue
        yield from note(f"Will do for sync {sync.name}: {decision.verdict.name.lower()}", decision.why)
        if decision.verdict is Verdict.REFUSE:
            refused.append(refusal(scope.subject(sync), action, decision))
        decisions.append(Decided(sync, shown, decision, rewinds))
    try:
        if phases != (STOP,):
            refuse_shared_devices(scope, seen)
        if rewinds and not refused:
            _refuse_mixed_rewind(scope, decisions)
        elif BREAK in phases and RESYNC not in phases and not refused:
            if goes_by_order(phases):
                stays = [one.seen for one in decisions if one.decision.verdict is Verdict.NOTHING]
                _refuse_start(scope, action, stays, known)
            _refuse_order(scope, action, seen)
        elif START in phases and RESYNC not in phases and not refused:
            _refuse_unfit(scope, action, seen, known)
    except Refused as error:
        refused.append(error)
    return Copies(tuple(seen), tuple(decisions), tuple(refused))


def wait_until_settled(scope: Scope, decisions: Sequence[Decided]) -> None:
    """:raises MustWait: a copy is moving."""
    for one in decisions:
        # A precopy goes on by itself.
        if one.decision.verdict is Verdict.WAIT and one.decision.wanted == "settled":
            raise MustWait(
                f"{scope.subject(one.sync)}: {one.decision.why}",
                sync=one.sync.name,
                wanted="settled",
                seconds=one.sync.copy_timeout,
            )


def estimate(
    scope: Scope, decisions: Sequence[Decided], paces: Mapping[str, estimates.Pace | None]
) -> Steps[dict[str, estimates.Estimate]]:
    """By each sync that is recreated, how long its copy may take.

    :param paces: by sync, what the last completed run showed.
    """
    copied = [one for one in decisions if one.decision.verdict is Verdict.ACT]
    guesses = yield from abreast(
        estimates.look(scope, one.sync, one.seen, one.decision.pairs, paces.get(one.sync.name))
        for one in copied
    )
    return {one.sync.name: guess for one, guess in zip(copied, guesses, strict=True)}


def all_at_once(refused: list[Refused]) -> Refused:
    """One for all of them."""
    if len(refused) == 1:
        return refused[0]
    return Refused("\n".join(str(one) for one in refused), f"fix all {len(refused)}, then run it again")


def refuse_shared_devices(scope: Scope, seen: list[SyncSeen]) -> None:
    """Across the service's syncs, by device number: no target twice, no target that is a source (D4)."""
    targets: dict[tuple[str, int | None], str] = {}
    for shown in seen:
        for pair in shown.pairs:
            key = (shown.symid, pair.target)
            here = f"sync {shown.name}, {pair.label}"
            if key in targets:
                raise Refused(
                    f"{scope.who}: device {device_text(pair.target)} is the target of "
                    f"{targets[key]} and of {here}.",
                    "give each pair a target of its own in services.yaml",
                )
            targets[key] = here
    for shown in seen:
        for pair in shown.pairs:
            if (shown.symid, pair.source) in targets:
                raise Refused(
                    f"{scope.who}: device {device_text(pair.source)} is the source of sync "
                    f"{shown.name}, {pair.label}, "
                    f"and the target of {targets[shown.symid, pair.source]}.",
                    "fix the direction of the pair in services.yaml",
                )


def _refuse_start(
    scope: Scope, action: str, stays: Sequence[SyncSeen], known: Mapping[str, Activation]
) -> None:
    """:param stays: the syncs that stay as they are.

    :raises Refused: what is split already may not be started on.
    """
    decision = decide_start(stays, Kept(known))
    if decision.verdict is Verdict.REFUSE and not decision.unknown:  # that is said of all pairs at once
        raise refusal(scope.who, action, decision)


def _refuse_mixed_rewind(scope: Scope, decisions: Sequence[Decided]) -> None:
    """:raises Refused: the copies to go back to would be in the wrong order, or are not of one run."""
    points = [(one.sync.name, one.decision.to) for one in decisions]
    for (before, earlier), (name, later) in pairwise(points):
        if earlier is not None and later is not None and later.at < earlier.at:
            raise Refused(
                f"{scope.who}: rewind is refused: sync {name} would go back to {later.at} UTC, and {before} "
                f"before it to {earlier.at} UTC: it would be the older one. Nothing was changed.",
                "clear the failed tasks of the run that has linked only some syncs, if there is one, or run "
                "the action `refresh`: a rewind after that goes back to copies of one run",
            )
    for one, after in pairwise(decisions):
        first, second = one.decision.to, after.decision.to
        if first is None or second is None:
            continue
        between = [
            f"{point.name} of sync {two.sync.name}"
            for two in (one, after)
            for point in two.seen.kept
            if point.at is not None and first.at < point.at < second.at
        ]
        if between:
            raise Refused(
                f"{scope.who}: rewind is refused: sync {one.sync.name} would go back to {first.at} UTC, and "
                f"{after.sync.name} to {second.at} UTC, which are not of one run: {', '.join(between)} lies "
                "between. Nothing was changed.",
                "clear the failed tasks of the rewind that has begun this, if there is one; else run the "
                "action `refresh`: it copies all syncs again",
            )


def _refuse_order(scope: Scope, action: str, seen: list[SyncSeen]) -> None:
    """What the start would refuse once the rest is split is refused before that (D6).

    :raises Refused: a sync is split already, and would be older than one before it.
    """
    split = [shown for shown in seen if shown.all_in(ACTIVE)]
    for before, shown in zip(seen, split, strict=False):
        if shown is not before:
            raise Refused(
                f"{scope.who}: {action} is refused: sync {shown.name} is active already, and "
                f"{before.name} before it is not: if activated now, it would be the newer one. Nothing "
                "was changed.",
                "run the action `refresh`: it copies all syncs again, in their order",
            )


def _refuse_unfit(
    scope: Scope, action: str, seen: Sequence[SyncSeen], known: Mapping[str, Activation]
) -> None:
    """:raises CloneError: the service may not be started on these copies as they are."""
    decision = decide_start(seen, Kept(known))
    if decision.verdict is Verdict.REFUSE:
        if decision.unknown:
            raise Unknown(f"{scope.who}: {action} is refused: {decision.why}.", decision.remedy)
        raise refusal(scope.who, action, decision)


def refusal(subject: str, action: str, decision: Decision) -> Refused:
    """:param subject: whose it is, as the beginning of a sentence."""
    return Refused(f"{subject}: {action} is refused: {decision.why}. Nothing was changed.", decision.remedy)
