"""HP-UX LVM: vgdisplay, vgimport, vgexport, vgchange; ioscan and insf are accepted."""

from __future__ import annotations

import posixpath
import re

from lab.filesystem import FileError
from lab.hosts import beside
from lab.hosts.volume_groups import VolumeGroup
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags

PE_MB = 32


def map_text(vg: VolumeGroup) -> str:
    """The map file of `vgexport -s`: VGID and the numbered logical volumes (documented)."""
    return f"VGID {vg.vgid}\n" + "".join(f"{i} {n}\n" for i, n in enumerate(vg.volumes, start=1))


def group_file(vg: VolumeGroup) -> str:
    """vgimport makes it, vgexport removes it (documented)."""
    return f"/dev/{vg.name}/group"


def _group(call: Call, name: str) -> VolumeGroup | None:
    vg: VolumeGroup | None = call.host.of("lvm").get(posixpath.basename(name))
    return vg if vg is not None and vg.known else None


def _unknown(call: Call, name: str) -> int:
    return call.fail(f'{call.name}: Volume group "{name}" does not exist in the "/etc/lvmtab" file.')


def vgdisplay(call: Call) -> int:
    try:
        found, names = read_flags(call.words, "v")
    except Usage:
        return call.fail("Usage: vgdisplay [-v] [vg_name...]")
    status = 0
    headed = not names
    if not names:
        names = [v.name for v in call.host.of("lvm").values() if v.known]
        _page_of_the_system(call, "v" in found)
    for name in names:
        vg = _group(call, name)
        if vg is None:
            _unknown(call, name)
            status = call.fail(f'vgdisplay: Cannot display volume group "{name}".')
        elif not vg.active:
            call.err("vgdisplay: Volume group not activated.\n")
            status = call.fail(f'vgdisplay: Cannot display volume group "{name}".')
        else:
            if not headed:
                call.line("--- Volume groups ---")
                headed = True
            _page(call, vg, "v" in found)
    return status


def _page_of_the_system(call: Call, verbose: bool) -> None:
    """The group that a host of HP-UX boots from; nothing else of it is in the lab."""
    call.line("--- Volume groups ---")
    for label, value in (("VG Name", "/dev/vg00"), ("VG Status", "available                 ")):
        call.line(f"{label:<28}{value}")
    call.line()
    if verbose:
        call.line("   --- Physical volumes ---")
        for label, value in (("PV Name", "/dev/disk/disk1"), ("PV Status", "available")):
            call.line(f"   {label:<25}{value}")
        call.line("\n")


def _page(call: Call, vg: VolumeGroup, verbose: bool) -> None:
    open_volumes = len({m.device for m in call.host.mounts_of(vg)})
    total = vg.megabytes // PE_MB
    used = sum(-(-lv.megabytes // PE_MB) for lv in vg.volumes.values())
    alive = len(vg.disks) - len(vg.missing)
    rows: list[tuple[str, str | int]] = [
        ("VG Name", f"/dev/{vg.name}"), ("VG Write Access", "read/write     "),
        ("VG Status", "available                 "), ("Max LV", "255    "),
        ("Cur LV", f"{len(vg.volumes):<7}"),
        ("Open LV", f"{open_volumes:<7}"), ("Max PV", "16     "), ("Cur PV", f"{len(vg.disks):<7}"),
        ("Act PV", f"{alive:<7}"), ("Max PE per PV", f"{total:<13}"), ("VGDA", f"{2 * len(vg.disks):<4}"),
        ("PE Size (Mbytes)", f"{PE_MB:<16}"), ("Total PE", f"{total:<8}"), ("Alloc PE", f"{used:<8}"),
        ("Free PE", f"{total - used:<8}"), ("Total PVG", f"{0:<8}"), ("Total Spare PVs", f"{0:<15}"),
        ("Total Spare PVs in use", f"{0:<22}"),
    ]  # fmt: skip
    for label, value in rows:
        call.line(f"{label:<28}{value}")
    call.line()
    if not verbose:
        return
    call.line("   --- Logical volumes ---")
    for lv in vg.volumes.values():
        state = "available/syncd           "
        extents = -(-lv.megabytes // PE_MB)
        for label, text in (
            ("LV Name", f"/dev/{vg.name}/{lv.name}"), ("LV Status", state),
            ("LV Size (Mbytes)", f"{lv.megabytes:<16}"),
            ("Current LE", f"{extents:<10}"), ("Allocated PE", f"{extents:<12}"),
            ("Used PV", f"{len(vg.disks):<8}"),
        ):  # fmt: skip
            call.line(f"   {label:<25}{text}")
    call.line("\n\n   --- Physical volumes ---")
    for disk in vg.disks:
        for label, text in (
            ("PV Name", disk.path), ("PV Status", "available" if disk.device.ready else "unavailable"),
            ("Total PE", f"{disk.device.megabytes // PE_MB:<8}"), ("Free PE", f"{0:<8}"),
            ("Autoswitch", "On        "), ("Proactive Polling", "On               "),
        ):  # fmt: skip
            call.line(f"   {label:<25}{text}")
    call.line("\n")


def vgchange(call: Call) -> int:
    try:
        found, names = read_flags(call.words, "", "acqSx")
    except Usage:
        found, names = {}, []
    if len(names) != 1 or not {"a", "c"} & set(found) or found.get("a", "y") not in ("y", "n"):
        return call.fail(
            "Usage: vgchange -a availability [-q quorum] vg_name\n       vgchange -c cluster vg_name", 2
        )
    name = names[0]
    vg = _group(call, name)
    if vg is None:
        return _unknown(call, name)
    done = f'Volume group "{name}" has been successfully changed.'
    if "a" not in found:
        call.line(done)
        return 0
    if found["a"] == "n":
        if call.host.mounts_of(vg):
            return call.fail(f'vgchange: Couldn\'t deactivate volume group "{name}":\nDevice busy')
        call.host.deactivate(vg)
        call.line(done)
        return 0
    if not vg.active and vg.missing:
        for disk in vg.missing:
            call.err(
                f'vgchange: Warning: Couldn\'t attach to the volume group physical volume "{disk.path}":\n'
                "The path of the physical volume refers to a device that does not\n"
                "exist, or is not configured into the kernel.\n"
            )
        return call.fail(
            f'vgchange: Couldn\'t activate volume group "{name}":\n'
            "Quorum not present, or some physical volume(s) are missing."
        )
    if not vg.active:
        call.line("Activated volume group ")
    call.host.activate(vg)
    call.line(done)
    return 0


def vgexport(call: Call) -> int:
    try:
        found, names = read_flags(call.words, "spvf", "m")
    except Usage:
        found, names = {}, []
    if len(names) != 1:
        return call.fail("Usage: vgexport [-p] [-s] [-v] [-m mapfile] vg_name", 2)
    vg = _group(call, names[0])
    if vg is None:
        return _unknown(call, names[0])
    preview = "p" in found
    if vg.active and not preview:
        call.err(f'vgexport: Volume group "{names[0]}" is still active.\n')
        return call.fail(f'vgexport: Couldn\'t export volume group "{names[0]}".')
    if "m" in found:
        text = map_text(vg) if "s" in found else "".join(map_text(vg).splitlines(keepends=True)[1:])
        try:
            path = call.path(found["m"])
            call.files.open(path, call.login, call.shell.umask)
            call.files.write(path, text)
        except FileError as error:
            return call.fail(f'vgexport: Mapfile, "{found["m"]}", could not be opened: {error.text}')
    if preview:
        return 0
    call.line(f'Beginning the export process on Volume Group "{names[0]}".')
    for disk in vg.disks:
        call.line(disk.path)
    vg.known = False
    call.files.remove(group_file(vg), "root")
    call.line(f'vgexport: Volume group "{names[0]}" has been successfully removed.')
    return 0


def vgchgid(call: Call) -> int:
    """`vgchgid RAW DISK...`: all disks of one group, which is not active."""
    vg = beside.on_disks(call.host, call.words)
    if not call.words or any(not w.startswith(("/dev/rdisk/", "/dev/rdsk/")) for w in call.words):
        return call.fail("Usage: vgchgid PhysicalVolumePath [PhysicalVolumePath ...]")
    if vg is None or vg.missing or vg.active:
        return call.fail(f'vgchgid: "{call.words[0]}": the devices are not all disks of one volume group.')
    beside.renew(call.host, vg)
    return 0


def _import_disks(call: Call, name: str, disks: list[str], map_file: str) -> int:
    """`vgimport -m MAP VG DISK...`: these disks, whatever identifier the map has."""
    try:
        text = call.files.read(call.path(map_file), call.login)
    except FileError as error:
        return call.fail(f'vgimport: Mapfile, "{map_file}", could not be opened: {error.text}')
    vg = beside.on_disks(call.host, disks)
    taken = call.host.of("lvm").get(posixpath.basename(name))
    if (taken is not None and taken.known) or (vg is not None and vg.known):
        return call.fail(f'vgimport: Volume group "{name}" already exists in the "/etc/lvmtab" file.')
    if vg is None or vg.missing or vg.name != posixpath.basename(name) or beside.is_duplicate(call.host, vg):
        return call.fail(
            "vgimport: Verification of unique LVM disk id on each disk in the volume group failed."
        )
    if set(re.findall(r"(?m)^\d+ (\S+)$", text)) != set(vg.volumes):
        # The lab knows the volumes by one name each.
        return call.fail(f'vgimport: Mapfile, "{map_file}", does not have the names of the logical volumes.')
    vg.known, vg.active = True, False
    call.files.put(group_file(vg), "")
    call.line(f'vgimport: Volume group "/dev/{vg.name}" has been successfully created.')
    return 0


def vgimport(call: Call) -> int:
    """With -s the disks are found by the VGID of the map file: a disk that is not ready is not found."""
    try:
        found, names = read_flags(call.words, "spvN", "m")
    except Usage:
        found, names = {}, []
    if len(names) > 1 and not {"s", "N"} & set(found):
        return _import_disks(call, names[0], names[1:], found.get("m", "mapfile"))
    if len(names) != 1 or "m" not in found or "s" not in found:
        return call.fail("Usage: vgimport [-N] [-p] [-v] -m mapfile -s vg_name", 2)
    name = posixpath.basename(names[0])
    try:
        text = call.files.read(call.path(found["m"]), call.login)
    except FileError as error:
        return call.fail(f'vgimport: Mapfile, "{found["m"]}", could not be opened: {error.text}')
    match = re.match(r"VGID ([0-9a-f]+)\n", text)
    if not match:
        return call.fail(f'vgimport: Mapfile, "{found["m"]}", has no VGID line.')
    vg = next((v for v in call.host.of("lvm").values() if v.vgid == match.group(1)), None)
    taken = call.host.of("lvm").get(name)
    if (taken is not None and taken.known) or (vg is not None and vg.known):
        return call.fail(f'vgimport: Volume group "{names[0]}" already exists in the "/etc/lvmtab" file.')
    if vg is None or vg.name != name or vg.missing or beside.is_duplicate(call.host, vg):
        call.err(f"vgimport: Couldn't find all physical volumes of VGID {match.group(1)}.\n")
        return call.fail(f'vgimport: Couldn\'t import volume group "{names[0]}".')
    if "p" in found:
        return 0
    vg.known, vg.active = True, False
    call.files.put(group_file(vg), "")
    call.line(f'Beginning the import process on Volume Group "{names[0]}".')
    for number, lv in enumerate(vg.volumes, start=1):
        call.line(
            f'Logical volume "/dev/{name}/{lv}" has been successfully created\nwith lv number {number}.'
        )
    call.line(f'vgimport: Volume group "/dev/{name}" has been successfully created.')
    call.line("Warning: A backup of this volume group may not exist on this machine.")
    call.line(
        "Please remember to take a backup using the vgcfgbackup command after activating the volume group."
    )
    return 0


def accept(call: Call) -> int:
    return 0


PROGRAMS: dict[str, Program] = {
    "vgdisplay": vgdisplay, "vgchange": vgchange, "vgexport": vgexport, "vgimport": vgimport,
    "vgchgid": vgchgid, "ioscan": accept, "insf": accept,
}  # fmt: skip
