"""AIX: addresses, volume groups of its LVM, file systems.

``/usr/sbin/ifconfig -a``

====================================================  ==================================  ==========
Output                                                Reading                             How sure
====================================================  ==================================  ==========
``en0: flags=1e084863,480<UP,BROADCAST,...>``         the interface is up                 documented
``<TAB>inet A netmask 0xffffff00 broadcast B``        up, at `configured` or `elsewhere`  documented
``<TAB>inet6 A/P``, ``tcp_sendspace ...``, any other  passed over, unless it names our    documented;
line of an interface                                  address                             by decision
an address of an interface without ``UP``             not in use                          assumed
no address 127.0.0.1 or ::1                           the table is not whole              by decision
====================================================  ==================================  ==========

``/usr/sbin/lspv``

====================================================  ========================================  ==========
Output                                                Reading                                   How sure
====================================================  ========================================  ==========
``hdisk4 00f6050a4f2c5a51 ppvg active``               up, at `active`                           documented
``hdisk4 00f6050a4f2c5a51 ppvg concurrent``           up, at `active`                           documented
``hdisk4 00f6050a4f2c5a51 ppvg``                      down, at `varied off`                     documented
no row of the group, and rootvg is ``active``         down, at `exported`                       documented
the group has other disks than `devices`              up, at `elsewhere`; else unknown          by decision
one of `devices` in another group, ``active``         up, at `elsewhere`                        documented
the same without a state, or with another name than   unknown                                   documented
a group's (a disk of GPFS shows its NSD)
``0516-...`` on stderr (a lock, an ODM that fails)    unknown                                   documented
a state besides these (``locked``), of another group  passed over                               documented
``LABEL locked``, or ``?``, in place of the group,    unknown; passed over where `devices` are  documented
of a disk that may be the group's                     others
====================================================  ========================================  ==========

It reads the device database and the kernel, not the disks (documented: PVID sources of LVM).

``/usr/sbin/mount``

====================================================  ==================================  ==========
Output                                                Reading                             How sure
====================================================  ==================================  ==========
two lines of headings                                 passed over                         documented
row ``NODE DEV DIR VFS MON DD HH:MM OPTIONS``, the    up, at `mounted` or `elsewhere`     documented
node only of what is mounted from another host
such a row with the option ``ro``                     up, at `read-only`                  documented
row with raw blanks that names neither of ours        passed over                         by decision
the table is the kernel's (mntctl)                    a missing row means unmounted       documented
====================================================  ==================================  ==========

Sent: ``ifconfig IF A netmask M alias`` and ``ifconfig IF A delete`` (documented); ``importvg -n -y VG
DISK``, ``varyonvg VG``, ``varyoffvg VG``, ``exportvg VG`` (documented); ``fsck -p -V jfs2``, which replays
the log and ends with 0 (documented); ``mount -v``, ``umount``. AIX announces an alias by ARP itself
(assumed).

A group with `devices` is exported between runs, so that the import reads the fresh copy; without them it
stays defined, which does as long as the source's layout does not change. Beside its source a copy must not
be imported, for both have the same identifiers: ``recreatevg -y VG -Y fs -L /fs DISK...`` gives it new
ones, prefixes the names of its logical volumes with ``fs`` (so `dev` is ``/dev/fsNAME``) and varies it on
(documented). It stays defined between runs; whether the disks hold a new copy since is told by comparing
the group's identifier in the device database (``getlvodm -v``) and on the disk (``lqueryvg -p DISK -v``):
the same one needs only ``varyonvg`` (assumed: both programs are used by IBM's scripts, not documented).

Names of logical volumes are unique on a host and have 15 characters at most (documented: mklv), also those of
a group that is defined and not varied on; a name that is taken is replaced by another one without a word but
a warning (documented of synclvodm, ``-c``; of recreatevg assumed), and under the old one the other set's
volume would be mounted. So each of two target sets on one host has its `lv_prefix`.

As root, by the host's `become`: all that changes something (documented), ``getlvodm`` and ``lqueryvg``
(assumed). The looks of the tables above are the account's own (documented of ``ifconfig -a`` and ``mount``,
assumed of ``lspv``; one that is refused proves nothing).

Anything else is unknown, other languages' messages included.
"""

from __future__ import annotations

import re

from clones.asking.steps import Command, Result
from clones.config import Fs, Host, Ip, Vg
from clones.errors import ConfigError
from clones.resources.base import Probe
from clones.resources.filesystems import KILL_AIX, FsOnHost
from clones.resources.ifconfig import ABSENT, CONFIGURED, IfconfigDriver, Row, Table
from clones.resources.mounts import Mount, read_mounts
from clones.resources.reading import BECOME, ELSEWHERE, GroupOnHost, down, lines, unknown, up

LONGEST_NAME = 15
"""Characters of a logical volume's name (documented: mklv)."""
ACTIVE, VARIED_OFF, EXPORTED = "active", "varied off", "exported"


def _recreate(begin: str, prefix: str, label: str) -> str:
    return (
        f'{BECOME}name=$1; {begin}shift; known=$($become /usr/sbin/getlvodm -v "$name"); '
        'held=$($become /usr/sbin/lqueryvg -p "$1" -v) || exit; '
        'test "$known" = "$held" && exec $become /usr/sbin/varyonvg "$name"; '
        'test -z "$known" || $become /usr/sbin/exportvg "$name" || exit; '
        f'exec $become /usr/sbin/recreatevg -y "$name" -Y {prefix} -L {label} "$@"'
    )


FS = "fs"
RECREATE = _recreate("", FS, f"/{FS}")
"""VG DISK...: varied on as it is, or recreated when the disks hold a new copy."""
RECREATE_AS = _recreate("prefix=$2; shift; ", '"$prefix"', '"/$prefix"')
"""VG PREFIX DISK...: the same, with another prefix than `fs`."""

_DISK = re.compile(
    r"(?P<disk>[A-Za-z][\w.-]*)\s+(?P<id>[0-9a-f]{16,32}|none|\?)\s+(?P<vg>\S+)(?P<state>(?:\s+\S+)*)\s*"
)
_VARIED_ON = frozenset({"active", "concurrent"})
_MOUNT = re.compile(
    r"(?P<head>(?:\S+)?\s+\S.*?)\s+(?P<type>[\w.-]+)"
    r"\s+[A-Z][a-z]{2} [ \d]\d \d\d:\d\d(?:\s+(?P<options>\S.*)?)?"
)
_HEAD = re.compile(r"(?:\S+)?\s+(?P<device>\S+)\s+(?P<directory>/\S*)")


class IpDriver(IfconfigDriver):
    """One IPv4 address, an alias of an interface.

    :raises ConfigError: for IPv6, or for an interface with an alias number, which AIX does not have.
    """

    def __init__(self, host: Host, ip: Ip) -> None:
        super().__init__(host, ip, "AIX")
        if ":" in ip.ipdev:
            raise ConfigError(
                f"{self.label} on {self.host}: {ip.ipdev} has the number of an alias, which AIX has not.",
                "give `ipdev` as the interface alone, like en0",
            )

    def read_down(self, table: Table, mine: list[Row]) -> Probe:
        if mine:
            return down(ABSENT, f"the interface is down: {mine[0].line}")
        return super().read_down(table, mine)

    def start(self, at: str) -> list[Command]:
        words = (self.device, str(self.address), "netmask", self.netmask, "alias")
        return [self.change("/usr/sbin/ifconfig", *words, root=True)] if at == ABSENT else []

    def stop(self, at: str) -> list[Command]:
        words = (self.device, str(self.address), "delete")
        return [self.change("/usr/sbin/ifconfig", *words, root=True)] if at == CONFIGURED else []


class VgDriver(GroupOnHost):
    """One volume group.

    :raises ConfigError: for `devices` that are no names of AIX' disks.
    """

    started = prepared = ACTIVE

    def __init__(self, host: Host, vg: Vg) -> None:
        super().__init__(f"vg {vg.name}", host, vg.timeout)
        for disk in vg.devices:
            if not re.fullmatch(r"[A-Za-z]\w*", disk):
                raise ConfigError(
                    f"{self.label} on {self.host}: {disk} is no disk's name of AIX.",
                    "give `devices` as `lspv` prints them, like hdisk4 or hdiskpower4",
                )
        self.name, self.disks, self.beside_source = vg.name, vg.devices, vg.same_host_as_source
        self.lv_prefix = vg.lv_prefix
        self.exports = bool(vg.devices) and not vg.same_host_as_source
        self.stopped = EXPORTED if self.exports else VARIED_OFF

    def probe(self) -> Command:
        return self.look("/usr/sbin/lspv")

    def read_whole(self, result: Result) -> Probe:
        found = [(line, _DISK.fullmatch(line)) for line in lines(result.stdout)]
        rows = [(line, row, set(row["state"].split())) for line, row in found if row]
        mine = [(line, row["disk"], state) for line, row, state in rows if row["vg"] == self.name]
        others = [disk for _, disk, _ in mine if self.disks and disk not in self.disks]
        for line, _, state in mine:
            if state & _VARIED_ON:
                return up(ELSEWHERE if others else ACTIVE, line)
        elsewhere = [one for one in rows if self._is_of_another(one[1])]
        for line, _, state in elsewhere:
            if state & _VARIED_ON:
                return up(ELSEWHERE, f"not in {self.name}: {line}")
        foreign = [line for line, row in found if not row]
        complaints = [line for line in lines(result.stderr) if "0516-" in line]
        if foreign or complaints:
            return unknown(f"not a row of lspv: {[*complaints, *foreign][0]}")
        for line, row, state in rows:
            if row["vg"] == self.name and state:
                return unknown(f"a state of {self.name} that is not known: {line}")
            if self._may_be_hidden(row, state):
                return unknown(f"this may be a disk of {self.name}, whose name it does not show: {line}")
        if elsewhere:
            return unknown(f"not in {self.name}, and whether it is in use is not shown: {elsewhere[0][0]}")
        if not any(row["vg"] == "rootvg" and state & _VARIED_ON for _, row, state in rows):
            return unknown(f"no active rootvg among {len(rows)} disks: the table cannot be trusted")
        if others:
            return unknown(f"{self.name} is on {', '.join(others)}, which `devices` does not list")
        if mine:
            return down(VARIED_OFF, f"not varied on: {mine[0][0]}")
        return down(EXPORTED, f"no disk of {self.name} among {len(rows)} rows of lspv")

    def _is_of_another(self, row: re.Match[str]) -> bool:
        """Whether one of `devices` is in another group, or another name: one of GPFS shows no state."""
        return row["disk"] in self.disks and row["vg"] not in (self.name, "None", "none")

    def _may_be_hidden(self, row: re.Match[str], state: set[str]) -> bool:
        """Whether the group's name may be missing in a row: a label of ``lkdev`` takes its place."""
        if self.disks and row["disk"] not in self.disks:
            return False
        labelled = "locked" in state and not state & _VARIED_ON and row["vg"] != "None"
        return labelled or row["vg"] == "?"

    def start(self, at: str) -> list[Command]:
        activate = self.change("/usr/sbin/varyonvg", self.name, root=True)
        if self.beside_source:
            return [self._recreate()] if at in (EXPORTED, VARIED_OFF) else []
        if at == EXPORTED and self.disks:
            words = ("/usr/sbin/importvg", "-n", "-y", self.name, self.disks[0])
            return [self.change(*words, root=True), activate]
        return [activate] if at == VARIED_OFF else []

    def _recreate(self) -> Command:
        prefix, folder = self.lv_prefix, f"/{self.lv_prefix}"
        needed = (
            ("/usr/sbin/getlvodm", "-v", self.name),
            ("/usr/sbin/lqueryvg", "-p", self.disks[0], "-v"),
            ("/usr/sbin/varyonvg", self.name),
            ("/usr/sbin/exportvg", self.name),
            ("/usr/sbin/recreatevg", "-y", self.name, "-Y", prefix, "-L", folder, *self.disks),
        )
        if prefix == FS:
            return self.script(RECREATE, "recreate", self.name, *self.disks, as_root=needed)
        return self.script(RECREATE_AS, "recreate", self.name, prefix, *self.disks, as_root=needed)

    def stop(self, at: str) -> list[Command]:
        unload = [self.change("/usr/sbin/exportvg", self.name, root=True)] if self.exports else []
        if at == ACTIVE:
            return [self.change("/usr/sbin/varyoffvg", self.name, root=True), *unload]
        return unload if at == VARIED_OFF else []


def _mount(line: str) -> Mount | None:
    """What is mounted from another host has the same form with that host's name in front."""
    row = _MOUNT.fullmatch(line.rstrip())
    if not row:
        return None
    head = _HEAD.fullmatch(row["head"])
    place = (head["device"], head["directory"]) if head else ("", "")
    return Mount(*place, row["options"] or "", line, head is not None)


class FsDriver(FsOnHost):
    """One file system.

    :raises ConfigError: for a logical volume whose name is too long.
    """

    kill = KILL_AIX
    fuser = (("/usr/sbin/fuser", "-k", "-x"),)

    def __init__(self, host: Host, fs: Fs) -> None:
        super().__init__(host, fs)
        name = fs.dev.removeprefix("/dev/")
        if "/" not in name and len(name) > LONGEST_NAME:
            raise ConfigError(
                f"{self.label} on {self.host}: {name} has {len(name)} characters, and the name of a logical "
                f"volume has at most {LONGEST_NAME} on AIX, with its prefix.",
                "fix `dev`, or take a shorter `lv_prefix` for its group",
            )

    def probe(self) -> Command:
        return self.look("/usr/sbin/mount")

    def read_whole(self, result: Result) -> Probe:
        text = lines(result.stdout)
        headed = (
            len(text) > 1 and text[0].split()[:2] == ["node", "mounted"] and set(text[1].split()[0]) == {"-"}
        )
        return read_mounts(text[2:] if headed else text, _mount, "mount", self.fs)

    def check(self) -> list[Command]:
        if self.fs.type == "vxfs":
            return self.check_vxfs("/usr/sbin/fsck", "-V", self.fs.dev)
        if self.fs.type in ("jfs2", "jfs"):
            words = ("/usr/sbin/fsck", "-p", "-V", self.fs.type, self.fs.dev)
            return [self.change(*words, root=True)]
        return []

    def mount(self) -> Command:
        words = ("-v", self.fs.type, *self.options(), self.fs.dev, self.fs.mnt)
        return self.change("/usr/sbin/mount", *words, root=True)
