"""The steps of a refresh and of the other actions, in order, by what their plan has seen and decided.

The commands are those of the drivers and of the back ends, as the run sends them; only what a step leaves
behind is foreseen here: pairs that were recreated are prepared, a resource that was stopped is
where its driver calls it `stopped`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from clones.act.hooks import command_of
from clones.actions import BREAK, PREPARE, RESYNC, START, STOP
from clones.asking.steps import Command
from clones.backends import backend_of
from clones.config import Hook, Sync
from clones.config.scope import Scope
from clones.decide.rules import Decision, Verdict
from clones.errors import Refused
from clones.observe.proof_down import Row
from clones.resources import drivers
from clones.resources.base import Use
from clones.runs.planned import Step, bring, said, stop_of
from clones.states import PairSeen, SyncSeen


@dataclass(frozen=True)
class Decided:
    """What is decided about a sync: about its resync, or its break in a run without one.

    :param rewinds: it goes back to the copy before.
    """

    sync: Sync
    seen: SyncSeen
    decision: Decision
    rewinds: bool = False


def steps_of(
    scope: Scope, phases: Collection[str], decisions: Sequence[Decided], rows: Sequence[Row]
) -> list[Step]:
    """All steps of a run that is not refused.

    :param decisions: one a sync, in order.
    :param rows: what each resource says.
    """
    service = scope.service
    steps: list[Step] = []
    if STOP in phases:
        steps += _hooks(scope, service.before_stop, "before_stop")
        for host in service.hosts:
            steps += [stop_of(row) for row in reversed(rows) if row.host == host.connection]
    steps += _of_copies(scope, phases, decisions)
    if START in phases:
        first = [host.connection for host in service.hosts[:1]]
        started = [_start(row, stops=STOP in phases) for row in rows if row.host in first]
        if service.before_start:
            hooks = _hooks(scope, service.before_start, "before_start")
            started[service.first_app : service.first_app] = hooks
        steps += started
        steps += _hooks(scope, service.after_start, "after_start")
        steps += _hooks(scope, service.probes, "probes")
    return steps


def steps_on_sets(
    former: Scope,
    to: Scope,
    phases: Collection[str],
    decisions: Sequence[Decided],
    used: Sequence[Row],
    own: Sequence[Row],
    shared: Sequence[Row],
) -> list[Step]:
    """The same of a service with target sets, in the order of its chain.

    :param former: the service on the set that it is on, or was on last.
    :param to: the service on the set that the action works on.
    :param used: what each resource says of the service on the former set.
    :param own: what is the other set's own, on all its hosts.
    :param shared: what all sets share, on the first host of the other set.
    """
    service, first = to.service, to.service.hosts[0].connection
    steps: list[Step] = []
    recreates = any(one.decision.verdict is Verdict.ACT for one in decisions) and RESYNC in phases
    if recreates:
        steps += [stop_of(row) for row in reversed(own) if row.probe.use is Use.UP]
    steps += _of_copies(to, phases, decisions)
    mine = [row for row in own if row.host == first]
    in_use = former is to and any(row.probe.use is Use.UP and not _is_group(row) for row in mine)
    if PREPARE in phases and not in_use:
        steps += [_prepare(row, released=recreates) for row in mine if row.driver.prepared is not None]
    if STOP in phases:
        steps += _hooks(former, service.before_stop, "before_stop")
        for host in former.service.hosts:
            steps += [stop_of(row) for row in reversed(used) if row.host == host.connection]
    if START in phases:
        rows = {row.label: row for row in (*mine, *shared)}
        started = []
        for driver in drivers(service, service.hosts[0]):
            row = replace(rows[driver.label], driver=driver)
            if _is_group(row) and not in_use:
                started.append(Step(f"start of {row.label} on {row.host}", Verdict.NOTHING, "it is prepared"))
            else:
                started.append(_start(row, stops=STOP in phases))
        if service.before_start:
            started[service.first_app : service.first_app] = _hooks(to, service.before_start, "before_start")
        steps += started
        steps += _hooks(to, service.after_start, "after_start")
        steps += _hooks(to, service.probes, "probes")
    return steps


def _is_group(row: Row) -> bool:
    return row.driver.prepared is not None and row.driver.prepared == row.driver.started


def _prepare(row: Row, *, released: bool) -> Step:
    at = row.driver.stopped if released and row.probe.use is Use.UP else row.probe.at
    why = "this run has released it" if at != row.probe.at else said(row)
    return bring("prepare", row, why, row.driver.prepare(at))


def _of_copies(scope: Scope, phases: Collection[str], decisions: Sequence[Decided]) -> list[Step]:
    steps: list[Step] = []
    if RESYNC in phases:
        for one in decisions:
            steps += _around(scope, one.sync, _resync(scope, one), hooked=scope.service.snapshots)
    if BREAK in phases:
        for one in decisions:
            step = _break(scope, one, recreated=RESYNC in phases)
            steps += _around(scope, one.sync, step, hooked=not scope.service.snapshots)
    return steps


def _around(scope: Scope, sync: Sync, step: Step, *, hooked: bool) -> list[Step]:
    """A step, with the hooks of the source around it where it fixes the copy's point in time."""
    if not hooked:
        return [step]
    before = _hooks(scope, sync.before_activate, "before_activate")
    return [*before, step, *_hooks(scope, sync.after_activate, "after_activate")]


def stays_up(scope: Scope, rows: Sequence[Row]) -> list[Refused]:
    """Of each resource that a stop would not take down: the refusal."""
    return [
        Refused(
            f"Service {scope.name}: {row.driver.label} on {row.host} would not come down: it is "
            f"{row.probe.use.value} [{row.probe.at}]: {row.probe.evidence}. Nothing was changed.",
            "bring it to where it is configured, or take it down by hand",
        )
        for row in rows
        if row.probe.use is Use.UP and not row.driver.stop(row.probe.at)
    ]


def _hooks(scope: Scope, hooks: Sequence[Hook], place: str) -> list[Step]:
    found = []
    for hook in hooks:
        what = f"hook {hook.name} of {place}"
        command = replace(command_of(scope, hook), because=what)
        found.append(Step(what, Verdict.ACT, "it is configured", (command,)))
    return found


def _start(row: Row, *, stops: bool) -> Step:
    if stops and row.driver.stop(row.probe.at):
        return bring("start", row, "this run has stopped it", row.driver.start(row.driver.stopped))
    return bring("start", row, said(row), row.driver.start(row.probe.at))


def _resync(scope: Scope, one: Decided) -> Step:
    found: tuple[Command, ...] = ()
    if one.decision.verdict is Verdict.ACT:
        found = _sent(scope, one, "resync", one.decision.pairs, _states(one.seen))
    return Step(f"resync of sync {one.sync.name}", one.decision.verdict, one.decision.why, found)


def _break(scope: Scope, one: Decided, *, recreated: bool) -> Step:
    """:param recreated: every pair is prepared by then, whatever it was before."""
    action = "rewind" if one.rewinds else "break"
    what = f"{action} of sync {one.sync.name}"
    verdict, why = one.decision.verdict, one.decision.why
    if recreated:
        made = "the snapshot is taken" if scope.service.snapshots else "all pairs are prepared"
        verdict, why = Verdict.ACT, f"{made} by then"
        one = replace(one, seen=replace(one.seen, prepared=None))  # by what this run makes
    if verdict is Verdict.NOTHING:
        return Step(what, verdict, why)
    because = why if recreated else _states(one.seen)
    return Step(what, verdict, why, _sent(scope, one, action, one.seen.pairs, because))


def _sent(
    scope: Scope, one: Decided, action: str, pairs: Sequence[PairSeen], because: str
) -> tuple[Command, ...]:
    sent = backend_of(one.sync).sends(scope, one.sync, one.seen, action, pairs)
    return tuple(replace(command, because=because) for command in sent)


def _states(seen: SyncSeen) -> str:
    return ", ".join(f"{pair.label} is {pair.state}" for pair in seen.pairs)
