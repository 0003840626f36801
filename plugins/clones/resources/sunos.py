"""SunOS (Solaris): addresses, and the file systems ufs, vxfs and zfs. Its groups are zfs.py and vxvm.py.

``/usr/sbin/ifconfig -a``

====================================================  ==================================  ===========
Output                                                Reading                             How sure
====================================================  ==================================  ===========
``e1000g0:1: flags=1000843<UP,...> mtu 1500 ...``     the logical interface is up         documented
``<TAB>inet A netmask ffffff00 broadcast B``          up, at `configured` or `elsewhere`  documented
the interface is plumbed, without ``UP``              down, at `plumbed`                  documented
it carries another address                            down, at `occupied` (no start)      assumed
``inet6 A/P``, ``ether``, ``zone``, ``groupname``,    no address of ours                  documented
``usesrc vni0``, ``srcof net0``
``inet tunnel src A tunnel dst B``                    the same, unless it names ours      documented
no address 127.0.0.1 or ::1                           the table is not whole              by decision
====================================================  ==================================  ===========

``/usr/bin/cat /etc/mnttab``

====================================================  ==================================  ===========
Output                                                Reading                             How sure
====================================================  ==================================  ===========
row ``DEV DIR TYPE OPTIONS TIME`` with tabs between   up, at `mounted` or `elsewhere`     documented
such a row with the option ``ro``                     up, at `read-only`                  documented
row with an empty word, or with tabs in its options,  passed over                         by decision
that names neither of ours
of zfs, DEV is the file system's name                 the same                            documented
it is no file but the kernel's own table (mntfs)      a missing row means unmounted       documented
                                                                                          of Solaris 8
====================================================  ==================================  ===========

Sent: ``ifconfig IF:N plumb A netmask M broadcast + up`` and ``ifconfig IF:N unplumb`` (documented), only
with a number, for without one it would be the host's own interface; SunOS announces the address by ARP
itself (documented). ufs: ``fsck -F ufs -m``, and only if that ends with 32 (needs checking) ``fsck -F ufs
-o p``, which mends what is safe to mend without asking, as at boot (documented); never ``-y``. vxfs: as
everywhere. zfs: no check; ``zfs mount``, which mounts where the property ``mountpoint`` says: `mnt` must be
the same (documented). Both checks take the raw device, /dev/rdsk or /dev/vx/rdsk (documented).

As root, by the host's `become`: all that changes something (documented). ``ifconfig -a``, ``/etc/mnttab`` and
``zfs get`` are the account's own (documented of the first two, assumed of the third).

Anything else is unknown, other languages' messages included.
"""

from __future__ import annotations

from clones.asking.steps import Command, Result
from clones.config import Fs, Host, Ip
from clones.errors import ConfigError
from clones.resources.base import Probe
from clones.resources.filesystems import FsOnHost, killing
from clones.resources.ifconfig import ABSENT, CONFIGURED, IfconfigDriver, Row, Table
from clones.resources.mounts import Mount, read_mounts
from clones.resources.reading import BECOME, Roots, down, lines

PLUMBED, OCCUPIED = "plumbed", "occupied"

CHECK_UFS = (
    f'{BECOME}$become /usr/sbin/fsck -F ufs -m "$1"; code=$?; test "$code" -eq 32 || exit "$code"; '
    'exec $become /usr/sbin/fsck -F ufs -o p "$1"'
)
"""RAW DEVICE."""
KILL_ZFS = killing(
    '$become /usr/sbin/zfs unmount "$2"',
    'test "$(/usr/sbin/zfs get -H -o value mounted "$2")" = yes || exit 1; '
    '$become /usr/sbin/fuser -c -k "$1"',
)
"""A zfs has no device by which its users could be found, so that it is still mounted is made sure of."""


class IpDriver(IfconfigDriver):
    """One IPv4 address on a logical interface of its own.

    :raises ConfigError: for IPv6, or for an interface without the number of a logical one.
    """

    def __init__(self, host: Host, ip: Ip) -> None:
        super().__init__(host, ip, "SunOS")
        if ":" not in ip.ipdev or ip.ipdev.endswith(":0"):
            raise ConfigError(
                f"{self.label} on {self.host}: {ip.ipdev} is a whole interface, which a stop would unplumb.",
                "give `ipdev` with the number of a logical interface, like e1000g0:1",
            )

    def read_down(self, table: Table, mine: list[Row]) -> Probe:
        for row in table.rows:
            if (
                row.interface == self.device
                and not row.address.is_unspecified
                and row.address != self.address
            ):
                return down(OCCUPIED, f"{self.device} carries another address: {row.line}")
        if self.device in table.interfaces:
            return down(PLUMBED, f"{self.device} is plumbed, and not up with {self.address}")
        return super().read_down(table, mine)

    def start(self, at: str) -> list[Command]:
        if at not in (ABSENT, PLUMBED):
            return []
        plumb = ("plumb",) if at == ABSENT else ()
        words = (self.device, *plumb, str(self.address), "netmask", self.netmask, "broadcast", "+", "up")
        return [self.change("/usr/sbin/ifconfig", *words, root=True)]

    def stop(self, at: str) -> list[Command]:
        words = ("/usr/sbin/ifconfig", self.device, "unplumb")
        return [self.change(*words, root=True)] if at == CONFIGURED else []


def _mount(line: str) -> Mount | None:
    """Only tabs part the words; one that is empty is a word as well."""
    words = line.rstrip("\r\n").split("\t")
    if len(words) < 5 or not words[1].startswith("/") or not words[-1].isdigit():
        return None
    return Mount(words[0], words[1], "\t".join(words[3:-1]), line, len(words) == 5 and all(words))


class FsDriver(FsOnHost):
    """One file system."""

    def __init__(self, host: Host, fs: Fs) -> None:
        super().__init__(host, fs)
        self.raw = fs.dev.replace("/dsk/", "/rdsk/", 1)
        self.kill = KILL_ZFS if fs.type == "zfs" else self.kill

    def probe(self) -> Command:
        return self.look("/usr/bin/cat", "/etc/mnttab")

    def read_whole(self, result: Result) -> Probe:
        return read_mounts(lines(result.stdout), _mount, "mnttab", self.fs)

    def check(self) -> list[Command]:
        if self.fs.type == "ufs":
            needed = [("/usr/sbin/fsck", "-F", "ufs", *how, self.raw) for how in (("-m",), ("-o", "p"))]
            return [self.script(CHECK_UFS, "check", self.raw, as_root=needed)]
        return self.check_vxfs("/usr/sbin/fsck", "-F", self.raw) if self.fs.type == "vxfs" else []

    def mount(self) -> Command:
        if self.fs.type == "zfs":
            return self.change("/usr/sbin/zfs", "mount", *self.options(), self.fs.dev, root=True)
        words = ("-F", self.fs.type, *self.options(), self.fs.dev, self.fs.mnt)
        return self.change("/usr/sbin/mount", *words, root=True)

    def killers(self) -> Roots:
        if self.fs.type != "zfs":
            return super().killers()
        return [("/usr/sbin/zfs", "unmount", self.fs.dev), ("/usr/sbin/fuser", "-c", "-k", self.fs.mnt)]

    def unmount(self) -> Command:
        if self.fs.type == "zfs":
            return self.change("/usr/sbin/zfs", "unmount", self.fs.dev, root=True)
        return super().unmount()
