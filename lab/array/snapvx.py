"""SnapVX: what can be done with the snapshots and links of an array. An action is done for all of its pairs
or refused, unless a fault says otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from lab import states
from lab.array.inventory import Inventory
from lab.array.refused import Refused
from lab.array.session import Device
from lab.array.sessions import Pair
from lab.array.snapshot import BEFORE, Link, Snapshot
from lab.config.snapvx import LinkConfig, SnapshotConfig

FIRST_ID = 186_124_647_681
"""Like those that were seen: they end in 01 in hexadecimal."""
HOUR = 3600.0
Spoil = Callable[[list[int], str], None]
"""Told which devices get other data by which action, before they do."""


class SnapVX:
    """The snapshots of one array. It keeps nothing itself: whoever needs one makes one.

    :param spoil: told of devices whose data is about to be other.
    """

    def __init__(self, array: Inventory, spoil: Spoil) -> None:
        self.array = array
        self.switches = array.config.snapvx
        self._spoil = spoil

    # what there is

    def settle(self) -> float:
        """Bring copies to now, and end what has expired. Gives now."""
        self.array.settle()
        now = self.array.clock.now()
        for snapshot in self.array.snapshots:
            if snapshot.there(now) and not self._kept(snapshot, now):
                last = max((link.until for link in snapshot.links), default=BEFORE)
                snapshot.until = max(snapshot.expires or now, last)
        return now

    def _kept(self, snapshot: Snapshot, now: float) -> bool:
        """Whether it is there still, though it may have expired: a linked one stays (documented)."""
        if not snapshot.expired(now) or snapshot.is_restored(now):
            return True
        if self.switches.expired_linked == "vanishes":
            return False
        return bool(snapshot.linked(now))

    def group(self, name: str) -> list[Device]:
        """:raises Refused: there is no such storage group."""
        if name not in self.array.storage_groups:
            raise Refused("no_such_storage_group", name=name, symid=self.array.symid)
        return self.array.storage_groups[name]

    def of_group(self, name: str, at: float) -> list[Snapshot]:
        """Those that were there at a moment with a source in the group, the newest first."""
        devices = set(map(id, self.group(name)))
        found = [s for s in self.array.snapshots if s.there(at) and devices & set(map(id, s.sources))]
        return sorted(found, key=lambda s: (s.at, s.snapid), reverse=True)

    def describe(self) -> list[dict[str, Any]]:
        """Those that are there now, for tests, the journal and the control port."""
        now = self.settle()
        return [self._described(s, now) for s in self.array.snapshots if s.there(now)]

    def _described(self, snapshot: Snapshot, now: float) -> dict[str, Any]:
        return {
            "group": snapshot.group, "name": snapshot.name, "snapid": snapshot.snapid, "at": snapshot.at,
            "sources": [self.array.name(d) for d in snapshot.sources], "ours": snapshot.ours,
            "expires": snapshot.expires, "secure": snapshot.secure_until is not None,
            "policy": snapshot.policy, "restored": snapshot.is_restored(now),
            "links": [
                {
                    "source": self.array.name(link.source), "target": self.array.name(link.target),
                    "group": link.target_group, "state": link.state, "percent": link.percent,
                    "protected_tracks": link.protected_tracks, "defined": link.defined(now),
                }
                for link in snapshot.linked(now)
            ],
        }  # fmt: skip

    def generation(self, group: str, snapshot: Snapshot, at: float) -> int:
        """0 is the newest of its name."""
        same = [s for s in self.of_group(group, at) if s.name_at(at) == snapshot.name_at(at)]
        return same.index(snapshot)

    # snapshots

    def establish(
        self, group: str, name: str, *, expires: float | None = None, secure_until: float | None = None,
        ours: bool = False,
    ) -> Snapshot:  # fmt: skip
        """All sources at one moment. `expires` and `secure_until` are lab seconds since the epoch."""
        now = self.settle()
        sources = self.group(group)
        if not sources:
            raise Refused("group_without_devices", name=group)
        if secure_until is not None and self.switches.secure == "refused":
            raise Refused("secure_refused")
        if self.switches.name_reuse == "refused" and any(s.name == name for s in self.of_group(group, now)):
            raise Refused("name_in_use", name=name)
        for source in sources:
            there = [s for s in self.array.snapshots if s.there(now) and source in s.sources]
            if len(there) >= self.switches.snapshots_a_source:
                raise Refused("too_many_snapshots")
        made = Snapshot(group, self._next_id(), now, tuple(sources), [(now, name)], since=now)
        made.expires, made.secure_until, made.ours = expires, secure_until, ours
        self.array.snapshots.append(made)
        return made

    def _next_id(self) -> int:
        return max((s.snapid for s in self.array.snapshots), default=FIRST_ID - 256) + 256

    def rename(self, snapshot: Snapshot, name: str) -> None:
        now = self.settle()
        if any(s.name == name and s is not snapshot for s in self.of_group(snapshot.group, now)):
            raise Refused("name_in_use", name=name)
        snapshot.names.append((now, name))

    def set_expiry(self, snapshot: Snapshot, expires: float | None) -> None:
        self.settle()
        snapshot.expires = expires

    def set_secure(self, snapshot: Snapshot, until: float) -> None:
        """It can not be taken back nor made shorter (documented)."""
        if self.switches.secure == "refused":
            raise Refused("secure_refused")
        self.settle()
        if snapshot.secure_until is not None and until < snapshot.secure_until:
            raise Refused("secure_not_shorter")
        snapshot.secure_until = snapshot.expires = until

    def persist(self, snapshot: Snapshot, on: bool) -> None:
        if self.switches.persist == "refused":
            raise Refused("persist_refused")
        snapshot.persistent = on

    def terminate(self, group: str, snapshot: Snapshot, *, force: bool = False) -> str:
        """Of a restored snapshot only the restore ends (documented). Gives which ended: restore, snapshot."""
        now = self.settle()
        if snapshot.is_restored(now):
            snapshot.restored[-1][1] = now
            return "restore"
        self._refuse_grown(group, snapshot, force)
        if snapshot.secure_until is not None and now < snapshot.secure_until:
            raise Refused("snapshot_secured")
        if snapshot.linked(now):
            raise Refused("snapshot_linked")
        snapshot.until = now
        return "snapshot"

    def _refuse_grown(self, group: str, snapshot: Snapshot, force: bool) -> None:
        grown = set(map(id, self.group(group))) - set(map(id, snapshot.sources))
        if grown and not force and self.switches.group_grew == "refused":
            raise Refused("group_grew")

    def restore(self, group: str, snapshot: Snapshot, *, force: bool = False) -> None:
        """Back on to the sources: what production wrote since is lost."""
        now = self.settle()
        self._refuse_grown(group, snapshot, force)
        if snapshot.is_restored(now):
            raise Refused("already_in_desired_state")
        self._spoil([s.number for s in snapshot.sources], "restore")
        for source in snapshot.sources:
            for other in self.array.sessions.of_source(source.number):
                other.changed = min(other.total, other.changed + source.written(snapshot.at, now))
        snapshot.restored.append([now, math.inf])

    # links

    def link(
        self, group: str, snapshot: Snapshot, target_group: str, *, copy: bool, exact: bool,
        first: int | None = None,
    ) -> list[Link]:  # fmt: skip
        """:param first: stop after that many pairs (a fault)."""
        now = self.settle()
        targets = self.group(target_group)
        pairs = self._pair_up(self._sources(group, snapshot), targets, exact)
        for source, target in pairs:
            self._linkable(source, target)
        self._spoil([target.number for _, target in pairs[:first]], "link")
        made = [self._begin(snapshot, pair, target_group, not copy, now) for pair in pairs[:first]]
        self._midway(first, pairs)
        return made

    def _sources(self, group: str, snapshot: Snapshot) -> list[Device]:
        """Those of the group that the snapshot has, in the group's order."""
        return [d for d in self.group(group) if d in snapshot.sources]

    def _pair_up(
        self, sources: Sequence[Device], targets: Sequence[Device], exact: bool
    ) -> list[tuple[Device, Device]]:
        """By position, or by the best match of sizes. Of equal ones that takes the last first (assumed:
        documented is only that it is not by position)."""
        if len(sources) > len(targets) or (exact and len(sources) != len(targets)):
            raise Refused("counts_differ", sources=len(sources), targets=len(targets))
        if exact or self.switches.pairing == "positional":
            return list(zip(sources, targets, strict=False))
        free = sorted(targets, key=lambda d: (d.tracks, -d.number))
        pairs: dict[int, Device] = {}
        for source in sorted(sources, key=lambda d: -d.tracks):
            fitting = [t for t in free if t.tracks >= source.tracks] or free
            pairs[source.number] = fitting[0]
            free.remove(fitting[0])
        return [(source, pairs[source.number]) for source in sources]

    def _linkable(self, source: Device, target: Device) -> None:
        number = target.number
        if source is target:
            raise Refused("same_device", device=self.array.name(target))
        if self.array.links.of_target(number):
            raise Refused("target_busy")
        if self.array.sessions.of_target(number) and self.switches.link_to_clone_target == "refused":
            raise Refused("target_busy")
        self._refuse_smaller(source, target)

    def _refuse_smaller(self, source: Device, target: Device) -> None:
        if target.tracks < source.tracks:
            raise Refused("size_mismatch", source=self.array.name(source), target=self.array.name(target))

    def _begin(
        self, snapshot: Snapshot, pair: tuple[Device, Device], target_group: str, nocopy: bool, now: float,
        owed: float | None = None,
    ) -> Link:  # fmt: skip
        source, target = pair
        if owed is None:
            owed = float(source.tracks)
            if self.switches.unlink_link_amount == "changed" and target.left is not None:
                owed = source.written(min(target.left, snapshot.at), max(target.left, snapshot.at))
        gigabytes = source.megabytes / 1024
        link = Link(
            source, target, states.LINKED, now, owed, snapshot=snapshot, target_group=target_group,
            nocopy=nocopy, since=now, defined_at=now + self.switches.define_seconds_per_gb * gigabytes,
        )  # fmt: skip
        link.point_in_time = snapshot.at
        target.left, target.spoiled = None, ""
        self.array.links[(source.number, target.number)] = link
        snapshot.links.append(link)
        link.enter(states.LINKED if nocopy else states.COPY_IN_PROG, now)
        target.ready = self.switches.link_target_not_ready == "never"
        return link

    def ready_again(self, links: Sequence[Link]) -> None:
        """The command has ended: `during` it the targets were not ready."""
        for link in links:
            waits = self.switches.link_target_not_ready == "until_defined"
            link.target.ready = not waits or link.defined(self.array.clock.now())

    def _midway(self, first: int | None, pairs: Sequence[tuple[Device, Device]]) -> None:
        if first is not None and first < len(pairs):
            raise Refused("failed_midway", device=self.array.name(pairs[first][1]))

    def relink(
        self, group: str, snapshot: Snapshot, target_group: str, *, copy: bool, exact: bool,
        first: int | None = None, force: bool = False,
    ) -> list[Link]:  # fmt: skip
        """Other data of the same sources on the targets. Without `exact` each keeps its source (assumed)."""
        now = self.settle()
        self._refuse_grown(group, snapshot, force)
        targets = self.group(target_group)
        sources = self._sources(group, snapshot)
        old = [self._link_of(target) for target in targets]
        if exact or any(link is None for link in old):
            pairs = self._pair_up(sources, targets, exact)
        else:
            pairs = [(link.source, link.target) for link in old if link is not None]
        for source, target in pairs:
            self._relinkable(snapshot, source, target, now)
        self._spoil([target.number for _, target in pairs[:first]], "relink")
        made = []
        for source, target in pairs[:first]:
            before = self._link_of(target)
            owed = None if before is None else self._owed(before, snapshot, source)
            if before is not None:
                self._end(before, now)
            made.append(self._begin(snapshot, (source, target), target_group, not copy, now, owed))
        self._midway(first, pairs)
        return made

    def _link_of(self, target: Device) -> Link | None:
        found = self.array.links.of_target(target.number)
        return found[0] if found else None  # type: ignore[return-value]  # `links` holds nothing else

    def _relinkable(self, snapshot: Snapshot, source: Device, target: Device, now: float) -> None:
        link = self._link_of(target)
        if link is None:
            if self.switches.relink_from_unlinked == "refused":
                raise Refused("no_link_target")
            self._linkable(source, target)
            return
        other = link.source is not source or link.source not in snapshot.sources
        if other and self.switches.relink_other_source == "refused":
            raise Refused("relink_other_source", target=self.array.name(target))
        if link.state == states.COPY_IN_PROG and self.switches.relink_while_copying == "refused":
            raise Refused("link_copies", target=self.array.name(target))
        if not link.defined(now) and self.switches.relink_undefined == "refused":
            raise Refused("link_undefined", target=self.array.name(target))
        self._refuse_smaller(source, target)

    def _owed(self, before: Link, snapshot: Snapshot, source: Device) -> float:
        """The tracks that a relink moves: what differs (documented), and what was not there yet."""
        total = float(source.tracks)
        if before.source is not source or self.switches.relink_amount == "all":
            return total
        missing = total if before.nocopy else before.protected
        then, now = sorted((before.snapshot.at, snapshot.at))
        return min(total, missing + source.written(then, now) + before.changed_target)

    def _end(self, link: Link, now: float) -> None:
        link.until = now
        self.array.links.pop((link.source.number, link.target.number), None)

    def links_to(self, snapshot: Snapshot, target_group: str) -> list[Link]:
        """:raises Refused: nothing of the group is linked to it."""
        now = self.settle()
        targets = self.group(target_group)
        found = [link for link in snapshot.linked(now) if link.target in targets]
        if not found:
            raise Refused("no_link_target")
        return found

    def unlink(self, snapshot: Snapshot, target_group: str, *, symforce: bool = False) -> list[Link]:
        """The data stays, but what was not there yet is lost with `symforce` (documented)."""
        links = self.links_to(snapshot, target_group)
        now = self.array.clock.now()
        for link in links:
            target = self.array.name(link.target)
            if link.state == states.COPY_IN_PROG and not symforce:
                raise Refused("link_copies", target=target)
            undefined = not link.defined(now) and self.switches.unlink_undefined == "refused"
            if undefined and not symforce:
                raise Refused("link_undefined", target=target)
            if link.nocopy and any(s.there(now) and link.target in s.sources for s in self.array.snapshots):
                raise Refused("target_has_snapshots", target=target)
        lost = [link for link in links if self._loses(link)]
        gone = links if self.switches.unlink_leaves_not_ready else lost
        self._spoil([link.target.number for link in gone], "unlink")
        for link in links:
            self._end(link, now)
            link.target.left = None if link in lost else link.snapshot.at
            link.target.spoiled = "was unlinked before it was copied" if link in lost else ""
            link.target.ready = not self.switches.unlink_leaves_not_ready
        self.settle()
        return links

    def _loses(self, link: Link) -> bool:
        if link.state == states.COPY_IN_PROG or link.state == states.FAILED:
            return True
        return link.nocopy and self.switches.unlink_nocopy_data == "lost"

    def set_mode(self, snapshot: Snapshot, target_group: str, *, copy: bool) -> list[Link]:
        links = self.links_to(snapshot, target_group)
        now = self.array.clock.now()
        changed = [link for link in links if link.nocopy == copy]
        if not changed:
            raise Refused("already_in_desired_state")
        for link in changed:
            link.nocopy = not copy
            link.enter(states.COPY_IN_PROG if copy else states.LINKED, now)
        return changed

    # what is there at the lab's start, and what tests put there

    def begin(self, snapshots: Sequence[SnapshotConfig], links: Sequence[LinkConfig]) -> None:
        now = self.array.clock.now()
        made: list[Snapshot] = []
        for config in sorted(snapshots, key=lambda c: -c.age_hours):
            made.append(self._first(config, now))
        for link in links:
            snapshot = next(s for s in reversed(made) if (s.group, s.name) == (link.group, link.snapshot))
            pairs = zip(snapshot.sources, self.group(link.target), strict=True)
            for pair in pairs:
                owed = pair[0].tracks - min(pair[0].tracks, link.copied_tracks or 0)
                owed = 0.0 if link.copied_tracks is None and not link.nocopy else float(owed)
                begun = self._begin(snapshot, pair, link.target, link.nocopy, now, owed)
                begun.since = begun.defined_at = BEFORE
                pair[1].ready = True

    def _first(self, config: SnapshotConfig, now: float) -> Snapshot:
        at = now - config.age_hours * HOUR
        made = Snapshot(
            config.group, self._next_id(), at, tuple(self.group(config.group)), [(BEFORE, config.name)]
        )
        made.policy, made.ours = config.policy, config.ours
        if config.ttl_hours is not None:
            made.expires = now + config.ttl_hours * HOUR
        if config.secure_hours is not None:
            made.secure_until = made.expires = now + config.secure_hours * HOUR
        self.array.snapshots.append(made)
        return made

    def put(self, pair: Pair, snapshot: Snapshot, state: str, target_group: str) -> Link:
        """For tests: link a pair to a snapshot, in a state, whatever was there."""
        now = self.settle()
        source, target = self.array.devices[pair[0]], self.array.devices[pair[1]]
        before = self._link_of(target)
        if before is not None:
            self._end(before, now)
        owed = 0.0 if state == states.COPIED else float(source.tracks)
        link = self._begin(snapshot, (source, target), target_group, state == states.LINKED, now, owed)
        link.defined_at = BEFORE
        link.state = state
        target.ready = True
        return link

    def drop(self, pair: Pair) -> None:
        """For tests: the link is gone, and nobody knows what the target holds."""
        link = self.array.links.get(pair)
        if isinstance(link, Link):
            self._end(link, self.settle())
