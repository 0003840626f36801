"""Copies on a host that also sees their source, or another copy of it.

A copy has its source's identifiers and name. Volume managers do not use it, or not by itself, until a command
of theirs has written identifiers of its own on to its disks; the next copy overwrites those again. The lab's
group with `copy_of` is what its disks hold after that command; until then it cannot be found by its name.
"""

from __future__ import annotations

import zlib

from lab.hosts import torn
from lab.hosts.volume_groups import StorageHost, VolumeGroup


def is_duplicate(host: StorageHost, vg: VolumeGroup) -> bool:
    """Whether its disks have the source's identifiers now."""
    return vg.config.copy_of is not None and vg.renewed != torn.points(host.world, vg.disks)[0]


def renew(host: StorageHost, vg: VolumeGroup) -> None:
    """Write identifiers of its own on to its disks."""
    vg.renewed = torn.points(host.world, vg.disks)[0]
    vg.label, vg.tags = None, set()


def shown_name(host: StorageHost, vg: VolumeGroup) -> str:
    """The name that is on its disks: a copy has its source's until it is given one of its own."""
    if vg.config.copy_of and is_duplicate(host, vg) and not vg.active:
        return vg.config.copy_of
    return vg.label or vg.name


def source_of(host: StorageHost, vg: VolumeGroup) -> VolumeGroup | None:
    """The group that it is a copy of, when the host has that too."""
    return host.groups.get(vg.config.copy_of) if vg.config.copy_of else None


def twins(host: StorageHost, vg: VolumeGroup) -> list[VolumeGroup]:
    """The groups of the host whose file systems bear the same identifiers: its source, and other copies of
    that."""
    of = vg.config.copy_of
    return [g for g in host.groups.values() if of and g is not vg and of in (g.name, g.config.copy_of)]


def on_disks(host: StorageHost, names: list[str]) -> VolumeGroup | None:
    """The group whose disks have these names, all of them and no other; a path's last part will do."""
    wanted = sorted(name.rsplit("/", 1)[-1] for name in names)
    for vg in host.groups.values():
        if sorted(disk.path.rsplit("/", 1)[-1] for disk in vg.disks) == wanted:
            return vg
    return None


def identifier(vg: VolumeGroup) -> str:
    """The group's identifier since it was last renewed."""
    text = f"{vg.name}{vg.renewed}".encode()
    return f"00f6050a00004c00{zlib.crc32(text):08x}{zlib.crc32(text[::-1]):08x}"


def held(host: StorageHost, vg: VolumeGroup) -> str:
    """The identifier that is on the disks."""
    source = source_of(host, vg)
    return identifier(source) if source is not None and is_duplicate(host, vg) else identifier(vg)
