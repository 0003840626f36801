"""HP-UX: addresses, volume groups of LVM, file systems.

Sent, all below ``/usr/sbin``: ``ifconfig``, ``vgimport``, ``vgexport``, ``vgchange``, ``fsck``, ``mount`` and
``umount`` with the words of the documented transcripts of the predecessor; HP-UX announces an address by ARP
itself (assumed).

The map file names the logical volumes, and without it an import calls them lvol1, lvol2, ... It must outlive
whatever goes wrong: before the export a preview (``vgexport -p``, documented to change nothing but the map)
writes a new one beside it, which takes its place only if it names at least as many volumes, and nothing but
that move ever touches it.

Beside its source a copy gets a group identifier of its own, ``vgchgid RAW DISK...`` (documented; a second
time does no harm), and is then imported from these very disks, ``vgimport -m MAP VG DISK...``, not by the
identifier in the map (``-s``), which is the source's (documented).

Probes:

``/usr/bin/netstat -in``

====================================================  ==================================  ==========
Output                                                Reading                             How sure
====================================================  ==================================  ==========
header ``Name Mtu Network Address ...``               the table is readable               documented
row ``lan900:1 1500 192.168.32.0 192.168.32.41 ...``  up, at `configured` or `elsewhere`  documented
row with ``lan900:1*``: that interface is down        not in use                          documented
row of the configured alias with another address      down, at `occupied` (no start)      assumed
header ``... Address/Prefix ...`` and rows of IPv6    passed over                         assumed
line with another address, or ``none``, whose columns passed over                         by decision
run into each other
alias set to 0.0.0.0: no row, 0.0.0.0 or `none`       down, at `absent`                   assumed
no address 127.0.0.1                                  the table is not whole              by decision
====================================================  ==================================  ==========

``/usr/sbin/vgdisplay VG``, its exit code, and ``ls -d /dev/VG/group``; with `devices` ``vgdisplay -v VG``,
then ``vgdisplay -v``: a disk may have been imported in a group of another name. Disks of groups that are not
active it does not show.

====================================================  ===================  ============
Output                                                Reading              How sure
====================================================  ===================  ============
``VG Name /dev/VG``, ``VG Status available``, exit 0  up, at `active`      documented
``VG Status available, exclusive`` (or shared ...)    up, at `active`      assumed
``PV Name`` of a disk that is none of `devices`, of   up, at `elsewhere`   by decision
the same kind (disk or dsk), no ``Alternate Link``
``Volume group not activated.`` and ``Cannot          down, at `imported`  documented;
display volume group "VG".``, exit 1 to 125                                code assumed
``Volume group "/dev/VG" does not exist in the        down, at `exported`  documented;
"/etc/lvmtab" file.``, exit 1 to 125                                       code assumed
the same, and there is /dev/VG/group, or a folder     unknown              by decision
/dev/VG that the account may not look into
``PV Name`` of one of `devices` behind the ``VG       up, at `elsewhere`   documented;
Name`` of another group, by ``vgdisplay -v``          that it shows each
                                                      active group, too
no group at all in ``vgdisplay -v``: not even that    unknown              by decision
of the system
====================================================  ===================  ============

When absence counts: /etc/lvmtab is a file that can be lost or rebuilt while a group is active (documented:
vgscan). ``vgexport`` removes the group's device files with its entry, and ``vgimport`` makes them
(documented), so a group without an entry counts as exported only without /dev/VG/group. Whoever makes that by
hand before an import leaves the group unknown.

``/usr/sbin/mount -p``

========================================================  ===============================  ==========
Output                                                    Reading                          How sure
========================================================  ===============================  ==========
row ``DEV DIR TYPE OPTIONS FREQ PASS``, as in fstab       up, at `mounted` or `elsewhere`  documented
such a row with the option ``ro``                         up, at `read-only`               documented
row with raw blanks in DEV or DIR, or without DEV, that   passed over                      by decision
names neither of ours
/etc/mnttab is made from the kernel's own table           a missing row means unmounted    documented
                                                                                           of 11i v3
before: syncer and mount bring it in step                 the same                         documented
a device has one name: /dev/dsk and /dev/disk do not mix  names are compared as text       assumed
========================================================  ===============================  ==========

As root, by the host's `become`: all that changes something (documented); ``vgdisplay``, which opens the
group's device file, that may be root's alone (assumed); ``cat`` and ``mv`` of the map, which vgexport has
written (assumed). ``netstat -in``, ``mount -p`` and ``ls -d`` are the account's own (assumed; a look that is
refused proves nothing).

Anything else is unknown, other languages' messages included.
"""

from __future__ import annotations

import re

from clones.asking.steps import Command, Result
from clones.config import Host, Ip, Vg
from clones.errors import ConfigError
from clones.resources.addresses import only_ipv4, printed
from clones.resources.base import Probe, Use
from clones.resources.filesystems import FsOnHost
from clones.resources.mounts import Mount, fstab_row, read_mounts
from clones.resources.reading import BECOME, ELSEWHERE, GroupOnHost, OnHost, down, lines, unknown, up

CONFIGURED, ABSENT, OCCUPIED = "configured", "absent", "occupied"
ACTIVE, IMPORTED, EXPORTED = "active", "imported", "exported"

KEEP_MAP = (
    f"{BECOME}PATH=/usr/bin:/bin; export PATH; "
    'new=0; test -s "$1" && new=$($become /usr/bin/cat "$1" | /usr/bin/grep -c "^[0-9]"); '
    'old=0; test -s "$2" && old=$($become /usr/bin/cat "$2" | /usr/bin/grep -c "^[0-9]"); '
    'test "$new" -gt 0 || echo "$1 names no logical volume: the group stays imported, $2 as it is" >&2; '
    'test "$new" -gt 0 || exit 1; '
    'test "$new" -ge "$old" || echo "$2 is kept, for $1 names fewer volumes: remove it if that is right"; '
    'test "$new" -lt "$old" || $become /usr/bin/mv -f "$1" "$2"'
)
"""NEW MAP: the one takes the place of the other unless it says less. A volume's line begins with a digit."""

SHOW = (
    f'{BECOME}name=$1; shift; $become "$0" "$@" "$name" 2>&1; code=$?; echo; echo "exit code $code"; '
    '/usr/bin/ls -d "/dev/$name/group" 2>/dev/null; '
    'test ! -d "/dev/$name" || test -x "/dev/$name" || '
    'echo "/dev/$name, which the account may not look into"; '
    'test $# -eq 0 || { echo "all groups"; $become "$0" "$@" 2>&1; }; exit 0'
)
"""VG, behind it the options of vgdisplay, with which all groups are shown, too."""
_DISK = re.compile(r"/dev/r?(disk|dsk)/([\w.]+)")
_ODD = re.compile(r".*[^ \t][ \t]+/.*[ \t]\d+[ \t]+\d+[ \t\r]*")
"""A row of ``mount -p`` whose first words cannot be told apart."""


class IpDriver(OnHost):
    """One IPv4 address on an interface or one of its aliases.

    :raises ConfigError: for IPv6, whose commands and tables on HP-UX nobody has shown us.
    """

    started = CONFIGURED
    stopped = ABSENT

    def __init__(self, host: Host, ip: Ip) -> None:
        super().__init__(f"ip {ip.ipname}", host, ip.timeout)
        interface = only_ipv4(ip, self.label, self.host, "HP-UX")
        self.address = interface.ip
        self.netmask = str(interface.netmask)
        self.device = ip.ipdev

    def probe(self) -> Command:
        return self.look("/usr/bin/netstat", "-in")

    def read_whole(self, result: Result) -> Probe:
        header, rows, foreign = False, list[tuple[list[str], str]](), list[str]()
        for line in lines(result.stdout):
            words = line.split()
            if words[:2] == ["Name", "Mtu"]:
                header = header or words[2:4] == ["Network", "Address"]
            elif len(words) >= 4 and words[1].isdigit():
                rows.append((words, line))
            elif not self._is_of_another(words):
                foreign.append(line)
        mine = [row for row in rows if self.address in map(printed, row[0][2:4])]
        live = [row for row in mine if not row[0][0].endswith("*")]
        for words, line in live:
            if words[0] == self.device:
                return up(CONFIGURED, line)
        if live:
            return up(ELSEWHERE, f"not on {self.device}: {live[0][1]}")
        if not header or not rows:
            return unknown(f"no table of interfaces ({len(rows)} rows): {result.said()}")
        if foreign:
            return unknown(f"not a row of the table: {foreign[0]}")
        if not any(one.is_loopback for words, _ in rows for one in map(printed, words[2:4]) if one):
            return unknown(f"no loopback address among {len(rows)} rows of netstat -in")
        for words, line in rows:
            other = printed(words[3])
            if words[0] == self.device and other and not other.is_unspecified:
                # ifconfig would replace that address, and nobody said it may go.
                return down(OCCUPIED, f"{self.device} carries another address: {line}")
        if mine:
            return down(ABSENT, f"the interface is down: {mine[0][1]}")
        return down(ABSENT, f"{self.address} in none of {len(rows)} rows of netstat -in")

    def _is_of_another(self, words: list[str]) -> bool:
        """Whether a line that is no row shows what it is about, and that is not ours.

        Columns that run into each other leave an address, or ``none``; a heading of a part is one word.
        """
        if re.fullmatch(r"IPv[46]:", " ".join(words)):
            return True
        ours = self.address in map(printed, words) or any(word.startswith(self.device) for word in words)
        return not ours and ("none" in words or any(map(printed, words)))

    def start(self, at: str) -> list[Command]:
        if at != ABSENT:
            return []
        words = (self.device, str(self.address), "netmask", self.netmask, "up")
        return [self.change("/usr/sbin/ifconfig", *words, root=True)]

    def stop(self, at: str) -> list[Command]:
        words = ("/usr/sbin/ifconfig", self.device, "0.0.0.0")
        return [self.change(*words, root=True)] if at == CONFIGURED else []


class VgDriver(GroupOnHost):
    """One volume group. Between runs it is exported, so that the next import reads the fresh copy's disks."""

    started = prepared = ACTIVE
    stopped = EXPORTED

    def __init__(self, host: Host, vg: Vg) -> None:
        super().__init__(f"vg {vg.name}", host, vg.timeout)
        if vg.map_file is None:
            raise ConfigError(
                f"{self.label} on {self.host} has no `map_file`.", "give the map file of vgexport"
            )
        disks = [_DISK.fullmatch(disk) for disk in vg.devices]
        if not all(disks):
            raise ConfigError(
                f"{self.label} on {self.host}: {', '.join(vg.devices)} are not all disks of HP-UX.",
                "give `devices` like /dev/rdisk/disk21 or /dev/rdsk/c4t0d1",
            )
        self.name = vg.name
        self.map_file = vg.map_file
        self.new_map = f"{vg.map_file}.new"
        self.raw = [f"/dev/r{disk[1]}/{disk[2]}" for disk in disks if disk]
        self.block = [f"/dev/{disk[1]}/{disk[2]}" for disk in disks if disk]
        self.beside_source = vg.same_host_as_source

    def probe(self) -> Command:
        options = ("-v",) if self.block else ()
        words = ("vgdisplay", *options, self.name)
        program = "/usr/sbin/vgdisplay"
        needed = [(program, *options, self.name), *([(program, *options)] if options else [])]
        return self.look_with(SHOW, program, self.name, *options, title=" ".join(words), as_root=needed)

    def read_whole(self, result: Result) -> Probe:
        shown, told, behind = result.stdout.rpartition("\nexit code ")
        behind, _, others = behind.partition("\nall groups\n")
        number, *files = lines(behind)[:2] or [""]
        if not told or not number.isdigit():
            return unknown(f"vgdisplay did not finish: {result.said()}")
        name = ""
        for row in (line.split() for line in lines(others)):
            if row[:2] == ["VG", "Name"]:
                name = row[-1].removeprefix("/dev/")
            elif row[:2] == ["PV", "Name"] and name != self.name and row[2:3] and row[2] in self.block:
                return up(ELSEWHERE, f"group {name} is on {row[2]}")
        probe = self._read(lines(shown), int(number), files)
        if self.block and probe.use is Use.DOWN and not name:
            return unknown(f"vgdisplay -v shows no group at all, not even vg00: {probe.evidence}")
        return probe

    def _read(self, text: list[str], code: int, files: list[str]) -> Probe:
        """:param files: the group's device file, if it is there."""
        ended = f"exit code {code}: {text[-1].strip() if text else '(it printed nothing)'}"
        quoted = r'[Vv]olume group "(?:/dev/)?([^"]*)"'
        named = [m[1] for line in text if (m := re.search(quoted, line))]
        named += [m[1] for line in text if (m := re.match(r"\s*VG Name\s+(?:/dev/)?(\S+)\s*$", line))]
        status = [line for line in text if re.match(r"\s*VG Status\b", line)]
        inactive = [line for line in text if "Volume group not activated" in line]
        missing = [line for line in text if re.search(quoted + r" does not exist", line)]

        if set(named) != {self.name}:
            return unknown(f"it does not speak of {self.name} alone, {ended}")
        if status and not inactive and not missing and code == 0:
            available = re.fullmatch(r"VG Status available(?:,.*)?", " ".join(status[0].split()))
            if not available or len(status) > 1:
                return unknown(status[0])
            foreign = [line for line in text if self._is_foreign(line.split())]
            return up(ELSEWHERE, f"not one of `devices`: {foreign[0]}") if foreign else up(ACTIVE, status[0])
        # Only vgdisplay's own failure counts: from 126 on it is the shell that failed.
        if not status and 0 < code < 126:
            if inactive:
                return down(IMPORTED, inactive[0])
            if missing and files:
                return unknown(f"there is {files[0]}, though {missing[0]}")
            if missing:
                return down(EXPORTED, missing[0])
        return unknown(ended)

    def _is_foreign(self, row: list[str]) -> bool:
        """Whether a row of vgdisplay -v is a disk that is not configured; names of one kind are compared."""
        disk = _DISK.fullmatch(row[2]) if row[:2] == ["PV", "Name"] and len(row) == 3 else None
        kinds = {one.split("/")[2] for one in self.block}
        return disk is not None and disk[1] in kinds and row[2] not in self.block

    def start(self, at: str) -> list[Command]:
        load = [self.change("/usr/sbin/vgimport", "-m", self.map_file, "-s", "-N", self.name, root=True)]
        if self.beside_source:
            words = ("/usr/sbin/vgimport", "-m", self.map_file, self.name, *self.block)
            load = [self.change("/usr/sbin/vgchgid", *self.raw, root=True), self.change(*words, root=True)]
        activate = self.change("/usr/sbin/vgchange", "-a", "y", self.name, root=True)
        return {EXPORTED: [*load, activate], IMPORTED: [activate]}.get(at, [])

    def stop(self, at: str) -> list[Command]:
        deactivate = self.change("/usr/sbin/vgchange", "-a", "n", self.name, root=True)
        # With -s the map has the group's identifier, by which its disks are found again.
        words = ("-m", self.new_map, *(() if self.beside_source else ("-s",)), self.name)
        unload = [
            self.change("/usr/sbin/vgexport", "-p", *words, root=True),
            self._keep_map(),
            self.change("/usr/sbin/vgexport", *words, root=True),
        ]
        return {ACTIVE: [deactivate, *unload], IMPORTED: unload}.get(at, [])

    def _keep_map(self) -> Command:
        """vgexport writes the map as root, so nobody else may be able to read or move it."""
        needed = (
            *(("/usr/bin/cat", path) for path in (self.new_map, self.map_file)),
            ("/usr/bin/mv", "-f", self.new_map, self.map_file),
        )
        return self.script(KEEP_MAP, "keep", self.new_map, self.map_file, as_root=needed)


def _mount(line: str) -> Mount | None:
    """Blanks in a name are not escaped there: of such a row only the end shows that it is whole."""
    return fstab_row(line) or (Mount("", "", "", line, told_apart=False) if _ODD.fullmatch(line) else None)


class FsDriver(FsOnHost):
    """One file system."""

    def probe(self) -> Command:
        return self.look("/usr/sbin/mount", "-p")

    def read_whole(self, result: Result) -> Probe:
        return read_mounts(lines(result.stdout), _mount, "mount -p", self.fs)

    def check(self) -> list[Command]:
        return self.check_vxfs("/usr/sbin/fsck", "-F", self.fs.dev) if self.fs.type == "vxfs" else []

    def mount(self) -> Command:
        words = ("-F", self.fs.type, *self.options(), self.fs.dev, self.fs.mnt)
        return self.change("/usr/sbin/mount", *words, root=True)
