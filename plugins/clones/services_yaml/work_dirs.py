"""Where a connection's tokens stand: all that services.yaml says of one connection must agree.

A try is blocked only in the folder in which it looks (:mod:`clones.asking.fence`); on a control host that is
the lock's. Two connections to one machine cannot be seen here.
"""

from __future__ import annotations

from clones.config import Config
from clones.services_yaml.checks import Problem


def check_work_dirs(config: Config) -> list[Problem]:
    """Connections of which two folders are said."""
    controls = dict.fromkeys(service.control_host for service in config.services.values())
    of_control = {name: config.symcli.on(name).work_dir for name in controls}
    first: dict[str, str] = {}
    problems: list[Problem] = []
    for name, service in config.services.items():
        production = service.production.hosts if service.production else ()
        for place, hosts in ((("hosts",), service.hosts), (("production", "hosts"), production)):
            for number, host in enumerate(hosts):
                if host.work_dir is None:
                    continue
                other = of_control.get(host.connection) or first.setdefault(host.connection, host.work_dir)
                if host.work_dir != other:
                    at = ("services", name, *place, number, "work_dir")
                    problems.append((at, _two(host.connection, host.work_dir, other, of_control)))
    return problems


def _two(connection: str, here: str, other: str, of_control: dict[str, str]) -> str:
    if connection in of_control:
        return (
            f"`work_dir: {here}` of {connection}, a control host, whose locks and tokens are in {other}: "
            f"remove this `work_dir`, or give `symcli.control_hosts.{connection}` the same one"
        )
    return (
        f"`work_dir: {here}` of {connection}, and `{other}` elsewhere in this file: a host has one such "
        "folder; write the same everywhere"
    )
