"""All that is sent to a connection, by what services.yaml says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clones.backends.symclone.output import Group
from clones.config import Config
from clones.config.scope import Scope
from clones.policy import control_hosts, service_hosts
from clones.policy.sent import Sent, once

Groups = Mapping[str, Group]
"""Device groups of a control host, by name, as it has shown them."""


def sent_to(connection: str, config: Config, groups: Groups = MappingProxyType({})) -> list[Sent]:
    """All commands that a connection gets, each once, in the order of the configuration.

    :param connection: Airflow connection id (SSH).
    :param groups: the device groups of that control host. Of one that is not there, and whose names are not
        pinned to devices, no command by device number is in the list.
    :raises ConfigError: a resource cannot be handled on its host's family.
    """
    found: list[Sent] = []
    for name, service in config.services.items():
        for scope in Scope.each_set(name, service, config.symcli):
            if scope.control_host == connection:
                found += control_hosts.of_service(scope, groups)
            found += service_hosts.of_service(connection, scope)
    return once(found)
