"""The plan of a run: everything is looked at, and refused if it must be, before anything is stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from clones.act.before_start import refuse_running
from clones.actions import BREAK, PHASES, RESYNC, START, STOP, phases_of, phases_run
from clones.asking.side_by_side import abreast, attempts
from clones.asking.steps import Steps, note
from clones.config.scope import Scope
from clones.decide.freshness import freshness
from clones.decide.identity import AT_STAKE, Activation, require_stamps, sent_at
from clones.decide.rules import (
    Decision,
    Verdict,
    decide_break,
    decide_resync,
    decide_under_service,
)
from clones.decide.start_order import decide_start
from clones.errors import MustWait, Refused, Unknown
from clones.observe import estimates
from clones.observe.proof_down import GuardRow, look_around, look_at_all, require_known, unexplained
from clones.observe.right_pairs import refuse_wrong_pairs
from clones.observe.sync import is_same, observe, to_plain
from clones.resources.base import Use
from clones.runs.planned import Step
from clones.runs.refresh_steps import Decided, stays_up, steps_of
from clones.states import ACTIVE, SyncSeen, device_text


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    :param phases: those that run, in order.
    :param syncs: as observed.
    :param estimates: by each sync that would be recreated.
    :param up: whether any part of the service is up.
    :param steps: what is decided, in the order in which the run does it. Each task looks and decides again
        before it acts (D1).
    :param from_set: of a service with target sets, the one that it is on, or was on last; empty when that is
        not known. `up` is whether it is up there.
    :param to_set: the one that the action works on; `syncs` are those of this set.
    :param former: the syncs of `from_set` as observed, where the run changes over.
    """

    action: str
    phases: tuple[str, ...]
    syncs: tuple[SyncSeen, ...]
    estimates: Mapping[str, estimates.Estimate]
    up: bool
    steps: tuple[Step, ...]
    from_set: str = ""
    to_set: str = ""
    former: tuple[SyncSeen, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """What the run's tasks go by, as JSON: all but the steps."""
        return {
            "action": self.action,
            "phases": list(self.phases),
            "syncs": [to_plain(seen) for seen in self.syncs],
            "estimates": {name: guess.to_plain() for name, guess in self.estimates.items()},
            "up": self.up,
            **(
                {
                    "from_set": self.from_set,
                    "to_set": self.to_set,
                    "former": [to_plain(seen) for seen in self.former],
                }
                if self.to_set
                else {}
            ),
        }


def goes_by_order(phases: Sequence[str]) -> bool:
    """Whether a plan asks which activation made each copy: it starts the service on copies that are there."""
    return START in phases and RESYNC not in phases


def plan(
    scope: Scope,
    action: str,
    paces: Mapping[str, estimates.Pace | None] = MappingProxyType({}),
    known: Mapping[str, Activation] = MappingProxyType({}),
) -> Steps[Plan]:
    """Look at everything and judge it for an action.

    :param paces: by sync, what the last completed run showed, for the estimate.
    :param known: by sync, the newest activation that was kept, where it :func:`goes_by_order`.
    :raises Refused: all that the action must not do, at once, before it did anything.
    :raises MustWait: a copy is moving; while it does, the service is left as it is.
    :raises Unknown: a resource could not tell whether it is up, or a pair does not show the time of its last
        action.
    """
    phases = phases_run(action, scope.service)
    skipped = [phase for phase in phases_of(scope.service) if phase not in phases]
    yield from note(
        f"Plan: {action} of service {scope.name}: {' -> '.join(phases)}",
        *([f"left out by this action: {', '.join(skipped)}"] if skipped else []),
    )
    refused: list[Refused] = []
    seen: list[SyncSeen] = []
    decisions: list[Decided] = []
    observed = yield from attempts(observe(scope, sync) for sync in scope.service.syncs)
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
        yield from note(f"Sync {sync.name} is {fresh.status}: {fresh.why}")
        if RESYNC in phases:
            decision = decide_resync(sync, shown)
        elif BREAK in phases:
            decision = decide_break(shown, mend=False)
        else:
            continue
        yield from note(f"Will do for sync {sync.name}: {decision.verdict.name.lower()}", decision.why)
        if decision.verdict is Verdict.REFUSE:
            refused.append(_refusal(scope.subject(sync), action, decision))
        decisions.append(Decided(sync, shown, decision))
    try:
        if phases != (STOP,):
            refuse_shared_devices(scope, seen)
        if BREAK in phases and RESYNC not in phases and not refused:
            if goes_by_order(phases):
                _refuse_start(scope, action, seen, known)
            _refuse_order(scope, action, seen)
    except Refused as error:
        refused.append(error)
    if RESYNC in phases or START in phases:
        rows, around = yield from look_around(scope, only_addresses=RESYNC not in phases)
    else:
        rows, around = (yield from look_at_all(scope)), []
    up = [row.line() for row in rows if row.probe.use is Use.UP]
    if up and RESYNC in phases and STOP not in phases:
        refused.append(
            Refused(
                f"Service {scope.name}: {action} is refused: it is not down:\n  "
                + "\n  ".join(up)
                + "\nNothing was changed.",
                "run the action `refresh`, which stops it, or `stop` first",
            )
        )
    if up and BREAK in phases and STOP not in phases and RESYNC not in phases:
        under = [(one.sync, decide_under_service(one.decision)) for one in decisions]
        refused += [
            _refusal(scope.subject(sync), action, decision)
            for sync, decision in under
            if decision.verdict is Verdict.REFUSE
        ]
    if START in phases and STOP not in phases and scope.service.before_start:
        try:
            refuse_running(scope, rows, f"{action} is refused")
        except Refused as error:
            refused.append(error)
    if STOP in phases:
        refused += stays_up(scope, rows)
    strange = unexplained(rows, around)
    if strange:
        refused.append(_in_use_by_others(scope, action, strange))
    if refused:
        raise _all(refused)
    for one in decisions:
        # A precopy goes on by itself.
        if one.decision.verdict is Verdict.WAIT and one.decision.wanted == "settled":
            raise MustWait(
                f"{scope.subject(one.sync)}: {one.decision.why}",
                sync=one.sync.name,
                wanted="settled",
                seconds=one.sync.copy_timeout,
            )
    require_known(scope, [*rows, *around])
    if RESYNC in phases or START in phases:
        # By these it is told later what this run has done; a start goes by them, too.
        require_stamps(scope, seen, AT_STAKE)
    copied = [one for one in decisions if RESYNC in phases and one.decision.verdict is Verdict.ACT]
    guesses = yield from abreast(
        estimates.look(scope, one.sync, one.seen, one.decision.pairs, paces.get(one.sync.name))
        for one in copied
    )
    return Plan(
        action,
        tuple(phases),
        tuple(seen),
        {one.sync.name: guess for one, guess in zip(copied, guesses, strict=True)},
        bool(up),
        tuple(steps_of(scope, phases, decisions, rows)),
    )


def _in_use_by_others(scope: Scope, action: str, strange: list[GuardRow]) -> Refused:
    return Refused(
        f"Service {scope.name}: {action} is refused: its resources are down, but:\n  "
        + "\n  ".join(row.line() for row in strange)
        + "\nNothing was changed.",
        "find out who has the address or uses the disks, and end that; nothing of it is stopped by a run",
    )


def _all(refused: list[Refused]) -> Refused:
    """One for all of them."""
    if len(refused) == 1:
        return refused[0]
    return Refused("\n".join(str(one) for one in refused), f"fix all {len(refused)}, then run it again")


def left_out(plan: Mapping[str, Any]) -> list[str]:
    """The phases that a plan's action leaves out."""
    return [phase for phase in PHASES if phase not in plan["phases"]]


def unchanged_since(scope: Scope, plan: dict[str, Any]) -> Steps[bool]:
    """Whether every sync is still what the plan saw, wholly active: no control command was accepted since.

    Whether one is still under way is asked by the start that follows.

    :raises Unknown: a pair does not show the time of its last action.
    """
    now = yield from abreast(observe(scope, sync) for sync in scope.service.syncs)
    if len(now) != len(plan["syncs"]):
        return False
    decision = decide_start(now, None)  # the service has run on them in this order
    if decision.unknown:
        raise Unknown(f"Service {scope.name} is not started: {decision.why}.", decision.remedy)
    return decision.verdict is Verdict.ACT and all(
        is_same(before, shown) for before, shown in zip(plan["syncs"], now, strict=True)
    )


def refuse_shared_devices(scope: Scope, seen: list[SyncSeen]) -> None:
    """Across the service's syncs, by device number: no target twice, no target that is a source (D4)."""
    targets: dict[tuple[str, int | None], str] = {}
    for shown in seen:
        for pair in shown.pairs:
            key = (shown.symid, pair.target)
            here = f"sync {shown.name}, {pair.label}"
            if key in targets:
                raise Refused(
                    f"Service {scope.name}: device {device_text(pair.target)} is the target of "
                    f"{targets[key]} and of {here}.",
                    "give each pair a target of its own in services.yaml",
                )
            targets[key] = here
    for shown in seen:
        for pair in shown.pairs:
            if (shown.symid, pair.source) in targets:
                raise Refused(
                    f"Service {scope.name}: device {device_text(pair.source)} is the source of sync "
                    f"{shown.name}, {pair.label}, "
                    f"and the target of {targets[shown.symid, pair.source]}.",
                    "fix the direction of the pair in services.yaml",
                )


def _refuse_start(scope: Scope, action: str, seen: list[SyncSeen], known: Mapping[str, Activation]) -> None:
    """:raises Refused: what is split already may not be started on."""
    split = [shown for shown in seen if shown.all_in(ACTIVE)]
    decision = decide_start(split, sent_at(split, known))
    if decision.verdict is Verdict.REFUSE and not decision.unknown:  # that is said of all pairs at once
        raise _refusal(f"Service {scope.name}", action, decision)


def _refuse_order(scope: Scope, action: str, seen: list[SyncSeen]) -> None:
    """What the start would refuse once the rest is split is refused before that (D6).

    :raises Refused: a sync is split already, and would be older than one before it.
    """
    split = [shown for shown in seen if shown.all_in(ACTIVE)]
    for before, shown in zip(seen, split, strict=False):
        if shown is not before:
            raise Refused(
                f"Service {scope.name}: {action} is refused: sync {shown.name} is active already, and "
                f"{before.name} before it is not: if activated now, it would be the newer one. Nothing "
                "was changed.",
                "run the action `refresh`: it copies all syncs again, in their order",
            )


def _refusal(subject: str, action: str, decision: Decision) -> Refused:
    return Refused(f"{subject}: {action} is refused: {decision.why}. Nothing was changed.", decision.remedy)
