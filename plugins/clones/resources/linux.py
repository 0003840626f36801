"""Linux: addresses, volume groups of LVM2, file systems.

``/usr/sbin/ip -o addr show``

=======================================================  ==================================  ===========
Output                                                   Reading                             How sure
=======================================================  ==================================  ===========
row ``2: eth0    inet A/P ... scope global eth0\\ ...``  up, at `configured` or `elsewhere`  tried
row ``2: eth0    inet6 A/P ...``                         the same                            tried
row ``inet A peer B/P``: no prefix of its own            up, at `elsewhere`                  documented
row ``2: eth0: <FLAGS> ...`` of older releases           passed over                         documented
an address on an interface whose link is down            up: it is still set                 by decision
=======================================================  ==================================  ===========

``/usr/sbin/dmsetup info -c --noheadings --separator , -o name,open``

=====================================================  =====================  ==========
Output                                                 Reading                How sure
=====================================================  =====================  ==========
row ``vgdata-lvdata,1``                                up, at `active`        documented
`-` in a name is doubled: ``vg--data-lv`` is not vg's  names are compared so  documented
``No devices found``, exit 0                           down, at `inactive`    assumed
``/dev/mapper/control: open failed: ...``, exit 1      unknown                tried
=====================================================  =====================  ==========

``/usr/bin/cat /proc/self/mounts``

=====================================================  =================================  ===========
Output                                                 Reading                            How sure
=====================================================  =================================  ===========
row ``DEV DIR TYPE OPTIONS 0 0``, blanks as ``\\040``  up, at `mounted` or `elsewhere`    tried
/dev/VG/LV and /dev/mapper/VG-LV                       the same device                    documented
/dev/dm-N (no name) anywhere but on /                  a missing row proves nothing       by decision
mounts that exist only in a container's own namespace  not seen here; dmsetup shows them  documented
=====================================================  =================================  ===========

``e2fsck -p`` ends with 0, or with 1 when it corrected something (documented). Anything else is unknown.
"""

from __future__ import annotations

import ipaddress
import re

from clones.config import Fs, Ip, Vg
from clones.errors import ConfigError
from clones.resources.addresses import configured, printed
from clones.resources.base import Probe
from clones.resources.mounts import MOUNTED, UNMOUNTED, Mount, judge
from clones.resources.reading import ELSEWHERE, OnHost, down, how_it_ended, lines, unknown, up
from clones.steps import Command, Result

CONFIGURED, ABSENT = "configured", "absent"
ACTIVE, INACTIVE = "active", "inactive"

E2FSCK = "/usr/sbin/e2fsck"

_ADDRESS_ROW = re.compile(r"\s*\d+:\s+(?P<device>[^\s:@]+)(?:@\S+)?:?\s+(?P<family>\S+)\s+(?P<address>\S+)")
_ALIAS = re.compile(r"/dev/(?:disk|block|md)/.*|/dev/dm-\d+")
_ESCAPE = re.compile(r"\\([0-7]{3})")
_UNNAMED = re.compile(r"/dev/dm-\d+")
_VG_LV = re.compile(r"/dev/(?!mapper/)([^/]+)/([^/]+)")


def _dm(name: str) -> str:
    """A name of LVM as it stands inside a device-mapper name."""
    return name.replace("-", "--")


def _unescape(word: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), word)


def _device(path: str) -> str:
    """One spelling for the two names of a logical volume."""
    found = _VG_LV.fullmatch(path)
    return f"/dev/mapper/{_dm(found[1])}-{_dm(found[2])}" if found else path


class IpDriver(OnHost):
    """One address on an interface, with a label (``eth0:1``) when one is configured."""

    started = CONFIGURED
    stopped = ABSENT

    def __init__(self, host: str, ip: Ip) -> None:
        super().__init__(f"ip {ip.ipname}", host, ip.timeout)
        self.interface = configured(ip)
        self.device, _, number = ip.ipdev.partition(":")
        # The kernel keeps labels for IPv4 only.
        self.tag = ("label", ip.ipdev) if number and self.interface.version == 4 else ()

    def probe(self) -> Command:
        return self.look("/usr/sbin/ip", "-o", "addr", "show")

    def read(self, result: Result) -> Probe:
        if result.exit_code != 0:
            return unknown(how_it_ended(result))
        readable, elsewhere, foreign = 0, list[str](), list[str]()
        for line in lines(result.stdout):
            row = _ADDRESS_ROW.match(line)
            address = printed(row["address"]) if row else None
            if not row or (row["family"] in ("inet", "inet6") and address is None):
                foreign.append(line)
            elif row["family"] in ("inet", "inet6"):
                readable += 1
                if address == self.interface.ip:
                    if row["device"] == self.device and self._same_prefix(row["address"]):
                        return up(CONFIGURED, line)
                    elsewhere.append(line)
        if elsewhere:
            return up(ELSEWHERE, f"not {self.interface} on {self.device}: {elsewhere[0]}")
        if not readable:
            return unknown(f"no row with an address: {result.said()}")
        if foreign:
            return unknown(f"not a row of ip -o addr show: {foreign[0]}")
        return down(ABSENT, f"{self.interface.ip} in none of {readable} rows of ip addr show")

    def _same_prefix(self, word: str) -> bool:
        """`ip addr del` finds the address only with the prefix that it was added with."""
        try:
            return "/" in word and ipaddress.ip_interface(word).network == self.interface.network
        except ValueError:
            return False

    def start(self, at: str) -> list[Command]:
        words = ("addr", "add", str(self.interface), "dev", self.device, *self.tag)
        return [self.change("/usr/sbin/ip", *words)] if at == ABSENT else []

    def stop(self, at: str) -> list[Command]:
        words = ("addr", "del", str(self.interface), "dev", self.device)
        return [self.change("/usr/sbin/ip", *words)] if at == CONFIGURED else []


class VgDriver(OnHost):
    """One volume group, active as soon as the kernel maps one of its volumes.

    The kernel is asked, not LVM: LVM reads the disks, and the disks of a copy that is being recreated cannot
    be read; its answer would then be the same as for a volume group that is not in use.
    """

    started = ACTIVE
    stopped = INACTIVE

    def __init__(self, host: str, vg: Vg) -> None:
        super().__init__(f"vg {vg.name}", host, vg.timeout)
        self.name = vg.name

    def probe(self) -> Command:
        columns = ("-c", "--noheadings", "--separator", ",", "-o", "name,open")
        return self.look("/usr/sbin/dmsetup", "info", *columns)

    def read(self, result: Result) -> Probe:
        if result.exit_code != 0:
            return unknown(how_it_ended(result))
        text = [line.strip() for line in lines(result.stdout)]
        # Volumes' names do not begin with a dash, so one dash ends the group's name and two are part of it.
        mine = re.compile(re.escape(_dm(self.name)) + r"-(?!-).")
        for line in text:
            if mine.match(line):
                return up(ACTIVE, line)
        if text == ["No devices found"]:
            return down(INACTIVE, text[0])
        foreign = [line for line in text if not re.fullmatch(r"[^\s,]+\s*,\s*\d+", line)]
        if foreign or not text:
            return unknown(f"not a row of dmsetup info: {foreign[0] if foreign else result.said()}")
        return down(INACTIVE, f"no device of {self.name} among {len(text)} rows of dmsetup info")

    def start(self, at: str) -> list[Command]:
        if at != INACTIVE:
            return []
        rescan = self.change("/usr/sbin/pvscan", "--cache")
        return [rescan, self.change("/usr/sbin/vgchange", "-a", "y", self.name)]

    def stop(self, at: str) -> list[Command]:
        return [self.change("/usr/sbin/vgchange", "-a", "n", self.name)] if at == ACTIVE else []


class FsDriver(OnHost):
    """One file system.

    :raises ConfigError: for a device by a name that mount replaces with another one: such a mount could not
        be recognised, and would be taken for unmounted.
    """

    started = MOUNTED
    stopped = UNMOUNTED

    def __init__(self, host: str, fs: Fs) -> None:
        super().__init__(f"fs {fs.mnt}", host, fs.timeout)
        if _ALIAS.fullmatch(fs.dev):
            raise ConfigError(
                f"{self.label} on {host}: {fs.dev} is an alias, not what the table of mounts shows.",
                "give `dev` as /dev/VG/LV, /dev/mapper/NAME or what `findmnt` prints once it is mounted",
            )
        self.fs = fs
        self.device = _device(fs.dev)

    def probe(self) -> Command:
        return self.look("/usr/bin/cat", "/proc/self/mounts")

    def read(self, result: Result) -> Probe:
        if result.exit_code != 0:
            return unknown(how_it_ended(result))
        mounts, foreign = list[Mount](), list[str]()
        for line in lines(result.stdout):
            # The kernel escapes blanks within a word, but no other white space of Unicode.
            words = [_unescape(word) for word in re.split("[ \t]+", line.strip())]
            if len(words) == 6 and words[1].startswith("/"):
                mounts.append(Mount(_device(words[0]), words[1], line))
            else:
                foreign.append(line)
        found = judge(mounts, self.device, self.fs.mnt)
        if found.at == UNMOUNTED:
            # A line that cannot be read, or a device without its name, may be the one that shows it in use.
            if foreign:
                return unknown(f"not a row of /proc/self/mounts: {foreign[0]}")
            for mount in mounts:
                if _UNNAMED.fullmatch(mount.device) and mount.directory != "/":
                    return unknown(f"this may be {self.fs.dev}: {mount.line}")
        return found

    def start(self, at: str) -> list[Command]:
        if at != UNMOUNTED:
            return []
        fs = self.fs
        # xfs replays its log when it is mounted; its checker is for damage only.
        check = [self.change(E2FSCK, "-p", fs.dev)] if fs.type in ("ext2", "ext3", "ext4") else []
        options = ("-o", fs.mnt_opt) if fs.mnt_opt else ()
        return [*check, self.change("/usr/bin/mount", "-t", fs.type, *options, fs.dev, fs.mnt)]

    def stop(self, at: str) -> list[Command]:
        return [self.change("/usr/bin/umount", self.fs.mnt)] if at == MOUNTED else []

    def accepts(self, command: Command, exit_code: int) -> bool:
        """0; for e2fsck also 1: errors were corrected."""
        return exit_code == 0 or (exit_code == 1 and command.words[0] == E2FSCK)
