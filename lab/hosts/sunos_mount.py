"""SunOS: mount, umount, fsck, fuser, /etc/mnttab."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from lab.hosts import hpux_mount
from lab.hosts.mounts import Mount, unslash
from lab.hosts.service import ServiceHost
from lab.hosts.volume_groups import VolumeGroup
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags


def _all(host: ServiceHost) -> list[Mount]:
    start = host.files.nodes["/"].modified
    return [Mount("/dev/dsk/c0t0d0s0", "/", "ufs", "rw,intr,largefiles,logging,xattr", start), *host.mounts]


def _number(host: ServiceHost, mount: Mount) -> str:
    return f"dev={0x1D80000 + (host.mounts.index(mount) + 1 if mount in host.mounts else 0):x}"


def mnttab(host: ServiceHost) -> str:
    """special, mount point, fstype, options, time; with tabs between (documented)."""
    return "".join(
        f"{m.device}\t{m.directory}\t{m.fs}\t{m.options},{_number(host, m)}\t{int(m.since)}\n"
        for m in _all(host)
    )


def _spoken(mount: Mount) -> str:
    """Options as plain `mount` shows them."""
    words = {"rw": "read/write", "ro": "read only"}
    return "/".join(words.get(o, o) for o in mount.options.split(","))


def mount(call: Call) -> int:
    host, words = call.host, call.words
    zone = ZoneInfo(host.timezone)
    if words in ([], ["-v"], ["-p"]):
        for m in _all(host):
            since = datetime.fromtimestamp(m.since, zone)
            when = f"{since:%a %b} {since.day:2d} {since:%H:%M:%S %Y}"
            if words == ["-p"]:
                call.line(f"{m.device} - {m.directory} {m.fs} - no {m.options}")
            elif words == ["-v"]:
                call.line(
                    f"{m.device} on {m.directory} type {m.fs} {_spoken(m)}/{_number(host, m)} on {when}"
                )
            else:
                call.line(f"{m.directory} on {m.device} {_spoken(m)}/{_number(host, m)} on {when}")
        return 0
    try:
        found, rest = read_flags(words, "rO", "Fo")
    except Usage:
        found, rest = {}, []
    if len(rest) != 2:
        return call.fail(
            "Usage:\nmount [-v | -p]\nmount [-F FSType] [-o specific_options] special mount_point"
        )
    return _mount(call, found.get("F", "ufs"), found.get("o"), rest[0], unslash(rest[1]))


def _mount(call: Call, kind: str, options: str | None, device: str, directory: str) -> int:
    host = call.host
    volume = host.volume(device)
    vg: VolumeGroup | None = host.groups[volume[0]] if volume else None
    if vg is None or not vg.known or not vg.active or not host.files.is_directory(directory):
        return call.fail(f"mount: {device} or {directory}, no such file or directory", 32)
    if vg.unready(volume[1]):
        return call.fail(f"mount: I/O error\nmount: cannot mount {device}", 32)
    if vg.volumes[volume[1]].fs != kind:
        return call.fail(f"mount: {device} is not this fstype", 32)
    if host.mounted(device) or host.mounted(directory):
        return call.fail(f"mount: {device} is already mounted or {directory} is busy", 32)
    if host.torn(vg, volume[1], "mount") or (kind != "zfs" and host.dirty(vg, volume[1])):
        return call.fail(
            f"mount: The state of {device} is not okay\n\tand it was attempted to be mounted read/write\n"
            "mount: Please run fsck and try again",
            32,
        )
    host.attach(device, directory, kind, options or host.default_options(kind))
    return 0


def umount(call: Call) -> int:
    try:
        found, rest = read_flags(call.words, "f")
    except Usage:
        found, rest = {}, []
    if len(rest) != 1:
        return call.fail("Usage:\numount [-f] {special | mount-point}")
    name = unslash(rest[0])
    there = call.host.mounted(name)
    if there is None:
        return call.fail(f"umount: warning: {name} not in mnttab\numount: {name} not mounted")
    if call.host.busy(there):
        if "f" not in found:
            return call.fail(f"umount: {there.directory} busy")
        call.host.kill(call.host.users_of(there.directory))
    call.host.detach(there)
    return 0


def fsck(call: Call) -> int:
    return fsck_as(call, call.words)


def fsck_as(call: Call, words: list[str]) -> int:
    """fsck with these words, which read `-F TYPE` whatever the family calls that."""
    try:
        found, rest = read_flags(words, "mynYN", "Fo")
    except Usage:
        found, rest = {}, []
    kind = found.get("F", "ufs")
    if len(rest) != 1 or kind not in ("ufs", "vxfs"):
        return call.fail("Usage:\nfsck [-F FSType] [-m] [-y|Y|n|N] [-o specific_options] special", 2)
    host, device = call.host, rest[0]
    volume = host.volume(device)
    vg: VolumeGroup | None = host.groups[volume[0]] if volume else None
    who = "ufs fsck" if kind == "ufs" else "UX:vxfs fsck"
    if vg is None or not vg.active or vg.unready(volume[1]) or vg.volumes[volume[1]].fs != kind:
        reason = "I/O error" if vg is not None and vg.active else "No such device or address"
        return call.fail(f"{who}: can't open {device}: {reason}", 39)
    if host.mounted(device):
        return call.fail(f"{who}: sanity check: {device} already mounted", 33)
    torn = host.torn(vg, volume[1], "fsck")
    if "m" in found:
        if kind == "ufs":
            call.line(f"** {device}")
        if torn or host.dirty(vg, volume[1]):
            return call.fail(f"{who}: sanity check: {device} needs checking", 32)
        call.err(f"{who}: sanity check: {device} {'okay' if kind == 'ufs' else 'OK'}\n")
        return 0
    return _check(call, kind, device, torn, vg, volume[1])


def _check(call: Call, kind: str, device: str, torn: str | None, vg: VolumeGroup, lv: str) -> int:
    if kind == "vxfs" and not torn and not call.host.dirty(vg, lv):
        call.line("file system is clean - log replay is not required")
        return 0
    if kind == "vxfs":
        call.line("log replay in progress")
        if torn:
            return call.fail(
                "log replay failed to clean file system\nfile system check failure, aborting ...", 36
            )
        call.line("replay complete - marking super-block as CLEAN")
        call.host.cleaned(vg, lv)
        return 0
    call.line(f"** {device}\n** Phase 1 - Check Blocks and Sizes")
    if torn:
        call.line("CANNOT READ: BLK 16\nCONTINUE?  yes\n")
        return call.fail(f"{device}: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.", 36)
    for text in ("2 - Check Pathnames", "3a - Check Connectivity", "4 - Check Reference Counts"):
        call.line(f"** Phase {text}")
    call.line("** Phase 5 - Check Cylinder Groups")
    call.line("11 files, 9 used, 4117 free (13 frags, 513 blocks,  0.3% fragmentation)")
    call.host.cleaned(vg, lv)
    return 0


PROGRAMS: dict[str, Program] = {
    "mount": mount, "umount": umount, "fsck": fsck, "fuser": hpux_mount.fuser, "sync": hpux_mount.sync,
    "devfsadm": lambda call: 0,
}  # fmt: skip
