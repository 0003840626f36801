"""What a host has once belongs to one service: its groups, disks, devices, mount points and addresses.

A stop of one service would otherwise take from another what it runs on, and a recreate overwrite its disks,
of which only its own resources are proven down. No key allows it: what two services share is one service.

Names are compared as what they stand for where the spelling shows it (`/dev/vg/lv` and `/dev/mapper/vg-lv`,
a raw and a block device). Two connections to one machine, and two names that only the machine knows to be
one disk, cannot be seen here: a run asks its hosts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import NamedTuple

from clones.config import App, Command, Config, Fs, Ip, Production, Resource, Service, Vg
from clones.config.volumes import block_device, group_of
from clones.services_yaml.checks import Problem


class _Thing(NamedTuple):
    """What a resource has on a host.

    :param alone: whether not even another resource of the same service may have it; a group may be that of
        each of its file systems.
    :param whole: whether that holds too where the other one would share it: a device with one file system,
        beside a subvolume of a btrfs there.
    :param source: it is only the name by which a copy is found on its disks: two services may import two
        copies of one group, each by its own disks and under its own name.
    """

    kind: str
    name: str
    alone: bool = True
    source: bool = False
    whole: bool = False


class _Claim(NamedTuple):
    """One thing of one service, or of its production.

    :param at: where in the file.
    """

    at: tuple[str | int, ...]
    service: str
    of_production: bool
    alone: bool
    source: bool
    whole: bool

    @property
    def by(self) -> str:
        return f"production of service {self.service}" if self.of_production else f"service {self.service}"


def check_claims(config: Config) -> list[Problem]:
    """Refuse by name what two resources have on one host.

    Several services may have one production, for it may have many copies. What the copies of a service and
    its own production may share is said by :func:`clones.services_yaml.checks.check_beside_the_source`.
    """
    problems: dict[tuple[str | int, ...], str] = {}
    known: dict[tuple[str, str, str], list[_Claim]] = {}
    for host, thing, claim in _claims(config):
        others = known.setdefault((host, thing.kind, thing.name), [])
        for first in others:
            if _at_odds(first, claim):
                problems.setdefault(
                    claim.at,
                    f"{claim.by}: {thing.kind} {thing.name} on {host} is that of {first.by} too, and a stop "
                    f"of one would take it from the other: give each its own; {_remedy(first, claim)}",
                )
        others.append(claim)
    return list(problems.items())


def _remedy(first: _Claim, second: _Claim) -> str:
    if first.service != second.service:
        return "what two services share must be one service"
    if second.whole or first.whole:
        return "of subvolumes of one btrfs, each `mnt_opt` names its own by `subvol=`"
    return "list it once"


def _at_odds(one: _Claim, other: _Claim) -> bool:
    if one.service == other.service:
        within = one.of_production == other.of_production and one.at != other.at
        return within and (one.whole or other.whole or (one.alone and other.alone))
    if one.of_production and other.of_production:
        return False
    return not (one.source and other.source)


def _claims(config: Config) -> Iterator[tuple[str, _Thing, _Claim]]:
    for name, service in config.services.items():
        users: list[tuple[tuple[str, ...], Service | Production]] = [(("services", name), service)]
        if service.production:
            users.append((("services", name, "production"), service.production))
        for at, user in users:
            for index, entry in enumerate(user.resources):
                (kind,) = entry.model_fields_set
                for thing in _things(entry.resource):
                    where: tuple[str | int, ...] = (*at, "resources", index, kind)
                    of_production = isinstance(user, Production)
                    claim = _Claim(where, name, of_production, thing.alone, thing.source, thing.whole)
                    yield from ((host.connection, thing, claim) for host in user.hosts)


def _things(resource: Resource | None) -> Iterator[_Thing]:
    match resource:
        case Ip():
            yield _Thing("address", str(_address(resource.ipname)))
            if ":" in resource.ipdev:
                yield _Thing("interface", resource.ipdev)
        case Vg():
            yield _Thing(f"{resource.manager} group", resource.name)
            if resource.source_name is not None:
                # Its source has that name there; another service's copy must not.
                yield _Thing(f"{resource.manager} group", resource.source_name, alone=False, source=True)
            yield from (_Thing("disk", _disk(name)) for name in resource.devices)
            if resource.map_file is not None:
                # By the map an import finds its disks; a stop writes it anew, beside the old one.
                yield from (_Thing("map file", f"{resource.map_file}{end}") for end in ("", ".new"))
        case Fs():
            yield _Thing("mount point", resource.mnt)
            part = _subvolume(resource)
            yield _Thing("device", block_device(resource.dev), alone=part is None, whole=part is None)
            if part is not None:
                yield _Thing("subvolume", f"{part} of {block_device(resource.dev)}")
            if group := group_of(resource):
                yield _Thing(f"{group.manager} group", group.name, alone=False)
        case App() | Command():
            look = resource.check if isinstance(resource, App) else resource.probe
            yield _Thing("what is checked and stopped by", " ".join((*look, "and", *resource.stop)))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


_FOLDER = re.compile(r"(?:/dev/(?:mapper/|r?disk/|r?dsk/|vx/r?dmp/)?)?(?P<name>.+)")


def _disk(name: str) -> str:
    """A disk without its folder, which may be that of its raw device, and without the slice of the whole."""
    found = _FOLDER.fullmatch(name)
    short = found["name"] if found else name
    short = re.sub(r"^r(?=hdisk)", "", short)
    return re.sub(r"^(c\d+(?:t\w+?)?d\d+)s\d+$", r"\1", short)


def _subvolume(fs: Fs) -> str | None:
    """What part of a btrfs is mounted; None for the whole of any file system."""
    options = fs.mnt_opt.split(",") if fs.mnt_opt and fs.type == "btrfs" else []
    named = [one for one in options if one.startswith(("subvol=", "subvolid="))]
    return named[-1].replace("subvol=/", "subvol=") if named else None
