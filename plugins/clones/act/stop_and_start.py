"""Stopping and starting what runs on the copies, resource by resource; what is already so is left alone.

A start that fails half way takes down again what it has brought up, in reverse, and says what stayed. With
`before_start` hooks a start has three parts: the disks, the hooks, the applications
(:mod:`clones.act.before_start`). A part that fails leaves the parts before it as they are: the next try
continues from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from clones.act.before_start import CopiesRead, applications, refuse_other_copies, run_before_start
from clones.act.bring import Before, Way, bring, look_before
from clones.act.rescan_disks import make_visible
from clones.asking.side_by_side import abreast, attempts, both
from clones.asking.steps import Result, Steps, note
from clones.config import Ip, Vg
from clones.config.scope import Scope
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Decision, Verdict
from clones.decide.start_order import NOTHING_KEPT, Kept, decide_start
from clones.errors import CloneError, Fenced, Refused, Stale, Unknown
from clones.guards import guards
from clones.guards.address import AddressGuard
from clones.observe.proof_down import Row, look
from clones.observe.running_commands import list_running, refuse_leftovers, refuse_second_start
from clones.observe.sync import is_same, observe, to_plain
from clones.resources import drivers
from clones.resources.base import Driver, Use
from clones.states import SyncSeen

LOOKS_AGAIN = 2
"""How often a resource is looked at again when what was seen of it was too old to act on."""


def stop(scope: Scope) -> Steps[None]:
    """Take every resource down, in reverse order, on every host.

    :raises NotDone: a resource is not down after its commands.
    :raises Unknown: a resource could not tell.
    """
    for host in scope.service.hosts:
        todo = [*reversed(drivers(scope.service, host))]
        before: Before | None = None
        for number, driver in enumerate(todo):
            before = before or (yield from look_before(driver, host.connection))
            following = [look_before(later, host.connection) for later in todo[number + 1 : number + 2]]
            expected = [command for one in todo[number + 1 :] for command in one.stop(one.started)]
            _, before = yield from bring(scope, before, Way.DOWN, *following, later=expected)


def start(
    scope: Scope,
    listed: Mapping[str, Result] = MappingProxyType({}),
    kept: Kept = NOTHING_KEPT,
) -> Steps[None]:
    """Bring the service up on its first host, if its copies allow it (D6) and it runs nowhere else.

    With `before_start` hooks no application is started before they have succeeded. When all applications are
    up already there is nothing that they could come before: they are left out.

    :raises CloneError: as :func:`start_disks`, :func:`clones.act.before_start.run_before_start` and
        :func:`start_applications`.
    """
    if not scope.service.before_start:
        return (yield from _bring_up(scope, listed, kept))
    running = yield from applications(scope)
    if all(row.probe.use is Use.UP for row in running):
        yield from note("Every application is up already: no hook of before_start runs")
        return (yield from _bring_up(scope, listed, kept))
    yield from start_disks(scope, listed, kept)
    behind = {}
    for hook in scope.service.before_start:
        behind[hook.name] = yield from run_before_start(scope, hook)
    yield from start_applications(scope, behind, listed, kept)


def start_disks(
    scope: Scope,
    listed: Mapping[str, Result] = MappingProxyType({}),
    kept: Kept = NOTHING_KEPT,
) -> Steps[None]:
    """Bring up what comes before the first application, as :func:`start` does.

    :raises CloneError: as :func:`start_applications`.
    """
    yield from _bring_up(scope, listed, kept, slice(scope.service.first_app))


def start_applications(
    scope: Scope,
    behind: Mapping[str, CopiesRead],
    listed: Mapping[str, Result] = MappingProxyType({}),
    kept: Kept = NOTHING_KEPT,
) -> Steps[None]:
    """Bring up the first application and what comes after it, on disks that are up.

    :param behind: by `before_start` hook, the copies on which it has succeeded.
    :param listed: by host, what runs there: an application that is down, and whose start still runs, is
        waited for.
    :param kept: what runs have kept of the copies.
    :raises Locked: that is so.
    :raises Refused: a hook is not known to have succeeded; a sync is not wholly active, torn or out of
        order, or changed since this start or one of the hooks began; another host runs the service, or
        somebody else has its address.
    :raises NotDone: a resource is not up after its commands.
    :raises Unknown: something could not be told.
    """
    yield from _bring_up(scope, listed, kept, slice(scope.service.first_app, None), behind)


def _bring_up(
    scope: Scope,
    listed: Mapping[str, Result],
    kept: Kept,
    part: slice = slice(None),
    behind: Mapping[str, CopiesRead] | None = None,
) -> Steps[None]:
    """Bring a part of the resources up, in order.

    A rescan and an import of a disk group can take long: before the first resource that uses what is on the
    disks (a file system, a command) the copies are looked at again, together with that resource.
    """
    syncs = scope.service.syncs
    hints = {name: one.snapshots for name, one in kept.newest.items()}
    looks = attempts(observe(scope, sync, snapshots=hints.get(sync.name, {})) for sync in syncs)
    running, outcomes = yield from both(list_running(scope), looks)
    refuse_leftovers(scope, running, syncs, "start")
    seen = [outcome.value() for outcome in outcomes]
    for sync, shown in zip(syncs, seen, strict=True):
        refuse_wrong_pairs(scope.name, sync, shown)
    decision = decide_start(seen, kept)
    yield from note(f"Decided for start: {decision.verdict.name.lower()}", decision.why)
    if decision.verdict is Verdict.REFUSE:
        raise _not_started(scope, decision)
    if behind is not None:
        refuse_other_copies(scope, seen, behind)
    first, *others = scope.service.hosts
    elsewhere = yield from abreast(
        look(driver, host.connection) for host in others for driver in drivers(scope.service, host)
    )
    for row in elsewhere:
        if row.probe.use is not Use.DOWN:
            raise _not_down_elsewhere(scope, row)
    addresses = {guard.resource: guard for guard in guards(scope.service) if isinstance(guard, AddressGuard)}
    touched: list[Driver] = []  # seen down before it was brought up: only that is ever taken down again
    todo = drivers(scope.service, first)[part]
    resources = [entry.resource for entry in scope.service.resources if entry.resource][part]
    uses = [driver for driver, one in zip(todo, resources, strict=True) if not isinstance(one, Ip | Vg)][:1]
    before: Before | None = None
    number = again = 0
    while number < len(todo):
        driver = todo[number]
        try:
            before = before or (yield from look_before(driver, first.connection, addresses.get(driver.label)))
            if before.row.probe.use is Use.DOWN:
                if first.connection in listed:
                    refuse_second_start(scope, listed[first.connection], driver)
                if not touched and behind is None:  # else the disks are up
                    yield from make_visible(scope.name, scope.service, first)
                touched += [driver] if driver not in touched else []
                if driver in uses:
                    copies = before.copies or (yield from _look_again(scope, seen))
                    _refuse_changed(scope, seen, copies, kept)
            following = [
                look_before(
                    later,
                    first.connection,
                    addresses.get(later.label),
                    _look_again(scope, seen) if later in uses else None,
                )
                for later in todo[number + 1 : number + 2]
            ]
            expected = [command for one in todo[number + 1 :] for command in one.start(one.stopped)]
            _, before = yield from bring(scope, before, Way.UP, *following, later=expected)
            number, again = number + 1, 0
        except CloneError as error:
            if isinstance(error, Stale) and again < LOOKS_AGAIN:
                yield from note(error.what, warning=True)
                before, again = None, again + 1
                continue
            # Another try goes on from here: what it has brought up is not taken down.
            if isinstance(error, Fenced) or not (scope.service.rollback and touched):
                raise
            said = yield from _take_back(scope, touched, first.connection)
            raise type(error)("\n".join((error.what, *said)), error.remedy) from error


def _take_back(scope: Scope, touched: list[Driver], host: str) -> Steps[list[str]]:
    """Take down what this start has brought up; what became of it, in sentences."""
    down, stayed = [], []
    for driver in reversed(touched):
        try:
            sent, _ = yield from bring(scope, (yield from look_before(driver, host)), Way.DOWN)
            if sent:
                down.append(driver.label)
        except CloneError as error:
            stayed.append(f"{driver.label} ({error.what})")
    said = [f"Taken down again, in this order: {', '.join(down)}."] if down else []
    return [*said, *([f"STAYED as it is: {'; '.join(stayed)}."] if stayed else [])]


def _look_again(scope: Scope, seen: Sequence[SyncSeen]) -> Steps[tuple[SyncSeen, ...]]:
    """Every sync as it is now, after it was seen in this start before."""
    syncs = zip(scope.service.syncs, seen, strict=True)
    return tuple((yield from abreast(observe(scope, sync, before) for sync, before in syncs)))


def _refuse_changed(scope: Scope, seen: Sequence[SyncSeen], now: Sequence[SyncSeen], kept: Kept) -> None:
    """:raises Refused: the copies are not what this start has begun on.

    :raises Unknown: that cannot be told.
    """
    decision = decide_start(now, kept)
    if decision.unknown:
        raise _not_started(scope, decision)
    for sync, before, shown in zip(scope.service.syncs, seen, now, strict=True):
        refuse_wrong_pairs(scope.name, sync, shown)
        if not is_same(to_plain(before), shown):
            raise Refused(
                f"{scope.subject(sync)}: it was changed while the service was being started:\n  "
                + "\n  ".join(shown.lines())
                + "\nNothing on it is mounted.",
                f"find out who changed it ({shown.tools.audit}), then run the action `refresh`",
            )
    if decision.verdict is Verdict.REFUSE:
        raise _not_started(scope, decision)


def _not_started(scope: Scope, decision: Decision) -> CloneError:
    kind = Unknown if decision.unknown else Refused
    return kind(f"Service {scope.name} is not started: {decision.why}.", decision.remedy)


def _not_down_elsewhere(scope: Scope, row: Row) -> CloneError:
    kind = Unknown if row.probe.use is Use.UNKNOWN else Refused
    return kind(
        f"Service {scope.name} is not started: on {row.host} {row.driver.label} is {row.probe.use.value}: "
        f"{row.probe.evidence}",
        f"stop it on {row.host} first, or fix the cause of the unclear answer",
    )
