"""Veritas Volume Manager, on any family: vxdg, vxvol, vxdisk.

From manual pages and public administration notes; how sure each output is:

* vxdg list, vxdisk list: layout documented
* vxdg import: nothing printed; failures documented (V-5-1-587: no valid disk, another host's, a disk not
  found), of a group that is imported already assumed
* vxdg deport: nothing printed; failures documented (V-5-1-584: volumes in use), exit codes assumed
* vxdctl mode: documented
* vxdisk settag: of disks of copies before an import documented, its failures assumed
* vxvol startall, stopall: nothing printed; failures assumed in their words

Import does not start the volumes (documented; newer releases can). A copy of a disk group that another host
had imported carries that host's name, and needs -C (documented). The disks of a copy have another hardware
identity than they say (`udid_mismatch`, documented). Beside its source such a group is found only with
`-o useclonedev=on`, by the source's name, and needs a name of its own by `-n` (documented); elsewhere it
depends on the release: `clones_refused` (assumed). `-o updateid` gives the disks an identity of their own
(documented) and marks them as clones, which they remain (assumed).
"""

from __future__ import annotations

import zlib

from lab.hosts import beside
from lab.hosts.volume_groups import VolumeGroup
from lab.shell.call import Call, Program
from lab.shell.flags import Usage, read_flags

FOLDERS = ("/usr/sbin", "/sbin", "/etc/vx/bin", "/opt/VRTS/bin")


def _error(call: Call, code: str, text: str, exit: int = 1) -> int:
    return call.fail(f"VxVM {call.name} ERROR {code} {text}", exit)


def _id(vg: VolumeGroup) -> str:
    return f"{1_000_000_000 + zlib.crc32(vg.name.encode()) % 500_000_000}.{len(vg.disks)}.{vg.name}"


def _imported(call: Call, name: str) -> VolumeGroup | None:
    vg: VolumeGroup | None = call.host.of("vxvm").get(name)
    return vg if vg is not None and vg.known else None


def vxdg(call: Call) -> int:
    options = [after for word, after in zip(call.words, call.words[1:], strict=False) if word == "-o"]
    try:
        found, words = read_flags(call.words, "tCfq", "on")
        tags = {one.removeprefix("tag=") for one in options if one.startswith("tag=")}
        if set(options) - {"useclonedev=on", "updateid"} - {f"tag={one}" for one in tags}:
            words = []
    except Usage:
        found, words = {}, []
    if words[:1] == ["list"] and len(words) <= 2:
        return _list(call, words[1:])
    if words[:1] == ["import"]:
        try:
            later, words[1:] = read_flags(words[1:], "tCfq")
        except Usage:
            words = []
        else:
            found |= later
    if len(words) != 2 or words[0] not in ("import", "deport"):
        return _error(call, "V-5-1-532", "usage: vxdg [-tCf] import|deport|list diskgroup", 2)
    if words[0] == "deport":
        return _deport(call, words[1])
    if "useclonedev=on" in options:
        return _import_clone(call, words[1], found.get("n", words[1]), tags, "C" in found)
    return _import(call, words[1], "C" in found, "f" in found)


def _list(call: Call, names: list[str]) -> int:
    groups = [g for g in call.host.of("vxvm").values() if g.known]
    if names:
        vg = _imported(call, names[0])
        if vg is None:
            return _error(call, "V-5-1-684", f"No such disk group: {names[0]}", 11)
        call.out(f"Group:     {vg.name}\ndgid:      {_id(vg)}\nimport-id: 1024.1\nflags:     cds\n")
        return 0
    call.line(f"{'NAME':<12} {'STATE':<15} ID")
    for vg in groups:
        call.line(f"{vg.name:<12} {'enabled,cds':<15} {_id(vg)}")
    return 0


def _import(call: Call, name: str, clear: bool, force: bool) -> int:
    def refused(reason: str) -> int:
        return _error(call, "V-5-1-587", f"Disk group {name}: import failed:\n{reason}")

    host = call.host
    vg: VolumeGroup | None = host.of("vxvm").get(name)
    if vg is not None and vg.known:
        return refused("Disk group exists and is imported")
    if vg is None or len(vg.missing) == len(vg.disks):
        return refused("No valid disk found containing disk group")
    if vg.missing and not force:
        return refused("Disk for disk group not found")
    if vg.config.copy_of is not None:
        return refused("No valid disk found containing disk group")
    if vg.config.clones_refused:
        return _error(
            call, "V-5-1-10978", f"Disk group {name}: import failed:\nDG import duplcate clone detected"
        )
    if not clear and host.foreign(vg):
        return refused("Disk is in use by another host")
    vg.known = True
    return 0


def _import_clone(call: Call, name: str, new_name: str, tags: set[str], clear: bool) -> int:
    """Only disks of copies: by the name of the source's group, under one of their own where that is taken.

    Of several copies of one group the first is taken, unless only one of them has the tag.
    """

    def refused(reason: str) -> int:
        return _error(call, "V-5-1-587", f"Disk group {name}: import failed:\n{reason}")

    host = call.host
    vg: VolumeGroup | None = host.of("vxvm").get(new_name)
    if vg is not None and vg.known:
        return refused("Disk group exists and is imported")
    copies = [
        group
        for group in host.of("vxvm").values()
        if name == (group.config.copy_of or group.name)
        and not group.known
        and len(group.missing) < len(group.disks)
        and all(tags <= disk.tags for disk in group.disks)
    ]
    if vg is None or not copies:
        return refused("No valid disk found containing disk group")
    if vg not in copies[:1]:
        vg.disks, copies[0].disks = copies[0].disks, vg.disks
    if vg.missing:
        return refused("Disk for disk group not found")
    if not clear and host.foreign(vg):
        return refused("Disk is in use by another host")
    beside.renew(host, vg)
    vg.known = True
    return 0


def _deport(call: Call, name: str) -> int:
    vg = _imported(call, name)
    if vg is None:
        return _error(call, "V-5-1-2275", f"vxdg: Disk group {name}: No such disk group is imported", 11)
    if call.host.mounts_of(vg):
        return _error(call, "V-5-1-584", f"Disk group {name}: Some volumes in the disk group are in use", 31)
    call.host.deactivate(vg)
    vg.known, vg.left = False, call.host.clock.now()
    return 0


def vxvol(call: Call) -> int:
    try:
        found, words = read_flags(call.words, "f", "go")
        more, words[1:] = read_flags(words[1:], "f", "go")
    except Usage:
        found, more, words = {}, {}, []
    name = {**found, **more}.get("g")
    if len(words) != 1 or words[0] not in ("startall", "stopall") or name is None:
        return _error(call, "V-5-1-532", "usage: vxvol [-f] -g diskgroup startall|stopall", 2)
    vg = _imported(call, name)
    if vg is None:
        return _error(call, "V-5-1-607", f"Diskgroup {name} not found", 11)
    if words[0] == "stopall":
        if call.host.mounts_of(vg):
            for mount in call.host.mounts_of(vg):
                volume = call.host.volume(mount.device)[1]
                _error(call, "V-5-1-10128", f"Unexpected kernel error: Volume {volume} is in use")
            return 11
        call.host.deactivate(vg)
        return 0
    if vg.missing:
        for volume in vg.volumes:
            _error(call, "V-5-1-1198", f"Volume {volume} has no CLEAN or non-volatile ACTIVE plexes")
        return 20
    call.host.activate(vg)
    return 0


def vxdisk(call: Call) -> int:
    words = [w for w in call.words if w not in ("-o", "alldgs")]
    if words[:1] == ["settag"] and len(words) > 2:
        return _settag(call, words[1], words[2:])
    if words != ["list"]:
        return _error(call, "V-5-1-532", "usage: vxdisk [-o alldgs] list", 2)
    everything = "alldgs" in call.words
    call.line(f"{'DEVICE':<12} {'TYPE':<15} {'DISK':<12} {'GROUP':<12} STATUS")
    for vg in call.host.of("vxvm").values():
        for number, disk in enumerate(vg.disks, 1):
            device = disk.path.rsplit("/", 1)[-1]
            if not disk.device.ready:
                call.line(f"{device:<12} {'auto':<15} {'-':<12} {'-':<12} error")
                continue
            name, group = (f"{vg.name}{number:02d}", vg.name) if vg.known else ("-", "-")
            if not vg.known and everything:
                group = f"({vg.name})"
            call.line(f"{device:<12} {'auto:cdsdisk':<15} {name:<12} {group:<12} online")
    return 0


def _settag(call: Call, tag: str, names: list[str]) -> int:
    """`vxdisk settag TAG DISK...`"""
    disks = {d.path.rsplit("/", 1)[-1]: d for g in call.host.of("vxvm").values() for d in g.disks}
    for name in names:
        if name not in disks or not disks[name].device.ready:
            return _error(call, "V-5-1-558", f"Disk {name}: Disk not in the configuration", 4)
        disks[name].tags.add(tag)
    return 0


def vxdctl(call: Call) -> int:
    """`vxdctl enable`: the disks are read again, which the lab does at every look."""
    if call.words == ["mode"]:
        call.line("mode: enabled")
        return 0
    if call.words != ["enable"]:
        return _error(call, "V-5-1-532", "usage: vxdctl enable", 2)
    return 0


PROGRAMS: dict[str, Program] = {"vxdg": vxdg, "vxvol": vxvol, "vxdisk": vxdisk, "vxdctl": vxdctl}
