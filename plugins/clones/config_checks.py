"""What must hold across all services: no device is written twice, and no source is anybody's target (D4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clones.config import Config, Production, Service, Sync
from clones.errors import ConfigError
from clones.resources import drivers

Problem = tuple[tuple[Any, ...], str]
"""Where (keys and indexes into the file) and what."""


@dataclass(frozen=True)
class _End:
    """One end of a configured pair, with every name that it is known by.

    Two ends are the same device when they share a name: ``(symid, number)`` or ``(host, group, ld)``.
    """

    location: tuple[Any, ...]
    text: str
    names: frozenset[tuple[object, ...]]


def _names(service: Service, sync: Sync, name: str, device: int | None) -> frozenset[tuple[object, ...]]:
    names: set[tuple[object, ...]] = set()
    if sync.symdg is not None:
        names.add((service.control_host, sync.symdg, name))
    if sync.symid is not None and device is not None:
        names.add((sync.symid, device))
    return frozenset(names)


def _pairs(config: Config) -> Iterator[tuple[_End, _End]]:
    for service_name, service in config.services.items():
        for sync_index, sync in enumerate(service.syncs):
            for pair_index, pair in enumerate(sync.pairs):
                location = ("services", service_name, "syncs", sync_index, "pairs", pair_index)
                text = f"service {service_name}, sync {sync.name}, pair {pair.label}"
                yield (
                    _End(location, text, _names(service, sync, pair.source, pair.source_device)),
                    _End(location, text, _names(service, sync, pair.target, pair.target_device)),
                )


RESERVED = re.compile(r"clone_.*|.*_(merge_back|provision|retire)")
"""Names of DAGs that are not a service's refresh."""


def check_names(config: Config) -> list[Problem]:
    """Names that another DAG of the project has or may get."""
    return [
        (
            ("services", name),
            f"service {name}: names that begin with `clone_` or end with `_merge_back`, `_provision` or "
            "`_retire` are kept for other DAGs: give it another name",
        )
        for name in config.services
        if RESERVED.fullmatch(name)
    ]


def check_resources(config: Config) -> list[Problem]:
    """Resources that their hosts' family cannot handle, whatever their commands would be."""
    problems: list[Problem] = []
    for name, service in config.services.items():
        users: list[tuple[tuple[str, ...], Service | Production]] = [(("services", name), service)]
        if service.production:
            users.append((("services", name, "production"), service.production))
        for at, user in users:
            for host in user.hosts:
                try:
                    drivers(user, host)
                except ConfigError as error:
                    problems.append((at, f"service {' '.join(at[1:])}: {error.what} {error.remedy}"))
    return problems


def check_pairs_across(config: Config) -> list[Problem]:
    """Refuse by name what could write to a device that something else owns.

    Logical names that are not pinned to device numbers are compared by name only; their numbers are
    compared when a run has asked the array (:mod:`clones.right_pairs`).
    """
    problems: list[Problem] = []
    targets: dict[tuple[object, ...], _End] = {}
    for source, target in _pairs(config):
        if source.names & target.names:
            problems.append((target.location, f"{target.text}: source and target are the same device"))
        for name in target.names:
            first = targets.setdefault(name, target)
            if first is not target:
                problems.append(
                    (
                        target.location,
                        f"{target.text}: its target is already the target of {first.text}; "
                        "a device can hold one copy: give this pair a target of its own",
                    )
                )
                break
    for source, _ in _pairs(config):
        for name in source.names:
            owner = targets.get(name)
            if owner is not None and owner.location != source.location:
                problems.append(
                    (
                        source.location,
                        f"{source.text}: its source is overwritten as the target of {owner.text}; "
                        "a source must never be a target: check the direction of both pairs",
                    )
                )
                break
    return problems
