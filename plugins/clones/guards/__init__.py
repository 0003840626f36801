"""Guards: what must not be in use besides the resources themselves before copies are overwritten.

A resource's own probe says whether it is up where it is configured. A guard looks wider: does anybody answer
at the address, does anything else use the disks, do other servers still use the copies? Guards only look.
They have the shape of a resource's probe, and not knowing is not down for them either (D2, D3).
"""

from __future__ import annotations

from typing import Protocol

from clones.asking.steps import Command, Result
from clones.config import Fs, FsByDevice, Ip, Production, Service, Vg
from clones.guards.address import AddressGuard
from clones.guards.by_number import ExportsGuard, NamespacesGuard, OpenFilesGuard
from clones.guards.disks import DiskGuard, FuserGuard, nodes
from clones.guards.site_check import SiteCheckGuard
from clones.resources import linux
from clones.resources.base import Probe

__all__ = ["Guard", "guards"]


class Guard(Protocol):
    """One look at one host."""

    @property
    def label(self) -> str:
        """How logs and errors name it, e.g. ``answer of 192.168.32.41``."""
        ...

    @property
    def host(self) -> str:
        """The connection of the host that is asked."""
        ...

    def probe(self) -> Command:
        """A command that only looks."""
        ...

    def read(self, result: Result) -> Probe:
        """The reading of its result; never raises: what cannot be read is `unknown`."""
        ...

    def explained_by(self, host: str, label: str) -> bool:
        """Whether that resource, being up there, is enough for this guard to be up too."""
        ...


def guards(what: Service | Production) -> list[Guard]:
    """All that are looked at for a service, or for production, in order."""
    found: list[Guard] = []
    resources = [entry.resource for entry in what.resources if entry.resource]
    groups = [one for one in resources if isinstance(one, Vg)]
    for one in resources:
        if isinstance(one, Ip):
            found.append(AddressGuard(what.hosts[0], one))
    for host in what.hosts:
        disks = [disk for group in groups for disk in _nodes(group, host.family)]
        bare = [one.dev for one in resources if isinstance(one, Fs) and _bare(one, groups, host.family)]
        every = list(dict.fromkeys([*disks, *bare]))
        if host.family == "linux" and every:
            found += [DiskGuard(host, disk) for disk in every]
            found += [kind(host, every) for kind in (NamespacesGuard, OpenFilesGuard, ExportsGuard)]
        if any(nodes(disk) for disk in every):
            found.append(FuserGuard(host, every))
    if isinstance(what, Service):
        found += [SiteCheckGuard(check) for check in what.down_checks]
    return found


def _nodes(group: Vg, family: str) -> tuple[str, ...]:
    """A group's disks by the names that its host's own programs take.

    VxVM's names are none: on Linux its block device ``/dev/vx/dmp/NAME`` is (documented: VxVM
    administrator's guide, disk devices). Elsewhere nothing but fuser is asked for disks, and of that device
    nobody has shown that it takes it.
    """
    if group.manager == "vxvm" and family == "linux":
        return tuple(f"/dev/vx/dmp/{disk}" for disk in group.devices)
    return group.devices


def _bare(fs: Fs, groups: list[Vg], family: str) -> bool:
    """Whether a file system lies on a disk itself, not on a volume of one of the service's groups.

    On other families than Linux that is asked of a target set's own alone, by the names of disks there.
    """
    if fs.dev.startswith("/dev/vx/"):
        return False
    if family == "linux":
        return not any(linux.on_group(fs.dev, group.name) for group in groups)
    return isinstance(fs, FsByDevice) and len(nodes(fs.dev)) > 1
