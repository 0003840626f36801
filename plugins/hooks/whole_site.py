"""A look at all that a configuration names, over SSH: the status of its copies, and the preflight.

The sweep, the preflight's task and the scripts all look by these.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from clones.config import Config, Service
from clones.errors import ConfigError
from clones.fleet import look as fleet
from clones.fleet import status
from clones.fleet.set_in_use import SetInUse
from clones.fleet.status import ServiceStatus
from clones.observe.findings import Finding, Level, count
from clones.runs.pools import KNOWN, pools_of
from clones.runs.pools import findings as pool_findings
from hooks import needs, without_airflow
from hooks.configuration import load
from hooks.hosts import open_hosts


def look_at_copies(
    config: str,
    service: str | None = None,
    *,
    in_use: Callable[[str, Service], SetInUse] | None = None,
    known: Callable[[str], Mapping[str, Mapping[str, int]]] | None = None,
    level: int = logging.DEBUG,
) -> list[ServiceStatus]:
    """The status of one service of a configuration file, or of all of them, worst first.

    :param in_use: tells which target set a service with sets uses; by default its hosts are asked.
    :param known: tells which snapshots of a service are known, by sync: that spares questions.
    :param level: of the log, as :class:`hooks.symcli.SymcliHook` has it.
    :raises ConfigError: the file cannot be used, or has no such service.
    """
    read = load(config, only=service)
    hints = {name: known(name) for name, one in read.services.items() if one.unisphere} if known else {}
    # At every sweep the device lists of all arrays would fill the log; what is wrong is in the errors.
    with open_hosts(level=level) as hosts:
        looked = hosts.run(fleet.look(read.services, read.symcli, hints))
        if in_use is None:
            sets = hosts.run(fleet.ask_hosts(read.services, read.symcli))
        else:
            sets = {name: in_use(name, one) for name, one in read.services.items() if one.sets}
    return status.judge(read.services, looked, sets)


def preflight(
    config: str, service: str | None, *, in_task: bool = False, level: int = logging.INFO
) -> list[Finding]:
    """The findings about one service of a configuration file, or about all of them.

    :param in_task: whether this is one of Airflow's tasks.
    :param level: of the log, as :class:`hooks.symcli.SymcliHook` has it.
    :raises ConfigError: the file cannot be used, or has no such service.
    """
    # which a look at the copies does without
    from clones.preflight.check import check
    from clones.preflight.gates import Wanted

    read = load(config, only=service)
    packages = needs.findings()
    if count(packages, Level.ERROR):
        return packages  # nothing can be reached
    known = _known_pools()
    if known is None and in_task:
        known = []  # a task would be told; elsewhere there may be no Airflow to ask
    whole, wrong = (read, list[Finding]()) if service is None else _whole(config, read)
    others = {name: one for name, one in whole.services.items() if name not in read.services}
    with open_hosts(level=level) as hosts:
        wanted = Wanted(whole, datetime.now(UTC))
        found = hosts.run(check(read.services, read.symcli, wanted, others))
    packages = [finding for finding in packages if finding.level is not Level.OK]
    return [*packages, *found, *wrong, *pool_findings(pools_of(read.limits, read.services), known)]


def _whole(path: str, read: Config) -> tuple[Config, list[Finding]]:
    """The whole file, to which a policy belongs; what was read of it, where the rest is wrong."""
    try:
        return load(path), []
    except ConfigError as error:
        first = error.what.partition("\n")[0]
        what = (
            f"devices were not compared with those of other services, in which the file has errors: {first}"
        )
        return read, [Finding(Level.WARNING, "configuration", what, "fix these, then check again")]


def _known_pools() -> list[str] | None:
    """As :func:`hooks.from_airflow.known_pools`."""
    told, names = without_airflow.variable(KNOWN)
    if told:
        return None if names is None else names.split()
    from hooks.from_airflow import known_pools

    return known_pools()
