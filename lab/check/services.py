"""Which services there are: their hosts, and their syncs in order. Read from plain data, by this reader."""

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
    """`syncs` are in the order in which they are recreated and activated."""

    name: str
    hosts: tuple[str, ...]
    syncs: tuple[Sync, ...]

    @property
    def pairs(self) -> frozenset[Pair]:
        return frozenset(p for s in self.syncs for p in s.pairs)


def read_services(given: Any, groups: Mapping[str, Mapping[str, str]] | None = None) -> list[Service]:
    """:param groups: device group -> logical name -> device number, for pairs given by names alone.
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
        return [_service(name, about, groups or {}) for name, about in named.items()]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"services can not be read: {error!r}") from None


def _service(name: str, about: Mapping[str, Any], groups: Mapping[str, Mapping[str, str]]) -> Service:
    hosts = [h["connection"] if isinstance(h, Mapping) else str(h) for h in about.get("hosts", [])]
    syncs = []
    for sync in about.get("syncs", []):
        members = groups.get(str(sync.get("symdg")), {})
        found = {_pair(str(sync["symid"]), str(p), members) for p in sync["pairs"]}
        syncs.append(Sync(str(sync["name"]), frozenset(found)))
    return Service(name, tuple(hosts), tuple(syncs))


def _pair(symid: str, text: str, members: Mapping[str, str]) -> Pair:
    match = PAIR.fullmatch(text)
    if match:
        return symid, int(match[1], 16), int(match[2], 16)
    source, _, target = text.partition(":")
    try:
        return symid, int(members[source], 16), int(members[target], 16)
    except KeyError:
        raise ValueError(f"pair {text!r}: no device numbers, and no such logical names known") from None
