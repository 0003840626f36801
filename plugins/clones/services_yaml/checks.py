"""What must hold across all services: no device is written twice, and no source is anybody's target (D4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from clones.config import Config, Pair, Service, Sync, Vg
from clones.errors import ConfigError
from clones.resources import drivers
from clones.services_yaml.users import services, users

Problem = tuple[tuple[Any, ...], str]
"""Where (keys and indexes into the file) and what."""


class _End(NamedTuple):
    """One end of a configured pair, with every name that it is known by.

    With target sets a source is an end of one pair in each set.

    Two ends are the same device when they share a name: ``(symid, number)`` or ``(host, group, ld)``.
    """

    location: tuple[Any, ...]
    sync: Sync
    pair: Pair
    names: set[tuple[object, ...]]

    @property
    def text(self) -> str:
        at = f", set {self.location[5]}" if self.location[4] == "targets" else ""
        return f"service {self.location[1]}{at}, sync {self.sync.name}, pair {self.pair.label}"


def _names(
    service: Service, sync: Sync, name: str, device: int | None, arrays: frozenset[str]
) -> set[tuple[object, ...]]:
    """:param arrays: all that the file names. A number without an array may be of any of them."""
    names: set[tuple[object, ...]] = set()
    if sync.symdg is not None:
        names.add((service.control_host, sync.symdg, name))
    if device is not None:
        names |= {(symid, device) for symid in ([sync.symid] if sync.symid else [*arrays, "no array"])}
    return names


def _pairs(config: Config) -> Iterator[tuple[_End, _End]]:
    syncs = [sync for service in config.services.values() for sync in service.syncs]
    arrays = frozenset(sync.symid for sync in syncs if sync.symid)
    for service_name, service in config.services.items():
        for sync_index, sync in enumerate(service.syncs):
            for place, pair in _places(sync):
                location = ("services", service_name, "syncs", sync_index, *place)
                source = _names(service, sync, pair.source, pair.source_device, arrays)
                target = _names(service, sync, pair.target, pair.target_device, arrays)
                yield _End(location, sync, pair, source), _End(location, sync, pair, target)


def _places(sync: Sync) -> Iterator[tuple[tuple[str | int, ...], Pair]]:
    """Each pair, with where in its sync it is written."""
    for index, pair in enumerate(sync.pairs):
        yield ("pairs", index), pair
    for name, pairs in sync.targets.items():
        for index, pair in enumerate(pairs):
            yield ("targets", name, index), pair


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
    problems: dict[Problem, None] = {}
    for user in users(config):
        for host in user.what.hosts:
            try:
                drivers(user.what, host)
            except ConfigError as error:
                problems[
                    (user.at, f"service {' '.join(map(str, user.at[1:]))}: {error.what} {error.remedy}")
                ] = None
    return list(problems)


def check_beside_the_source(config: Config) -> list[Problem]:
    """Copies on a host that sees their source too: they must be told apart, and say how."""
    problems: dict[Problem, None] = {}
    for user in services(config):
        production = user.written.production
        seeing = {host.connection for host in production.hosts} if production else set()
        shared = [host.connection for host in user.what.hosts if host.connection in seeing]
        if not production or not shared:
            continue
        sources = {entry.vg.name for entry in production.resources if entry.vg}
        for index, entry in enumerate(user.what.resources):
            wrong = _beside_the_source(entry.vg, sources) if entry.vg else None
            if entry.vg and wrong:
                what = f"vg {entry.vg.name} on {shared[0]}, a host of `production`: {wrong}"
                problems[(user.at_resource(index), f"service {user.service}: {what}")] = None
    return list(problems)


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


def _which(*ends: _End) -> str:
    """What else may be meant where a number is taken for one of any array."""
    unsaid = [end.text for end in ends if end.sync.symid is None]
    return f". If it is of another array, give {' and '.join(unsaid)} its `symid`" if unsaid else ""


def check_pairs_across(config: Config) -> list[Problem]:
    """Refuse by name what could write to a device that something else owns.

    Logical names that are not pinned to device numbers are compared by name only. Within a service a run
    compares their numbers (:mod:`clones.decide.right_pairs`), across services the plan of each run, preflight
    (:mod:`clones.runs.other_services`) and the sweep do.
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
                        "a device can hold one copy: give this pair a target of its own"
                        f"{_which(target, first)}",
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
                        "a source must never be a target: check the direction of both "
                        f"pairs{_which(source, owner)}",
                    )
                )
                break
    return problems
