"""AIX: mount, umount, fsck -V jfs2, fuser."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from lab.hosts.mounts import Mount, unslash
from lab.hosts.volume_groups import VolumeGroup
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags

MISSING = "A file or directory in the path name does not exist."
NO_DEVICE = "There is a request to a device or address that does not exist."
INPUT_OUTPUT = "There is an input or output error."
BUSY = "The requested resource is busy."
FORMAT = "The media is not formatted or the format is not correct."


def mount(call: Call) -> int:
    if not call.words:
        return _list(call)
    try:
        found, rest = read_flags(call.words, "r", "vVo")
    except Usage:
        found, rest = {}, []
    if len(rest) != 2:
        return call.fail("Usage: mount [-r] [-v VfsName] [-o Options] Device Directory", 2)
    device, directory = rest[0], unslash(rest[1])
    host = call.host

    def refused(reason: str) -> int:
        return call.fail(f"mount: 0506-324 Cannot mount {device} on {directory}: {reason}")

    volume = host.volume(device)
    vg: VolumeGroup | None = host.groups[volume[0]] if volume else None
    if vg is None or not vg.known or not host.files.is_directory(directory):
        return refused(MISSING)
    if not vg.active:
        return refused(NO_DEVICE)
    if vg.unready(volume[1]):
        return refused(INPUT_OUTPUT)
    fs = vg.volumes[volume[1]].fs
    if found.get("v", found.get("V", fs)) != fs:
        return refused(FORMAT)
    if host.mounted(device) or host.mounted(directory):
        return refused(BUSY)
    if host.torn(vg, volume[1], "mount"):
        return refused(FORMAT)
    options = f"ro,{found.get('o', 'log=INLINE')}" if "r" in found else found.get("o")
    host.attach(device, directory, fs, options or host.default_options(fs))
    return 0


def _list(call: Call) -> int:
    call.line("  node       mounted        mounted over    vfs       date        options      ")
    call.line("-------- ---------------  ---------------  ------ ------------ --------------- ")
    zone = ZoneInfo(call.host.timezone)
    start = call.host.files.nodes["/"].modified
    for m in [Mount("/dev/hd4", "/", "jfs2", "rw,log=/dev/hd8", start), *call.host.mounts]:
        since = datetime.fromtimestamp(m.since, zone)
        call.line(f"{'':<8} {m.device:<16} {m.directory:<16} {m.fs:<6} {since:%b %d %H:%M} {m.options:<15} ")
    return 0


def umount(call: Call) -> int:
    try:
        _, rest = read_flags(call.words, "f")
    except Usage:
        rest = []
    if len(rest) != 1:
        return call.fail("Usage: umount [-f] {Device | Directory}", 2)
    found = call.host.mounted(unslash(rest[0]))
    if found is None:
        return call.fail("umount: 0506-347 Cannot find anything to unmount.")
    if call.host.busy(found):
        return call.fail(f"umount: 0506-349 Cannot unmount {found.device}: {BUSY}")
    call.host.detach(found)
    return 0


def fsck(call: Call) -> int:
    try:
        found, rest = read_flags(call.words, "pynf", "Vo")
    except Usage:
        found, rest = {}, []
    if len(rest) != 1 or found.get("V", "jfs2") != "jfs2":
        return call.fail("Usage: fsck [-p | -y | -n] [-V VfsName] Device", 2)
    host, device = call.host, rest[0]
    volume = host.volume(device)
    vg: VolumeGroup | None = host.groups[volume[0]] if volume else None
    if vg is None or not vg.active or vg.unready(volume[1]):
        return call.fail(f"fsck: 0507-280 Cannot open {device}: {NO_DEVICE}", 8)
    call.line(f"\nThe current volume is: {device}")
    if host.mounted(device):
        call.line("File system is currently mounted.")
        return call.fail(
            "fsck: Performing a checking operation on a mounted file system is not supported.", 8
        )
    if vg.volumes[volume[1]].fs != "jfs2":
        return call.fail(
            "Superblock is corrupt and cannot be repaired\n"
            "since both primary and secondary copies are corrupt.",
            8,
        )
    if host.torn(vg, volume[1], "fsck"):
        call.line("Primary superblock is valid.\nJ2_LOGREDO:log redo processing for " + device)
        call.line("logredo failed (rc=-3)\nFile system is dirty.")
        return call.fail("Errors found in the file system were not corrected.", 8)
    call.line("Primary superblock is valid.\nJ2_LOGREDO:log redo processing for " + device)
    call.line("Primary superblock is valid.\nFile system is clean.")
    return 0


def fuser(call: Call) -> int:
    """`fuser [-k] [-x] [-c] [-u] NAME ...`: names on stderr, pids on stdout (documented)."""
    try:
        found, names = read_flags(call.words, "kxcfu")
    except Usage:
        found, names = {}, []
    if not names:
        return call.fail("Usage: fuser [-cdfkuVx] file ...", 2)
    for name in names:
        mounted = call.host.mounted(unslash(name))
        users = call.host.users_of(mounted.directory) if mounted and call.as_root else []
        call.err(f"{name}: ")
        for process in users:
            call.out(f" {process.pid:>8}")
            call.err("c" + ("(root)" if "u" in found else ""))
        call.err("\n")
        if "k" in found:
            call.host.kill(users)
    return 0


PROGRAMS: dict[str, Program] = {"mount": mount, "umount": umount, "fsck": fsck, "fuser": fuser}
