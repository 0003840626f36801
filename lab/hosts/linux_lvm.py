"""Linux LVM2 and device mapper: vgs, lvs, pvscan, vgchange, vgrename, vgimportclone, dmsetup."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from lab.config.hosts import LogicalVolumeConfig
from lab.hosts import beside
from lab.hosts import linux_copies as copies
from lab.hosts.volume_groups import Disk, VolumeGroup
from lab.shell.call import Call, Program
from lab.volumes import mapper_name


@dataclass
class Row:
    vg: VolumeGroup
    lv: LogicalVolumeConfig | None
    opened: int
    minor: int = 0
    disk: Disk | None = None
    name: str = ""
    """The group's, as it is on its disks, and its tags."""
    tags: frozenset[str] = frozenset()


def _uuid(text: str) -> str:
    digits = f"{zlib.crc32(text.encode()):010d}{zlib.crc32(text[::-1].encode()):010d}{len(text):012d}"
    return "-".join([digits[:6], *(digits[i : i + 4] for i in range(6, 26, 4)), digits[26:32]])


def _size(megabytes: float) -> str:
    return f"{megabytes / 1024:.2f}g" if megabytes >= 1024 else f"{megabytes:.2f}m"


def _vg_attr(row: Row) -> str:
    return f"wz-{'p' if row.vg.missing else '-'}n-"


def _lv_attr(row: Row) -> str:
    active = "a" if row.vg.active else "-"
    return f"-wi-{active}{'o' if row.opened else '-'}--{'p' if row.vg.missing else '-'}-"


def _lv_name(row: Row) -> str:
    return row.lv.name if row.lv else ""


def _lv_path(row: Row) -> str:
    return f"/dev/{row.name}/{_lv_name(row)}"


def _lv_size(row: Row) -> str:
    return _size(row.lv.megabytes) if row.lv else ""


FIELDS: dict[str, tuple[str, Callable[[Row], str]]] = {
    "vg_name": ("VG", lambda r: r.name),
    "vg_attr": ("Attr", _vg_attr),
    "vg_uuid": ("VG UUID", lambda r: _uuid(r.vg.name)),
    "vg_size": ("VSize", lambda r: _size(r.vg.megabytes)),
    "vg_free": ("VFree", lambda r: _size(r.vg.megabytes - sum(v.megabytes for v in r.vg.volumes.values()))),
    "vg_tags": ("VG Tags", lambda r: ",".join(sorted(r.tags))),
    "tags": ("VG Tags", lambda r: ",".join(sorted(r.tags))),
    "pv_name": ("PV", lambda r: r.disk.path if r.disk else ""),
    "pv_count": ("#PV", lambda r: str(len(r.vg.disks))),
    "lv_count": ("#LV", lambda r: str(len(r.vg.volumes))),
    "snap_count": ("#SN", lambda r: "0"),
    "vg_missing_pv_count": ("#PV Missing", lambda r: str(len(r.vg.missing))),
    "lv_name": ("LV", _lv_name),
    "lv_attr": ("Attr", _lv_attr),
    "lv_size": ("LSize", _lv_size),
    "lv_path": ("Path", _lv_path),
    "lv_active": ("Active", lambda r: "active" if r.vg.active else ""),
    "lv_device_open": ("DevOpen", lambda r: "open" if r.opened else ""),
    "lv_dm_path": ("DMPath", lambda r: f"/dev/mapper/{mapper_name(r.name, _lv_name(r))}"),
}
NUMBERS = frozenset(
    {"vg_size", "vg_free", "pv_count", "lv_count", "snap_count", "lv_size", "vg_missing_pv_count"}
)


def _rows(call: Call, volumes: bool) -> list[Row]:
    rows: list[Row] = []
    minor = 3
    for vg in copies.chosen(call):
        name = beside.shown_name(call.host, vg)
        tags = frozenset() if copies.unclaimed(call, vg) else frozenset(vg.tags)
        mounted = [call.host.volume(m.device) for m in call.host.mounts]
        opened = {lv: mounted.count((vg.name, lv)) for lv in vg.volumes}
        if not volumes:
            rows.append(Row(vg, None, sum(opened.values()), name=name, tags=tags))
            continue
        for lv in vg.volumes.values():
            rows.append(Row(vg, lv, opened[lv.name], minor, name=name, tags=tags))
            minor += 1
    return rows


def _report(call: Call, volumes: bool, default: str) -> int:
    headings, separator, fields, names, order = True, None, default, [], ""
    words = list(call.words)
    while words:
        word, equals, value = words.pop(0).partition("=")
        if word == "--noheadings":
            headings = False
        elif word in ("--nosuffix", "--readonly", "--unquoted", "-a", "--all"):
            continue
        elif word in ("--separator", "-o", "--options", "--units", "-O", "--sort"):
            value = value if equals else (words.pop(0) if words else "")
            order = value if word in ("-O", "--sort") else order
            if word == "--separator":
                separator = value
            elif word in ("-o", "--options"):
                fields = value
        elif word.startswith("-"):
            return call.fail(
                f"  {call.name}: unrecognized option '{word}'\n  Error during parsing of command line.", 3
            )
        else:
            names.append(word.removeprefix("/dev/"))
    columns = [
        f"{'lv' if volumes else 'vg'}_{f}" if f in ("name", "attr", "size", "free") else f
        for f in fields.split(",")
    ]
    for column in columns:
        if column not in FIELDS:
            return call.fail(f"  Unrecognised field: {column}", 3)
    if order and order not in FIELDS:
        return call.fail(f"  Unrecognised field: {order}", 3)
    status = 0
    rows = []
    for row in _rows(call, volumes):
        # A volume group none of whose disks answers is not there for LVM, unless it is still active.
        gone = len(row.vg.missing) == len(row.vg.disks) and not row.vg.active
        if not gone:
            rows.append(row)
            if row.vg.missing and (not volumes or row.lv is not None):
                for disk in row.vg.missing:
                    call.err(f"  WARNING: Couldn't find device with uuid {_uuid(disk.path)}.\n")
    if names:
        tagged = {name: [r for r in rows if name[1:] in r.tags] for name in names if name[:1] == "@"}
        known = {r.name for r in rows} | {f"{r.name}/{_lv_name(r)}" for r in rows} | set(tagged)
        for name in names:
            if len({id(r.vg) for r in rows if r.name == name}) > 1:
                return _ambiguous(call, name)
            if name not in known:
                vg = name.split("/")[0]
                if vg in known:
                    status = call.fail(f'  Failed to find logical volume "{name}"', 5)
                else:
                    status = call.fail(
                        f'  Volume group "{vg}" not found\n  Cannot process volume group {vg}', 5
                    )
        by_tag = [r for found in tagged.values() for r in found]
        rows = [r for r in rows if {r.name, f"{r.name}/{_lv_name(r)}"} & {*names} or r in by_tag]
    if "pv_name" in columns:
        rows = [replace(row, disk=disk) for row in rows for disk in row.vg.disks]
    if order:
        rows.sort(key=FIELDS[order][1])
    _print(call, columns, rows, headings, separator)
    return status


def _print(call: Call, columns: list[str], rows: list[Row], headings: bool, separator: str | None) -> None:
    lines = [[FIELDS[c][1](r) for c in columns] for r in rows]
    if headings and rows:
        lines.insert(0, [FIELDS[c][0] for c in columns])
    if separator is not None:
        for line in lines:
            call.line("  " + separator.join(line))
        return
    widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(columns))]
    for line in lines:
        cells = [
            v.rjust(w) if c in NUMBERS else v.ljust(w) for v, w, c in zip(line, widths, columns, strict=True)
        ]
        call.line("  " + " ".join(cells))


def vgs(call: Call) -> int:
    return _report(call, False, "vg_name,pv_count,lv_count,snap_count,vg_attr,vg_size,vg_free")


def lvs(call: Call) -> int:
    return _report(call, True, "lv_name,vg_name,lv_attr,lv_size")


def pvscan(call: Call) -> int:
    if call.words and call.words[0] != "--cache":
        return call.fail(f"  pvscan: unrecognized option '{call.words[0]}'", 3)
    return 0


def vgchange(call: Call) -> int:
    """`-a y|n VG` (also -ay, -an); tags are accepted."""
    words, mode, names, tags = list(call.words), None, [], dict[str, str]()
    while words:
        word = words.pop(0)
        if word in ("-ay", "-an"):
            mode = word[2]
        elif word in ("-a", "--activate") and words:
            mode = words.pop(0)
        elif word in ("--addtag", "--deltag") and words:
            tags[words.pop(0)] = word
        elif word.startswith("-"):
            return call.fail(
                f"  vgchange: unrecognized option '{word}'\n  Error during parsing of command line.", 3
            )
        else:
            names.append(word.removeprefix("/dev/"))
    if (mode not in ("y", "n") and not tags) or not names:
        return call.fail(
            "  No command with matching syntax recognised.  Run 'vgchange --help' for more information.", 3
        )
    status = 0
    for name in names:
        vg = _named(call, name)
        if isinstance(vg, int):
            status = vg
        elif mode is None and copies.duplicates(call, vg):
            status = call.fail(f"  Cannot update volume group {name} with duplicate PV devices.", 5)
        elif mode is None:
            vg.tags = (vg.tags | {t for t, how in tags.items() if how == "--addtag"}) - {
                t for t, how in tags.items() if how == "--deltag"
            }
            call.line(f'  Volume group "{name}" successfully changed')
        else:
            status = _activate(call, vg, name, mode) or status
    return status


def _ambiguous(call: Call, name: str) -> int:
    return call.fail(
        f"  Multiple VGs found with the same name: skipping {name}\n"
        "  Use --select vg_uuid=<uuid> in place of the VG name.",
        5,
    )


def _named(call: Call, name: str) -> VolumeGroup | int:
    """The group with that name on its disks, or the exit code."""
    found = [vg for vg in copies.chosen(call) if beside.shown_name(call.host, vg) == name]
    if len(found) > 1:
        return _ambiguous(call, name)
    if not found or (len(found[0].missing) == len(found[0].disks) and not found[0].active):
        return call.fail(f'  Volume group "{name}" not found\n  Cannot process volume group {name}', 5)
    return found[0]


def _activate(call: Call, vg: VolumeGroup, name: str, mode: str) -> int:
    count = len(vg.volumes)
    if mode == "y" and not vg.active and copies.duplicates(call, vg):
        call.err(f"  Cannot activate LVs in VG {name} while PVs appear on duplicate devices.\n")
        call.line(f'  0 logical volume(s) in volume group "{name}" now active')
        return 5
    if mode == "y" and name != vg.name:
        return call.fail(f"  {name}: the lab activates this group as {vg.name} only.", 5)
    if mode == "y":
        if vg.missing and not vg.active:
            for disk in vg.missing:
                call.err(f"  WARNING: Couldn't find device with uuid {_uuid(disk.path)}.\n")
            for lv in vg.volumes:
                call.err(
                    f"  Refusing activation of partial LV {name}/{lv}."
                    "  Use '--activationmode partial' to override.\n"
                )
            call.line(f'  0 logical volume(s) in volume group "{name}" now active')
            return 5
        call.host.activate(vg)
        call.line(f'  {count} logical volume(s) in volume group "{name}" now active')
        return 0
    mounts = call.host.mounts_of(vg)
    if mounts:
        for m in mounts:
            volume = call.host.volume(m.device)
            call.err(f"  Logical volume {volume[0]}/{volume[1]} contains a filesystem in use.\n")
        call.err(f'  Can\'t deactivate volume group "{name}" with {len(mounts)} open logical volume(s)\n')
        return 5
    call.host.deactivate(vg)
    call.line(f'  0 logical volume(s) in volume group "{name}" now active')
    return 0


def vgimportclone(call: Call) -> int:
    """`vgimportclone [--importdevices] --basevgname VG PV...`"""
    words = list(call.words)
    lists = words[:1] == ["--importdevices"]
    words = words[1:] if lists else words
    if words[:1] not in (["--basevgname"], ["-n"]) or len(words) < 3:
        return call.fail("  Command line too long or no physical volumes given.", 3)
    name, disks = words[1], words[2:]
    vg = beside.on_disks(call.host, disks)
    if vg is None or vg.missing or vg.config.manager != "lvm":
        return call.fail(f"  Failed to find physical volume {disks[0]}.", 5)
    if vg.active:
        return call.fail(f"  Device {disks[0]} has active LVs, deactivate first.", 5)
    if not copies.listed(call, vg):
        if not lists:
            return call.fail(f"  Failed to find device {disks[0]}.", 5)
        entries = "".join(f"IDTYPE=devname IDNAME={d.path} DEVNAME={d.path}\n" for d in vg.disks)
        call.files.put(copies.DEVICES_FILE, call.files.read(copies.DEVICES_FILE, "root") + entries)
    taken = {beside.shown_name(call.host, one) for one in copies.seen(call)}
    if beside.shown_name(call.host, vg) == name:
        return call.fail(f"  Can't get lock for VG name {name}", 5)
    given, number = name, 0
    while given in taken:
        number += 1
        given = f"{name}{number}"
    beside.renew(call.host, vg)
    vg.label = given if given != vg.name else None
    return 0


def vgrename(call: Call) -> int:
    """`vgrename OLD NEW`: of a group with duplicates nothing is done, and it ends with 0 (tried)."""
    if len(call.words) != 2:
        return call.fail("  Old and new volume group names need specifying", 3)
    old, new = call.words
    vg = _named(call, old)
    if isinstance(vg, int):
        return vg
    if new in {beside.shown_name(call.host, one) for one in copies.seen(call)}:
        return call.fail(f'  New VG name "{new}" already exists', 5)
    if copies.duplicates(call, vg):
        call.err(f"  Cannot update volume group {new} with duplicate PV devices.\n")
        return 0
    if vg.active or beside.is_duplicate(call.host, vg):
        return call.fail(f"  {old}: the lab renames only a group that was claimed and is not active.", 5)
    vg.label = new if new != vg.name else None
    call.line(f'  Volume group "{old}" successfully renamed to "{new}"')
    return 0


DM_FIELDS: dict[str, Callable[[Row], str]] = {
    "name": lambda r: mapper_name(r.name, _lv_name(r)),
    "major": lambda r: "253",
    "minor": lambda r: str(r.minor),
    "attr": lambda r: "L--w",
    "open": lambda r: str(r.opened),
    "segments": lambda r: "1",
    "events": lambda r: "0",
    "suspended": lambda r: "Active",
    "uuid": lambda r: "LVM-" + (_uuid(r.vg.name) + _uuid(_lv_path(r))).replace("-", ""),
}


def dmsetup(call: Call) -> int:
    """`dmsetup info -c --noheadings [--separator S] [-o FIELDS] [NAME ...]`: active logical volumes."""
    words = list(call.words)
    if words[:1] != ["info"]:
        return call.fail("dmsetup: Unknown command")
    words.pop(0)
    columns, headings, separator, fields, names = False, True, ":", None, []
    while words:
        word, equals, value = words.pop(0).partition("=")
        if word in ("-c", "-C", "--columns"):
            columns = True
        elif word == "--noheadings":
            headings = False
        elif word in ("-o", "--options", "--separator"):
            value = value if equals else (words.pop(0) if words else "")
            if word == "--separator":
                separator = value
            else:
                fields = value
        elif word.startswith("-"):
            return call.fail(f"dmsetup: unrecognized option '{word}'")
        else:
            names.append(word.removeprefix("/dev/mapper/"))
    chosen = (fields or "name,major,minor,attr,open,segments,events,uuid").split(",")
    if not columns or any(c not in DM_FIELDS for c in chosen):
        return call.fail("dmsetup: unknown or missing report options")
    rows = [r for r in _rows(call, True) if r.vg.active]
    status = 0
    if names:
        for name in names:
            if name not in [DM_FIELDS["name"](r) for r in rows]:
                status = call.fail(f"Device {name} not found")
        rows = [r for r in rows if DM_FIELDS["name"](r) in names]
    if not rows and not names:
        call.line("No devices found")
        return 0
    if headings:
        call.line(separator.join(c.capitalize() for c in chosen))
    for row in rows:
        call.line(separator.join(DM_FIELDS[c](row) for c in chosen))
    return status


PROGRAMS: dict[str, Program] = {
    "vgs": vgs,
    "lvs": lvs,
    "pvscan": pvscan,
    "vgchange": vgchange,
    "vgimportclone": vgimportclone,
    "vgrename": vgrename,
    "dmsetup": dmsetup,
}
