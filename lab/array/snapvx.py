"""SnapVX: what can be done with the snapshots and links of an array.

An action is done for all of its pairs or refused, unless a fault says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab import states
from lab.array.refused import Refused
from lab.array.session import Device
from lab.array.sessions import Pair
from lab.array.snapshot import BEFORE, Link, Snapshot
from lab.array.snapshots import HOUR, Snapshots
from lab.config.snapvx import LinkConfig, SnapshotConfig


class SnapVX(Snapshots):
    """The snapshots of one array with their links."""

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
        self.array.snapshots.add_link(link)
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
        then, now = sorted((before.snapshot.at, snapshot.at))
        return min(total, before.protected + source.written(then, now) + before.changed_target)

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
            if link.nocopy and any(s.there(now) for s in self.array.snapshots.of_source(link.target.number)):
                raise Refused("target_has_snapshots", target=target)
        lost = [link for link in links if self._loses(link)]
        gone = links if self.switches.unlink_leaves_not_ready else lost
        self._spoil([link.target.number for link in gone], "unlink")
        for link in links:
            self._leave(link, now)
            link.target.ready = not self.switches.unlink_leaves_not_ready
        self.settle()
        return links

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
        self.array.snapshots.add(made)
        self.changed()
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
