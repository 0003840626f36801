"""What a service is made of, on each family of hosts: what to send, and how to read what comes back."""

from __future__ import annotations

from collections.abc import Callable

from clones.config import App, Fs, Host, Ip, Production, Resource, Service, Vg
from clones.resources import hpux, linux
from clones.resources.app import AppDriver
from clones.resources.base import Driver
from clones.resources.reading import ELSEWHERE

__all__ = ["ELSEWHERE", "drivers"]

_IP: dict[str, Callable[[str, Ip], Driver]] = {"hpux": hpux.IpDriver, "linux": linux.IpDriver}
_VG: dict[str, Callable[[str, Vg], Driver]] = {"hpux": hpux.VgDriver, "linux": linux.VgDriver}
_FS: dict[str, Callable[[str, Fs], Driver]] = {"hpux": hpux.FsDriver, "linux": linux.FsDriver}


def drivers(service: Service | Production, host: Host) -> list[Driver]:
    """The resources of a service, or of production, on that host, in the order in which they are started.

    :raises ConfigError: when one of them cannot be handled on that host's family.
    """
    return [_driver(entry.resource, host) for entry in service.resources if entry.resource]


def _driver(resource: Resource, host: Host) -> Driver:
    match resource:
        case Ip():
            return _IP[host.family](host.connection, resource)
        case Vg():
            return _VG[host.family](host.connection, resource)
        case Fs():
            return _FS[host.family](host.connection, resource)
        case App():
            return AppDriver(host.connection, resource)
