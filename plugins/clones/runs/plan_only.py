"""What an action would send, without sending it.

The decisions are those of :mod:`clones.decide.rules` and the commands those of the drivers and of
:mod:`clones.symcli.commands`, as in the real run; only what a step leaves behind is foreseen here: pairs that
were recreated are prepared, a resource that was stopped is where its driver calls it `stopped`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from clones.act import lock
from clones.act.hooks import command_of
from clones.actions import BREAK, RESYNC, START, STOP, phases_run
from clones.asking.read_only import Eyes
from clones.asking.side_by_side import abreast, both
from clones.asking.steps import Command, Steps, note
from clones.config import Hook
from clones.config.scope import Scope
from clones.decide.rules import Verdict, decide_break, decide_resync
from clones.errors import Locked, Refused
from clones.observe.estimates import Pace
from clones.observe.proof_down import Row, Seen, look_around, look_at_all, require_known
from clones.observe.running_commands import list_running, refuse_leftovers
from clones.observe.sync import observe
from clones.resources.base import Use
from clones.runs.refresh import plan
from clones.states import SyncSeen
from clones.symcli import commands


def foresee(
    scope: Scope, action: str, paces: Mapping[str, Pace | None] = MappingProxyType({})
) -> Steps[list[Command]]:
    """Judge an action as a run's plan does, and list the commands that it would send, in order.

    Sends only commands that look, and none of them twice. A lock that another run holds, and control commands
    that still run, are said in the log: the run would wait for their end.

    :param paces: as :func:`clones.runs.refresh.plan` has it.
    :returns: every command that would change something, without the lock's own, and what it follows from.
    :raises CloneError: what the run would raise: all refusals at once, a wait, or what is not known.
    """
    return (yield from Eyes().through(_foresee(scope, action, paces)))


def _foresee(scope: Scope, action: str, paces: Mapping[str, Pace | None]) -> Steps[list[Command]]:
    yield from plan(scope, action, paces)
    holders, running = yield from both(lock.holders(scope), list_running(scope))
    for owner in holders:
        yield from note(
            f"Would wait first: the lock of service {scope.name} is held by {owner}", warning=True
        )
    try:
        refuse_leftovers(scope, running, scope.service.syncs, action)
    except Locked as error:
        yield from note(f"Would wait first: {error.what}", warning=True)
    phases = phases_run(action, scope.service)
    seen = yield from abreast(observe(scope, sync) for sync in scope.service.syncs)
    rows = yield from look_at_all(scope)
    foreseen: list[Command] = []
    if STOP in phases:
        foreseen += _hooks(scope, scope.service.before_stop, "before_stop")
        for host in scope.service.hosts:
            for row in reversed([row for row in rows if row.host == host.connection]):
                foreseen += _stop(scope, row)
    if RESYNC in phases:
        for sync, shown in zip(scope.service.syncs, seen, strict=True):
            decision = decide_resync(sync, shown)
            if decision.verdict is Verdict.ACT:
                command = commands.recreate(scope, sync, shown.symid, decision.pairs)
                foreseen.append(replace(command, because=_states(shown)))
    if BREAK in phases:
        for sync, shown in zip(scope.service.syncs, seen, strict=True):
            foreseen += _hooks(scope, sync.before_activate, "before_activate")
            # After a resync every pair is prepared, whatever it was before.
            if RESYNC in phases or decide_break(shown, mend=False).verdict is not Verdict.NOTHING:
                command = commands.activate(scope, sync, shown.symid, shown.pairs)
                prepared = "all pairs are prepared by then" if RESYNC in phases else _states(shown)
                foreseen.append(replace(command, because=prepared))
            foreseen += _hooks(scope, sync.after_activate, "after_activate")
    if START in phases:
        for row in rows:
            if row.host == scope.service.hosts[0].connection:
                stops = STOP in phases and row.driver.stop(row.probe.at)
                at = row.driver.stopped if stops else row.probe.at
                because = "this run has stopped it" if stops else _said(row)
                foreseen += [replace(command, because=because) for command in row.driver.start(at)]
        foreseen += _hooks(scope, scope.service.after_start, "after_start")
        foreseen += _hooks(scope, scope.service.probes, "probes")
    yield from note(
        f"Would send {len(foreseen)} commands for {action} of service {scope.name}; nothing was changed",
        *listed(foreseen),
    )
    return foreseen


def conclude(
    scope: Scope, doing: str, refused: Sequence[str], foreseen: list[Command], *, must_be_down: bool
) -> Steps[list[Command]]:
    """End a plan that has looked at every sync: with all its refusals at once, or with what would be sent.

    :param refused: what was refused already, one text each.
    :param must_be_down: whether the service must be down too.
    :returns: ``foreseen``.
    :raises Refused: with everything that was refused.
    :raises Unknown: a resource could not tell whether it is up.
    """
    rows: list[Seen] = []
    if must_be_down:
        own, around = yield from look_around(scope)
        rows = [*own, *around]
    up = [row.line() for row in rows if row.probe.use is Use.UP]
    if up:
        lines = "\n  ".join(up)
        refused = [
            *refused,
            f"Service {scope.name} is not down:\n  {lines}\nWhat to do: run the action `stop`",
        ]
    if refused:
        raise Refused(
            "\n".join(refused) + f"\nService {scope.name}: {doing} is refused. Nothing was changed.",
            "fix all of these, then run it again",
        )
    require_known(scope, rows)
    yield from note(
        f"To {doing} service {scope.name}: {len(foreseen)} commands that change something",
        *listed(foreseen),
    )
    return foreseen


def plain(foreseen: Sequence[Command]) -> list[dict[str, str]]:
    """Commands as JSON: ``[{"host", "line", "because"}]``."""
    return [{"host": c.host, "line": c.line(), "because": c.because} for c in foreseen]


def listed(foreseen: Sequence[Command]) -> list[str]:
    """Commands for people, each with what it follows from below it."""
    lines = []
    for command in foreseen:
        lines.append(f"{command.host}$ {command.line()}")
        lines += [f"    because {command.because}"] if command.because else []
    return lines


def _hooks(scope: Scope, hooks: Sequence[Hook], place: str) -> list[Command]:
    return [replace(command_of(scope, hook), because=f"hook {hook.name} of {place}") for hook in hooks]


def _states(shown: SyncSeen) -> str:
    return ", ".join(f"{pair.label} is {pair.state}" for pair in shown.pairs)


def _said(row: Row) -> str:
    return f"{row.driver.label} is {row.probe.use.value} [{row.probe.at}]: {row.probe.evidence}"


def _stop(scope: Scope, row: Row) -> list[Command]:
    sent = row.driver.stop(row.probe.at)
    if not sent and row.probe.use is not Use.DOWN:
        raise Refused(
            f"Service {scope.name}: {row.driver.label} on {row.host} would not come down: it is "
            f"{row.probe.use.value} [{row.probe.at}]: {row.probe.evidence}. Nothing was changed.",
            "bring it to where it is configured, or take it down by hand",
        )
    return [replace(command, because=_said(row)) for command in sent]
