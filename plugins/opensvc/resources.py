"""``[ip#n]``, ``[disk#n]`` (formerly ``[vg#n]``, ``[pool#n]``) and ``[fs#n]``, as the agent starts them."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from clones.config.placeholders import fill_in, still_to_fill_in
from clones.names import (
    AbsolutePath,
    FsDevice,
    FsType,
    InterfaceName,
    IpAddress,
    MountOptions,
    Netmask,
    VolumeGroupName,
)
from opensvc import apps
from opensvc.evaluating import Given, View
from opensvc.fields import by_subset, entries, flag, in_use, not_optional, text_or_placeholder
from opensvc.values import fits, shown
from opensvc.writing import Block, Entry
from opensvc.zones import of_zone, on_the_host

_MANAGERS = {
    **dict.fromkeys(("vg", "lvm"), "lvm"),
    **dict.fromkeys(("vxdg", "vxvm", "veritas"), "vxvm"),
    "zpool": "zfs",
}
FAMILIES = ("hpux", "linux", "aix", "sunos")
_LIKE = {
    "linux": "/dev/mapper/mpathb",
    "aix": "hdisk4",
    "hpux": "/dev/rdisk/disk21",
    "vxvm": "emc0_0b06, as `vxdisk list` shows them",
    "zfs": "c2t0d3",
}
"""A disk's name, by what manages it or by the host's family."""
_DISKLESS = frozenset(
    {"bind", "directory", "docker", "flag", "lofs", "none", "shm", "shmfs", "switch", "tmpfs"}
    | {"ceph", "cephfs", "cifs", "glusterfs", "nfs", "nfs3", "nfs4", "s3fs", "smbfs"}
)
_ORDER = "check that it is the order in which they must be started"
_COMMAND = "if it lies on the copied disks, write a `command` resource for it; if not, nothing"


def resources(view: View, families: set[str]) -> list[Block]:
    """All that services.yaml has a resource for; the rest is reported.

    :param families: of the hosts; empty: not known.
    """
    ips = [one for one in view.of_group("ip") if _usable(view, one, "host", {"host"})]
    groups = [
        one
        for one in view.of_group("disk", "vg", "pool")
        if _usable(view, one, _manager(one), set(_MANAGERS))
    ]
    mounted = [one for one in view.of_group("fs") if _on_a_disk(view, one) and _usable(view, one, "", None)]
    started = [one for one in view.of_group("app") if _usable(view, one, "forking", {"forking", "simple"})]
    mounted.sort(key=lambda section: _place(view, section))
    started.sort(key=lambda section: apps.order(view, section))
    return [
        *(_entry("ip", _ip(view, one)) for one in by_subset(view, ips, _ORDER)),
        *(_entry("vg", _vg(view, one, families)) for one in by_subset(view, groups, _ORDER)),
        *(_entry("fs", _fs(view, one)) for one in mounted),
        *(_entry("app", apps.app(view, one)) for one in by_subset(view, started, _ORDER)),
    ]


def _manager(section: str) -> str:
    """The type of a disk group that names none."""
    return "zpool" if section.lower().startswith("pool") else "vg"


def _entry(kind: str, block: Block) -> Block:
    return Block((Entry(kind, block),))


def _usable(view: View, section: str, default: str, known: set[str] | None) -> bool:
    """Whether the section's resource has a like here, and is in use; reported if not.

    :param default: the type that the agent takes where none is given.
    :param known: types that have one; None: all.
    """
    given = view.take(section, "type")
    if known is not None and _type(given, default) not in known:
        kind = shown(_type(given, default))
        view.remark(section, f"a resource of type {kind} has no equivalent here, and is left out", _COMMAND)
        return False
    if not in_use(view, section):
        return False
    not_optional(view, section, "when it fails to start, the start fails")
    return True


def _type(given: Given | None, default: str) -> str:
    return given.text.strip().lower().rpartition(".")[2] if given else default


def _on_a_disk(view: View, section: str) -> bool:
    given = view.take(section, "type")
    if given and _type(given, "") in _DISKLESS:
        view.remark(section, f"a file system of type {given.text} has no disk, and is left out", _COMMAND)
        return False
    return True


def _ip(view: View, section: str) -> Block:
    name, mask = view.take(section, "ipname", "name"), view.take(section, "netmask")
    address = text_or_placeholder(view, name, IpAddress, "the address")
    device = text_or_placeholder(
        view,
        view.take(section, "ipdev", "dev"),
        InterfaceName,
        "the interface, like eth0; on HP-UX and SunOS with the number of the alias, like lan900:1",
    )
    netmask = text_or_placeholder(view, mask, Netmask, "the netmask, like 255.255.252.0 or 22")
    if mask and not fits(IpAddress, address) and not fits(Netmask, netmask):
        try:
            ipaddress.ip_interface(f"{address}/{netmask}")
        except ValueError:
            view.remark(mask, f"{shown(netmask)} does not go with {address}", "fill it in by hand")
            netmask = fill_in(f"the netmask of {address}; the agent had {shown(netmask)}")
    return Block(entries(ipname=address, ipdev=device, netmask=netmask))


def _vg(view: View, section: str, families: set[str]) -> Block:
    manager = _MANAGERS[_type(view.take(section, "type"), _manager(section))]
    name = view.take(section, "name", "vgname", "poolname", "dgname")
    own_names = view.take(section, "dsf")
    if own_names and flag(view, own_names) is False:
        view.remark(
            own_names, "vgimport is always sent with -N here", "check that the host has agile device files"
        )
    comment = ""
    disks = view.take(section, "pvs")
    if disks:
        view.remark(
            disks,
            f"{shown(disks.text)} is in a comment only: the agent used it when it made the group",
            "give the disks as `devices`, as the host names them now",
        )
        comment = f"pvs of the agent: {disks.text[:300]}"
    like = _LIKE.get(manager) or " or ".join(
        _LIKE[one] for one in sorted(families or FAMILIES) if one in _LIKE
    )
    map_file = None
    if manager == "lvm" and "hpux" in families:
        map_file = fill_in("the map file for vgimport; the agent keeps one below its var folder")
    elif manager == "lvm" and not families:
        comment = f"On HP-UX give `map_file` too. {comment}"
    first, *others = entries(
        name=text_or_placeholder(view, name, VolumeGroupName, "the group's name"),
        manager=manager if manager != "lvm" else None,
        devices=[
            fill_in(
                f"the group's disks as the host names them, like {like}; without `devices` only its own "
                "resources say whether a copy is in use"
            )
        ],
        map_file=map_file,
    )
    return Block((replace(first, comment=comment), *others))


def _inside(view: View, section: str) -> Given | None:
    """The mount point as it is given, of a zone as the zone sees it."""
    given = view.take(section, "mnt")
    if given and len(given.text) > 1 and not given.trouble:
        return replace(given, text=given.text.rstrip("/") or "/")
    return given


def _place(view: View, section: str) -> tuple[bool, str]:
    """Where the agent mounts it among the others: what is mounted below another one comes after it.

    What lies in a zone somewhere comes last: it may be below any of those whose place is known.
    """
    given, zone = _inside(view, section), of_zone(view, section)
    inside = given.text if given else ""
    if not zone:
        return False, inside
    whole = on_the_host(view, section, zone, given)
    return (True, inside) if still_to_fill_in(whole) else (False, whole)


def _fs(view: View, section: str) -> Block:
    given, zone = _inside(view, section), of_zone(view, section)
    options, subset = view.take(section, "mnt_opt"), view.take(section, "subset")
    if subset:
        view.remark(subset, "file systems are mounted by mount point, whatever their subset", _ORDER)
    kind = text_or_placeholder(view, view.take(section, "type"), FsType, "the type, like vxfs, ext4 or xfs")
    device = text_or_placeholder(view, view.take(section, "dev"), FsDevice, "the block device")
    at = view.take(section, "dev")
    if at and not device.startswith("<") and device.startswith("/") == (kind == "zfs"):
        wanted = "a name like pppool/data" if kind == "zfs" else "the block device's path"
        view.remark(at, f"{shown(device)} is not carried over: a {kind} needs {wanted}", "fill it in by hand")
        device = fill_in(f"{wanted}; the agent had {shown(device)}")
    return Block(
        entries(
            dev=device,
            mnt=on_the_host(view, section, zone, given)
            if zone
            else text_or_placeholder(view, given, AbsolutePath, "the mount point"),
            type=kind,
            mnt_opt=text_or_placeholder(view, options, MountOptions, "mount options")
            if options and options.text.strip()
            else None,
        )
    )
