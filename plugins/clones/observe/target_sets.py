"""How each target set of a service is used, as its own resources say on every host of it."""

from __future__ import annotations

from collections.abc import Sequence

from clones.asking.side_by_side import abreast
from clones.asking.steps import Steps, note
from clones.config.scope import Scope
from clones.decide.target_sets import InUse, SetSeen
from clones.observe.proof_down import Row, look
from clones.resources import drivers
from clones.resources.base import Driver, Use


def look_at_sets(scopes: Sequence[Scope]) -> Steps[list[SetSeen]]:
    """Probe the own resources of each set on each of its hosts, and log what is used.

    :param scopes: the service on each of its sets, in order (:meth:`clones.config.scope.Scope.each_set`).
    :returns: one a set, in their order.
    :raises CloneError: a host cannot be asked.
    """
    rows = yield from abreast(look_at_own(scope) for scope in scopes)
    seen = [judge(scope.target_set, found) for scope, found in zip(scopes, rows, strict=True)]
    if seen:
        yield from note(
            f"Target sets of service {scopes[0].name}",
            *(f"set {one.name} is {one.in_use}: {one.why}" for one in seen),
        )
    return seen


def look_at_own(scope: Scope) -> Steps[list[Row]]:
    """Probe what is the set's own, on each of its hosts."""
    own = scope.own().service
    return (
        yield from abreast(
            look(driver, host.connection) for host in own.hosts for driver in drivers(own, host)
        )
    )


def is_group(driver: Driver) -> bool:
    """Whether it serves nothing by being up: a group, from which something else is mounted."""
    return driver.prepared == driver.started


def serving(rows: Sequence[Row]) -> list[Row]:
    """Of a set's own resources what serves its data: all but groups, or these where there is nothing else."""
    return [row for row in rows if not is_group(row.driver)] or [*rows]


def judge(name: str, rows: Sequence[Row]) -> SetSeen:
    """How a set is used.

    It may have several hosts, and is wholly in use when all that serves is up on one of them.

    :param rows: what its own resources say.
    """
    serves = serving(rows)
    running = [row for row in serves if row.probe.use is Use.UP]
    unknown = [row for row in rows if row.probe.use is Use.UNKNOWN]
    if unknown or not rows:
        return SetSeen(
            name, InUse.UNKNOWN, _said(unknown[0]) if unknown else "it has no resources of its own"
        )
    if running:
        whole = all(row.probe.use is Use.UP for row in serves if row.host == running[0].host)
        one_host = len({row.host for row in running}) == 1
        if whole and one_host:
            return SetSeen(name, InUse.IN_USE, _said(running[0]))
        amiss = next((row for row in serves if row.probe.use is not Use.UP), running[-1])
        return SetSeen(name, InUse.PARTLY, f"{_said(running[0])}; {_said(amiss)}")
    active = [row for row in rows if row.probe.use is Use.UP]
    if active:
        return SetSeen(name, InUse.READY, _said(active[0]))
    return SetSeen(name, InUse.UNUSED, _said(rows[-1]))


def _said(row: Row) -> str:
    return f"{row.label} on {row.host} is {row.probe.use.value}: {row.probe.evidence}"
