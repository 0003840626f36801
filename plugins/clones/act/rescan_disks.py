"""Making the copies' disks usable on a service host after their activation, before anything is imported.

While a copy is re-established its target is Not Ready: the host has marked its paths as failed or, when it
was booted in that time, holds the disk for read-only. Only disks that the configuration lists (`devices` of a
volume group) are looked at; one that stays away is named, with what to do about it.

None of these commands changes a disk, and all bear being sent twice: they count as looking.

======  =========================================================================  =========================
Family  Sent                                                                       How sure
======  =========================================================================  =========================
linux   ``readlink -f DISK...``; ``ls /sys/block/dm-N/slaves...``; for each path   the predecessor did so for
        a write to its ``device/rescan``; of multipath ``multipath -r DISK``;      one path; the order is
        then ``sg_turs --num=5 DISK``                                              ours
hpux    ``ls -L DISK``; when it is missing ``ioscan -fC disk`` and ``insf -e``     documented
aix     ``lsdev -l hdiskN -F status``; unless Available ``cfgmgr``                 documented
sunos   ``ls -L /dev/rdsk/cXtYdZs2``; when it is missing ``devfsadm -c disk``      documented
VxVM    nothing here: its driver begins an import with ``vxdctl enable``
======  =========================================================================  =========================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clones.asking.side_by_side import abreast
from clones.asking.steps import Command, Result, Steps, note, run
from clones.become import Free
from clones.config import Host, Service
from clones.errors import CloneError, NotDone, Unknown
from clones.guards.disks import SCSI_DISKS
from clones.resources.reading import BECOME
from clones.time_limits import DISK_LOOK, DISK_SCAN

TURS = "--num=5"
"""How often ``sg_turs`` asks: the first answer after an activation is often a unit attention."""
RESCAN = f'{BECOME}echo 1 | $become /usr/bin/tee "$1" >/dev/null'


@dataclass(frozen=True)
class Scan:
    """How a disk is looked for where the host keeps it by itself once it was found.

    :param look: the command that looks for a disk.
    :param there: whether what it said means that the disk is there.
    :param find: what makes the host find it.
    """

    look: Callable[[str], tuple[str, ...]]
    there: Callable[[Result], bool]
    find: tuple[tuple[str, ...], ...]


SCANS: Mapping[str, Scan] = {
    "hpux": Scan(
        lambda disk: ("/usr/bin/ls", "-L", disk),
        lambda result: result.exit_code == 0,
        (("/usr/sbin/ioscan", "-fC", "disk"), ("/usr/sbin/insf", "-e")),
    ),
    "aix": Scan(
        lambda disk: ("/usr/sbin/lsdev", "-l", disk.rpartition("/")[2], "-F", "status"),
        lambda result: result.stdout.strip() == "Available",
        (("/usr/sbin/cfgmgr",),),
    ),
    "sunos": Scan(
        lambda disk: ("/usr/bin/ls", "-L", disk if disk.startswith("/") else f"/dev/rdsk/{disk}s2"),
        lambda result: result.exit_code == 0,
        (("/usr/sbin/devfsadm", "-c", "disk"),),
    ),
}


def make_visible(name: str, service: Service, host: Host) -> Steps[None]:
    """Bring every listed disk of the service's volume groups into a usable state on one host.

    :param name: of the service.
    :raises NotDone: a disk is not there, or not ready.
    :raises Unknown: a command did not come to its end.
    """
    groups = [entry.vg for entry in service.resources if entry.vg and entry.vg.devices]
    disks = [disk for group in groups if group.manager != "vxvm" for disk in group.devices]
    if disks and host.family == "linux":
        yield from _linux(name, host, disks)
    for disk in disks if host.family in SCANS else ():
        yield from _scan(name, host, disk, SCANS[host.family])
    if disks:
        yield from note(f"Usable on {host.connection}: {', '.join(disks)}")


def needed_programs(service: Service, host: Host) -> list[str]:
    """The programs that :func:`make_visible` runs there, by path."""
    if not any(entry.vg and entry.vg.devices and entry.vg.manager != "vxvm" for entry in service.resources):
        return []
    if host.family == "linux":
        return ["/usr/bin/readlink", "/usr/bin/ls", "/usr/bin/tee", "/usr/bin/sg_turs"]
    scan = SCANS[host.family]
    return [scan.look("")[0], *(words[0] for words in scan.find)]


def _scan(name: str, host: Host, disk: str, scan: Scan) -> Steps[None]:
    look = _look(host, *scan.look(disk))
    if scan.there((yield from _told(name, host, disk, look))):
        return
    for words in scan.find:
        yield from _told(name, host, disk, _find(host, *words))
    result = yield from _told(name, host, disk, look)
    if not scan.there(result):
        raise _failed(name, host, disk, result)


def _linux(name: str, host: Host, disks: Sequence[str]) -> Steps[None]:
    every = ", ".join(disks)
    found = yield from _told(name, host, every, _look(host, "/usr/bin/readlink", "-f", *disks))
    nodes = [node.rpartition("/")[2] for node in found.stdout.split()]
    if found.exit_code != 0 or len(nodes) != len(disks):
        raise _failed(name, host, every, found)
    folders = [f"/sys/block/{node}/slaves" for node in nodes]
    below = yield from _told(name, host, every, _look(host, "/usr/bin/ls", *folders))
    paths = [word for word in below.stdout.split() if not word.endswith(":")]
    # Only disks of SCSI have that; the test below decides.
    scsi = [path for path in paths or nodes if re.fullmatch("sd[a-z]+", path)]
    yield from abreast(_told(name, host, path, _rescan(host, path)) for path in scsi)
    yield from abreast(_ready(name, host, disk, node) for disk, node in zip(disks, nodes, strict=True))


def _ready(name: str, host: Host, disk: str, node: str) -> Steps[None]:
    if node.startswith("dm-"):
        yield from _told(name, host, disk, _find(host, "/usr/sbin/multipath", "-r", disk))
    ready = yield from _told(name, host, disk, _look(host, "/usr/bin/sg_turs", TURS, disk, root=True))
    if ready.exit_code != 0:
        raise _failed(name, host, disk, ready)


def _told(name: str, host: Host, disk: str, command: Command) -> Steps[Result]:
    result = yield from run(command)
    if result.exit_code is None:
        raise Unknown(
            f"Service {name}: it is not known whether disk {disk} is usable on {host.connection}: "
            f"`{command.shown()}` gave {result.ending()}.",
            "wait for the retry, which checks the disk first",
        )
    return result


def _failed(name: str, host: Host, disk: str, result: Result) -> CloneError:
    return NotDone(
        f"Service {name}: {disk} is not usable on {host.connection}: the host does not see it (SYMCLI: Not "
        f"Visible), or it is still Not Ready. `{result.command.shown()}` ended with {result.ending()}: "
        f"{result.said()}",
        "wait for the retry; if it stays so, check whether the array presents the target to this host "
        "(masking, zoning), let the host find it, and check `devices` in services.yaml",
    )


def _look(host: Host, *words: str, root: bool = False) -> Command:
    sent = ("env", "LC_ALL=C", *(host.root(*words) if root else words))
    needed = (words,) if root and host.root else ()
    return Command(host.connection, sent, DISK_LOOK.seconds, title=" ".join(words), as_root=needed)


def _rescan(host: Host, path: str) -> Command:
    any_path = Free("/sys/block/PATH/device/rescan", [f"/sys/block/{sd}/device/rescan" for sd in SCSI_DISKS])
    words = ("/bin/sh", "-c", RESCAN, "rescan", host.root.text, f"/sys/block/{path}/device/rescan")
    needed = (("/usr/bin/tee", any_path),) if host.root else ()
    return Command(host.connection, words, DISK_SCAN.seconds, as_root=needed)


def _find(host: Host, *words: str) -> Command:
    """As root: nobody else may make a host look for its disks."""
    needed = (words,) if host.root else ()
    return Command(host.connection, host.root(*words), DISK_SCAN.seconds, as_root=needed)
