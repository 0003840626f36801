"""AIX LVM: lspv, lsvg, importvg, varyonvg, varyoffvg, exportvg."""

from __future__ import annotations

import zlib

from lab.hosts import beside
from lab.hosts.volume_groups import Disk, VolumeGroup
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags

PP_MB = 64


def hdisk(disk: Disk) -> str:
    return disk.path.rsplit("/", 1)[-1]


def pvid(disk: Disk) -> str:
    """The identifier that AIX writes on to a disk: a copy has its source's, so it is stable here."""
    text = f"{disk.symid}{disk.path}".encode()
    return f"00f6050a{zlib.crc32(text):08x}"


def _groups(call: Call) -> dict[str, VolumeGroup]:
    return {n: g for n, g in call.host.of("lvm").items() if g.known}


def _unknown(call: Call, name: str) -> int:
    return call.fail(
        f"0516-306 {call.name}: Unable to find volume group {name} in the Device\n\tConfiguration Database."
    )


def lspv(call: Call) -> int:
    if call.words:
        return call.fail("Usage: lspv")
    call.line(f"{'hdisk0':<16}{'00f6050a00000001':<36}{'rootvg':<16}{'active':<12}")
    for vg in call.host.of("lvm").values():
        for disk in vg.disks:
            group, state = (vg.name, "active" if vg.active else "") if vg.known else ("None", "")
            call.line(f"{hdisk(disk):<16}{pvid(disk):<36}{group:<16}{state:<12}")
    return 0


def lsvg(call: Call) -> int:
    try:
        found, names = read_flags(call.words, "olp")
    except Usage:
        return call.fail("0516-602 lsvg: Usage: lsvg [-o] | [-l | -p] vgname...")
    groups = _groups(call)
    if not names:
        if set(found) - {"o"}:
            return call.fail("0516-602 lsvg: Logical volume or volume group name not entered.")
        # Varied on ones come in the order in which that was done, the last first; rootvg was the first.
        shown = [n for n, g in groups.items() if g.active or "o" not in found]
        for name in [*reversed(shown), "rootvg"] if "o" in found else ["rootvg", *shown]:
            call.line(name)
        return 0
    status = 0
    for name in names:
        vg = groups.get(name)
        if vg is None:
            status = _unknown(call, name)
        elif not vg.active:
            status = call.fail("0516-010 : Volume group must be varied on; use varyonvg command.")
        elif "l" in found:
            _volumes(call, vg)
        elif "p" in found:
            _disks(call, vg)
        else:
            _page(call, vg)
    return status


def _page(call: Call, vg: VolumeGroup) -> None:
    total = vg.megabytes // PP_MB
    used = sum(-(-v.megabytes // PP_MB) for v in vg.volumes.values())
    there = len(vg.disks) - len(vg.missing)
    opened = len({m.device for m in call.host.mounts_of(vg)})
    rows = [
        ("VOLUME GROUP:", vg.name, "VG IDENTIFIER: ", f"{vg.vgid}{vg.vgid}"),
        ("VG STATE:", "active", "PP SIZE:", f"{PP_MB} megabyte(s)"),
        ("VG PERMISSION:", "read/write", "TOTAL PPs:", f"{total} ({vg.megabytes} megabytes)"),
        ("MAX LVs:", "256", "FREE PPs:", f"{total - used} ({(total - used) * PP_MB} megabytes)"),
        ("LVs:", str(len(vg.volumes)), "USED PPs:", f"{used} ({used * PP_MB} megabytes)"),
        ("OPEN LVs:", str(opened), "QUORUM:", "2 (Enabled)"),
        ("TOTAL PVs:", str(len(vg.disks)), "VG DESCRIPTORS:", str(max(2, len(vg.disks)))),
        ("STALE PVs:", str(len(vg.missing)), "STALE PPs:", "0"),
        ("ACTIVE PVs:", str(there), "AUTO ON:", "no"),
    ]
    for left, value, right, other in rows:
        call.line(f"{left:<19} {value:<24} {right:<15} {other}")


def _volumes(call: Call, vg: VolumeGroup) -> None:
    call.line(f"{vg.name}:")
    call.line(f"{'LV NAME':<19} {'TYPE':<10} {'LPs':<7} {'PPs':<7} {'PVs':<4} {'LV STATE':<13} MOUNT POINT")
    for lv in vg.volumes.values():
        mount = call.host.mounted(f"/dev/{lv.name}")
        size = -(-lv.megabytes // PP_MB)
        state = "open/syncd" if mount else "closed/syncd"
        point = mount.directory if mount else "N/A"
        count = len(vg.disks_of(lv.name))
        call.line(f"{lv.name:<19} {lv.fs:<10} {size:<7} {size:<7} {count:<4} {state:<13} {point}")


def _disks(call: Call, vg: VolumeGroup) -> None:
    call.line(f"{vg.name}:")
    call.line(f"{'PV_NAME':<17} {'PV STATE':<17} {'TOTAL PPs':<11} {'FREE PPs':<11} FREE DISTRIBUTION")
    for disk in vg.disks:
        state, size = "active" if disk.device.ready else "missing", disk.device.megabytes // PP_MB
        call.line(f"{hdisk(disk):<17} {state:<17} {size:<11} {0:<11} 00..00..00..00..00")


def lsdev(call: Call) -> int:
    """`lsdev -l hdiskN -F status`: a disk whose device is not ready stays Available until cfgmgr looks."""
    if len(call.words) != 4 or call.words[0] != "-l" or call.words[2:] != ["-F", "status"]:
        return call.fail(f"lsdev: the lab knows no {' '.join(call.words)}")
    if call.words[1] in [hdisk(d) for vg in call.host.groups.values() for d in vg.disks]:
        call.line("Available")
        return 0
    return call.fail(f"lsdev: 0514-521 Cannot find {call.words[1]} in the customized device database.")


def importvg(call: Call) -> int:
    """`importvg [-n] [-f] -y VG hdiskN`: any disk of the group will do, and it must answer."""
    try:
        found, names = read_flags(call.words, "nfFcxR", "yV")
    except Usage:
        found, names = {}, []
    if len(names) != 1:
        return call.fail(
            "0516-604 importvg: Physical volume name not entered.\nUsage: importvg [-y VGname] PVname"
        )
    given, name = names[0], found.get("y")
    groups = call.host.of("lvm")
    holder = next((g for g in groups.values() if given in [hdisk(d) for d in g.disks]), None)
    if holder is None:
        return call.fail(
            f"0516-306 getlvodm: Unable to find device {given} in the Device\n\tConfiguration Database.\n"
            f"0516-776 importvg: Cannot import {given} as {name or 'vg00'}."
        )
    if name is not None and name in _groups(call):
        return call.fail(
            "0516-360 getvgname: The device name is already used; choose a\n\tdifferent name.\n"
            f"0516-776 importvg: Cannot import {given} as {name}."
        )
    disk = next(d for d in holder.disks if hdisk(d) == given)
    if holder.known:
        return call.fail(
            f"0516-1775 importvg: Physical volume {given} is already in volume group {holder.name}."
        )
    if beside.is_duplicate(call.host, holder):
        return call.fail(
            "0516-1775 importvg: The volume group identifier is already in the Device\n"
            f"\tConfiguration Database.\n0516-776 importvg: Cannot import {given} as {name or holder.name}."
        )
    if not disk.device.ready or (name is not None and name != holder.name):
        # The lab knows a group by one name: another one can not be given.
        return call.fail(
            "0516-062 lqueryvg: Unable to read or write logical volume manager\n"
            "\trecord. PV may be permanently corrupted. Run diagnostics\n"
            f"0516-776 importvg: Cannot import {given} as {name or holder.name}."
        )
    holder.known = True
    call.line(holder.name)
    return 0 if "n" in found else _varyon(call, holder, force="f" in found)


def _varyon(call: Call, vg: VolumeGroup, *, force: bool = False) -> int:
    """Every disk must answer, whatever the message says of a quorum; -f goes on with those that do."""
    if vg.active:
        return 0
    duplicate = beside.is_duplicate(call.host, vg)
    if duplicate or len(vg.missing) == len(vg.disks) or (vg.missing and not force):
        return call.fail(
            "0516-052 varyonvg: Volume group cannot be varied on without a\n"
            "\tquorum. More physical volumes in the group must be active.\n"
            "\tRun diagnostics on inactive PVs."
        )
    if vg.missing:
        for number, disk in enumerate(vg.disks):
            state = "PVACTIVE" if disk.device.ready else "PVMISSING"
            call.line(f"{'PV Status:' if not number else '':<12}{hdisk(disk)}\t{pvid(disk)}\t{state}")
        call.line(f"varyonvg: Volume group {vg.name} is varied on.")
    call.host.activate(vg)
    return 0


def _one(call: Call, flags: str) -> VolumeGroup | int:
    try:
        _, names = read_flags(call.words, flags)
    except Usage:
        names = []
    if len(names) != 1:
        return call.fail(f"0516-606 {call.name}: Volume group name not entered.\nUsage: {call.name} VGname")
    vg = _groups(call).get(names[0])
    return vg if vg is not None else _unknown(call, names[0])


def varyonvg(call: Call) -> int:
    vg = _one(call, "fnpsbcu")
    force = any(w.startswith("-") and "f" in w for w in call.words)
    return vg if isinstance(vg, int) else _varyon(call, vg, force=force)


def varyoffvg(call: Call) -> int:
    vg = _one(call, "s")
    if isinstance(vg, int):
        return vg
    if not vg.active:
        call.err("0516-010 lvaryoffvg: Volume group must be varied on; use varyonvg command.\n")
    elif call.host.mounts_of(vg):
        call.err(
            "0516-012 lvaryoffvg: Logical volume must be closed.  If the logical\n"
            "\tvolume contains a filesystem, the umount command will close\n"
            "\tthe LV device.\n"
        )
    else:
        call.host.deactivate(vg)
        return 0
    return call.fail(f"0516-942 varyoffvg: Unable to vary off volume group {vg.name}.")


def exportvg(call: Call) -> int:
    vg = _one(call, "")
    if isinstance(vg, int):
        return vg
    if vg.active:
        return call.fail("0516-764 exportvg: The volume group must be varied off\n\tbefore exporting.")
    vg.known = False
    return 0


def getlvodm(call: Call) -> int:
    """`getlvodm -v VG`: the group's identifier in the device database."""
    vg = _groups(call).get(call.words[-1]) if call.words[:1] == ["-v"] and len(call.words) == 2 else None
    if vg is None:
        return call.fail(f"0516-306 getlvodm: Unable to find {' '.join(call.words[1:])} in the Device\n"
                         "\tConfiguration Database.")  # fmt: skip
    call.line(beside.identifier(vg))
    return 0


def lqueryvg(call: Call) -> int:
    """`lqueryvg -p DISK -v`: the group's identifier on the disk."""
    words = call.words
    given = words[1] if words[:1] == ["-p"] and words[2:] == ["-v"] else ""
    for vg in call.host.of("lvm").values():
        for disk in vg.disks:
            if hdisk(disk) == given and disk.device.ready:
                call.line(beside.held(call.host, vg))
                return 0
    return call.fail(
        "0516-062 lqueryvg: Unable to read or write logical volume manager\n"
        "\trecord. PV may be permanently corrupted. Run diagnostics"
    )


def recreatevg(call: Call) -> int:
    """`recreatevg [-y VG] [-Y PREFIX] [-L PREFIX] [-n] DISK...`: new identifiers, names with the prefix.

    A name that another group of the host has is replaced, with a warning (documented of synclvodm, assumed
    here; so are the words).
    """
    try:
        found, disks = read_flags(call.words, "npf", "yYLlV")
    except Usage:
        found, disks = {}, []
    if not disks:
        return call.fail("Usage: recreatevg [-y VGname] [-p] [-f] [-Y lv_prefix] [-L label_prefix] PVname...")
    name = found.get("y", "")
    vg = beside.on_disks(call.host, disks)
    if name in _groups(call):
        return call.fail("0516-360 getvgname: The device name is already used; choose a\n\tdifferent name.")
    if vg is None or vg.missing or vg.known:
        return call.fail(
            "0516-1254 recreatevg: The disks are not those of one volume group that is not in use."
        )
    given = {found.get("Y", "fs") + lv for lv in beside.volumes_of_source(call.host, vg)}
    taken = given & {lv for g in _groups(call).values() for lv in g.volumes}
    if vg.name != name or (not taken and given != set(vg.volumes)):
        # The lab knows a group and its volumes by one name each.
        return call.fail(
            f"0516-1254 recreatevg: {name}: its names after that are not those of the lab's YAML."
        )
    beside.renew(call.host, vg)
    vg.known, vg.renamed = True, bool(taken)
    for lv in sorted(taken):
        call.err(f"recreatevg: Warning, logical volume name {lv} is in use; it was given another one.\n")
    call.line(name)
    return 0 if "n" in found else _varyon(call, vg)


PROGRAMS: dict[str, Program] = {
    "lspv": lspv, "lsvg": lsvg, "importvg": importvg, "varyonvg": varyonvg, "varyoffvg": varyoffvg,
    "exportvg": exportvg, "getlvodm": getlvodm, "lqueryvg": lqueryvg, "recreatevg": recreatevg,
    "cfgmgr": lambda call: 0, "lsdev": lsdev, "sync": lambda call: 0,
}  # fmt: skip
