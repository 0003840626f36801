"""HP-UX: mount, umount, fsck -F vxfs, bdf, fuser, sync."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from lab.hosts.mounts import Mount, unslash
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags

ROOT_VOLUME = "/dev/vg00/lvol3"
ROOT_OPTIONS = "ioerror=nodisable,log,dev=40000003"


def _since(call: Call, at: float) -> str:
    moment = datetime.fromtimestamp(at, ZoneInfo(call.host.timezone))
    return f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S %Y}"


def _all(call: Call) -> list[Mount]:
    start = call.host.files.nodes["/"].modified
    return [Mount(ROOT_VOLUME, "/", "vxfs", ROOT_OPTIONS, start), *call.host.mounts]


def _options(call: Call, mount: Mount) -> str:
    if mount.directory == "/":
        return mount.options
    return f"{mount.options},dev={0x40010000 + (call.host.mounts.index(mount) + 1):x}"


def mount(call: Call) -> int:
    words = call.words
    if not words:
        for m in _all(call):
            call.line(f"{m.directory} on {m.device} {_options(call, m)} on {_since(call, m.since)}")
        return 0
    if words == ["-v"]:
        for m in _all(call):
            call.line(
                f"{m.device} on {m.directory} type {m.fs} {_options(call, m)} on {_since(call, m.since)}"
            )
        return 0
    if words == ["-p"]:
        for m in _all(call):
            call.line(f"{m.device} {m.directory} {m.fs} {_options(call, m)} 0 0")
        return 0
    try:
        found, rest = read_flags(words, "", "Fo")
    except Usage:
        found, rest = {}, []
    if len(rest) != 2 or "F" not in found:
        return call.fail(
            "usage: mount [-l] [-p|-v]\n       mount [-F FStype] [-o specific_options] special directory"
        )
    return _mount(call, found["F"], found.get("o"), rest[0], unslash(rest[1]))


def _mount(call: Call, kind: str, options: str | None, device: str, directory: str) -> int:
    host = call.host
    prefix = f"UX:{kind} mount: ERROR: "
    if not host.files.is_directory(directory):
        return call.fail(f"mount: {directory}: no such file or directory")
    volume = host.volume(device)
    vg = host.groups[volume[0]] if volume else None
    if vg is None or not vg.known:
        return call.fail(f"{prefix}V-3-20003: Cannot open {device}: No such file or directory")
    if not vg.active or vg.missing:
        reason = "I/O error" if vg.active else "No such device or address"
        return call.fail(
            f"{prefix}V-3-20003: Cannot open {device}: {reason}\n"
            f"{prefix}V-3-24996: Unable to get disk layout version"
        )
    assert volume is not None
    if vg.volumes[volume[1]].fs != kind:
        return call.fail(f"{prefix}V-3-20012: not a valid {kind} file system")
    if host.mounted(device) or host.mounted(directory):
        return call.fail(
            f"{prefix}V-3-21264: {device} is already mounted, {directory} is busy,\n"
            "                 or allowable number of mount points exceeded"
        )
    if host.torn(vg, volume[1], "mount") or (kind == "vxfs" and host.dirty(vg, volume[1])):
        return call.fail(
            f"{prefix}V-3-26881: Cannot be mounted until it has been cleaned by fsck."
            f' Please run "fsck -F {kind} -y {device}" before mounting'
        )
    host.attach(device, directory, kind, options or host.default_options(kind))
    return 0


def umount(call: Call) -> int:
    words = [w for w in call.words if w != "-v"]
    if len(words) != 1 or words[0].startswith("-"):
        return call.fail("usage: umount [-v] {special | directory}")
    name = unslash(words[0])
    found = call.host.mounted(name)
    if found is None:
        return call.fail(f"umount: cannot find {name} in /etc/mnttab\ncannot unmount {name}")
    if call.host.busy(found):
        return call.fail(f"umount: cannot unmount {name} : Device busy\numount: return error 1.")
    call.host.detach(found)
    return 0


def fsck(call: Call) -> int:
    try:
        found, rest = read_flags(call.words, "yYnm", "Fo")
    except Usage:
        found, rest = {}, []
    if len(rest) != 1 or found.get("F") != "vxfs":
        return call.fail("usage: fsck [-F vxfs] [-m] [-y|Y|n|N] [-o specific_options] special", 2)
    host, device = call.host, rest[0]
    volume = host.volume(device)
    vg = host.groups[volume[0]] if volume else None
    if volume is None or vg is None or not vg.active or vg.missing:
        return call.fail(f"UX:vxfs fsck: ERROR: V-3-20003: Cannot open {device}: No such device or address")
    if host.mounted(device):
        return call.fail(f"UX:vxfs fsck: ERROR: V-3-25742: {device} is mounted", 33)
    if host.torn(vg, volume[1], "fsck"):
        call.line("log replay in progress")
        return call.fail(
            "log replay failed to clean file system\nfile system check failure, aborting ...", 12
        )
    call.line("log replay in progress\nreplay complete - marking super-block as CLEAN")
    host.cleaned(vg, volume[1])
    return 0


def bdf(call: Call) -> int:
    call.line("Filesystem          kbytes    used   avail %used Mounted on")
    names = [unslash(w) for w in call.words if not w.startswith("-")]
    if any(w.startswith("-") and w != "-l" for w in call.words):
        return call.fail("usage: bdf [-b] [-i] [-l] [-s] [-t type | [filesystem|file] ... ]")
    status = 0
    for name in names:
        if name not in [x for m in _all(call) for x in (m.device, m.directory)]:
            status = call.fail(f"bdf: {name}: No such file or directory")
    for m in _all(call):
        if names and m.device not in names and m.directory not in names:
            continue
        volume = call.host.volume(m.device)
        size = 1024 * (call.host.groups[volume[0]].volumes[volume[1]].megabytes if volume else 4096)
        used = size * 6 // 10
        numbers = f"{size:>8} {used:>7} {size - used:>7} {60:>4}% {m.directory}"
        if len(m.device) > 18:
            call.line(m.device)
            call.line(f"{'':<18} {numbers}")
        else:
            call.line(f"{m.device:<18} {numbers}")
    return status


def fuser(call: Call) -> int:
    """Names on stderr, pids on stdout; -k kills them all (documented)."""
    try:
        found, names = read_flags(call.words, "cfku")
    except Usage:
        found, names = {}, []
    if not names:
        return call.fail("usage: fuser [-c|-f] [-ku] files ...")
    for name in names:
        mounted = call.host.mounted(unslash(name))
        users = call.host.users_of(mounted.directory) if mounted and call.as_root else []
        call.err(f"{name}: ")
        for process in users:
            call.out(f"{process.pid:>8}")
            call.err("o" + ("(root)" if "u" in found else ""))
        call.err("\n")
        if "k" in found:
            call.host.kill(users)
    return 0


def sync(call: Call) -> int:
    return 0 if not re.search(r"\S", " ".join(call.words)) else 1


PROGRAMS: dict[str, Program] = {
    "mount": mount, "umount": umount, "fsck": fsck, "bdf": bdf, "fuser": fuser, "sync": sync,
}  # fmt: skip
