"""Simulated hosts: the control host with SYMCLI, and the families of service hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.config.hosts import HostConfig
from lab.hosts import vxvm
from lab.hosts.aix import AixHost
from lab.hosts.control import ControlHost
from lab.hosts.host import Host
from lab.hosts.hpux import HpuxHost
from lab.hosts.linux import LinuxHost
from lab.hosts.sunos import SunosHost
from lab.real.host import RealHost

if TYPE_CHECKING:
    from lab.world import World

FAMILIES: dict[str, type[Host]] = {
    "control": ControlHost, "hpux": HpuxHost, "linux": LinuxHost, "aix": AixHost, "sunos": SunosHost,
}  # fmt: skip


def build(config: HostConfig, world: World) -> Host:
    if config.real:
        return RealHost(config, world)
    host = FAMILIES[config.family](config, world)
    if any(g.manager == "vxvm" for g in config.volume_groups):
        host.install(vxvm.PROGRAMS, vxvm.FOLDERS)
    return host
