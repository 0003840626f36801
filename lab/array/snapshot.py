"""A snapshot of some devices, and the links of its sources to targets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab import states
from lab.array.session import Device, Session

BEFORE = -math.inf
"""Since when there is what the configuration says."""


@dataclass(eq=False)
class Link(Session):
    """A target that shows a snapshot. `since` and `until` are lab seconds; until: when it was ended."""

    snapshot: Snapshot = field(kw_only=True)
    target_group: str = field(kw_only=True)
    nocopy: bool = field(default=False, kw_only=True)
    since: float = field(default=BEFORE, kw_only=True)
    until: float = field(default=math.inf, kw_only=True)
    defined_at: float = field(default=BEFORE, kw_only=True)

    def defined(self, at: float) -> bool:
        """Whether every track of the target is known to be the snapshot's or the target's own."""
        return at >= self.defined_at or self.state == states.COPIED

    def there(self, at: float) -> bool:
        return self.since <= at < self.until


@dataclass(eq=False)
class Snapshot:
    """One point in time of its `sources`, `at` in lab seconds. `group` is the one that it was made of.

    `since`, `until`, `restored` (from, to) and `names` (from when on, name) are kept for whoever is shown
    the array later than it is.
    """

    group: str
    snapid: int
    at: float
    sources: tuple[Device, ...]
    names: list[tuple[float, str]]
    since: float = BEFORE
    until: float = math.inf
    expires: float | None = None
    secure_until: float | None = None
    policy: bool = False
    ours: bool = False
    persistent: bool = False
    restored: list[list[float]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    """Those that have ended, too."""

    @property
    def name(self) -> str:
        return self.names[-1][1]

    def name_at(self, at: float) -> str:
        return next((name for since, name in reversed(self.names) if since <= at), self.names[0][1])

    def there(self, at: float) -> bool:
        return self.since <= at < self.until

    def linked(self, at: float) -> list[Link]:
        return [link for link in self.links if link.there(at)]

    def is_restored(self, at: float) -> bool:
        return any(since <= at < until for since, until in self.restored)

    def expired(self, at: float) -> bool:
        return self.expires is not None and at >= self.expires


class SnapshotStore:
    """The snapshots of an array with their links, also those that have ended: found by source and by target.

    A look costs by what is looked at, not by all there are. `tidy_at` is when, in lab seconds, something may
    end by itself.
    """

    def __init__(self) -> None:
        self._all: dict[Snapshot, None] = {}
        self._of_source: dict[int, dict[Snapshot, None]] = {}
        self._to_target: dict[int, dict[Link, None]] = {}
        self.tidy_at = -math.inf

    def __iter__(self) -> Iterator[Snapshot]:
        return iter(list(self._all))

    def __contains__(self, snapshot: Snapshot) -> bool:
        return snapshot in self._all

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, snapshot: Snapshot) -> None:
        self._all[snapshot] = None
        for source in snapshot.sources:
            self._of_source.setdefault(source.number, {})[snapshot] = None

    def add_link(self, link: Link) -> None:
        link.snapshot.links.append(link)
        self._to_target.setdefault(link.target.number, {})[link] = None

    def remove(self, snapshot: Snapshot) -> None:
        del self._all[snapshot]
        for source in snapshot.sources:
            self._of_source[source.number].pop(snapshot, None)
        for link in list(snapshot.links):
            self.remove_link(link)

    def remove_link(self, link: Link) -> None:
        link.snapshot.links.remove(link)
        self._to_target[link.target.number].pop(link, None)

    def of_source(self, number: int) -> list[Snapshot]:
        return list(self._of_source.get(number, ()))

    def to_target(self, number: int) -> list[Link]:
        return list(self._to_target.get(number, ()))
