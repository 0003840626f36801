"""Proof that a service, or production, is down (D3): every resource, on every host, says so by itself."""

from __future__ import annotations

from dataclasses import dataclass

from clones.config import Production, Service
from clones.errors import ConfigError, Refused, Unknown
from clones.resources import drivers
from clones.resources.base import Driver, Probe, Use
from clones.scope import Scope
from clones.steps import PROOF, Steps, note, run


@dataclass(frozen=True)
class Row:
    """What one resource said on one host."""

    host: str
    driver: Driver
    probe: Probe

    def line(self) -> str:
        probe = self.probe
        return f"{probe.use.value:8} {self.host}  {self.driver.label}  [{probe.at}] {probe.evidence}"


def look(driver: Driver, host: str) -> Steps[Row]:
    """Probe one resource."""
    result = yield from run(driver.probe())
    return Row(host, driver, driver.read(result))


def look_at_all(scope: Scope) -> Steps[list[Row]]:
    """Probe every resource of the service on every host, and log the table."""
    return (yield from _look_at_all(f"service {scope.name}", scope.service))


def prove_down(scope: Scope) -> Steps[list[Row]]:
    """Go on only if every resource says that it is down.

    :raises Refused: something is up.
    :raises Unknown: something could not tell; not knowing is not down (D2).
    """
    if scope.service.unattended:
        yield from note(
            f"Service {scope.name} is configured `unattended: true`: no proof that its targets are unused",
            "whoever runs it answers for the servers that use them",
            kind=PROOF,
        )
        return []
    return (
        yield from _prove(
            f"service {scope.name}",
            scope.service,
            "run the action `refresh`, which stops it, or `stop` first; if it should be down, see who "
            "started it",
        )
    )


def prove_production_down(scope: Scope) -> Steps[list[Row]]:
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


def _look_at_all(subject: str, what: Service | Production) -> Steps[list[Row]]:
    rows = []
    for host in what.hosts:
        for driver in drivers(what, host):
            rows.append((yield from look(driver, host.connection)))
    if rows:
        yield from note(f"What {subject} uses now", *(row.line() for row in rows))
    return rows


def _prove(subject: str, what: Service | Production, remedy: str) -> Steps[list[Row]]:
    rows = yield from _look_at_all(subject, what)
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


def require_known(scope: Scope, rows: list[Row]) -> None:
    """:raises Unknown: naming every resource that could not tell."""
    _require_known(f"service {scope.name}", rows)


def _require_known(subject: str, rows: list[Row]) -> None:
    unknown = [row.line() for row in rows if row.probe.use is Use.UNKNOWN]
    if unknown:
        raise Unknown(
            f"Whether {subject} is down could not be told:\n  "
            + "\n  ".join(unknown)
            + "\nNothing was sent to the array.",
            "run these probes by hand on the host (the log above has their command lines) and mend what "
            "keeps them from telling",
        )
