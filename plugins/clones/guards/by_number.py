"""Whether anything uses the disks by their number, whatever it calls them (Linux).

A disk can have a second node, in a container for instance, and be mounted or open by that. So these looks
compare the numbers that lsblk shows of the whole disk, its partitions and what is built on it. Each is one
fixed text, whose output begins with those rows.

Only root sees all processes, so find runs as root, with the same words every time; what it shows is sorted
out by the account. With `hidepid` the account would not even see that there are others.

``mounts``: mountinfo of every process, and the disks of every btrfs

=====================================================  ==================================  ===========
Output                                                 Reading                             How sure
=====================================================  ==================================  ===========
row with a number of the disks                         up: mounted in some namespace       tried
row with an anonymous number (``0:45``) whose source   up                                  documented
is one of the disks by name
``/sys/fs/btrfs/UUID/devices/NAME/dev`` with a number  up: a disk of a mounted btrfs       documented
only rows of ``/``                                     down                                tried
no row of ``/``, or a process that cannot be read      unknown                             tried
a process that ended meanwhile (``No such file ...``)  passed over                         tried
=====================================================  ==================================  ===========

A ZFS shows neither its number nor its disks here; the kernel holds them exclusively, which the look at each
disk shows (:mod:`clones.guards.disks`).

``files``: all open files of every process, of which block devices and those of process 1 are kept

=====================================================  ==================================  ===========
Output                                                 Reading                             How sure
=====================================================  ==================================  ===========
block device (mode ``6...``) with a number of the      up                                  tried
disks
others, none, and a file of process 1                  down                                tried
no file of process 1                                   unknown                             by decision
a process that cannot be read, a file on FUSE          unknown                             tried
``Transport endpoint is not connected`` of a file      unknown                             tried
``Stale file handle`` of a file                        unknown                             reported
a process or file that is gone meanwhile               passed over                         tried
a path of a multipath map                              not in use: multipathd has it open  documented
=====================================================  ==================================  ===========

``exports``: what loop devices lie on, and what is given to other hosts by the kernel's targets (LIO, nvmet,
SCST). Those need not claim a disk, and no process holds it. Targets that are processes (tgtd, nbd-server)
are seen by their open files.

=====================================================  ==================================  ===========
Output                                                 Reading                             How sure
=====================================================  ==================================  ===========
file of a loop device or target with a number of the   up                                  tried; targets
disks                                                                                      documented
file with another number, or a regular one             down                                tried
backing file of a loop that is ``(deleted)``           passed over: devices are not        assumed
                                                       deleted while they are there
file that the account may not look at                  unknown, with what to do            tried
file that is not there; of a loop, whose device or     unknown: it is another namespace's  tried
inode is not that of ``losetup``
folder that the kernel has not                         passed over                         tried
=====================================================  ==================================  ===========
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from clones.asking.steps import Command, Result
from clones.config import Host
from clones.guards.disks import (
    PATH,
    SHOW_DISK,
    UNUSED,
    USED,
    WHOLE_DISK,
    Block,
    OnDisks,
    Unreadable,
    blocks,
    not_looked_at,
)
from clones.resources.base import Probe
from clones.resources.reading import BECOME, Roots, broken, down, how_it_ended, lines, unknown, up

_EACH = "while test $# -gt 0; do " + WHOLE_DISK + SHOW_DISK
_FOUND = "found:"
"""The line between the rows of lsblk and what was looked for."""
_FIND = "find ended"
"""What the line behind what find shows begins with; its exit code follows."""
_BEGIN, _END = "{ $become ", f'echo "{_FIND} $?"; }} | '
_ALL_MOUNTS = (
    *("/usr/bin/find", "/proc", "-mindepth", "2", "-maxdepth", "2"),
    *("-name", "mountinfo", "-exec", "/usr/bin/cat", "{}", "+"),
)
_ALL_FILES = (
    *("/usr/bin/find", "/proc", "-mindepth", "2", "-maxdepth", "3"),
    *("(", "-path", "/proc/[0-9]*/fd", "-o", "-path", "/proc/[0-9]*/fd/*"),
    *("-exec", "/usr/bin/stat", "-L", "-c", "%f %t:%T %n", "{}", "+", ")", "-o", "-prune"),
)
"""Nothing but the open files of a process is looked at, and no link followed but by stat."""
_LOOPS = ("/usr/sbin/losetup", "-ln", "--raw", "-O", "NAME,BACK-MAJ:MIN,BACK-INO")
# find and grep end with 1 when there is nothing, or something has gone meanwhile: standard error tells.
_ENDED = "test $? -lt 2 || exit; "

_MOUNTS = (
    f'{BECOME}{PATH}n=; {_EACH}n="$n $1 $(lsblk -rno MAJ:MIN "$d")"; shift; done; echo {_FOUND}; '
    r'n=$(printf "%s\n" $n); '  # grep takes each line for a pattern
    f'{_BEGIN}{" ".join(_ALL_MOUNTS)}; {_END}grep -wF -e "$n" -e "/ /" -e "{_FIND}"; {_ENDED}'
    'find -L /sys/fs/btrfs -mindepth 4 -maxdepth 4 -path "*/devices/*/dev" '
    f'-exec grep -HwF -e "$n" {{}} +; {_ENDED}:'
)
_FILES = (
    f"{BECOME}{PATH}{_EACH}shift; done; echo {_FOUND}; "
    f'{_BEGIN}{shlex.join(_ALL_FILES)}; {_END}grep -e "^6" -e " /proc/1/fd/" -e "{_FIND}"; {_ENDED}:'
)
_ONE_FILE = 'f=; IFS= read -r f <"$1"; test -z "$f" || echo "$1 $(stat -L -c "%t:%T %D:%i" -- "$f" 2>&1) $f"'
_EXPORTS = (
    f"{BECOME}{PATH}{_EACH}shift; done; echo {_FOUND}; "
    f"$become {' '.join(_LOOPS)} || exit; "
    "find /sys/devices/virtual/block /sys/kernel/config/target/core /sys/kernel/config/nvmet/subsystems "
    r"/sys/kernel/scst_tgt/devices -maxdepth 4 -type f \( -name backing_file -o -name udev_path "
    rf"-o -name device_path -o -name filename \) -exec /bin/sh -c {shlex.quote(_ONE_FILE)} file {{}} \; ; "
    f"{_ENDED}:"
)

_NUMBER = re.compile(r"\d+:\d+")
_GONE = re.compile(
    r"\S*(?:cat|find|stat): (?:cannot statx? )?['`]?/proc/\d+(?:/[^\s']+)?'?: "
    r"(?:No such file or directory|No such process|Invalid argument)"
)
_ABSENT = re.compile(r".*/sys/.*: No such (?:file|file or directory|device)")
_BTRFS = re.compile(r"/sys/fs/btrfs/(?P<uuid>[^/]+)/devices/[^/]+/dev:(?P<number>\d+:\d+)")
_OPEN_FILE = re.compile(
    r"(?P<mode>[0-9a-f]+) (?P<major>[0-9a-f]+):(?P<minor>[0-9a-f]+) /proc/(?P<pid>\d+)/fd/\d+"
)
_LOOP = re.compile(r"/dev/(?P<loop>loop\d+) (?P<device>\d+:\d+) (?P<inode>\d+)")
_USED_FILE = re.compile(
    r"(?P<place>/sys/\S+/(?P<owner>[^/\s]+)/[^/\s]+/[^/\s]+) (?:(?P<major>[0-9a-f]+):(?P<minor>[0-9a-f]+) "
    r"(?P<device>[0-9a-f]+):(?P<inode>\d+) )?(?P<file>.*)"
)


class _ByNumber(OnDisks):
    """A look whose output begins with the disks' rows of lsblk."""

    name: str
    says: str
    as_root: Roots
    finds = True
    """Whether it goes through all processes, as root: what find says at its end is then looked at."""

    def __init__(self, host: Host, disks: Sequence[str], label: str) -> None:
        super().__init__(label.format(", ".join(disks)), host, 0)
        self.disks = tuple(disks)

    def probe(self) -> Command:
        return self.text(self.says, self.name, *self.disks, as_root=self.as_root)

    def read(self, result: Result) -> Probe:
        if why := broken(result):
            return unknown(why)
        printed = lines(result.stdout)
        if printed.count(_FOUND) != 1:
            return unknown(f"it ended before the check: {how_it_ended(result)}")
        middle = printed.index(_FOUND)
        found = [line for line in printed[middle + 1 :] if not line.startswith(_FIND)]
        ended = [line for line in printed[middle + 1 :] if line.startswith(_FIND)]
        told = [line for line in lines(result.stderr) if not _GONE.fullmatch(line) and "/proc/" in line]
        told += [line for line in lines(result.stderr) if not _ABSENT.fullmatch(line) and "/sys/" in line]
        try:
            rows = blocks(printed[:middle])
            probe = self.judge({one.number: one for one in rows if not one.is_path(rows)}, found)
        except Unreadable as error:
            return unknown(str(error))
        if told and probe.at != USED:
            return unknown(f"could not be checked: {not_looked_at(told[0])}")
        if self.finds and probe.at != USED and ended not in ([f"{_FIND} 0"], [f"{_FIND} 1"]):
            return unknown(f"it did not see every process: {ended[0] if ended else 'no end of find'}")
        return probe

    def judge(self, numbers: dict[str, Block], found: list[str]) -> Probe:
        """The reading of what was found.

        :param numbers: the disks and what lies on them, by number.
        :raises Unreadable: a line is not whole.
        """
        raise NotImplementedError


class NamespacesGuard(_ByNumber):
    """Whether one is mounted in any namespace: a container's mounts are not in the host's table."""

    name, says, as_root = "mounts", _MOUNTS, (_ALL_MOUNTS,)

    def __init__(self, host: Host, disks: Sequence[str]) -> None:
        super().__init__(host, disks, "mounts of {} in every namespace")

    def judge(self, numbers: dict[str, Block], found: list[str]) -> Probe:
        roots = 0
        for line in found:
            if line.startswith("/sys/fs/btrfs/"):
                member = _BTRFS.fullmatch(line)
                if not member:
                    raise Unreadable(f"not a disk of a btrfs: {line}")
                if member["number"] in numbers:
                    name = numbers[member["number"]].name
                    return up(USED, f"{name} is a disk of the mounted btrfs {member['uuid']}")
                continue
            mount, parted, source = line.partition(" - ")
            words, behind = mount.split(), source.split(" ")  # the source can be empty
            if not parted or len(words) < 6 or not _NUMBER.fullmatch(words[2]) or len(behind) < 3:
                raise Unreadable(f"not a row of mountinfo: {line}")
            by_name = words[2].startswith("0:") and behind[1] in self.disks
            if words[2] in numbers or by_name:
                return up(USED, f"mounted in some namespace: {line}")
            roots += words[3:5] == ["/", "/"]
        if not roots:
            return unknown("no process shows a row for /")
        return down(UNUSED, f"not mounted in the namespace of any of {roots} processes")


class OpenFilesGuard(_ByNumber):
    """Whether a process has one open, under any name."""

    name, says, as_root = "files", _FILES, (_ALL_FILES,)

    def __init__(self, host: Host, disks: Sequence[str]) -> None:
        super().__init__(host, disks, "open files on {}")

    def judge(self, numbers: dict[str, Block], found: list[str]) -> Probe:
        processes, devices = set(), 0
        for line in found:
            row = _OPEN_FILE.fullmatch(line)
            if not row:
                raise Unreadable(f"not an open file: {line}")
            processes.add(row["pid"])
            if not row["mode"].startswith("6"):
                continue
            devices += 1
            number = f"{int(row['major'], 16)}:{int(row['minor'], 16)}"
            if number in numbers:
                return up(USED, f"{numbers[number].name} ({number}) is held open by process {row['pid']}")
        if "1" not in processes:
            return unknown("no open file of process 1 is shown: not every process was looked at")
        return down(UNUSED, f"no process has one open, of {devices} open block devices")


class ExportsGuard(_ByNumber):
    """Whether the kernel itself uses one as a file: for a loop device, or for other hosts."""

    name, says, as_root = "exports", _EXPORTS, (_LOOPS,)
    finds = False

    def __init__(self, host: Host, disks: Sequence[str]) -> None:
        super().__init__(host, disks, "loops and exports of {}")

    def judge(self, numbers: dict[str, Block], found: list[str]) -> Probe:
        # losetup pads its columns, which its raw form then escapes.
        shown = [" ".join(line.replace(r"\x20", " ").split()) for line in found if line.startswith("/dev/")]
        loops = {}
        for line in shown:
            row = _LOOP.fullmatch(line)
            if not row:
                raise Unreadable(f"not a row of losetup: {line}")
            loops[row["loop"]] = row["device"], row["inode"]
        unclear = ""
        used = [line for line in found if not line.startswith("/dev/")]
        for line in used:
            file = _USED_FILE.fullmatch(line)
            if not file:
                raise Unreadable(f"not a file that the kernel uses: {line}")
            known = file["major"] is not None
            if known and file["place"].endswith("/loop/backing_file"):
                known = loops.get(file["owner"]) == (_decimal(int(file["device"], 16)), file["inode"])
            if known:
                number = f"{int(file['major'], 16)}:{int(file['minor'], 16)}"
                if number in numbers:
                    return up(USED, f"{file['place']} is {file['file']}: {numbers[number].name} ({number})")
            elif not file["file"].endswith(" (deleted)"):
                what = f"the file of {file['place']} is not known: {file['file']}"
                if "Permission denied" in file["file"]:
                    what = f"let the SSH account search the folder of {file['owner']}'s file: {file['file']}"
                unclear = unclear or what
        if unclear:
            return unknown(unclear)
        return down(UNUSED, f"no loop device or export lies on one, of {len(used)}")


def _decimal(device: int) -> str:
    """MAJOR:MINOR of a device number as stat prints it (documented: makedev of glibc)."""
    major = (device >> 8) & 0xFFF | (device >> 32) & 0xFFFFF000
    return f"{major}:{device & 0xFF | (device >> 12) & 0xFFFFFF00}"
