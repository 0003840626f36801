"""Whether a run has refreshed a copy already: told by identity, never by comparing clocks (D16).

The array stamps each session with the time of the last control command on it. Whose clock and zone that is,
nobody has said (``docs/reference/symcli.md``), and a clock goes back in autumn: a stamp is only ever held
against another stamp of the same pair. A run has refreshed a pair when

* it kept that it sent the activation, and
* the pair shows another stamp than the run's plan saw: the one that was first seen after the sending.

A pair that shows another stamp than the plan saw, without that, was changed by somebody else: it is refused.
A stamp that is not shown, or cannot be read, is not known: it is never the same as another, nor another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.ledger import Activation, Ledger, Run, pair_key, stamps, time_of
from clones.decide.rules import CLOCK_TOLERANCE, Decision, Verdict, decide_resync, labels
from clones.durations import spoken
from clones.errors import Unknown
from clones.states import ACTIVE, PairSeen, State, SyncSeen, Tools

MINUTE = timedelta(minutes=1)

AT_STAKE = ACTIVE | {State.SPLIT}
"""A recreate gives up what the targets of pairs in these states hold."""


def sent_at(seen: Sequence[SyncSeen], known: Mapping[str, Activation]) -> dict[str, datetime]:
    """By sync, when the activation was sent that made its copy, of those that are that very copy still.

    :param known: by sync, the newest activation that was kept.
    """
    return {
        shown.name: known[shown.name].at
        for shown in seen
        if shown.name in known and known[shown.name].made(shown)
    }


def planned_stamps(plan: Mapping[str, Any] | None, sync: Sync) -> dict[str, str | None] | None:
    """The same, of a sync as a run's plan saw it; None when there is no plan that saw it.

    :param plan: as :meth:`clones.runs.refresh.Plan.to_plain` says it.
    """
    for one in (plan or {}).get("syncs", ()):
        if one["sync"] == sync.name:
            return {
                pair_key(one["symid"], pair["source"], pair["target"]): pair["last_action"]
                for pair in one["pairs"]
            }
    return None


def is_unseen(seen: SyncSeen, known: Activation | None) -> bool:
    """Whether a sync may be what its newest activation made, and no look after that has shown all of it."""
    shown = stamps(seen)
    return (
        known is not None
        and known.after.keys() < shown.keys()
        and all(shown[key] == stamp for key, stamp in known.after.items())
    )


def not_its_own(seen: SyncSeen, known: Activation | None) -> str:
    """What speaks against a sync being the copy that its newest activation made; empty: nothing.

    :param known: that one, None when none was kept.
    """
    if known is None:
        return f"sync {seen.name}: no run has kept that it activated it"
    if known.made(seen):
        return ""
    dag_id, run_id = known.run
    if is_unseen(seen, known):
        return f"sync {seen.name}: run {run_id} of {dag_id} has not seen what came of its activation"
    return f"sync {seen.name}: it was acted on since run {run_id} of {dag_id} activated it"


def require_own_seen(scope: Scope, sync: Sync, seen: SyncSeen, ledger: Ledger | None) -> None:
    """An activation has ended once each pair has shown its time: only by that it is known again.

    :raises Unknown: a pair has not.
    """
    own = ledger.own if ledger is not None else None
    if own is not None and seen.all_in(ACTIVE) and is_unseen(seen, own):
        missing = [
            pair for pair in seen.pairs if pair_key(seen.symid, pair.source, pair.target) not in own.after
        ]
        raise Unknown(
            f"{scope.subject(sync)}: it is active, and the array does not show the time of the last action "
            f"of {labels(missing)}, by which this run would know its copy again.",
            _find_it(seen.tools),
        )


def not_made(
    plan: Mapping[str, Any], seen: SyncSeen, kept: Mapping[str, Activation] | None, run: Run
) -> list[str]:
    """The pairs of which the array does not show that this run has split them, in sentences.

    :param plan: as :func:`planned_stamps` has it.
    :param kept: by sync, the newest activation that was kept; None where no run can keep any.
    """
    if kept is not None:
        known = kept.get(seen.name)
        if other := not_its_own(seen, known):
            return [other]
        if known is not None and known.run != run:
            dag_id, run_id = known.run
            return [f"sync {seen.name}: run {run_id} of {dag_id} has activated it since this run did"]
    before = {
        (pair["source"], pair["target"]): pair["last_action"]
        for sync in plan.get("syncs", ())
        if sync["sync"] == seen.name
        for pair in sync["pairs"]
    }
    found = []
    for pair in seen.pairs:
        at = pair.session.last_action if pair.session else None
        key = (pair.source, pair.target)
        if key not in before:
            found.append(f"sync {seen.name}: {pair.label} is no pair that the plan saw")
        elif at is None:
            found.append(
                f"sync {seen.name}: {pair.label} shows no last action: not known whether this run made it"
            )
        elif before[key] == at.isoformat():
            found.append(
                f"sync {seen.name}: {pair.label} has the last action that the plan saw ({at}): this run has "
                "not made it"
            )
    return found


def require_stamps(scope: Scope, seen: Sequence[SyncSeen], states: frozenset[State]) -> None:
    """Go on only if each pair in these states shows the time of its last action.

    :raises Unknown: naming all that do not.
    """
    silent = [
        f"sync {shown.name}, {pair.label}"
        for shown in seen
        for pair in shown.without_time
        if pair.state in states
    ]
    if silent:
        raise Unknown(
            f"Service {scope.name}: the array does not show the time of the last action of "
            f"{'; '.join(silent)}. Nothing was changed.",
            _find_it(seen[0].tools),
        )


def _find_it(tools: Tools) -> str:
    return f"find {tools.times} in the log above; a time that is shown is read by the next try"


_ANEW = "trigger the action again: a new run plans with the copies as they are now"


def decide_again(
    sync: Sync,
    seen: SyncSeen,
    planned: Mapping[str, str | None] | None,
    ledger: Ledger | None,
    decision: Decision | None = None,
) -> Decision:
    """What resync is to do within a run that may have done it already.

    Without a plan nothing is known of what the run found, and nothing is skipped.

    :param planned: of :func:`planned_stamps`.
    :param ledger: None when no activation is known.
    :param decision: what the back end would do without having been here before.
    """
    decision = decision or decide_resync(sync, seen)
    at_stake = tuple(pair for pair in seen.pairs if pair.state in AT_STAKE)
    if planned is None or decision.verdict is Verdict.REFUSE or not at_stake:
        return decision
    silent = replace(seen, pairs=at_stake).without_time
    if silent:
        return Decision(
            Verdict.REFUSE,
            f"the array does not show the time of the last action of {labels(silent)}: it is not known "
            "whether it is what this run's plan saw",
            silent,
            _find_it(seen.tools),
            unknown=True,
        )
    now = stamps(seen)

    def key(pair: PairSeen) -> str:
        return pair_key(seen.symid, pair.source, pair.target)

    blind = tuple(pair for pair in at_stake if planned.get(key(pair)) is None)
    if blind:
        return Decision(
            Verdict.REFUSE,
            f"this run's plan saw no last action of {labels(blind)}: it is not known whether it was changed",
            blind,
            _ANEW,
        )
    changed = tuple(pair for pair in at_stake if now[key(pair)] != planned[key(pair)])
    if not changed:
        return decision  # nobody has, this run neither
    own = ledger.own if ledger else None
    kept = own.after if own else {}
    foreign = tuple(
        pair for pair in changed if own is None or kept.get(key(pair), now[key(pair)]) != now[key(pair)]
    )
    if foreign:
        return _refuse_foreign(seen, foreign, planned, ledger)
    if own is None or len(changed) < len(seen.pairs) or not seen.all_in(ACTIVE):
        return decision
    unseen = tuple(pair for pair in changed if key(pair) not in kept)
    if unseen:
        return Decision(
            Verdict.REFUSE,
            f"this run was about to activate it at {time_of(own)} and has not seen what came of it: it is "
            f"not known whether the last action of {labels(unseen)} is its own",
            unseen,
            _ANEW,
        )
    return Decision(Verdict.NOTHING, f"this run has activated all pairs at {time_of(own)}: already refreshed")


def _refuse_foreign(
    seen: SyncSeen,
    foreign: tuple[PairSeen, ...],
    planned: Mapping[str, str | None],
    ledger: Ledger | None,
) -> Decision:
    shown = "; ".join(
        f"{pair.label} is {pair.state}, last action {_read(now)}, and this run's plan saw {_read(then)}"
        for pair in foreign
        for key in [pair_key(seen.symid, pair.source, pair.target)]
        for now, then in [(stamps(seen)[key], planned[key])]
    )
    last = ledger.last if ledger else None
    if last is None:
        who = "no run has kept that it activated it"
    elif ledger and last.run == ledger.run:
        who = f"this run has activated it at {time_of(last)}, and it was acted on since"
    else:
        who = f"the last activation that is known is of run {last.run[1]} of {last.run[0]} at {time_of(last)}"
    return Decision(
        Verdict.REFUSE,
        f"it was changed, and not by this run: {shown}; {who}",
        foreign,
        f"find out who acted on it ({seen.tools.audit}) and whether the copy is still needed; then {_ANEW}",
    )


def clocks_apart(before: SyncSeen, after: SyncSeen) -> str:
    """After an activation of one's own: how far the array's stamps are off the control host's clock.

    They must lie between the looks before and after it. Nothing is decided by it: the identity of a stamp
    holds by whatever clock it is, but ages are wrong by as much.

    :returns: a sentence, empty when they are not off.
    """
    begun, ended = sorted((before.clock, after.clock))  # it may have been set back between the two
    off = timedelta(0)
    for pair in after.pairs:
        at = pair.session.last_action if pair.session else None
        if at is not None:
            off = max(off, at - ended, begun - at)
    if off <= CLOCK_TOLERANCE:
        return ""
    return (
        f"sync {after.name} was activated just now, and the last action that the array shows is "
        f"{spoken(60 * round(off / MINUTE))} off {after.tools.clock}: ages of its copies are wrong by as much"
    )


def _read(stamp: str | None) -> str:
    return (stamp or "none").replace("T", " ")
