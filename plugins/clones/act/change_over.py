"""A service is taken from one target set to another, and back.

It is never brought up on a set before every other one is seen not to be in use, and nothing that all sets
share (an application, an address) is up on a host that is not one of that set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from clones.act import stop_and_start
from clones.act.bring import Way, bring, look_before
from clones.act.prepare import release
from clones.actions import BREAK
from clones.asking.side_by_side import abreast, both
from clones.asking.steps import Result, Steps, note
from clones.config.scope import Scope
from clones.config.target_sets import is_own
from clones.decide.identity import not_made
from clones.decide.ledger import Activation, Run
from clones.decide.start_order import HAS_RUN_ON_THEM, NOTHING_KEPT, Kept
from clones.decide.target_sets import SERVES, InUse, SetSeen
from clones.errors import CloneError, Refused, Unknown
from clones.observe.proof_down import Row, look
from clones.observe.sync import is_same, observe
from clones.observe.target_sets import look_at_sets
from clones.resources import drivers
from clones.resources.app import AppDriver
from clones.resources.base import Driver, Use


def stop(scope: Scope, begins: Callable[[], None] = lambda: None) -> Steps[None]:
    """Take the service down on a target set, and what all sets share on every other host.

    What is prepared of other sets stays so.

    :param scope: the service on the set that it is taken from.
    :param begins: is called before the first command that stops something, once it is seen that the service
        is on no other set.
    :raises Refused: the service is on another set.
    :raises CloneError: as :func:`clones.act.stop_and_start.stop`.
    """
    yield from refuse_elsewhere(scope)
    begins()
    yield from _take_down(scope, _shared_elsewhere(scope))
    yield from stop_and_start.stop(scope)


def refuse_elsewhere(scope: Scope) -> Steps[None]:
    """Go on only if no other target set serves: the service is on this one, or down.

    :raises Refused: it is on another one, in whole or in part.
    """
    seen = yield from look_at_sets([scope, *scope.others()])
    used = next((one for one in seen[1:] if one.in_use in SERVES), None)
    if used:
        raise Refused(
            f"{scope.who}: the service is not stopped there: set {used.name} is {used.in_use}: {used.why}",
            "trigger the action again: a new run plans with the set that is in use now",
        )


def start(
    scope: Scope,
    listed: Mapping[str, Result] = MappingProxyType({}),
    kept: Kept = NOTHING_KEPT,
) -> Steps[None]:
    """Bring the service up on a target set, once it is proven down on all others.

    :param scope: the service on the set that it is started on.
    :param listed: as :func:`clones.act.stop_and_start.start` has it.
    :param kept: what runs have kept of the copies of this set.
    :raises Refused: another set is in use; an application is up while nothing of this set is.
    :raises CloneError: as :func:`clones.act.stop_and_start.start`.
    """
    yield from prove_down_elsewhere(scope)
    yield from stop_and_start.start(scope, listed, kept)


def prove_down_elsewhere(scope: Scope) -> Steps[None]:
    """Go on only if the service is down on every other target set: it may be brought up on this one.

    :param scope: the service on the set that it is to be up on.
    :raises Refused: another set is in use, something is up on a host of another set, or an application is up
        while nothing of this set is.
    :raises Unknown: something could not tell.
    """
    shared, applications = _shared_elsewhere(scope), _applications(scope)
    looks = abreast(look(driver, host) for driver, host in [*shared, *applications])
    (mine, *others), rows = yield from both(look_at_sets([scope, *scope.others()]), looks)
    elsewhere, running = rows[: len(shared)], rows[len(shared) :]
    for one in others:
        if one.in_use is not InUse.UNUSED and one.in_use is not InUse.READY:
            raise _in_use(scope, one)
    for row in elsewhere:
        if row.probe.use is not Use.DOWN:
            raise _up(scope, row, f"{row.host} is no host of set {scope.target_set}")
    for row in running:
        if mine.in_use not in SERVES and row.probe.use is not Use.DOWN:
            raise _up(scope, row, f"nothing of set {scope.target_set} is")
    yield from note(
        f"{scope.who}: the service is down on all other sets",
        *(f"set {one.name} is {one.in_use}: {one.why}" for one in others),
        *(row.line() for row in (*elsewhere, *running)),
    )


def why_left(
    scope: Scope,
    plan: Mapping[str, Any] | None,
    *,
    run: Run,
    stopped: bool,
    known: Mapping[str, Activation] | None,
) -> Steps[str]:
    """Why a run that failed does not change back; empty when it is to.

    :param scope: the service on the set that it came from (the plan's `from_set`).
    :param plan: XCom `plan` of the run, None when it has left none.
    :param run: that run.
    :param stopped: the run has begun to stop the service: the recorded intent is its own.
    :param known: by sync of the set that it was to change over to, the newest activation that was kept; None
        where no run can keep any.
    :raises CloneError: the copies cannot be seen.
    """
    on = f"set {scope.target_set}"
    if plan is None:
        return "The run failed before it stopped anything: the service is as it was."
    if not stopped:
        return f"The run failed before it stopped anything: the service is on {on} as before."
    if not (plan["up"] or plan.get("interrupted")):
        return "The service was down before this run, and stays as it is."
    if plan["from_set"] == plan["to_set"]:
        return f"The run does not change over: the service stays on {on}."
    if not scope.service.rollback:
        return "`rollback` is false: the service is left as it is."
    before = plan["former"]
    if not before:
        return f"The copies of {on} could not be seen when the run began: the service is left as it is."
    now = yield from abreast(observe(scope, sync) for sync in scope.service.syncs)
    if len(now) != len(before) or not all(map(is_same, before, now)):
        return (
            f"The copies of {on} are not what they were when the run began: the service is left as it is. "
            "What to do: find out who changed them, fix what failed, and clear that task."
        )
    return (yield from _gone_on(scope, plan, run, known))


def _gone_on(
    scope: Scope, plan: Mapping[str, Any], run: Run, known: Mapping[str, Activation] | None
) -> Steps[str]:
    """Whether the service runs on what another run has made or chosen since, in a sentence; else empty.

    Only a set that is in use is asked for: to leave another one takes nothing down.
    """
    new, left = (
        scope.on(plan["to_set"]),
        "the service is left as it is. What to do: open the run that did that",
    )
    others = [one for one in scope.others() if one.target_set != new.target_set]
    on_new, *elsewhere = yield from look_at_sets([new, *others])
    for one in elsewhere:
        if one.in_use in SERVES:
            return f"Set {one.name} is {one.in_use} by now ({one.why}): {left}."
    if on_new.in_use not in SERVES:
        return ""
    now = yield from abreast(observe(new, sync) for sync in new.service.syncs)
    if BREAK in plan["phases"]:
        wrong = [text for shown in now for text in not_made(plan, shown, known, run)]
    else:
        pairs = zip(plan["syncs"], now, strict=False)
        wrong = [
            f"sync {shown.name} is not what the plan saw" for was, shown in pairs if not is_same(was, shown)
        ]
    if not wrong:
        return ""
    return (
        f"Set {new.target_set} is {on_new.in_use}, with other copies than this run's "
        f"({'; '.join(wrong)}): {left}."
    )


def back(scope: Scope, new: Scope, listed: Mapping[str, Result] = MappingProxyType({})) -> Steps[None]:
    """Change back: take down what came up on the new set, prove it down there, start on the former one.

    :param scope: the service on the former set.
    :param new: the service on the set that it was to change over to.
    :param listed: as :func:`start` has it.
    :raises CloneError: something stays up or down, or could not be told.
    """
    was, is_now = yield from look_at_sets([scope, new])
    yield from note(
        f"Service {scope.name}: back from set {new.target_set} to set {scope.target_set}",
        f"set {new.target_set} is {is_now.in_use}: {is_now.why}",
        f"set {scope.target_set} is {was.in_use}: {was.why}",
    )
    if InUse.UNKNOWN in (was.in_use, is_now.in_use):
        raise _in_use(scope, is_now if is_now.in_use is InUse.UNKNOWN else was)
    if is_now.in_use in SERVES:
        yield from stop(new)
    elif was.in_use not in SERVES:
        yield from _take_down(scope, [*_shared_elsewhere(scope), *_applications(scope)])
    else:
        yield from _take_down(scope, _shared_elsewhere(scope))
    yield from release(new)
    # The service has run on these very copies: their order is not asked.
    yield from start(scope, listed, HAS_RUN_ON_THEM)


_OnHost = tuple[Driver, str]
"""A resource, and the connection of the host that it is on."""


def _shared_elsewhere(scope: Scope) -> list[_OnHost]:
    """What all sets share, on the hosts that are none of this set."""
    mine = {host.connection for host in scope.service.hosts}
    found: dict[str, list[Driver]] = {}
    for other in scope.others():
        shared = scope.shared_on(other.target_set)
        found |= {h.connection: drivers(shared, h) for h in shared.hosts if h.connection not in mine}
    return [(driver, host) for host, every in found.items() for driver in every]


def _applications(scope: Scope) -> list[_OnHost]:
    """On each host of the set, the applications that come after the first resource that is the set's own."""
    service = scope.whole or scope.service
    whole = service.resources
    own = [is_own(service, entry, scope.target_set) for entry in whole]
    first = own.index(True) if True in own else len(whole)
    return [
        (driver, host.connection)
        for host in scope.service.hosts
        for driver, mine in [*zip(drivers(scope.service, host), own, strict=True)][first:]
        if isinstance(driver, AppDriver) and not mine
    ]


def _take_down(scope: Scope, resources: list[_OnHost]) -> Steps[None]:
    for driver, host in reversed(resources):
        yield from bring(scope, (yield from look_before(driver, host)), Way.DOWN)


def _in_use(scope: Scope, other: SetSeen) -> CloneError:
    if other.in_use is InUse.UNKNOWN:
        return Unknown(
            f"{scope.who}: the service is not started: it is not known whether set {other.name} is in use: "
            f"{other.why}",
            "run the probe by hand on the host (the log above has its command line) and fix the cause of the "
            "unclear answer",
        )
    return Refused(
        f"{scope.who}: the service is not started: set {other.name} is {other.in_use}: {other.why}",
        "trigger the action again: a new run plans with the set that is in use now",
    )


def _up(scope: Scope, row: Row, though: str) -> CloneError:
    """:param though: why it should be down."""
    kind = Unknown if row.probe.use is Use.UNKNOWN else Refused
    return kind(
        f"{scope.who}: the service is not started: {row.label} on {row.host} is {row.probe.use.value}, "
        f"and {though}: {row.probe.evidence}",
        f"stop it on {row.host}, or fix the cause of the unclear answer; then clear this task",
    )
