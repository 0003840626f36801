"""What must hold across all services: no device is written twice, and no source is anybody's target (D4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from clones.config import Config, Pair, Production, Service, Sync, Vg
from clones.errors import ConfigError
from clones.resources import drivers

Problem = tuple[tuple[Any, ...], str]
"""Where (keys and indexes into the file) and what."""


class _End(NamedTuple):
    """One end of a configured pair, with every name that it is known by.

    Two ends are the same device when they share a name: ``(symid, number)`` or ``(host, group, ld)``.
    """

    location: tuple[Any, ...]
    sync: Sync
    pair: Pair
    names: set[tuple[object, ...]]

    @property
    def text(self) -> str:
        return f"service {self.location[1]}, sync {self.sync.name}, pair {self.pair.label}"


def _names(service: Service, sync: Sync, name: str, device: int | None) -> set[tuple[object, ...]]:
    names: set[tuple[object, ...]] = set()
    if sync.symdg is not None:
        names.add((service.control_host, sync.symdg, name))
    if sync.symid is not None and device is not None:
        names.add((sync.symid, device))
    return names


def _pairs(config: Config) -> Iterator[tuple[_End, _End]]:
    for service_name, service in config.services.items():
        for sync_index, sync in enumerate(service.syncs):
            for pair_index, pair in enumerate(sync.pairs):
                location = ("services", service_name, "syncs", sync_index, "pairs", pair_index)
                yield (
                    _End(location, sync, pair, _names(service, sync, pair.source, pair.source_device)),
                    _End(location, sync, pair, _names(service, sync, pair.target, pair.target_device)),
                )


RESERVED = re.compile(r"all|clone_.*|.*_(merge_back|provision|retire)")
"""Names of DAGs that are not a service's refresh, and what means every service in a form."""


def check_names(config: Config) -> list[Problem]:
    """Names that another DAG of the project has or may get."""
    return [
        (
            ("services", name),
            f"service {name}: names that begin with `clone_` or end with `_merge_back`, `_provision` or "
            "`_retire` are kept for other DAGs, and `all` means every service: give it another name",
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


def check_beside_the_source(config: Config) -> list[Problem]:
    """Copies on a host that sees their source too: they must be told apart, and say how."""
    problems: list[Problem] = []
    for name, service in config.services.items():
        production = service.production
        seeing = {host.connection for host in production.hosts} if production else set()
        shared = [host.connection for host in service.hosts if host.connection in seeing]
        if not production or not shared:
            continue
        sources = {entry.vg.name for entry in production.resources if entry.vg}
        for index, entry in enumerate(service.resources):
            wrong = _beside_the_source(entry.vg, sources) if entry.vg else None
            if entry.vg and wrong:
                what = f"service {name}: vg {entry.vg.name} on {shared[0]}, a host of `production`: {wrong}"
                problems.append((("services", name, "resources", index, "vg"), what))
    return problems


def _beside_the_source(vg: Vg, sources: set[str]) -> str | None:
    """What is wrong with a copy's group on a host that sees the source, if anything."""
    if vg.manager == "zfs":
        return (
            "ZFS cannot import a copy where its source is seen, for both have the same identifier; run the "
            "service on another host"
        )
    if not vg.same_host_as_source:
        return (
            "the copy has the source's identifiers, so that one could be taken for the other; give "
            "`same_host_as_source: true` and the copy's `devices`, or fix `hosts`"
        )
    if vg.name in sources:
        return "a group of `production` has that name there; give the copy a name of its own"
    return None


def check_pairs_across(config: Config) -> list[Problem]:
    """Refuse by name what could write to a device that something else owns.

    Logical names that are not pinned to device numbers are compared by name only; their numbers are
    compared when a run has asked the array (:mod:`clones.observe.right_pairs`).
    """
    problems: list[Problem] = []
    targets: dict[tuple[object, ...], _End] = {}
    pairs = list(_pairs(config))
    for source, target in pairs:
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
    for source, _ in pairs:
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
