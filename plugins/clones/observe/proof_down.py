"""Proof that a service, or production, is down (D3): every resource, on every host, says so by itself.

Every guard (:mod:`clones.guards`) must say, too, that nothing else uses the copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clones.asking.side_by_side import abreast
from clones.asking.steps import PROOF, Steps, note, run
from clones.config import Production, Service
from clones.config.scope import Scope
from clones.decide.unlisted_groups import unlisted_groups
from clones.errors import ConfigError, Refused, Unknown
from clones.guards import Guard, guards
from clones.guards.address import AddressGuard
from clones.resources import drivers
from clones.resources.base import Driver, Probe, Use


@dataclass(frozen=True)
class Seen:
    """What was said on one host about one thing."""

    host: str
    label: str
    probe: Probe

    def line(self) -> str:
        """For the log and the proof."""
        probe = self.probe
        return f"{probe.use.value:8} {self.host}  {self.label}  [{probe.at}] {probe.evidence}"


@dataclass(frozen=True)
class Row(Seen):
    """What one resource said."""

    driver: Driver


@dataclass(frozen=True)
class GuardRow(Seen):
    """What one guard said."""

    guard: Guard


def look(driver: Driver, host: str) -> Steps[Row]:
    """Probe one resource."""
    result = yield from run(driver.probe())
    return Row(host, driver.label, driver.read(result), driver)


def look_at(guard: Guard) -> Steps[GuardRow]:
    """Ask one guard."""
    result = yield from run(guard.probe())
    return GuardRow(guard.host, guard.label, guard.read(result), guard)


def look_at_all(scope: Scope) -> Steps[list[Row]]:
    """Probe every resource of the service on every host, and log the table."""
    rows, _ = yield from _look_around(_whole(scope), scope.service, [])
    return rows


def look_around(scope: Scope, *, only_addresses: bool = False) -> Steps[tuple[list[Row], list[GuardRow]]]:
    """The same, and ask every guard of the service with them.

    :param only_addresses: leave the disks and the other servers alone.
    """
    asked = [g for g in guards(scope.service) if isinstance(g, AddressGuard) or not only_addresses]
    return (yield from _look_around(_whole(scope), scope.service, asked))


def unexplained(rows: Sequence[Row], around: Sequence[GuardRow]) -> list[GuardRow]:
    """The guards that are up though every resource that would account for it is known to be down."""
    up = [row for row in rows if row.probe.use is not Use.DOWN]
    return [
        seen
        for seen in around
        if seen.probe.use is Use.UP and not any(seen.guard.explained_by(row.host, row.label) for row in up)
    ]


def prove_down(scope: Scope) -> Steps[list[Seen]]:
    """Go on only if every resource says that it is down, and every guard that nothing else is in use.

    Of a service on a target set that is what is the set's own: it may be up on another set.

    :raises Refused: something is up.
    :raises Unknown: something could not tell; not knowing is not down (D2).
    """
    if scope.service.unattended:
        yield from note(
            f"Service {scope.name} is configured `unattended: true`: no proof that its targets are unused",
            "the owner of the service is responsible for the servers that use them",
            kind=PROOF,
        )
        return []
    return (
        yield from _prove(
            _whole(scope),
            scope.own().service,
            "find out what uses the set, and end that; if a prepare has left its groups active and nothing "
            "of them is mounted, deactivate them by hand"
            if scope.target_set
            else "run the action `refresh`, which stops it, or `stop` first; if it should be down, find out "
            "who started it",
        )
    )


def prove_production_down(scope: Scope) -> Steps[list[Seen]]:
    """The same for what uses the sources. Nothing here ever stops it.

    :raises ConfigError: the service does not say what uses its sources.
    """
    if scope.service.production is None:
        raise ConfigError(
            f"Service {scope.name} has no `production`: that its sources are unused cannot be proven. "
            "Nothing was sent to the array.",
            "list in services.yaml under `production` what runs on the source disks, and where",
        )
    return (
        yield from _prove(
            f"production of service {scope.name}",
            scope.service.production,
            "stop production and unmount its disks on every host; a merge-back would overwrite them in use",
        )
    )


def _look_around(
    subject: str, what: Service | Production, asked: Sequence[Guard]
) -> Steps[tuple[list[Row], list[GuardRow]]]:
    resources = [look(driver, host.connection) for host in what.hosts for driver in drivers(what, host)]
    looks: list[Steps[Row] | Steps[GuardRow]] = [*resources, *(look_at(guard) for guard in asked)]
    seen = yield from abreast(looks)
    rows = [one for one in seen if isinstance(one, Row)]
    around = [one for one in seen if isinstance(one, GuardRow)]
    if rows:
        yield from note(f"What {subject} uses now", *(row.line() for row in rows))
    if around:
        yield from note(f"What else may be in use of {subject}", *(row.line() for row in around))
    return rows, around


def _prove(subject: str, what: Service | Production, remedy: str) -> Steps[list[Seen]]:
    refuse_unlisted_groups(subject, what)
    own, around = yield from _look_around(subject, what, guards(what))
    # With a resource up, the guards would only say the same again.
    rows: list[Seen] = [*own] if any(row.probe.use is Use.UP for row in own) else [*own, *around]
    up = [row.line() for row in rows if row.probe.use is Use.UP]
    if up:
        raise Refused(
            f"{subject[0].upper()}{subject[1:]} is not down:\n  "
            + "\n  ".join(up)
            + "\nNothing was sent to the array.",
            remedy,
        )
    _require_known(subject, rows)
    yield from note(f"Proven: {subject} is down", *(row.line() for row in rows), kind=PROOF)
    return rows


def refuse_unlisted_groups(subject: str, what: Service | Production) -> None:
    """Nothing proves a group down that is not listed (:mod:`clones.decide.unlisted_groups`).

    :raises Refused: naming each file system.
    """
    unlisted = unlisted_groups(what)
    if unlisted:
        raise Refused(
            f"{subject[0].upper()}{subject[1:]} cannot be proven down: an active group would stay under the "
            "copy:\n  " + "\n  ".join(unlisted) + "\nNothing was sent to the array.",
            "list in services.yaml each group as a `vg` before its file systems; one that no driver knows as "
            "a `command`",
        )


def require_known(scope: Scope, rows: Sequence[Seen]) -> None:
    """:raises Unknown: naming everything that could not tell."""
    _require_known(_whole(scope), rows)


def _whole(scope: Scope) -> str:
    """What is looked at, for the log."""
    return f"set {scope.target_set} of service {scope.name}" if scope.target_set else f"service {scope.name}"


def _require_known(subject: str, rows: Sequence[Seen]) -> None:
    unknown = [row.line() for row in rows if row.probe.use is Use.UNKNOWN]
    if unknown:
        raise Unknown(
            f"It is not known whether {subject} is down:\n  "
            + "\n  ".join(unknown)
            + "\nNothing was sent to the array.",
            "run these probes by hand on the host (the log above has their command lines) and fix the "
            "cause of the unclear answer",
        )
