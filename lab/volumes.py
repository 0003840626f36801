"""What volume managers there are, and how each names the device of a volume."""

from __future__ import annotations

from typing import Literal

Manager = Literal["lvm", "vxvm", "zpool", "slice"]


def mapper_name(vg: str, lv: str) -> str:
    """As Linux' device mapper writes it: a dash within a name is doubled (documented)."""
    return f"{vg.replace('-', '--')}-{lv.replace('-', '--')}"


def volume_paths(family: str, manager: Manager, vg: str, lv: str) -> tuple[str, ...]:
    """Every name of a volume's device; the first is the one that configurations use.

    AIX has one name space for the logical volumes of all groups; a ZFS data set is no device; a slice
    belongs to no group, so that `vg` is only how the lab calls it.
    """
    if manager == "vxvm":
        return (f"/dev/vx/dsk/{vg}/{lv}", f"/dev/vx/rdsk/{vg}/{lv}")
    if manager == "zpool":
        return (f"{vg}/{lv}",)
    if manager == "slice":
        return (f"/dev/dsk/{lv}", f"/dev/rdsk/{lv}")
    if family == "aix":
        return (f"/dev/{lv}", f"/dev/r{lv}")
    if family == "linux":
        return (f"/dev/{vg}/{lv}", f"/dev/mapper/{mapper_name(vg, lv)}")
    return (f"/dev/{vg}/{lv}", f"/dev/{vg}/r{lv}")
