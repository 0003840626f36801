"""Whether anything uses the disks of the service other than through its resources, disk by disk.

``disk`` (Linux): a fixed text that asks for the whole disk, since a copy overwrites all of its partitions:
``lsblk -Pno NAME,KNAME,PKNAME,MAJ:MIN,TYPE,MOUNTPOINT``, and for each of its rows an exclusive open by number

=====================================================  ==================================  ===========
Output                                                 Reading                             How sure
=====================================================  ==================================  ===========
row of type disk, mpath, loop or part, not mounted     not in use                          tried
such a row with a mount point, or ``[SWAP]``           up                                  tried
row of another type: lvm, raid1, crypt ...             up: something is built on it        documented
no row, a row that is cut, ``not a block device``      unknown                             tried
a volume group on it that is not active                no row of it                        documented
``MAJ_MIN`` for ``MAJ:MIN`` (util-linux 2.37)          the same column                     assumed
``open NAME 0``                                        the kernel gives it out: not used   tried
``open NAME 1 ... Device or resource busy``            up: in use by the kernel itself     tried
any other answer, none for a row                       unknown                             by decision
row that a map or its partitions hold (multipath)      not asked: always busy              documented
=====================================================  ==================================  ===========

The exclusive open is ``blockdev --setbsz N`` with the N that ``blockdev --getbsz`` shows. No program of these
hosts opens a disk with ``O_RDONLY | O_EXCL`` and does nothing else (tried: ``dd`` has no ``iflag=excl``,
``wipefs -n`` and ``mkfs`` open it for writing). ``blockdev`` opens it read-only, and the kernel takes the
disk exclusively for as long as it sets the block size of that very open file (documented: BLKBSZSET; tried on
Linux 6: a mount, swap, the log of another file system give ``busy``). The same size again changes nothing.
It needs root. Whatever claims a disk exclusively is seen so, in any namespace and by any name: mounts, swap,
every disk of a btrfs or a ZFS, md, device-mapper, bcache, drbd, raw, disks given out by LIO (documented).

``fuser DISK...``

=====================================================  ==================================  ===========
Output                                                 Reading                             How sure
=====================================================  ==================================  ===========
process ids on stdout                                  up                                  documented
nothing but names of disks, exit code 1, or 0 and its  down                                documented
end
``... does not exist``, anything else                  unknown                             documented
``Cannot stat file /proc/PID/fd/N: Permission          unknown, with what to do: a file    tried
denied``                                               on FUSE is closed to root too
``... Transport endpoint is not connected`` (psmisc    unknown, with what to do: the       assumed
23 says nothing then), ``... Stale file handle``       file is lost
on HP-UX, AIX and SunOS it takes a disk so             as above                            assumed
=====================================================  ==================================  ===========

Of a block device HP-UX, AIX and SunOS document that it lists all who use a file on that device: it works by
the number there. A disk's raw device has another number, so where its name is known both are asked for
(``/dev/rdisk`` and ``/dev/disk``, ``/dev/rdsk`` and ``/dev/dsk``, ``/dev/rhdisk4`` and ``/dev/hdisk4``).
On Linux it compares inodes (tried); numbers are compared by :mod:`clones.guards.by_number`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clones.asking.steps import Command, Result
from clones.asking.whole_answers import END
from clones.become import Free
from clones.config import Host
from clones.resources import linux
from clones.resources.base import Probe
from clones.resources.reading import BECOME, OnHost, Roots, broken, down, how_it_ended, lines, unknown, up

USED, UNUSED = "used", "unused"

PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin; "
"""Programs lie in /usr/bin or /usr/sbin, by the distribution."""
WHOLE_DISK = (
    'd=$(set -- "$1" $(lsblk -rnso TYPE,KNAME "$1"); test "$2" = part && echo "/dev/$5" || echo "$1"); '
)
"""Shell text: `d` is the disk `$1`, or the one that it is a partition of. `-s` shows that one second."""
SHOW_DISK = 'lsblk -Pno NAME,KNAME,PKNAME,MAJ:MIN,TYPE,MOUNTPOINT "$d" || exit; '
_OPEN = (
    f"{BECOME}{PATH}{WHOLE_DISK}{SHOW_DISK}"
    'set -- $(lsblk -rno TYPE,KNAME "$d"); '
    # What is behind a volume needs no answer: the volume itself is enough.
    'while test $# -gt 1 && test "$1" != lvm; do n=$($become /usr/sbin/blockdev --getbsz "/dev/$2" 2>&1) && '
    'n=$($become /usr/sbin/blockdev --setbsz "$n" "/dev/$2" 2>&1); echo "open $2 $? $n"; shift; shift; done'
)

_FUSER = f'{BECOME}{linux.either(linux.FUSER)}exec $become $it "$@"'
_DIGITS = "[0-9]"
_SIZES = Free("SIZE", (_DIGITS * 3, _DIGITS * 4, _DIGITS * 5))
"""Of blocks, 512 to 65536 bytes."""
_MAPS = tuple(f"dm-{_DIGITS * count}" for count in (1, 2, 3, 4))
SCSI_DISKS = ("sd[a-z]", "sd[a-z][a-z]", "sd[a-z][a-z][a-z]")
_PARTITION = re.compile(r"(?P<disk>(?:s|v|xv|h)d[a-z]+|emcpower[a-z]+|.*\d(?=p))p?\d+")


def kernel_names(disk: str) -> tuple[str, ...]:
    """What the kernel may call a disk, its partitions and maps on it, as patterns of :class:`Free`.

    :param disk: as it is configured: a path that can be a link of any name.
    """
    if disk.startswith("/dev/mapper/"):
        return _MAPS
    name = disk.removeprefix("/dev/")
    if name.startswith("vx/dmp/"):
        whole = tuple(f"VxDMP{_DIGITS * count}" for count in (1, 2, 3, 4))
    elif "/" in name:
        whole = SCSI_DISKS
    else:
        found = _PARTITION.fullmatch(name)
        whole = (found["disk"] if found else name,)
    part = "p" if re.fullmatch(r".*(?:\d|9\])", whole[0]) else ""
    ends = ("", f"{part}{_DIGITS}", f"{part}{_DIGITS * 2}")
    return (*(f"{one}{end}" for one in whole for end in ends), *_MAPS)


_DISKS = frozenset({"disk", "mpath", "loop", "part"})
_ROW = re.compile(
    r'NAME="(?P<name>[^"]+)" KNAME="(?P<kname>[^"]+)" PKNAME="(?P<parent>[^"]*)" '
    r'MAJ[:_]MIN="(?P<number>\d+:\d+)" TYPE="(?P<type>[^"]+)" MOUNTPOINT="(?P<mount>[^"]*)"'
)
_OPENED = re.compile(r"open (?P<kname>\S+) (?P<exit>\d+) ?(?P<text>.*)")
_BUSY = "Device or resource busy"
_CLOSED = re.compile(r".*/proc/(?P<pid>\d+)/(?:fd(?P<file>/\d+)?|mountinfo)'?: (?P<why>[^:]+)")
_STALE = "its NFS server has it no more: end process {pid}"
_REMEDIES = {
    (
        True,
        "Permission denied",
    ): "a file on FUSE is closed to root too: end process {pid}, or mount that with "
    "allow_root; else log in as root",
    (False, "Permission denied"): "only root may look at every process: log in as root, or set `become`",
    (True, "Transport endpoint is not connected"): "the program behind its FUSE has ended: end process {pid}",
    (True, "Stale file handle"): _STALE,
    (True, "Stale NFS file handle"): _STALE,
}
"""Of a file, or of a whole process, by the system's message; short, for evidence has 200 characters."""
_ENDED = re.compile(r"Cannot stat file /proc/\d+/\S+: No such (?:process|file or directory)")
"""What psmisc says of a process that ended meanwhile: it holds nothing any more."""
_PIDS = re.compile(r"\b\d+[a-zA-Z]*")


@dataclass(frozen=True)
class Block:
    """One row of lsblk.

    :param kname: the kernel's name, e.g. ``dm-3``; `parent` is that of what it lies on, empty at the top.
    :param number: ``MAJOR:MINOR``, decimal.
    """

    name: str
    kname: str
    parent: str
    number: str
    type: str
    mount: str

    def is_path(self, rows: Iterable[Block]) -> bool:
        """Whether it is a path of a multipath map, which holds it for ever."""
        return any(one.parent == self.kname and one.type == "mpath" for one in rows)

    def is_split(self, rows: Iterable[Block]) -> bool:
        """Whether it is a map whose partitions are maps again, which hold it for ever."""
        below = [one for one in rows if one.parent == self.kname]
        return any(one.type == "part" and one.kname.startswith("dm-") for one in below)


class Unreadable(ValueError):
    """A line that is not what the program prints; the text names it."""


def blocks(rows: Iterable[str]) -> list[Block]:
    """What lsblk shows.

    :raises Unreadable: a row is not whole, or there is none.
    """
    found = []
    for row in rows:
        match = _ROW.fullmatch(row)
        if not match:
            raise Unreadable(f"not a row of lsblk: {row}")
        found.append(Block(**match.groupdict()))
    if not found:
        raise Unreadable("no row of lsblk")
    return found


def not_looked_at(line: str) -> str:
    """What a program may not look at, and what to do: it may be one of the disks, so nothing is known.

    A file on FUSE shows itself to nobody but the user who has mounted it, root included, unless it is mounted
    with ``allow_root`` or ``allow_other`` (documented: fuse(8); tried with fuser and find on Linux 6). What
    its file system has lost stays so for as long as the process has it open (tried with FUSE and find).
    """
    line = line.removeprefix("/usr/bin/")
    found = _CLOSED.fullmatch(line)
    remedy = found and _REMEDIES.get((found["file"] is not None, found["why"]))
    return f"{line} ({remedy.format(pid=found['pid'])})" if found and remedy else line


class OnDisks(OnHost):
    """What any volume group or file system there explains."""

    def explained_by(self, host: str, label: str) -> bool:
        return host == self.host and label.startswith(("vg ", "fs "))

    def text(self, text: str, name: str, *disks: str, as_root: Roots) -> Command:
        """A look by a fixed text for the shell, whose arguments are the disks (D10)."""
        return self.look_with(text, name, *disks, title=f"{name} {' '.join(disks)}", as_root=as_root)


class DiskGuard(OnDisks):
    """What is built on one disk, mounted from it, or holds it in the kernel."""

    def __init__(self, host: Host, disk: str) -> None:
        super().__init__(f"disk {disk}", host, 0)
        self.disk = disk

    def probe(self) -> Command:
        node = Free("/dev/NAME", [f"/dev/{name}" for name in kernel_names(self.disk)])
        as_root = [("/usr/sbin/blockdev", *how, node) for how in (("--getbsz",), ("--setbsz", _SIZES))]
        return self.text(_OPEN, "disk", self.disk, as_root=as_root)

    def read(self, result: Result) -> Probe:
        if why := broken(result):
            return unknown(why)
        printed = lines(result.stdout)
        answers = [line for line in printed if line.startswith("open ")]
        try:
            rows = blocks(line for line in printed if not line.startswith("open "))
        except Unreadable as error:
            return unknown(str(error))
        for number, row in enumerate(rows):
            if row.type not in _DISKS and number:
                return up(USED, f"{row.name} ({row.type}) is built on it")
            if row.mount:
                return up(USED, f"{row.name} is in use as {row.mount}")
        opened = {found["kname"]: found for found in map(_OPENED.fullmatch, answers) if found}
        for row in rows:
            if row.is_path(rows) or row.is_split(rows):
                continue
            found = opened.get(row.kname)
            if found and found["exit"] == "1" and found["text"].endswith(_BUSY):
                return up(USED, f"the kernel holds {row.name} ({row.number}) for somebody: {found['text']}")
            if not found or found["exit"] != "0":
                said = f"exit code {found['exit']}: {found['text']}" if found else "no answer"
                return unknown(f"it is not known whether the kernel gives out {row.name}: {said}")
        return down(UNUSED, f"nothing is built on it, mounted or held, in {len(rows)} rows of lsblk")


def nodes(disk: str) -> tuple[str, ...]:
    """The device files of a disk that fuser can be asked for, raw and block; none when they are not known."""
    if re.fullmatch(r"hdisk\d+", disk):
        return f"/dev/{disk}", f"/dev/r{disk}"
    if match := re.fullmatch(r"/dev/r?(disk|dsk)/([^/]+)", disk):
        return disk, f"/dev/{match[1]}/{match[2]}" if "/r" in disk else f"/dev/r{match[1]}/{match[2]}"
    return (disk,) if disk.startswith("/") else ()


class FuserGuard(OnDisks):
    """Whether a process holds one of the disks open."""

    def __init__(self, host: Host, disks: Sequence[str]) -> None:
        super().__init__(f"processes on {', '.join(disks)}", host, 0)
        self.disks = tuple(node for disk in disks for node in nodes(disk))
        self.family = host.family

    def probe(self) -> Command:
        if self.family != "linux":
            return self.look("/usr/sbin/fuser", *self.disks, root=True)
        as_root = [(program, *self.disks) for program in linux.FUSER]
        return self.text(_FUSER, "fuser", *self.disks, as_root=as_root)

    def read(self, result: Result) -> Probe:
        if result.exit_code not in (0, 1):
            return unknown(how_it_ended(result))
        told = [line for line in lines(result.stderr) if not _ENDED.fullmatch(line)]
        named = [line.strip().rstrip(":") for line in told]
        printed = result.stdout.removesuffix(f"{END}\n")  # it does not end its own line
        processes = _PIDS.findall(re.sub(r"\S*/\S*", " ", printed))
        if processes:
            return up(USED, f"held open by process {', '.join(processes)}")
        if result.exit_code == 0 and printed == result.stdout:
            return unknown(f"its answer is cut off: {how_it_ended(result)}")
        strange = [name for name in named if name not in self.disks]
        if lines(printed) or strange:
            return unknown(not_looked_at(strange[0]) if strange else how_it_ended(result))
        return down(UNUSED, f"no process holds {', '.join(self.disks)} open")
