"""Builds the world that a configuration describes: which kind of array and host each of them is."""

from __future__ import annotations

from lab.array.array import Array
from lab.clock import Clock
from lab.config import LabConfig
from lab.config.arrays import ArrayConfig
from lab.config.hosts import HostConfig
from lab.hosts import vxvm
from lab.hosts.aix import AixHost
from lab.hosts.control import ControlHost
from lab.hosts.host import Host
from lab.hosts.hpux import HpuxHost
from lab.hosts.linux import LinuxHost
from lab.hosts.sunos import SunosHost
from lab.journal import Journal
from lab.real.array import RealArray
from lab.real.host import RealHost
from lab.world import World

FAMILIES: dict[str, type[Host]] = {
    "control": ControlHost, "hpux": HpuxHost, "linux": LinuxHost, "aix": AixHost, "sunos": SunosHost,
}  # fmt: skip


def build(config: LabConfig, clock: Clock, journal: Journal, rate_factor: float = 1.0) -> World:
    """:param rate_factor: multiplies every copy rate."""
    world = World(config, clock, journal)
    for array in config.arrays:
        made = world.arrays[array.symid] = _array(array, world, rate_factor)
        world.snapvx(made).begin(array.snapshots, array.links)
    for host in config.hosts:
        world.hosts[host.name] = _host(host, world)
    for fault in config.faults:
        world.faults.add(fault)
    return world


def _array(config: ArrayConfig, world: World, rate_factor: float) -> Array:
    if config.real:
        return RealArray(config, world, rate_factor)
    return Array(config, world.clock, rate_factor)


def _host(config: HostConfig, world: World) -> Host:
    if config.real:
        return RealHost(config, world)
    host = FAMILIES[config.family](config, world)
    if any(g.manager == "vxvm" for g in config.volume_groups):
        host.install(vxvm.PROGRAMS, vxvm.FOLDERS)
    return host
