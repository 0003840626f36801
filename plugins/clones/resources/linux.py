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
no address 127.0.0.1 or ::1                              the table is not whole              by decision
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
no DEV                                                 the same                           tried
raw blanks in OPTIONS (9p)                             the same: the first three words    reported
                                                       are escaped
such a row with the option ``ro``                      up, at `read-only`                 tried
/dev/VG/LV and /dev/mapper/VG-LV                       the same device                    documented
/dev/dm-N (no name) anywhere but on /                  a missing row proves nothing       by decision
mounts that exist only in a container's own namespace  not seen here; dmsetup shows them  documented
=====================================================  =================================  ===========

/etc/mtab is not asked: it is a file that can lie, where it is not a link to this one (documented).

Sent: ``ip addr add``, then ``arping -U``, for Linux does not announce an added address (documented); where
there is no arping, or it fails, that is said and harms nothing. ``pvscan --cache``, ``vgchange -a y``.
``mount -w``: without it a device that is write-protected is mounted read-only, with exit code 0 (documented,
and tried with util-linux 2.38); that an older one may do so even with it is assumed, and the probe shows it.
ext2 to ext4: ``e2fsck -p``, which ends with 0, or with 1 when it corrected something (documented). xfs: no
check; the log is replayed by the mount, while ``xfs_repair`` refuses a log that is not empty unless ``-L``
throws it away, and with ``-n`` reports as damage what is only still in the log (documented). vxfs: as
everywhere.

Beside its source a copy's disks are duplicates, which LVM does not use. ``vgimportclone --basevgname VG
DISK...`` gives them identifiers and a name of their own (documented); but if there is a group of that name
it takes another one (documented), so before it and after it the name must be that of no disks but ours, and
before every stop too: otherwise it would be the source that is deactivated. Names of disks are compared as
``vgs`` prints them. An xfs there is mounted with ``nouuid`` (documented).

Two target sets on one host are copies of one source, too, whether the host sees that as well or not:

==========================================================  ================================  ==========
LVM 2.03.16, on loop devices, nothing active                What happens                      How sure
==========================================================  ================================  ==========
two disks with the same identifiers                         one is chosen, by what was seen   tried
                                                            first
``vgchange -a y``, ``--addtag`` of the group that has such  refused, whichever was chosen     tried
disks
``vgrename`` of that group                                  nothing; it says so, and ends     tried
                                                            with 0
two groups with one name and other identifiers              every command that names one by   tried
                                                            it is refused
``vgimportclone`` of any of the duplicates                  that one alone gets others        tried
the same, beside an active one                              the active one is chosen; it is   documented
                                                            not touched
``--basevgname`` with the name that the group bears         it waits for ever for a lock of   tried
                                                            its own, and holds that of all
                                                            groups
a devices file that does not list the disk                  ``Failed to find device``, unless tried
                                                            with ``--importdevices``
a new copy on a disk that it lists                          it stays listed                   tried
``--importdevices`` where there is no such file             ignored, with a message           tried
==========================================================  ================================  ==========

So a set's group is claimed under another name, ``VG.claim``; then it gets the tag ``identifiers_of=VG``, and
only then its name, for by that alone a copy that nobody claimed could be taken for it. Whoever finds it half
way goes on from there.

Anything else is unknown.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import replace

from clones.asking.steps import Command, Result
from clones.config import Fs, Host, Ip, Vg
from clones.errors import ConfigError
from clones.resources.addresses import configured, printed
from clones.resources.base import Probe
from clones.resources.filesystems import FsOnHost, killing
from clones.resources.mounts import UNMOUNTED, Mount, fstab_row, read_mounts, says_read_only
from clones.resources.reading import BECOME, ELSEWHERE, GroupOnHost, OnHost, down, lines, unknown, up

CONFIGURED, ABSENT = "configured", "absent"
ACTIVE, INACTIVE = "active", "inactive"

E2FSCK = "/usr/sbin/e2fsck"

ARPING = ("/usr/bin/arping", "/usr/sbin/arping")
FUSER = ("/usr/bin/fuser", "/usr/sbin/fuser")
"""Where a program is, by the distribution: a rule of `become` needs its whole path."""


def either(paths: tuple[str, str]) -> str:
    """Shell text: `it` is the one of the two that this host has."""
    return f"it={paths[0]}; test -x $it || it={paths[1]}; "


ANNOUNCE = (
    f"{BECOME}{either(ARPING)}"
    'test -x $it && $become $it -U -c 1 -w 2 -I "$1" "$2" 2>/dev/null || '
    'echo "$2 was not announced: other hosts find it once they ask anew"'
)
"""INTERFACE ADDRESS. It never fails: an address that is up needs no announcement to be right."""
KILL = killing('$become /usr/bin/umount "$1"', f'{either(FUSER)}$become $it -k -m "$2"')

VGS = ("/usr/sbin/vgs", "--noheadings", "-O", "pv_name", "-o", "pv_name")
IMPORT_CLONE = "/usr/sbin/vgimportclone"


def _held(name: str) -> str:
    """Shell text: `held` is the disks of that group, by their names. 5 is LVM's word for: there is none."""
    asked = f'held=$($become {" ".join(VGS)} "{name}"'
    return f"{asked} 2>/dev/null) || test $? -eq 5 || {asked}) || exit; held=$(echo $held); "


_OURS_HELD = 'test "$held" = "$*" '
_OURS = f"{_held('$name')}{_OURS_HELD}"
_NOT_OURS = 'echo "volume group $name is on other disks than $*: $held" >&2; '
CLAIM = (
    f"{BECOME}LC_ALL=C; export LC_ALL; name=$1; shift; {_OURS}&& exit 0; "
    f'test -z "$held" || {_NOT_OURS}test -z "$held" || exit 1; '
    f'$become /usr/sbin/vgimportclone --basevgname "$name" "$@" || exit; '
    f'{_OURS}|| {_NOT_OURS}test "$held" = "$*"'
)
"""VG DISK..., sorted: the disks are that group afterwards, and nothing else is."""
CLAIM_APART = (
    f"{BECOME}LC_ALL=C; export LC_ALL; name=$1; new=$1.claim; tag=identifiers_of=$1; shift; "
    f"{_held('@$tag')}tagged=$held; {_held('$name')}"
    'test "$held" = "$*" && test "$tagged" = "$*" && exit 0; '
    f'test -z "$held" || {_OURS_HELD}|| {_NOT_OURS}test -z "$held" || {_OURS_HELD}|| exit 1; '
    f"listed=; test ! -e /etc/lvm/devices/system.devices || listed=--importdevices; {_held('$new')}"
    'test "$held" = "$*" || $become /usr/sbin/vgimportclone $listed --basevgname "$new" "$@" || exit; '
    f'{_held("$new")}test "$held" = "$*" || echo "volume group $new is on other disks than $*: $held" >&2; '
    'test "$held" = "$*" || exit 1; '
    '$become /usr/sbin/vgchange --addtag "$tag" "$new" && $become /usr/sbin/vgrename "$new" "$name" || exit; '
    f"{_OURS}|| {_NOT_OURS}{_OURS_HELD.rstrip()}"
)
"""The same where the source's group may not be seen, but other copies are: a name alone does not tell then
whether the copy has identifiers of its own, which the tag does. The group has the tag before its name."""
OURS = f'{BECOME}LC_ALL=C; export LC_ALL; name=$1; shift; {_OURS}|| {_NOT_OURS}test "$held" = "$*"'
"""VG DISK..., sorted: fails unless the group is on these disks."""

_ADDRESS_ROW = re.compile(r"\s*\d+:\s+(?P<device>[^\s:@]+)(?:@\S+)?:?\s+(?P<family>\S+)\s+(?P<address>\S+)")
_ALIAS = re.compile(r"/dev/(?:disk|block|md)/.*|/dev/dm-\d+")
_ESCAPE = re.compile(r"\\([0-7]{3})")
_UNNAMED = re.compile(r"/dev/dm-\d+")
_LOOP = frozenset({"loop", "offset", "sizelimit", "bind", "rbind"})
"""Options by which the table shows another device than the one that was given (documented: mount(8))."""
_VG_LV = re.compile(r"/dev/(?!mapper/)([^/]+)/([^/]+)")


def _dm(name: str) -> str:
    """A name of LVM as it stands inside a device-mapper name."""
    return name.replace("-", "--")


def _unescape(word: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), word)


def on_group(device: str, group: str) -> bool:
    """Whether a device is a volume of that group, of LVM by either of its names or of VxVM."""
    if device.startswith(f"/dev/vx/dsk/{group}/"):
        return True
    return re.match(rf"/dev/mapper/{re.escape(_dm(group))}-(?!-).", device_name(device)) is not None


def device_name(path: str) -> str:
    """One spelling for the two names of a logical volume."""
    found = _VG_LV.fullmatch(path)
    return f"/dev/mapper/{_dm(found[1])}-{_dm(found[2])}" if found else path


def _options(fs: Fs) -> list[str]:
    return fs.mnt_opt.split(",") if fs.mnt_opt else []


def _mount(line: str) -> Mount | None:
    """The kernel escapes blanks within device, directory and type, but no other white space of Unicode."""
    row = fstab_row(line)
    if row is None:
        return None
    device, directory = device_name(_unescape(row.device)), _unescape(row.directory)
    return replace(row, device=device, directory=directory, told_apart=True)


class IpDriver(OnHost):
    """One address on an interface, with a label (``eth0:1``) when one is configured."""

    started = CONFIGURED
    stopped = ABSENT

    def __init__(self, host: Host, ip: Ip) -> None:
        super().__init__(f"ip {ip.ipname}", host, ip.timeout)
        self.interface = configured(ip)
        self.device, _, number = ip.ipdev.partition(":")
        # The kernel keeps labels for IPv4 only.
        self.tag = ("label", ip.ipdev) if number and self.interface.version == 4 else ()

    def probe(self) -> Command:
        return self.look("/usr/sbin/ip", "-o", "addr", "show")

    def read_whole(self, result: Result) -> Probe:
        readable, loopback, elsewhere, foreign = 0, False, list[str](), list[str]()
        for line in lines(result.stdout):
            row = _ADDRESS_ROW.match(line)
            address = printed(row["address"]) if row else None
            if not row or (row["family"] in ("inet", "inet6") and address is None):
                foreign.append(line)
            elif row["family"] in ("inet", "inet6"):
                readable += 1
                loopback = loopback or (address is not None and address.is_loopback)
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
        if not loopback:
            return unknown(f"no loopback address among {readable} rows of ip addr show")
        return down(ABSENT, f"{self.interface.ip} in none of {readable} rows of ip addr show")

    def _same_prefix(self, word: str) -> bool:
        """`ip addr del` finds the address only with the prefix that it was added with."""
        try:
            return "/" in word and ipaddress.ip_interface(word).network == self.interface.network
        except ValueError:
            return False

    def start(self, at: str) -> list[Command]:
        words = ("addr", "add", str(self.interface), "dev", self.device, *self.tag)
        if at != ABSENT:
            return []
        add = self.change("/usr/sbin/ip", *words, root=True)
        if self.interface.version != 4:
            return [add]
        where = (self.device, str(self.interface.ip))
        as_root = [(program, "-U", "-c", "1", "-w", "2", "-I", *where) for program in ARPING]
        return [add, self.script(ANNOUNCE, "announce", *where, as_root=as_root)]

    def stop(self, at: str) -> list[Command]:
        words = ("addr", "del", str(self.interface), "dev", self.device)
        return [self.change("/usr/sbin/ip", *words, root=True)] if at == CONFIGURED else []


class VgDriver(GroupOnHost):
    """One volume group, active as soon as the kernel maps one of its volumes.

    The kernel is asked, not LVM: LVM reads the disks, and the disks of a copy that is being recreated cannot
    be read; its answer would then be the same as for a volume group that is not in use.
    """

    started = prepared = ACTIVE
    stopped = INACTIVE

    def __init__(self, host: Host, vg: Vg) -> None:
        super().__init__(f"vg {vg.name}", host, vg.timeout)
        for disk in vg.devices:
            if not disk.startswith("/dev/"):
                raise ConfigError(
                    f"{self.label} on {self.host}: {disk} is no path of a disk.",
                    "give `devices` as `pvs` prints them, like /dev/mapper/mpathb",
                )
        self.name = vg.name
        self.copy = (vg.name, *sorted(vg.devices)) if vg.same_host_as_source else ()
        self.apart = vg.same_host_as_copies

    def probe(self) -> Command:
        columns = ("-c", "--noheadings", "--separator", ",", "-o", "name,open")
        return self.look("/usr/sbin/dmsetup", "info", *columns, root=True)

    def read_whole(self, result: Result) -> Probe:
        text = [line.strip() for line in lines(result.stdout)]
        # Volumes' names do not begin with a dash, so one dash ends the group's name and two are part of it.
        mine = re.compile(re.escape(_dm(self.name)) + r"-(?!-).")
        for line in text:
            if mine.match(line):
                return up(ACTIVE, line)
        if text == ["No devices found"]:
            return down(INACTIVE, text[0])
        foreign = [line for line in text if not re.fullmatch(r"\S.*,\s*\d+", line)]
        if foreign or not text:
            return unknown(f"not a row of dmsetup info: {foreign[0] if foreign else result.said()}")
        return down(INACTIVE, f"no device of {self.name} among {len(text)} rows of dmsetup info")

    def start(self, at: str) -> list[Command]:
        if at != INACTIVE:
            return []
        first = [self.change("/usr/sbin/pvscan", "--cache", root=True)]
        if self.copy:
            first.append(self._claim())
        return [*first, self.change("/usr/sbin/vgchange", "-a", "y", self.name, root=True)]

    def _claim(self) -> Command:
        name, *disks = self.copy
        if not self.apart:
            as_root = [(*VGS, name), (IMPORT_CLONE, "--basevgname", name, *disks)]
            return self.script(CLAIM, "claim", *self.copy, as_root=as_root)
        new, tag = f"{name}.claim", f"identifiers_of={name}"
        as_root = [
            *((*VGS, asked) for asked in (f"@{tag}", name, new)),
            *((IMPORT_CLONE, *listed, "--basevgname", new, *disks) for listed in ((), ("--importdevices",))),
            ("/usr/sbin/vgchange", "--addtag", tag, new),
            ("/usr/sbin/vgrename", new, name),
        ]
        return self.script(CLAIM_APART, "claim", *self.copy, as_root=as_root)

    def stop(self, at: str) -> list[Command]:
        if at != ACTIVE:
            return []
        own = self.script(OURS, "own", *self.copy, as_root=[(*VGS, self.name)])
        deactivate = self.change("/usr/sbin/vgchange", "-a", "n", self.name, root=True)
        return [own, deactivate] if self.copy else [deactivate]


class FsDriver(FsOnHost):
    """One file system.

    :param beside_source: it is on a group whose source this host sees too.
    :param beside: the mount points of the service's other subvolumes of the same btrfs.
    :raises ConfigError: for a device by a name that mount replaces with another one: such a mount could not
        be recognised, and would be taken for unmounted.
    """

    umount = "/usr/bin/umount"
    kill = KILL
    fuser = tuple((program, "-k", "-m") for program in FUSER)

    def __init__(
        self, host: Host, fs: Fs, *, beside_source: bool = False, beside: Sequence[str] = ()
    ) -> None:
        super().__init__(host, fs)
        if _LOOP & {one.partition("=")[0] for one in _options(fs)}:
            raise ConfigError(
                f"{self.label} on {self.host}: {fs.dev} is mounted by way of another device, a loop device "
                "for a file, and the table of mounts shows that one.",
                "give `dev` as the block device on which the copy is, or list a `command` that mounts it",
            )
        if _ALIAS.fullmatch(fs.dev):
            raise ConfigError(
                f"{self.label} on {self.host}: {fs.dev} is an alias, not what the table of mounts shows.",
                "give `dev` as /dev/VG/LV, /dev/mapper/NAME or what `findmnt` prints once it is mounted",
            )
        self.device, self.beside = device_name(fs.dev), tuple(beside)
        self.nouuid = beside_source and fs.type == "xfs"

    def probe(self) -> Command:
        return self.look("/usr/bin/cat", "/proc/self/mounts")

    def read_whole(self, result: Result) -> Probe:
        found = read_mounts(
            lines(result.stdout), _mount, "/proc/self/mounts", self.fs, self.device, self.beside
        )
        if found.at == UNMOUNTED:
            # A device without its name may be the one that shows it in use.
            for line in lines(result.stdout):
                mount = _mount(line)
                if mount and _UNNAMED.fullmatch(mount.device) and mount.directory != "/":
                    return unknown(f"this may be {self.fs.dev}: {mount.line}")
        return found

    def check(self) -> list[Command]:
        if self.fs.type == "vxfs":
            return self.check_vxfs("/usr/sbin/fsck", "-t", self.fs.dev)
        if self.fs.type in ("ext2", "ext3", "ext4"):
            return [self.change(E2FSCK, "-p", self.fs.dev, root=True)]
        return []

    def mount(self) -> Command:
        options = _options(self.fs)
        if self.nouuid and "nouuid" not in options:
            options.append("nouuid")
        words = ("-o", ",".join(options)) if options else ()
        if not says_read_only(self.fs.mnt_opt):
            words = ("-w", *words)
        words = ("-t", self.fs.type, *words, self.fs.dev, self.fs.mnt)
        return self.change("/usr/bin/mount", *words, root=True)

    def succeeds(self, command: Command) -> tuple[int, ...]:
        """0; for e2fsck also 1: errors were corrected."""
        return (0, 1) if self.program_of(command) == E2FSCK else (0,)
