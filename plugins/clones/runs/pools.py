"""Airflow's pools: how many commands run at the same time on an array and on a host.

A task is in the pool of what it sends commands to; a wait is in none (decision 0012). A task whose pool does
not exist stays `scheduled` for ever, in silence: the first task of a run therefore asks whether all do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clones.config import Limits, Service, Sync
from clones.errors import Refused
from clones.observe.findings import Finding, Level

KNOWN = "symclone_pools"
"""The Airflow Variable that says which pools exist: tasks cannot ask Airflow for that."""

REMEDY = (
    "run `scripts/pools` where Airflow's metadata database is reached (it makes what is missing and changes "
    "no pool that is there), then clear this task"
)


@dataclass(frozen=True)
class Pool:
    """A pool as it is made when it is missing; the site may give it another size then."""

    name: str
    slots: int
    description: str

    def to_plain(self) -> dict[str, object]:
        """As Airflow's REST API takes it."""
        return {
            "name": self.name,
            "slots": self.slots,
            "description": self.description,
            "include_deferred": False,
        }


def array_pool(limits: Limits, service: Service, sync: Sync) -> str | None:
    """The pool of a sync's control commands, None for none; its host's where the array is not configured."""
    if limits.per_array is None:
        return None
    return f"symclone_array_{sync.symid}" if sync.symid else f"symclone_control_{service.control_host}"


def host_pool(limits: Limits, connection: str | None) -> str | None:
    """The pool of the commands on a service host, None for none."""
    return f"symclone_host_{connection}" if limits.per_host is not None and connection else None


def pools_of(limits: Limits, services: Mapping[str, Service]) -> list[Pool]:
    """Every pool that the DAGs of these services use, by name."""
    found: dict[str, Pool] = {}

    def add(name: str | None, slots: int | None, what: str) -> None:
        if name and slots:
            found[name] = Pool(name, slots, f"symclone-airflow: commands at the same time on {what}")

    for service in services.values():
        for sync in service.syncs:
            array = f"array {sync.symid}" if sync.symid else f"the arrays behind {service.control_host}"
            add(array_pool(limits, service, sync), limits.per_array, array)
        for host in _hosts(service):
            add(host_pool(limits, host), limits.per_host, f"host {host}")
    return [found[name] for name in sorted(found)]


def _hosts(service: Service) -> Iterable[str]:
    """Where tasks stop, start and try the service.

    Hooks around an activation are in no pool: what holds up production must not queue.
    """
    yield from (host.connection for host in service.hosts[:1])
    hooks = service.before_stop + service.before_start + service.after_start + service.probes
    yield from map(service.host_of, hooks)


def require(pools: Iterable[str], known: Iterable[str]) -> None:
    """:raises Refused: naming the pools that are not known to exist."""
    missing = sorted(set(pools) - set(known))
    if missing:
        raise Refused(
            f"Not known to exist in this Airflow: pool {', '.join(missing)}. A task in it would stay "
            "`scheduled` for ever. Nothing was done.",
            REMEDY,
        )


def findings(pools: Iterable[Pool], known: Iterable[str] | None) -> list[Finding]:
    """The check of a site's pools.

    :param known: None when that cannot be told from here.
    """
    wanted = [pool.name for pool in pools]
    if not wanted:
        return []
    if known is None:
        what = f"this check does not show whether the pools {', '.join(wanted)} exist"
        remedy = "run `scripts/pools --check`, or the DAG clone_preflight"
        return [Finding(Level.WARNING, "Airflow", what, remedy)]
    missing = sorted(set(wanted) - set(known))
    if missing:
        what = f"pool {', '.join(missing)} is not known to exist: every run that needs it is refused"
        return [Finding(Level.ERROR, "Airflow", what, REMEDY.removesuffix(", then clear this task"))]
    return [Finding(Level.OK, "Airflow", f"all {len(wanted)} pools that its DAGs use are there")]
