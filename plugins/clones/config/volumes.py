"""The group that a file system's device is a volume of, as far as the spelling shows it."""

from __future__ import annotations

import re
from typing import NamedTuple

from clones.config.resources import Fs

_MAPPED = re.compile(r"/dev/mapper/(?P<group>(?:[^/-]|--)+)-(?P<volume>(?:[^/-]|--)+)")
_PARTITION = re.compile(r"/dev/mapper/.*-part\d+")
"""Of a disk with several paths."""
_VOLUME = re.compile(r"/dev/(?P<vx>vx/dsk/)?(?P<group>[^/]+)/[^/]+")
_NO_GROUPS = frozenset({"mapper", "dsk", "disk", "md", "block", "zvol"})
"""Folders of /dev that are no group of LVM."""


class Group(NamedTuple):
    """A group by its manager (`lvm`, `vxvm`, `zfs`) and name."""

    manager: str
    name: str


def block_device(device: str) -> str:
    """A file system's device as one name for all its names: of the block device, of the group and volume."""
    found = _MAPPED.fullmatch(device)
    if found and not _PARTITION.fullmatch(device):
        group, volume = (found[part].replace("--", "-") for part in ("group", "volume"))
        return f"/dev/{group}/{volume}"
    return re.sub(r"^/dev/(vx/)?r(dsk|disk)/", r"/dev/\1\2/", device)


def group_of(fs: Fs) -> Group | None:
    """The group that it lies on; None where the device does not show one: a disk, or a volume of AIX."""
    if fs.type == "zfs":
        return Group("zfs", fs.dev.partition("/")[0])
    found = _VOLUME.fullmatch(block_device(fs.dev))
    if not found or found["group"] in _NO_GROUPS:
        return None
    return Group("vxvm" if found["vx"] else "lvm", found["group"])
