"""What a site configures: services, their syncs, pairs, hosts and resources.

Keys bear the predecessor's keyword where it has one. Unknown keys are errors. Reading a file, with the line
of each error, is :mod:`clones.services_yaml.file`; checks across services are
:mod:`clones.services_yaml.checks`.
"""

from clones.config.hooks import Hook
from clones.config.resources import (
    App,
    Command,
    DownCheck,
    Fs,
    FsByDevice,
    Host,
    Ip,
    Production,
    Resource,
    ResourceEntry,
    Vg,
)
from clones.config.services import (
    NO_LIMITS,
    Alerts,
    Config,
    Limits,
    Service,
    StatusSweep,
    Symcli,
    SymcliOfHosts,
)
from clones.config.syncs import Pair, Sync

__all__ = [
    "NO_LIMITS",
    "Alerts",
    "App",
    "Command",
    "Config",
    "DownCheck",
    "Fs",
    "FsByDevice",
    "Hook",
    "Host",
    "Ip",
    "Limits",
    "Pair",
    "Production",
    "Resource",
    "ResourceEntry",
    "Service",
    "StatusSweep",
    "Symcli",
    "SymcliOfHosts",
    "Sync",
    "Vg",
]
