"""Which devices of which array a sync is about, and who looks at an array together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from clones.config import Sync
from clones.config.scope import Scope
from clones.states import SyncSeen


class LookKey(NamedTuple):
    """Who shares a look.

    :param host: Airflow connection id of what is asked.
    :param way: how it is asked there; only who asks alike asks together.
    :param symid: the array; empty for those of whom it is not known yet: they share one look an array among
        themselves.
    :param is_server: what is asked is a server that takes requests, not a host that takes commands.
    """

    host: str
    way: str
    symid: str
    is_server: bool = False


@dataclass(frozen=True)
class Place:
    """Where a sync's devices are.

    :param symid: the array.
    :param devices: device number of each of the pairs' names, None when it stands for none.
    :param snapshots: by name the array's numbers of the sync's snapshots, as far as they were seen: a hint
        that spares questions.
    """

    symid: str
    devices: Mapping[str, int | None]
    snapshots: Mapping[str, int] = field(default_factory=dict, compare=False)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The devices that a look asks for."""
        return tuple(dict.fromkeys(number for number in self.devices.values() if number is not None))


class Member(Protocol):
    """A sync that is looked at together with others."""

    @property
    def scope(self) -> Scope: ...

    @property
    def sync(self) -> Sync: ...

    @property
    def place(self) -> Place | None: ...


@dataclass(frozen=True)
class Placed:
    """A sync whose devices are known."""

    scope: Scope
    sync: Sync
    place: Place


class Shown(Protocol):
    """What one look at an array has shown of several syncs."""

    def of(self, one: Member) -> SyncSeen:
        """One of them.

        :raises CloneError: it could not be told of this one.
        """


def place_of(one: Member) -> Place:
    """The place of one that is looked at: that is known by then."""
    assert one.place is not None, "who is looked at has its place"
    return one.place


def written_place(sync: Sync) -> Place | None:
    """Where a sync's devices are, as far as the configuration alone says so."""
    return None if sync.grouped else pinned_place(sync)


def pinned_place(sync: Sync) -> Place | None:
    """Where its devices must be by the configuration; of a device group only when every name is pinned."""
    ends: dict[str, int | None] = {}
    for pair in sync.pairs:
        ends |= {pair.source: pair.source_device, pair.target: pair.target_device}
    if sync.symid is None or None in ends.values():
        return None
    return Place(sync.symid, ends)


def seen_place(seen: SyncSeen) -> Place:
    """Where a sync's devices were when it was observed."""
    ends: dict[str, int | None] = {}
    for pair in seen.pairs:
        ends |= {pair.pair.source: pair.source, pair.pair.target: pair.target}
    return Place(seen.symid, ends)
