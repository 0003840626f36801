"""What must hold of a service's target sets, and what of it is each set's own.

A set is *beside* another one where a host has both: it then sees the same identifiers twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NoReturn, Protocol

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from clones.config.resources import App, DownCheck, Fs, Host, Ip, ResourceEntry, Vg
from clones.config.syncs import Sync
from clones.config.volumes import Group, group_of

HOST_OF_ITS_OWN = "give each set a host of its own (`sets` of the hosts)"


class Service(Protocol):
    """What of a service its target sets concern."""

    @property
    def sets(self) -> tuple[str, ...]: ...

    @property
    def hosts(self) -> tuple[Host, ...]: ...

    @property
    def resources(self) -> tuple[ResourceEntry, ...]: ...

    @property
    def syncs(self) -> tuple[Sync, ...]: ...

    @property
    def down_checks(self) -> tuple[DownCheck, ...]: ...


def is_own(service: Service, entry: ResourceEntry, target_set: str) -> bool:
    """Whether a resource is that set's own: down as long as the service runs on another set.

    An address and an application lie on no set's disks. A set with hosts of its own has all else there;
    beside another set a resource must say by `by_set` that it is not the same thing on both.
    """
    if isinstance(entry.resource, Ip | App):
        return False
    return bool(entry.by_set) or target_set not in beside_another(service)


def beside_another(service: Service) -> dict[str, tuple[str, str]]:
    """The target sets that share a host with another one: by the first such set, and that host."""
    sets = service.sets
    on = {name: [h.connection for h in service.hosts if name in (h.sets or sets)] for name in sets}
    return {
        name: (other, host)
        for name in reversed(sets)
        for other in reversed(sets)
        for host in on[name]
        if other != name and host in on[other]
    }


def check(service: Service) -> None:
    """The same sets everywhere, each with something of its own that can be proven unused.

    :raises PydanticCustomError: naming the place within the service.
    """
    _check_names(service)
    if not service.sets:
        return
    if not service.resources:
        _refuse(
            "a service with target sets must list its `resources`: which set is in use is seen by them",
            "resources",
        )
    connections = [host.connection for host in service.hosts]
    for number, connection in enumerate(connections):
        if connection in connections[:number]:
            _refuse(f"host {connection} is listed twice: list it once, with all its `sets`", "hosts", number)
    beside = beside_another(service)
    for name in service.sets:
        if not any(name in (host.sets or service.sets) for host in service.hosts):
            _refuse(f"no host has the target set {name}: add it to `sets` of one", "hosts")
    on = {
        name: [_on(service, n, name, beside) for n in range(len(service.resources))] for name in service.sets
    }
    for name, entries in on.items():
        if not any(is_own(service, entry, name) for entry in service.resources):
            _refuse(_nothing_of_its_own(name, beside), "resources")
        for number, entry in enumerate(service.resources):
            if name in beside and entry.by_set:
                other, host = beside[name]
                _check_apart(number, (other, on[other][number]), (name, entries[number]), host)
                _check_prefixes(service, number, (other, on[other][number]), (name, entries[number]), host)
            if isinstance(entry.resource, Fs):
                _check_device(service, number, entries, name)
    for name, (other, host) in beside.items():
        _check_none_shared(service, name, other, host)


def _refuse(message: str, *at: str | int) -> NoReturn:
    """:param at: the place within the service."""
    raise PydanticCustomError("target_sets", "{message}", {"message": message, "at": at})


def _sets(names: Collection[str]) -> str:
    return f"the sets {', '.join(names)}" if names else "no target sets"


def _check_names(service: Service) -> None:
    sets = service.sets
    for number, sync in enumerate(service.syncs):
        if set(sync.targets) != set(sets):
            first = service.syncs[0].name
            _refuse(
                f"sync {sync.name} has {_sets(sync.targets)}, and sync {first} has {_sets(sets)}: give each "
                "sync `targets` of the same sets",
                *("syncs", number, "targets" if sync.targets else "pairs"),
            )
    for at, names in _named(service):
        strange = [name for name in names if name not in sets]
        if strange and not sets:
            _refuse("the syncs have no `targets`, so there are no target sets: remove it", *at)
        if strange:
            _refuse(
                f"there is no target set {strange[0]}: name one that the syncs have under `targets` "
                f"({_sets(sets)})",
                *at,
            )
    for number, check in enumerate(service.down_checks):
        if sets and not check.sets:
            _refuse(
                f"down_check {check.name} does not say of which target sets it tells that they are unused: "
                f"add `sets`, at most {', '.join(sets)}",
                *("down_checks", number),
            )


def _named(service: Service) -> Iterator[tuple[tuple[str | int, ...], Collection[str]]]:
    """Every place that names target sets."""
    for number, host in enumerate(service.hosts):
        yield ("hosts", number, "sets"), host.sets
    for number, check in enumerate(service.down_checks):
        yield ("down_checks", number, "sets"), check.sets
    for number, entry in enumerate(service.resources):
        for name in entry.by_set:
            yield ("resources", number, _kind(entry), "by_set", name), (name,)


def _kind(entry: ResourceEntry) -> str:
    (kind,) = entry.model_fields_set
    return kind


def _on(service: Service, number: int, name: str, beside: dict[str, tuple[str, str]]) -> ResourceEntry:
    """What a resource is on that set.

    :raises PydanticCustomError: it is not valid there.
    """
    entry = service.resources[number]
    at = ("resources", number, _kind(entry), *(("by_set",) if name in entry.by_set else ()))
    at += (name,) if name in entry.by_set else ()
    other = beside.get(name)
    if other and isinstance(entry.resource, Vg) and entry.resource.manager == "zfs" and entry.by_set:
        _refuse(
            f"the sets {name} and {other[0]} are both on {other[1]}, and ZFS cannot import two copies of one "
            f"pool on one host, for both have the same identifier: {HOST_OF_ITS_OWN}",
            *at,
        )
    try:
        return entry.on(name, apart=other is not None)
    except ValueError as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        text = said.removeprefix("Value error, ")
    there = ""
    if other and isinstance(entry.resource, Vg):
        there = f", beside set {other[0]} on {other[1]}, where `same_host_as_source` holds"
    _refuse(f"on target set {name}{there}: {text}", *at)


def _nothing_of_its_own(name: str, beside: dict[str, tuple[str, str]]) -> str:
    if name not in beside:
        return f"the target set {name} has no group, file system or command: list what lies on its disks"
    other, host = beside[name]
    return (
        f"the sets {name} and {other} are both on {host}, and no resource has `by_set`, so nothing "
        f"proves a set unused: give what lies on its disks `by_set`, or {HOST_OF_ITS_OWN}"
    )


def _check_none_shared(service: Service, name: str, other: str, host: str) -> None:
    """Beside another set each group and file system is a set's own: one that both have would be up on the one
    while its disks are overwritten with the other.

    :raises PydanticCustomError: one has no `by_set`.
    """
    for number, entry in enumerate(service.resources):
        if isinstance(entry.resource, Vg | Fs) and not entry.by_set:
            first, second = sorted((name, other))
            _refuse(
                f"it has no `by_set`, and the sets {first} and {second} are both on {host}: the service "
                "would use the same disks on both. Give what lies on the copies `by_set`, take out what "
                f"does not, or {HOST_OF_ITS_OWN}",
                *("resources", number, _kind(entry)),
            )


def _check_device(service: Service, number: int, on: list[ResourceEntry], name: str) -> None:
    """A file system lies on the same group on each set.

    :raises PydanticCustomError: its `dev` is of another one there, or does not say.
    """
    written, fs = service.resources[number].resource, on[number].resource
    assert isinstance(written, Fs) and isinstance(fs, Fs)
    at = ("resources", number, "fs", *(("by_set", name) if name in written.by_set else ("dev",)))
    for entry, there in zip(service.resources, on, strict=True):
        vg, group = entry.resource, there.resource
        if not isinstance(vg, Vg) or not isinstance(group, Vg):
            continue
        if group_of(written) == Group(vg.manager, vg.name) and group_of(fs) != Group(
            group.manager, group.name
        ):
            _refuse(
                f"on target set {name} its group is {group.name}, and its `dev` {fs.dev} is not on it: give "
                f"`by_set.{name}.dev`, or fix the group's `by_set.{name}.name`",
                *at,
            )
        if entry.by_set and not written.by_set and name in beside_another(service):
            families = {host.family for host in service.hosts if name in (host.sets or service.sets)}
            if "aix" in families and group_of(written) is None:
                _refuse(
                    "names of logical volumes are unique on a host of AIX, so two sets there have others: "
                    "give its `dev` by `by_set`",
                    *at,
                )


def _check_apart(
    number: int, one: tuple[str, ResourceEntry], other: tuple[str, ResourceEntry], host: str
) -> None:
    """On one host two sets are told apart, a group by its name, a command by its probe.

    :param one: a set and what the resource is there.
    :raises PydanticCustomError: it has the same on both.
    """
    (first, here), (second, there) = sorted((one, other), key=lambda of: of[0])
    both = f"the sets {first} and {second}, which are both on {host}"
    if here.vg and there.vg and here.vg.name == there.vg.name:
        _refuse(
            f"the group has the name {here.vg.name} on {both}: give it a `name` of its own on one of them by "
            f"`by_set`, or {HOST_OF_ITS_OWN}",
            *("resources", number, "vg"),
        )
    if here.command and there.command and here.command.probe == there.command.probe:
        _refuse(
            f"its `probe` is the same on {both}, so it does not tell which of them is in use: give each its "
            f"own by `by_set`, or {HOST_OF_ITS_OWN}",
            *("resources", number, "command"),
        )


def _check_prefixes(
    service: Service, number: int, one: tuple[str, ResourceEntry], other: tuple[str, ResourceEntry], host: str
) -> None:
    """AIX: two sets on one host have other names of logical volumes.

    :param one: a set and what the resource is there.
    :raises PydanticCustomError: a group has the same `lv_prefix` on both.
    """
    here, there = one[1].vg, other[1].vg
    on_aix = any(h.connection == host and h.family == "aix" for h in service.hosts)
    if on_aix and here and there and here.manager == "lvm" and here.lv_prefix == there.lv_prefix:
        first, second = sorted((one[0], other[0]))
        _refuse(
            f"the group has the `lv_prefix` {here.lv_prefix} on the sets {first} and {second}, which are "
            f"both on {host}, and names of logical volumes are unique on a host of AIX: give it one of its "
            f"own on one of them by `by_set`, or {HOST_OF_ITS_OWN}",
            *("resources", number, "vg"),
        )
