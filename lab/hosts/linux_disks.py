"""Linux: disks behind multipath as the kernel shows them, lsblk and readlink.

* /sys/block/dm-N/slaves, /sys/block/sdX/device/rescan: layout documented (a write to rescan is taken)
* readlink -f: layout documented; of a path that nothing is behind the path itself
* lsblk -rno NAME,TYPE,MOUNTPOINT: layout documented; failures documented (not a block device, exit 32)
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags

if TYPE_CHECKING:
    from lab.hosts.service import Disk, ServiceHost


def disks(host: ServiceHost) -> list[Disk]:
    """The multipath disks, in the order in which the kernel numbers them."""
    return [d for vg in host.groups.values() for d in vg.disks if d.path.startswith("/dev/mapper/")]


def paths(number: int) -> tuple[str, str]:
    """The two paths of the disk with that number: sda and sdb of the first."""
    return f"sd{chr(97 + 2 * number)}", f"sd{chr(98 + 2 * number)}"


def add_files(host: ServiceHost) -> None:
    """The device files, and what the kernel shows of them below /sys."""
    for number, disk in enumerate(disks(host)):
        host.files.put(disk.path, "")
        for path in paths(number):
            host.files.add_directory(f"/sys/block/dm-{number}/slaves/{path}")
            host.files.put(f"/sys/block/{path}/device/rescan", "")


def readlink(call: Call) -> int:
    """`readlink -f PATH...`"""
    try:
        found, words = read_flags(call.words, "f")
    except Usage as fault:
        return call.fail(f"readlink: {fault}")
    if "f" not in found or not words:
        return call.fail("readlink: missing operand")
    known, status = [d.path for d in disks(call.host)], 0
    for path in map(call.path, words):
        if path in known:
            call.line(f"/dev/dm-{known.index(path)}")
        elif call.files.exists(posixpath.dirname(path)):
            call.line(path)
        else:
            status = 1
    return status


def lsblk(call: Call) -> int:
    """`lsblk -rno NAME,TYPE,MOUNTPOINT DISK`: the disk, and the volumes of its group while that is active."""
    if call.words[:2] != ["-rno", "NAME,TYPE,MOUNTPOINT"] or len(call.words) != 3:
        return call.fail(f"lsblk: the lab knows no {' '.join(call.words)}")
    name = call.words[2]
    for vg in call.host.groups.values():
        if name not in [disk.path for disk in vg.disks]:
            continue
        call.line(f"{posixpath.basename(name)} mpath ")
        for lv in vg.volumes if vg.active else ():
            if name in [disk.path for disk in vg.disks_of(lv)]:
                mount = call.host.mounted(call.host.paths(vg, lv)[0])
                mapped = f"{vg.name.replace('-', '--')}-{lv.replace('-', '--')}"
                call.line(f"{mapped} lvm {mount.directory if mount else ''}")
        return 0
    return call.fail(f"lsblk: {name}: not a block device", 32)


PROGRAMS: dict[str, Program] = {"lsblk": lsblk, "readlink": readlink}
