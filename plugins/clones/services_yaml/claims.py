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

from clones.config import App, Command, Config, Fs, Ip, Production, Resource, Vg
from clones.config.target_sets import HOST_OF_ITS_OWN
from clones.config.volumes import block_device, group_of
from clones.services_yaml.checks import Problem
from clones.services_yaml.users import users


class _Thing(NamedTuple):
    """What a resource has on a host.

    :param key: where it is written.
    :param alone: whether not even another resource of the same service may have it; a group may be that of
        each of its file systems.
    :param whole: whether that holds too where the other one would share it: a device with one file system,
        beside a subvolume of a btrfs there.
    :param source: it is only the name by which a copy is found on its disks: two services may import two
        copies of one group, each by its own disks and under its own name.
    :param by_turns: whether it is the same thing on each target set.
    """

    kind: str
    name: str
    key: str
    alone: bool = True
    source: bool = False
    whole: bool = False
    by_turns: bool = False


class _Claim(NamedTuple):
    """One thing of one service, or of its production.

    :param at: where in the file.
    :param number: of the resource.
    :param own: whether what it has differs by target set.
    """

    at: tuple[str | int, ...]
    service: str
    of_production: bool
    number: int
    own: bool
    target_set: str
    thing: _Thing

    @property
    def by(self) -> str:
        if self.of_production:
            return f"production of service {self.service}"
        return f"service {self.service}{f', set {self.target_set}' if self.own else ''}"


def check_claims(config: Config) -> list[Problem]:
    """Refuse by name what two resources, or two target sets, have on one host.

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
                    f"{claim.by}: {thing.kind} {thing.name} on {host} is that of {_why(first, claim)}",
                )
        others.append(claim)
    return list(problems.items())


def _why(first: _Claim, second: _Claim) -> str:
    """Whose it is too, and what to do."""
    if _two_sets(first, second):
        return (
            f"set {first.target_set} too, and one would be taken for the other: give each its own "
            f"`{second.thing.key}` by `by_set`, or {HOST_OF_ITS_OWN}"
        )
    why = f"{first.by} too, and a stop of one would take it from the other: give each its own; "
    if first.service != second.service:
        return f"{why}what two services share must be one service"
    if second.thing.whole or first.thing.whole:
        return f"{why}of subvolumes of one btrfs, each `mnt_opt` names its own by `subvol=`"
    return f"{why}list it once"


def _two_sets(one: _Claim, other: _Claim) -> bool:
    same = one.service == other.service and not one.of_production and not other.of_production
    return same and one.target_set != other.target_set and one.own and other.own


def _at_odds(one: _Claim, other: _Claim) -> bool:
    if one.service != other.service:
        if one.of_production and other.of_production:
            return False
        return not (one.thing.source and other.thing.source)
    if one.of_production != other.of_production:
        return False
    if one.number == other.number:
        return _two_sets(one, other) and not (one.thing.by_turns or one.thing.source)
    return one.thing.whole or other.thing.whole or (one.thing.alone and other.thing.alone)


def _claims(config: Config) -> Iterator[tuple[str, _Thing, _Claim]]:
    for user in users(config):
        production = isinstance(user.what, Production)
        for index, entry in enumerate(user.what.resources):
            own = not production and bool(user.written.resources[index].by_set)
            at = user.at_resource(index)
            for thing in _things(entry.resource):
                claim = _Claim(at, user.service, production, index, own, user.target_set, thing)
                yield from ((host.connection, thing, claim) for host in user.what.hosts)


def _things(resource: Resource | None) -> Iterator[_Thing]:
    match resource:
        case Ip():
            yield _Thing("address", str(_address(resource.ipname)), "ipname", by_turns=True)
            if ":" in resource.ipdev:
                yield _Thing("interface", resource.ipdev, "ipdev", by_turns=True)
        case Vg():
            yield _Thing(f"{resource.manager} group", resource.name, "name")
            if resource.source_name is not None:
                # Its source has that name there; another service's copy must not.
                known = (f"{resource.manager} group", resource.source_name, "source_name")
                yield _Thing(*known, alone=False, source=True)
            yield from (_Thing("disk", _disk(name), "devices") for name in resource.devices)
            if resource.map_file is not None:
                # By the map an import finds its disks; a stop writes it anew, beside the old one.
                for end in ("", ".new"):
                    yield _Thing("map file", f"{resource.map_file}{end}", "map_file")
        case Fs():
            yield _Thing("mount point", resource.mnt, "mnt", by_turns=True)
            part, device = _subvolume(resource), block_device(resource.dev)
            yield _Thing("device", device, "dev", alone=part is None, whole=part is None)
            if part is not None:
                yield _Thing("subvolume", f"{part} of {device}", "dev")
            if group := group_of(resource):
                yield _Thing(f"{group.manager} group", group.name, "dev", alone=False)
        case App() | Command():
            look = resource.check if isinstance(resource, App) else resource.probe
            words = " ".join((*look, "and", *resource.stop))
            yield _Thing("what is checked and stopped by", words, "probe")


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
