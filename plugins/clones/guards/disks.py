"""Whether anything uses the disks of the service other than through its resources.

``/usr/bin/lsblk -rno NAME,TYPE,MOUNTPOINT DISK`` (Linux)

=====================================================  ==================================  ===========
Output                                                 Reading                             How sure
=====================================================  ==================================  ===========
row of type disk, mpath, loop or part, not mounted     not in use                          tried
such a row with a mount point, or ``[SWAP]``           up                                  tried
row of another type: lvm, raid1, crypt ...             up: something is built on it        documented
no row, or ``not a block device``                      unknown                             tried
a volume group on it that is not active                no row of it                        documented
=====================================================  ==================================  ===========

``mountinfo`` of every process (Linux, file systems that lie on a disk itself; a volume of LVM is open for the
kernel as long as it is mounted anywhere, which its group's probe shows)

=====================================================  ==================================  ===========
Output                                                 Reading                             How sure
=====================================================  ==================================  ===========
row with the device as its source                      up: mounted in some namespace       tried
only rows of ``/``                                     down                                tried
no row of ``/``, or a process that cannot be read      unknown                             tried
a process that ended meanwhile (``No such file ...``)  passed over                         tried
=====================================================  ==================================  ===========

``fuser DISK...``

=====================================================  ==================================  ===========
Output                                                 Reading                             How sure
=====================================================  ==================================  ===========
process ids on stdout                                  up                                  documented
nothing but names of disks, exit code 0 or 1           down                                documented
``... does not exist``, anything else                  unknown                             documented
on HP-UX, AIX and SunOS it takes a disk so             as above                            assumed
=====================================================  ==================================  ===========
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from clones.config import Host
from clones.resources.base import Probe
from clones.resources.reading import OnHost, down, how_it_ended, lines, unknown, up
from clones.steps import Command, Result

USED, UNUSED = "used", "unused"

_DISKS = frozenset({"disk", "mpath", "loop", "part"})
_ROW = re.compile(r"(?P<name>\S+) (?P<type>[a-z0-9]+) ?(?P<mount>\S*)")
_GONE = re.compile(r"\S*grep: /proc/\d+/mountinfo: (?:No such file or directory|Invalid argument)")
_PIDS = re.compile(r"\b\d+[a-zA-Z]*")


class _OnDisks(OnHost):
    """What any volume group or file system there explains."""

    def explained_by(self, host: str, label: str) -> bool:
        return host == self.host and label.startswith(("vg ", "fs "))


class LsblkGuard(_OnDisks):
    """What is built on one disk: volumes, arrays of md, swap, mounts."""

    def __init__(self, host: str, disk: str) -> None:
        super().__init__(f"disk {disk}", host, 0)
        self.disk = disk

    def probe(self) -> Command:
        return self.look("/usr/bin/lsblk", "-rno", "NAME,TYPE,MOUNTPOINT", self.disk)

    def read(self, result: Result) -> Probe:
        rows = lines(result.stdout)
        if result.exit_code != 0 or not rows:
            return unknown(how_it_ended(result))
        for number, line in enumerate(rows):
            row = _ROW.fullmatch(line.rstrip())
            if not row:
                return unknown(f"not a row of lsblk: {line}")
            if row["type"] not in _DISKS and number:
                return up(USED, f"{row['name']} ({row['type']}) is built on it")
            if row["mount"]:
                return up(USED, f"{row['name']} is in use as {row['mount']}")
        return down(UNUSED, f"nothing is built on it or mounted from it, in {len(rows)} rows of lsblk")


class NamespacesGuard(_OnDisks):
    """Whether a file system is mounted in any namespace: a container's mounts are not in the host's table."""

    def __init__(self, host: str, device: str) -> None:
        super().__init__(f"mounts of {device} in every namespace", host, 0)
        self.device = device

    def probe(self) -> Command:
        grep = ("/usr/bin/grep", "-hF", "-e", f" {self.device} ", "-e", " / / ")
        depth = ("-mindepth", "2", "-maxdepth", "2")
        return self.look("/usr/bin/find", "/proc", *depth, "-name", "mountinfo", "-exec", *grep, "{}", "+")

    def read(self, result: Result) -> Probe:
        if result.exit_code not in (0, 1):
            return unknown(how_it_ended(result))
        roots = 0
        for line in lines(result.stdout):
            mount, found, source = line.partition(" - ")
            if not found or len(mount.split()) < 6:
                return unknown(f"not a row of mountinfo: {line}")
            if self.device in source.split()[1:2]:
                return up(USED, f"mounted in some namespace: {line}")
            roots += mount.split()[3:5] == ["/", "/"]
        told = [line for line in lines(result.stderr) if not _GONE.fullmatch(line) and "/proc/" in line]
        if told:
            return unknown(f"a process could not be looked at: {told[0]}")
        if not roots:
            return unknown(f"no process shows a row for /: {how_it_ended(result)}")
        return down(UNUSED, f"not mounted in the namespace of any of {roots} processes")


class FuserGuard(_OnDisks):
    """Whether a process holds one of the disks open."""

    def __init__(self, host: Host, disks: Sequence[str]) -> None:
        super().__init__(f"processes on {', '.join(disks)}", host.connection, 0)
        self.disks = tuple(disks)
        self.program = "fuser" if host.family == "linux" else "/usr/sbin/fuser"

    def probe(self) -> Command:
        if self.program == "fuser":  # in /usr/bin or /usr/sbin, by the distribution
            return self.look("/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", self.program, *self.disks)
        return self.look(self.program, *self.disks)

    def read(self, result: Result) -> Probe:
        if result.exit_code not in (0, 1):
            return unknown(how_it_ended(result))
        named = [line.strip().rstrip(":") for line in lines(result.stderr)]
        processes = _PIDS.findall(re.sub(r"\S*/\S*", " ", result.stdout))
        if processes:
            return up(USED, f"held open by process {', '.join(processes)}")
        if lines(result.stdout) or any(name not in self.disks for name in named):
            return unknown(how_it_ended(result))
        return down(UNUSED, f"no process holds {', '.join(self.disks)} open")
