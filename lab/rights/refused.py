"""What programs answer to an account that is not root. `tried` is on Debian 12.

| Programs | How sure |
|---|---|
| Linux: mount, umount, LVM, dmsetup, blockdev, e2fsck, ip | tried |
| Linux: fuser, and what `find` sees of others' open files | tried: nothing |
| Linux: arping, multipath, sg_turs, systemctl, fsck of VxFS | need root: documented; wording assumed |
| HP-UX, AIX, SunOS, VxVM | need root: documented; wording assumed |
| whatever else a host's `root_only` names | assumed |

`{0}` is the last word of the command.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Refused:
    """What it prints on stderr, and its exit code."""

    text: str
    exit: int


def _always(words: Sequence[str]) -> bool:
    return True


def _with_words(words: Sequence[str]) -> bool:
    """`mount` alone, or with one option, only lists."""
    return len([word for word in words if not word.startswith("-")]) > 0


def _changes_address(words: Sequence[str]) -> bool:
    return any(word in ("add", "del", "delete") for word in words)


def _configures(words: Sequence[str]) -> bool:
    """`ifconfig IF` and `ifconfig -a` show."""
    return len(words) > 1


def _not(*looks: str) -> Callable[[Sequence[str]], bool]:
    return lambda words: words[:1] != () and (not words or words[0] not in looks)


_LVM = Refused(
    "  WARNING: Running as a non-root user. Functionality may be unavailable.\n"
    "  /run/lock/lvm/P_global:aux: open failed: Permission denied\n",
    5,
)
_DEVICE = "{0}: Permission denied\n"
Table = dict[str, tuple[Callable[[Sequence[str]], bool], Refused]]
_LINUX: Table = {
    "mount": (_with_words, Refused("mount: {0}: must be superuser to use mount.\n", 32)),
    "umount": (_always, Refused("umount: {0}: must be superuser to unmount.\n", 32)),
    **{name: (_always, _LVM) for name in ("vgs", "lvs", "pvs", "pvscan", "vgchange", "vgrename")},
    "vgimportclone": (_always, _LVM),
    "dmsetup": (
        _always,
        Refused(
            "/dev/mapper/control: open failed: Permission denied\n"
            "Failure to communicate with kernel device-mapper driver.\nCommand failed.\n",
            1,
        ),
    ),
    "blockdev": (_always, Refused("blockdev: cannot open {0}: Permission denied\n", 1)),
    "e2fsck": (
        _always,
        Refused(
            "e2fsck: Permission denied while trying to open {0}\n"
            "You must have r/w access to the filesystem or be root\n",
            8,
        ),
    ),
    "fsck": (_always, Refused("UX:vxfs fsck.vxfs: ERROR: V-3-20012: not super user\n", 32)),
    "ip": (_changes_address, Refused("RTNETLINK answers: Operation not permitted\n", 2)),
    "arping": (_always, Refused("arping: socket: Operation not permitted\n", 2)),
    "multipath": (_always, Refused("need to be root\n", 1)),
    "sg_turs": (_always, Refused("sg_turs: error opening file: {0}: Permission denied\n", 15)),
    "systemctl": (
        _not("is-active", "-q", "--quiet"),
        Refused("Failed to change {0}: Interactive authentication required.\n", 1),
    ),
}
_UNIX: Table = {
    "mount": (_with_words, Refused("mount: {0}: Permission denied\n", 1)),
    "umount": (_always, Refused("umount: {0}: Permission denied\n", 1)),
    "fsck": (_always, Refused("fsck: " + _DEVICE, 1)),
    "ifconfig": (_configures, Refused("ifconfig: permission denied\n", 1)),
}
_HPUX: Table = _UNIX | {
    name: (_always, Refused(f"{name}: Permission denied\n", 1))
    for name in ("vgdisplay", "vgchange", "vgexport", "vgimport", "vgchgid", "ioscan", "insf")
}
_AIX: Table = _UNIX | {
    name: (_always, Refused(f"{name}: 0516-1148 Permission denied\n", 1))
    for name in (
        "importvg", "varyonvg", "varyoffvg", "exportvg", "lqueryvg", "recreatevg", "cfgmgr",
    )
}  # fmt: skip
_SUNOS: Table = _UNIX | {
    "zpool": (_not("list", "get", "status"), Refused("zpool: permission denied\n", 1)),
    "zfs": (_not("list", "get"), Refused("zfs: permission denied\n", 1)),
    "devfsadm": (_always, Refused("devfsadm: must be root\n", 1)),
}
_VXVM: Table = {
    name: (
        _always,
        Refused(f"VxVM {name} ERROR V-5-1-684 IPC failure: Configuration daemon is not accessible\n", 4),
    )
    for name in ("vxdg", "vxvol", "vxdisk", "vxdctl")
}
_OF: dict[str, Table] = {
    "linux": _LINUX | _VXVM, "hpux": _HPUX | _VXVM, "aix": _AIX | _VXVM, "sunos": _SUNOS | _VXVM,
    "control": {},
}  # fmt: skip


def refused(family: str, argv: Sequence[str], root_only: Sequence[str] = ()) -> Refused | None:
    """What an account that is not root is told; None: the program runs for everybody.

    :param argv: the program as it was called, and its words.
    :param root_only: patterns of further paths that only root may run.
    """
    name = posixpath.basename(argv[0])
    needed, found = _OF[family].get(name, (None, None))
    if needed is not None and found is not None and needed(argv[1:]):
        return Refused(found.text.format(argv[-1]), found.exit)
    if any(fnmatchcase(argv[0], pattern) for pattern in root_only):
        return Refused(f"{name}: only root may run this\n", 1)
    return None
