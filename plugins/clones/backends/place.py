"""Which devices of which array a sync is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clones.config import Sync
from clones.states import SyncSeen


@dataclass(frozen=True)
class Place:
    """Where a sync's devices are.

    :param symid: the array.
    :param devices: device number of each of the pairs' names, None when it stands for none.
    """

    symid: str
    devices: Mapping[str, int | None]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The devices that a look asks for."""
        return tuple(dict.fromkeys(number for number in self.devices.values() if number is not None))


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
