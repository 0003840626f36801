"""Proof that the service is down (D3): every resource, on every host, says so by itself."""

from __future__ import annotations

from dataclasses import dataclass

from clones.errors import Refused, Unknown
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
    """Probe every resource on every host, and log the table."""
    rows = []
    for host in scope.service.hosts:
        for driver in drivers(scope.service, host):
            rows.append((yield from look(driver, host.connection)))
    if rows:
        yield from note(f"What service {scope.name} uses now", *(row.line() for row in rows))
    return rows


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
    rows = yield from look_at_all(scope)
    up = [row.line() for row in rows if row.probe.use is Use.UP]
    if up:
        raise Refused(
            f"Service {scope.name} is not down:\n  " + "\n  ".join(up) + "\nNothing was sent to the array.",
            "run the action `refresh`, which stops it, or `stop` first; if it should be down, see who "
            "started it",
        )
    require_known(scope, rows)
    lines = [row.line() for row in rows]
    yield from note(f"Proven: service {scope.name} is down", *lines, kind=PROOF)
    return rows


def require_known(scope: Scope, rows: list[Row]) -> None:
    """:raises Unknown: naming every resource that could not tell."""
    unknown = [row.line() for row in rows if row.probe.use is Use.UNKNOWN]
    if unknown:
        raise Unknown(
            f"Whether service {scope.name} is down could not be told:\n  "
            + "\n  ".join(unknown)
            + "\nNothing was sent to the array.",
            "run these probes by hand on the host (the log above has their command lines) and mend what "
            "keeps them from telling",
        )
