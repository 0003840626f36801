"""What a service is made of, on each family of hosts: what to send, and how to read what comes back.

One small module a family (hpux.py, linux.py, aix.py, sunos.py), one a volume manager that several families
have (vxvm.py, zfs.py), and app.py for what sites bring up by their own commands. A driver is one resource
on one host, in the shape of :class:`clones.resources.base.Driver`.
"""

from __future__ import annotations

from collections.abc import Callable

from clones.config import App, Command, Fs, Host, Ip, Production, Resource, Service, Vg
from clones.errors import ConfigError
from clones.resources import aix, hpux, linux, sunos, vxvm, zfs
from clones.resources.app import AppDriver
from clones.resources.base import Driver

__all__ = ["PLACES", "drivers"]

PLACES = (
    *("configured", "absent", "occupied", "plumbed", "active", "inactive", "varied off"),
    *("imported", "exported", "deported", "mounted", "read-only", "unmounted", "running", "stopped"),
)
"""Every place between stopped and started that a driver knows (`Probe.at`), but `elsewhere`."""

_IP: dict[str, Callable[[Host, Ip], Driver]] = {
    "hpux": hpux.IpDriver,
    "linux": linux.IpDriver,
    "aix": aix.IpDriver,
    "sunos": sunos.IpDriver,
}
_VG: dict[tuple[str, str], Callable[[Host, Vg], Driver]] = {
    ("hpux", "lvm"): hpux.VgDriver,
    ("linux", "lvm"): linux.VgDriver,
    ("aix", "lvm"): aix.VgDriver,
    ("sunos", "zfs"): zfs.PoolDriver,
    **{(family, "vxvm"): vxvm.GroupDriver for family in _IP},
}
_FS: dict[str, Callable[[Host, Fs], Driver]] = {
    "hpux": hpux.FsDriver,
    "linux": linux.FsDriver,
    "aix": aix.FsDriver,
    "sunos": sunos.FsDriver,
}


def drivers(service: Service | Production, host: Host) -> list[Driver]:
    """The resources of a service, or of production, on that host, in the order in which they are started.

    :raises ConfigError: when one of them cannot be handled on that host's family.
    """
    resources = [entry.resource for entry in service.resources if entry.resource]
    return [_driver(resource, host, resources) for resource in resources]


def _driver(resource: Resource, host: Host, every: list[Resource]) -> Driver:
    """:param every: all resources of the service, or of production."""
    match resource:
        case Ip():
            return _IP[host.family](host, resource)
        case Vg():
            return _vg(resource, host)
        case Fs():
            if resource.type == "zfs" and host.family != "sunos":
                raise ConfigError(
                    f"fs {resource.mnt} on {host.connection}: `type: zfs` is known on the family sunos only.",
                    "fix `type`, or list a `command` that mounts it",
                )
            if host.family == "linux":
                return _linux_fs(resource, host, every)
            return _FS[host.family](host, resource)
        case App() | Command():
            return AppDriver(host, resource)


def _linux_fs(fs: Fs, host: Host, every: list[Resource]) -> Driver:
    copies = [one.name for one in every if isinstance(one, Vg) and one.same_host_as_source]
    device = linux.device_name(fs.dev)
    others = [one for one in every if isinstance(one, Fs) and one is not fs]
    return linux.FsDriver(
        host,
        fs,
        beside_source=any(linux.on_group(fs.dev, name) for name in copies),
        beside=[one.mnt for one in others if linux.device_name(one.dev) == device],
    )


def _vg(vg: Vg, host: Host) -> Driver:
    made = _VG.get((host.family, vg.manager))
    if made is None:
        known = " or ".join(manager for family, manager in _VG if family == host.family)
        raise ConfigError(
            f"vg {vg.name} on {host.connection}: the family {host.family} has no `manager: {vg.manager}`"
            f"{', which is the default' if vg.manager == 'lvm' else ''}.",
            f"give `manager` as {known}, or list a `command` that handles the group",
        )
    return made(host, vg)
