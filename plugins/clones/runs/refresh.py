"""The plan of a run: everything is looked at, and refused if it must be, before anything is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from clones.act.before_start import refuse_running
from clones.actions import BREAK, PHASES, RESYNC, START, STOP, phases_of, phases_run
from clones.asking.side_by_side import abreast
from clones.asking.steps import Steps, note
from clones.config import Service
from clones.config.scope import Scope
from clones.decide.identity import AT_STAKE, require_stamps
from clones.decide.ledger import Activation
from clones.decide.rules import Verdict, decide_under_service
from clones.decide.start_order import HAS_RUN_ON_THEM, decide_start
from clones.decide.target_sets import Recorded
from clones.errors import Refused, Unknown
from clones.observe import estimates
from clones.observe.proof_down import (
    GuardRow,
    look_around,
    look_at_all,
    refuse_unlisted_groups,
    require_known,
    unexplained,
)
from clones.observe.sync import is_same, observe, to_plain
from clones.resources.base import Use
from clones.runs.copies import all_at_once, estimate, judge, refusal, wait_until_settled
from clones.runs.planned import Step
from clones.runs.refresh_steps import stays_up, steps_of
from clones.states import PointInTime, SyncSeen


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
    :param interrupted: the service is down because an earlier change-over did not end; `from_set` is the set
        on which it last started well, and a start that fails goes back there.
    :param recorded: what was recorded of the target sets when it was planned.
    :param back_to: by sync, the snapshot that a rewind goes back to.
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
    interrupted: bool = False
    recorded: Recorded = field(default_factory=Recorded)
    back_to: Mapping[str, PointInTime] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """What the run's tasks go by, as JSON: all but the steps."""
        return {
            "action": self.action,
            "phases": list(self.phases),
            "syncs": [to_plain(seen) for seen in self.syncs],
            "estimates": {name: guess.to_plain() for name, guess in self.estimates.items()},
            "up": self.up,
            **({"back_to": {n: one.to_plain() for n, one in self.back_to.items()}} if self.back_to else {}),
            **(
                {
                    "from_set": self.from_set,
                    "to_set": self.to_set,
                    "former": [to_plain(seen) for seen in self.former],
                    "interrupted": self.interrupted,
                    "recorded": self.recorded.to_plain(),
                }
                if self.to_set
                else {}
            ),
        }


def plan(
    scope: Scope,
    action: str,
    paces: Mapping[str, estimates.Pace | None] = MappingProxyType({}),
    known: Mapping[str, Activation] = MappingProxyType({}),
) -> Steps[Plan]:
    """Look at everything and judge it for an action.

    :param paces: by sync, what the last completed run showed, for the estimate.
    :param known: by sync, the newest activation that was kept, where it :func:`goes_by_order`
        or goes by snapshots.
    :raises Refused: all that the action must not do, at once, before it did anything.
    :raises MustWait: a copy is moving; while it does, the service is left as it is.
    :raises Unknown: a resource could not tell whether it is up, or a pair does not show the time of its last
        action.
    """
    phases = phases_run(action, scope.service)
    yield from announce(scope.name, scope.service, action)
    copies = yield from judge(scope, action, phases, known)
    refused, decisions = [*copies.refused], copies.decisions
    overwrites = (BREAK if scope.service.snapshots else RESYNC) in phases
    if RESYNC in phases or START in phases or overwrites:
        rows, around = yield from look_around(scope, only_addresses=not overwrites)
    else:
        rows, around = (yield from look_at_all(scope)), []
    up = [row.line() for row in rows if row.probe.use is Use.UP]
    acts = any(one.decision.verdict in (Verdict.ACT, Verdict.WAIT) for one in decisions)
    if up and overwrites and STOP not in phases and (RESYNC in phases or acts):
        refused.append(
            Refused(
                f"Service {scope.name}: {action} is refused: it is not down:\n  "
                + "\n  ".join(up)
                + "\nNothing was changed.",
                "run the action `refresh`, which stops it, or `stop` first",
            )
        )
    elif up and BREAK in phases and STOP not in phases and RESYNC not in phases:
        under = [(one.sync, decide_under_service(one.decision, one.seen.tools)) for one in decisions]
        refused += [
            refusal(scope.subject(sync), action, decision)
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
    if overwrites:
        try:
            refuse_unlisted_groups(f"service {scope.name}", scope.service)
        except Refused as error:
            refused.append(error)
    strange = unexplained(rows, around)
    if strange:
        refused.append(in_use_by_others(scope, action, strange))
    if refused:
        raise all_at_once(refused)
    wait_until_settled(scope, decisions)
    require_known(scope, [*rows, *around])
    if RESYNC in phases or START in phases:
        # By these it is told later what this run has done; a start goes by them, too.
        require_stamps(scope, copies.seen, AT_STAKE)
    guesses = (yield from estimate(scope, decisions, paces)) if RESYNC in phases else {}
    return Plan(
        action,
        tuple(phases),
        copies.seen,
        guesses,
        bool(up),
        tuple(steps_of(scope, phases, decisions, rows)),
        back_to={one.sync.name: one.decision.to for one in decisions if one.rewinds and one.decision.to},
    )


def announce(name: str, service: Service, action: str) -> Steps[None]:
    """Log which phases a run has.

    :param service: with all its target sets, where it has any.
    """
    phases = phases_run(action, service)
    skipped = [phase for phase in phases_of(service) if phase not in phases]
    yield from note(
        f"Plan: {action} of service {name}: {' -> '.join(phases)}",
        *([f"left out by this action: {', '.join(skipped)}"] if skipped else []),
    )


def in_use_by_others(scope: Scope, action: str, strange: list[GuardRow]) -> Refused:
    """The refusal of a run because of what its own resources do not account for."""
    return Refused(
        f"{scope.who}: {action} is refused: its resources are down, but:\n  "
        + "\n  ".join(row.line() for row in strange)
        + "\nNothing was changed.",
        "find out who has the address or uses the disks, and end that; nothing of it is stopped by a run",
    )


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
    decision = decide_start(now, HAS_RUN_ON_THEM)
    if decision.unknown:
        raise Unknown(f"Service {scope.name} is not started: {decision.why}.", decision.remedy)
    return decision.verdict is Verdict.ACT and all(
        is_same(before, shown) for before, shown in zip(plan["syncs"], now, strict=True)
    )
