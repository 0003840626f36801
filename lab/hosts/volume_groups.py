"""Volume groups of a host, as state: the disks that they lie on, and how their volumes are called."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from lab.array.session import Device
from lab.config.hosts import HostConfig, LogicalVolumeConfig, VolumeGroupConfig
from lab.hosts.host import Host
from lab.volumes import Manager, volume_paths
from lab.world import World


@dataclass
class Disk:
    symid: str
    device: Device
    path: str
    tags: set[str] = field(default_factory=set)
    """VxVM's, of `vxdisk settag`."""


@dataclass
class VolumeGroup:
    """`known`: the host has it in its tables (HP-UX: imported). Its disks are on the array.

    `left` is when this host gave it up by itself, in lab seconds; `clean` the points in time of the copies
    whose file systems were checked or unmounted here, by volume; `renewed` those of the copy that was given
    identifiers of its own (`lab.hosts.beside`); `label` the name that it was given then, where that is not
    the one of the configuration, and `tags` those of LVM since then; `renamed` that its volumes have other
    names than the configuration's, for another group has these.
    """

    config: VolumeGroupConfig
    disks: list[Disk]
    known: bool
    active: bool
    volumes: dict[str, LogicalVolumeConfig]
    left: float | None = None
    clean: dict[str, list[float]] = field(default_factory=dict)
    renewed: list[float] | None = None
    label: str | None = None
    tags: set[str] = field(default_factory=set)
    renamed: bool = False

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def missing(self) -> list[Disk]:
        """Disks that do not answer: their device is not ready on the array."""
        return [d for d in self.disks if not d.device.ready]

    def disks_of(self, volume: str) -> list[Disk]:
        """The disks that a volume lies on."""
        numbers = {int(d, 16) for d in self.volumes[volume].devices}
        return [d for d in self.disks if not numbers or d.device.number in numbers]

    def unready(self, volume: str) -> bool:
        """Whether a disk of the volume does not answer."""
        return any(not d.device.ready for d in self.disks_of(volume))

    @property
    def vgid(self) -> str:
        return f"{zlib.crc32(self.name.encode()):08x}{zlib.crc32(self.name[::-1].encode()):08x}"

    @property
    def megabytes(self) -> int:
        return sum(d.device.megabytes for d in self.disks)


class StorageHost(Host):
    """A host with volume groups on disks of arrays; `groups` by name."""

    def __init__(self, config: HostConfig, world: World) -> None:
        super().__init__(config, world)
        self.groups: dict[str, VolumeGroup] = {}
        for number, vg in enumerate(config.volume_groups):
            disks = [
                Disk(
                    d.array,
                    world.arrays[d.array].devices[int(d.device, 16)],
                    d.path or f"/dev/disk{number}{i}",
                )
                for i, d in enumerate(vg.devices)
            ]
            volumes = {lv.name: lv for lv in vg.logical_volumes}
            self.groups[vg.name] = VolumeGroup(vg, disks, vg.imported, vg.active and vg.imported, volumes)

    def volume(self, device: str) -> tuple[str, str] | None:
        """(volume group, logical volume) of a device path, whatever form the family gives it."""
        for vg in self.groups.values():
            for lv in () if vg.renamed else vg.volumes:
                if device in self.paths(vg, lv):
                    return vg.name, lv
        return None

    def of(self, manager: Manager) -> dict[str, VolumeGroup]:
        """The groups of one volume manager."""
        return {n: g for n, g in self.groups.items() if g.config.manager == manager}

    def paths(self, vg: VolumeGroup, lv: str) -> tuple[str, ...]:
        """Every name of a volume's device."""
        return volume_paths(self.family, vg.config.manager, vg.name, lv)
