"""Which services there are: their hosts, and their syncs in order. Read from plain data, by this reader.

A service with target sets (`targets` in its syncs, in place of `pairs`) is read as a service of its name on
each of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_END = r"(?:[A-Za-z_][\w.\-]*=)?([0-9A-Fa-f]{4,5})"
PAIR = re.compile(rf"{_END}:{_END}")
KEY = re.compile(r"(\d+):([0-9A-Fa-f]+)>([0-9A-Fa-f]+)")

Pair = tuple[str, int, int]
Given = Any  # a mapping, a file, a list of Service, or None


def pair_of(key: str) -> Pair:
    """`SYMID:SRC>TGT` as the journal writes it; device numbers are compared as numbers."""
    match = KEY.fullmatch(key)
    if not match:
        raise ValueError(f"{key!r} is no SYMID:SRC>TGT")
    return match[1], int(match[2], 16), int(match[3], 16)


@dataclass(frozen=True)
class Sync:
    name: str
    pairs: frozenset[Pair]


@dataclass(frozen=True)
class Service:
    """`syncs` are in the order in which they are recreated and activated. With target sets it is on one."""

    name: str
    hosts: tuple[str, ...]
    syncs: tuple[Sync, ...]
    target_set: str = ""
    directories: frozenset[str] = frozenset()
    """Where the file systems of a set are mounted."""
    addresses: frozenset[str] = frozenset()
    answers: frozenset[tuple[str, ...]] = frozenset()
    """The commands that end with 0 when it is well: checks of its applications, and its probes."""

    @property
    def pairs(self) -> frozenset[Pair]:
        return frozenset(p for s in self.syncs for p in s.pairs)

    @property
    def targets(self) -> frozenset[tuple[str, int]]:
        """The devices that its data is on."""
        return frozenset((symid, target) for symid, _, target in self.pairs)

    @property
    def shown(self) -> str:
        return f"{self.name} on set {self.target_set}" if self.target_set else self.name


Groups = Mapping[str, Mapping[str, Any]]


def read_services(
    given: Any, groups: Groups | None = None, storage_groups: Groups | None = None
) -> list[Service]:
    """:param groups: device group -> logical name -> device number, for pairs given by names alone.
    :param storage_groups: array -> storage group -> its devices, for syncs of groups alone: by position.
    :raises ValueError: it is not of that shape.
    """
    if given is None:
        return []
    if isinstance(given, list):
        return given
    try:
        if isinstance(given, str | Path):
            given = yaml.safe_load(Path(given).read_text(encoding="utf-8"))
        named = given.get("services", given)
        known = (groups or {}, storage_groups or {})
        return [one for name, about in named.items() for one in _on_each_set(name, about, *known)]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"services can not be read: {error!r}") from None


def _on_each_set(name: str, about: Mapping[str, Any], groups: Groups, storage: Groups) -> list[Service]:
    written = about.get("syncs", [])
    sets = [str(one) for sync in written[:1] for one in sync.get("targets", {})]
    return [_service(name, about, groups, storage, target_set) for target_set in sets or [""]]


def _service(
    name: str, about: Mapping[str, Any], groups: Groups, storage: Groups, target_set: str
) -> Service:
    hosts, alone = [], True
    for host in about.get("hosts", []):
        plain = host if isinstance(host, Mapping) else {"connection": str(host)}
        if not target_set or target_set in (plain.get("sets") or [target_set]):
            hosts.append(str(plain["connection"]))
            alone = alone and len(plain.get("sets") or ()) == 1
    syncs = []
    for sync in about.get("syncs", []):
        members = groups.get(str(sync.get("symdg")), {})
        pairs = sync["targets"][target_set] if target_set else _pairs(sync, storage)
        found = {_pair(str(sync["symid"]), str(p), members) for p in pairs}
        syncs.append(Sync(str(sync["name"]), frozenset(found)))
    if not target_set:
        return Service(name, tuple(hosts), tuple(syncs))
    kinds = [(kind, what) for one in about.get("resources", []) for kind, what in one.items()]
    commands = [what.get("check") for kind, what in kinds if kind == "app"]
    commands += [probe.get("command") for probe in about.get("probes", [])]
    return Service(
        name, tuple(hosts), tuple(syncs), target_set,
        directories=frozenset(
            str(what["mnt"]) for kind, what in kinds if kind == "fs" and (alone or "by_set" in what)
        ),
        addresses=frozenset(str(what["ipname"]) for kind, what in kinds if kind == "ip"),
        answers=frozenset(tuple(map(str, words)) for words in commands if words),
    )  # fmt: skip


def _pairs(sync: Mapping[str, Any], storage: Groups) -> list[str]:
    if "pairs" in sync or "source_group" not in sync:
        return list(sync["pairs"])
    members = storage.get(str(sync["symid"]), {})
    both = (members[str(sync[group])] for group in ("source_group", "target_group"))
    return [f"{source}:{target}" for source, target in zip(*both, strict=True)]


def whole(services: list[Service], name: str) -> Service | None:
    """A service with the pairs and hosts of all its target sets; None when there is none of that name."""
    on_sets = [service for service in services if service.name == name]
    if len(on_sets) < 2:
        return on_sets[0] if on_sets else None
    hosts = tuple(dict.fromkeys(host for one in on_sets for host in one.hosts))
    syncs = tuple(
        Sync(same[0].name, frozenset(p for sync in same for p in sync.pairs))
        for same in zip(*(one.syncs for one in on_sets), strict=True)
    )
    return Service(name, hosts, syncs)


def _pair(symid: str, text: str, members: Mapping[str, str]) -> Pair:
    match = PAIR.fullmatch(text)
    if match:
        return symid, int(match[1], 16), int(match[2], 16)
    source, _, target = text.partition(":")
    try:
        return symid, int(members[source], 16), int(members[target], 16)
    except KeyError:
        raise ValueError(f"pair {text!r}: no device numbers, and no such logical names known") from None
