"""Linux: disks behind multipath as the kernel shows them, lsblk and readlink.

* /sys/block/dm-N/slaves, /sys/block/sdX/device/rescan: layout documented (a write to rescan is taken)
* readlink -f: layout documented; of a path that nothing is behind the path itself
* lsblk -rno, -rnso, -Pno COLUMNS: layout tried; failures tried (not a block device, exit 32)
* blockdev --getbsz, --setbsz: tried, of a disk that the kernel holds too
* losetup -ln --raw -O NAME,BACK-MAJ:MIN,BACK-INO: layout tried
* VxVM's disks: VxDMP1 and so on to the kernel, documented
* find, only as the guards look with it: layout tried; of btrfs and targets documented
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from lab.hosts.service import ServiceHost
from lab.hosts.volume_groups import Disk
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags
from lab.volumes import mapper_name


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


@dataclass(frozen=True)
class Block:
    """A block device as lsblk shows it; `held` is whether the kernel gives it out no more."""

    name: str
    kname: str
    parent: str
    number: str
    type: str
    mount: str
    held: bool

    def column(self, name: str) -> str:
        columns = {
            "NAME": self.name, "KNAME": self.kname, "PKNAME": self.parent, "MAJ:MIN": self.number,
            "TYPE": self.type, "MOUNTPOINT": self.mount,
        }  # fmt: skip
        return columns[name]


def blocks(host: ServiceHost) -> Iterator[tuple[Disk, list[Block]]]:
    """Every disk, with itself and the volumes of its group while that is active."""
    everywhere = [d for vg in host.groups.values() for d in vg.disks]
    maps = disks(host)
    volumes = [(vg.name, lv) for vg in host.groups.values() for lv in vg.volumes]
    for vg in host.groups.values():
        for disk in vg.disks:
            if disk in maps:
                kind, kname, number = "mpath", f"dm-{maps.index(disk)}", f"253:{maps.index(disk)}"
            else:
                at = everywhere.index(disk)
                dmp = disk.path.startswith("/dev/vx/dmp/")
                kname = f"VxDMP{at + 1}" if dmp else posixpath.basename(disk.path)
                kind, number = "disk", f"{201 if dmp else 8}:{16 * at}"
            held = vg.active or any(use.claims for use in host.others if use.path == disk.path)
            found = [Block(posixpath.basename(disk.path), kname, "", number, kind, "", held)]
            for lv in vg.volumes if vg.active else ():
                if disk in vg.disks_of(lv):
                    minor = 100 + volumes.index((vg.name, lv))
                    mount = host.mounted(host.paths(vg, lv)[0])
                    at_directory = mount.directory if mount else ""
                    name = mapper_name(vg.name, lv)
                    row = (name, f"dm-{minor}", kname, f"253:{minor}", "lvm", at_directory)
                    found.append(Block(*row, held=mount is not None))
            yield disk, found


def lsblk(call: Call) -> int:
    """`lsblk -rno|-rnso|-Pno COLUMNS DISK`: -s shows the paths instead of what lies on it."""
    if len(call.words) != 3 or call.words[0] not in ("-rno", "-rnso", "-Pno"):
        return call.fail(f"lsblk: the lab knows no {' '.join(call.words)}")
    flags, columns, name = call.words
    rows = next((rows for disk, rows in blocks(call.host) if disk.path == name), None)
    if rows is None:
        return call.fail(f"lsblk: {name}: not a block device", 32)
    if "s" in flags:
        below = paths(int(rows[0].kname[3:])) if rows[0].type == "mpath" else ()
        rows = [rows[0], *(Block(p, p, rows[0].kname, "8:0", "disk", "", held=True) for p in below)]
    for row in rows:
        shown = [(column, row.column(column)) for column in columns.split(",")]
        call.line(" ".join(f'{c}="{text}"' if "P" in flags else text for c, text in shown))
    return 0


def blockdev(call: Call) -> int:
    """`blockdev --getbsz DEVICE`, `--setbsz N DEVICE`: what is held exclusively is busy for the second."""
    if not call.words or call.words[0] not in ("--getbsz", "--setbsz"):
        return call.fail(f"blockdev: the lab knows no {' '.join(call.words)}")
    kname = posixpath.basename(call.words[-1])
    block = next((row for _, rows in blocks(call.host) for row in rows if row.kname == kname), None)
    if block is None:
        return call.fail(f"blockdev: cannot open {call.words[-1]}: No such file or directory")
    if call.words[0] == "--getbsz":
        call.line("4096")
    elif block.held:
        return call.fail("blockdev: ioctl error on BLKBSZSET: Device or resource busy")
    return 0


def _others(host: ServiceHost, how: str) -> Iterator[tuple[int, Block]]:
    """What somebody else does with a disk so, numbered, and that disk."""
    top = {disk.path: rows[0] for disk, rows in blocks(host)}
    return ((number, top[use.path]) for number, use in enumerate(host.others) if use.how == how)


def losetup(call: Call) -> int:
    for number, _ in _others(call.host, "loop"):
        call.line(rf"/dev/loop{number} \x20\x20\x20\x20\x20\x20\x200:6\x20\x20 {number}")
    return 0


def find(call: Call) -> int:
    """What the guards look for: mounts of every process, disks of btrfs, open files, loops and targets.

    Only root sees what others have open; every account sees their mounts.
    """
    host, words = call.host, call.words
    if words[:1] == ["/proc"] and "mountinfo" in words:
        call.line("22 1 253:99 / / rw,relatime shared:1 - xfs /dev/mapper/rootvg-root rw")
        mounted = {row.number: row.mount for _, rows in blocks(host) for row in rows if row.mount}
        mounted |= {block.number: "/var/lib/container" for _, block in _others(host, "mounted")}
        for device, directory in mounted.items():
            call.line(f"77 22 {device} / {directory} rw,relatime - xfs /dev/node rw")
        return 0
    if words[:1] == ["/proc"] and "/usr/bin/stat" in words:
        if not call.as_root:
            return call.fail("find: '/proc/1/fd': Permission denied")
        call.line("2190 1:3 /proc/1/fd/0")
        for number, block in _others(host, "open"):
            call.line(f"61b0 {_hexadecimal(block.number)} /proc/{4000 + number}/fd/3")
        return 0
    if words[:2] == ["-L", "/sys/fs/btrfs"] and "-e" in words:
        asked = words[words.index("-e") + 1].split("\n")
        for _, block in _others(host, "btrfs"):
            if block.number in asked:
                call.line(f"/sys/fs/btrfs/1b5c-77/devices/{block.kname}/dev:{block.number}")
        return 0
    if words[:1] == ["/sys/devices/virtual/block"]:
        for number, block in _others(host, "loop"):
            place = f"/sys/devices/virtual/block/loop{number}/loop/backing_file"
            call.line(f"{place} {_hexadecimal(block.number)} 6:{number} /dev/{block.kname}")
        return call.fail("find: '/sys/kernel/config/target/core': No such file or directory")
    return call.fail(f"find: the lab knows no {' '.join(words)}")


def _hexadecimal(number: str) -> str:
    major, minor = map(int, number.split(":"))
    return f"{major:x}:{minor:x}"


PROGRAMS: dict[str, Program] = {
    "lsblk": lsblk, "readlink": readlink, "blockdev": blockdev, "losetup": losetup, "find": find,
}  # fmt: skip
