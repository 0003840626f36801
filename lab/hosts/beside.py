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
    vg.label, vg.tags, vg.renamed = None, set(), False


def shown_name(host: StorageHost, vg: VolumeGroup) -> str:
    """The name that is on its disks: a copy has its source's until it is given one of its own."""
    if vg.config.copy_of and is_duplicate(host, vg) and not vg.active:
        return vg.config.copy_of
    return vg.label or vg.name


def source_of(host: StorageHost, vg: VolumeGroup) -> VolumeGroup | None:
    """The group that it is a copy of, when the host has that too."""
    source = host.groups.get(vg.config.copy_of) if vg.config.copy_of else None
    return None if source is vg else source


def volumes_of_source(host: StorageHost, vg: VolumeGroup) -> set[str]:
    """The names that its volumes have on its disks: those of its source, on whatever host that is."""
    groups = [g for h in host.world.config.hosts for g in h.volume_groups if g.name == vg.config.copy_of]
    return {lv.name for g in groups[:1] for lv in g.logical_volumes} or set(vg.volumes)


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
    return _identifier(f"{vg.name}{vg.renewed}")


def _identifier(text: str) -> str:
    plain = text.encode()
    return f"00f6050a00004c00{zlib.crc32(plain):08x}{zlib.crc32(plain[::-1]):08x}"


def held(host: StorageHost, vg: VolumeGroup) -> str:
    """The identifier that is on the disks."""
    if not is_duplicate(host, vg):
        return identifier(vg)
    source = source_of(host, vg)
    return identifier(source) if source is not None else _identifier(f"{vg.config.copy_of}")
