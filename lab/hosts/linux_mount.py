"""Linux: mount, umount, e2fsck, /proc/mounts."""

from __future__ import annotations

from lab.hosts import beside, sunos_mount
from lab.hosts.mounts import Mount, unslash
from lab.hosts.service import ServiceHost
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags
from lab.volumes import mapper_name

ROOT = Mount("/dev/mapper/rootvg-root", "/", "xfs", "rw,relatime,attr2,inode64,noquota", 0.0)


def shown_device(host: ServiceHost, device: str) -> str:
    """The kernel knows a logical volume by its mapper name."""
    volume = host.volume(device)
    if volume is None:
        return device
    group = host.groups[volume[0]]
    return f"/dev/mapper/{mapper_name(*volume)}" if group.config.manager == "lvm" else device


def proc_mounts(host: ServiceHost) -> str:
    fixed = "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n"
    rows = [ROOT, *host.mounts]
    return fixed + "".join(
        f"{shown_device(host, m.device)} {m.directory} {m.fs} {m.options} 0 0\n" for m in rows
    )


def mount(call: Call) -> int:
    host = call.host
    if not call.words:
        for m in [ROOT, *host.mounts]:
            call.line(f"{shown_device(host, m.device)} on {m.directory} type {m.fs} ({m.options})")
        return 0
    try:
        found, rest = read_flags(call.words, "rw", "to")
    except Usage as fault:
        return call.fail(f"mount: {fault}", 1)
    if len(rest) != 2:
        return call.fail("mount: bad usage\nTry 'mount --help' for more information.", 1)
    device, directory = rest[0], unslash(rest[1])
    if not host.files.is_directory(directory):
        return call.fail(f"mount: {directory}: mount point does not exist.", 32)
    volume = host.volume(device)
    vg = host.groups[volume[0]] if volume else None
    if volume is None or vg is None or not vg.active:
        return call.fail(f"mount: {directory}: special device {device} does not exist.", 32)
    shown = shown_device(host, device)
    real = vg.volumes[volume[1]].fs
    if vg.missing:
        return call.fail(f"mount: {directory}: can't read superblock on {shown}.", 32)
    if found.get("t", real) != real:
        return call.fail(
            f"mount: {directory}: wrong fs type, bad option, bad superblock on {shown},"
            " missing codepage or helper"
            " program, or other error.",
            32,
        )
    at = host.mounted(directory) or (None if real == "btrfs" else host.mounted(device))
    if at:  # of a btrfs each subvolume has a mount of its own
        return call.fail(f"mount: {directory}: {shown} already mounted on {at.directory}.", 32)
    given = found.get("o", "").split(",")
    mounted = any(host.mounts_of(twin) for twin in beside.twins(host, vg))
    if real == "xfs" and mounted and "nouuid" not in given:
        # The kernel's log has the reason: Filesystem has duplicate UUID - can't mount.
        return call.fail(
            f"mount: {directory}: wrong fs type, bad option, bad superblock on {shown},"
            " missing codepage or helper program, or other error.",
            32,
        )
    options = host.default_options(real)
    read_only = "ro" in given or "r" in found
    if vg.config.write_protected and not read_only:
        if "w" in found:
            return call.fail(
                f"mount: {directory}: {shown} is write-protected but explicit read-write mode requested.", 32
            )
        call.err(f"mount: {directory}: WARNING: source write-protected, mounted read-only.\n")
        read_only = True
    if "o" in found or read_only:
        options = ",".join(["ro" if read_only else "rw", "relatime"])
    if real == "vxfs" and host.dirty(vg, volume[1]):
        return call.fail(
            f"UX:vxfs mount.vxfs: ERROR: V-3-26881: Cannot be mounted until it has been cleaned by fsck."
            f' Please run "fsck -t vxfs -y {device}" before mounting',
            32,
        )
    if host.torn(vg, volume[1], "mount"):
        return call.fail(f"mount: {directory}: mount(2) system call failed: Structure needs cleaning.", 32)
    host.attach(device, directory, real, options)
    return 0


def umount(call: Call) -> int:
    try:
        _, rest = read_flags(call.words, "v")
    except Usage as fault:
        return call.fail(f"umount: {fault}", 1)
    if len(rest) != 1:
        return call.fail("umount: bad usage\nTry 'umount --help' for more information.", 1)
    name = unslash(rest[0])
    found = call.host.mounted(name)
    if found is None:
        if not call.host.files.exists(name) and not call.host.volume(name):
            return call.fail(f"umount: {name}: no mount point specified.", 32)
        return call.fail(f"umount: {name}: not mounted.", 32)
    if call.host.busy(found):
        return call.fail(f"umount: {found.directory}: target is busy.", 32)
    call.host.detach(found)
    return 0


def e2fsck(call: Call) -> int:
    try:
        _, rest = read_flags(call.words, "pyfnv")
    except Usage as fault:
        return call.fail(f"e2fsck: {fault}", 16)
    if len(rest) != 1:
        return call.fail("Usage: e2fsck [-panyrcdfktvDFV] [-b superblock] device", 16)
    host, device = call.host, rest[0]
    volume = host.volume(device)
    vg = host.groups[volume[0]] if volume else None
    if volume is None or vg is None or not vg.active:
        return call.fail(
            f"e2fsck: No such file or directory while trying to open {device}\nPossibly non-existent device?",
            8,
        )
    if vg.missing:
        return call.fail(f"e2fsck: Input/output error while trying to open {device}", 8)
    if not vg.volumes[volume[1]].fs.startswith("ext"):
        return call.fail(f"e2fsck: Bad magic number in super-block while trying to open {device}", 8)
    if host.mounted(device):
        return call.fail(f"{device} is mounted.\ne2fsck: Cannot continue, aborting.\n", 8)
    if host.torn(vg, volume[1], "fsck"):
        call.err(
            f"{device} contains a file system with errors, check forced.\n"
            f"{device}: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n"
        )
        return call.fail("\t(i.e., without -a or -p options)", 4)
    blocks = vg.volumes[volume[1]].megabytes * 256
    call.line(f"{device}: recovering journal")
    call.line(f"{device}: clean, 11/{blocks // 4} files, {blocks // 2}/{blocks} blocks")
    return 0


def fsck(call: Call) -> int:
    """`fsck -t vxfs [-y] DEVICE`: the front end calls the program that VxFS brings along."""
    words = call.words
    if words[:2] != ["-t", "vxfs"]:
        return call.fail("fsck: only -t vxfs is known here", 8)
    return sunos_mount.fsck_as(call, ["-F", *words[1:]])


PROGRAMS: dict[str, Program] = {"mount": mount, "umount": umount}
