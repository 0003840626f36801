"""What an action would send, without sending it.

The decisions are those of :mod:`clones.rules` and the commands those of the drivers and of
:mod:`clones.symcli.commands`, as in the real run; only what a step leaves behind is foreseen here: pairs that
were recreated are prepared, a resource that was stopped is where its driver calls it `stopped`.
"""

from __future__ import annotations

from collections.abc import Sequence

from clones import lock
from clones.actions import BREAK, RESYNC, START, STOP, phases_run
from clones.errors import Locked, Refused
from clones.leftovers import nothing_still_runs
from clones.observing import observe
from clones.planning import plan
from clones.proof import Row, look_at_all, require_known
from clones.resources import ELSEWHERE
from clones.resources.base import Use
from clones.rules import Verdict, decide_break, decide_resync
from clones.scope import Scope
from clones.site_commands import command_of
from clones.steps import Command, Steps, note
from clones.symcli import commands


def foresee(scope: Scope, action: str) -> Steps[list[Command]]:
    """Judge an action as a run's plan does, and list the commands that it would send, in order.

    Sends only commands that look. A lock that another run holds, and control commands that still run, are
    said in the log: the run would wait for their end.

    :returns: every command that would change something; without the lock's own.
    :raises CloneError: what the run would raise: all refusals at once, a wait, or what is not known.
    """
    yield from plan(scope, action)
    for owner in (yield from lock.holders(scope)):
        yield from note(
            f"Would wait first: the lock of service {scope.name} is held by {owner}", warning=True
        )
    try:
        yield from nothing_still_runs(scope, scope.service.syncs, action)
    except Locked as error:
        yield from note(f"Would wait first: {error.what}", warning=True)
    phases = phases_run(action, scope.service)
    seen = []
    for sync in scope.service.syncs:
        seen.append((yield from observe(scope, sync)))
    rows = yield from look_at_all(scope)
    foreseen: list[Command] = []
    if STOP in phases:
        foreseen += [command_of(scope, hook) for hook in scope.service.before_stop]
        for host in scope.service.hosts:
            for row in reversed([row for row in rows if row.host == host.connection]):
                foreseen += _stop(scope, row)
    if RESYNC in phases:
        for sync, shown in zip(scope.service.syncs, seen, strict=True):
            decision = decide_resync(sync, shown)
            if decision.verdict is Verdict.ACT:
                foreseen.append(commands.recreate(scope.symcli, scope.service, sync, decision.pairs))
    if BREAK in phases:
        for sync, shown in zip(scope.service.syncs, seen, strict=True):
            foreseen += [command_of(scope, hook) for hook in sync.before_activate]
            # After a resync every pair is prepared, whatever it was before.
            if RESYNC in phases or decide_break(shown, mend=False).verdict is not Verdict.NOTHING:
                foreseen.append(commands.activate(scope.symcli, scope.service, sync, shown.pairs))
            foreseen += [command_of(scope, hook) for hook in sync.after_activate]
    if START in phases:
        for row in rows:
            if row.host == scope.service.hosts[0].connection:
                stops = STOP in phases and row.driver.stop(row.probe.at)
                foreseen += row.driver.start(row.driver.stopped if stops else row.probe.at)
        foreseen += [command_of(scope, hook) for hook in scope.service.after_start + scope.service.probes]
    yield from note(
        f"Would send {len(foreseen)} commands for {action} of service {scope.name}; nothing was changed",
        *(f"{command.host}$ {command.line()}" for command in foreseen),
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
    rows = (yield from look_at_all(scope)) if must_be_down else []
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
            "mend all of these, then run it again",
        )
    require_known(scope, rows)
    yield from note(
        f"To {doing} service {scope.name}: {len(foreseen)} commands that change something",
        *(f"{command.host}$ {command.line()}" for command in foreseen),
    )
    return foreseen


def plain(foreseen: Sequence[Command]) -> list[dict[str, str]]:
    """Commands as JSON: ``[{"host", "line"}]``."""
    return [{"host": command.host, "line": command.line()} for command in foreseen]


def _stop(scope: Scope, row: Row) -> list[Command]:
    sent = row.driver.stop(row.probe.at)
    if not sent and (row.probe.use is not Use.DOWN or row.probe.at == ELSEWHERE):
        raise Refused(
            f"Service {scope.name}: {row.driver.label} on {row.host} would not come down: it is "
            f"{row.probe.use.value} [{row.probe.at}]: {row.probe.evidence}. Nothing was changed.",
            "bring it to where it is configured, or take it down by hand",
        )
    return sent
