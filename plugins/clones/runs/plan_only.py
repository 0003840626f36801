"""What an action would send, without sending it: the steps of its plan, and what it would wait for first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clones.act import lock
from clones.asking.read_only import Eyes
from clones.asking.side_by_side import both
from clones.asking.steps import Steps, note
from clones.config.scope import Scope
from clones.decide.ledger import Activation
from clones.errors import Locked
from clones.observe.estimates import Pace
from clones.observe.running_commands import list_running, refuse_leftovers
from clones.runs.planned import Step, listed, sent_by
from clones.runs.refresh import Plan, plan


def foresee(
    scope: Scope,
    action: str,
    paces: Mapping[str, Pace | None] = MappingProxyType({}),
    known: Mapping[str, Activation] = MappingProxyType({}),
) -> Steps[list[Step]]:
    """Make the plan of an action as its run does, and list what it has decided.

    Sends only commands that look, and none of them twice. A lock that another run holds, and control commands
    that still run, are said in the log: the run would wait for their end.

    :param paces: as :func:`clones.runs.refresh.plan` has it.
    :param known: likewise.
    :returns: the plan's steps, with every command that would change something, without the lock's own.
    :raises CloneError: what the run would raise: all refusals at once, a wait, or what is not known.
    """
    return (yield from foresee_run(scope, action, plan(scope, action, paces, known)))


def foresee_run(scope: Scope, action: str, planning: Steps[Plan]) -> Steps[list[Step]]:
    """The same with what makes the plan: that of a service with target sets chooses between them.

    :raises CloneError: as :func:`foresee`.
    """
    return (yield from Eyes().through(_foresee(scope, action, planning)))


def _foresee(scope: Scope, action: str, planning: Steps[Plan]) -> Steps[list[Step]]:
    steps = [*(yield from planning).steps]
    holders, running = yield from both(lock.holders(scope), list_running(scope))
    for owner in holders:
        yield from note(
            f"Would wait first: the lock of service {scope.name} is held by {owner}", warning=True
        )
    try:
        refuse_leftovers(scope, running, scope.service.syncs, action)
    except Locked as error:
        yield from note(f"Would wait first: {error.what}", warning=True)
    number = len(sent_by(steps))
    yield from note(
        f"Would send {number} commands for {action} of service {scope.name}; nothing was changed",
        *listed(steps),
    )
    return steps
