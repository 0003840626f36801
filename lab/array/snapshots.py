"""The snapshots of an array: taken, named, ended; and what ends with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lab import states
from lab.array.inventory import Inventory
from lab.array.refused import Refused
from lab.array.session import Device
from lab.array.snapshot import BEFORE, Link, Snapshot

REMEMBERED = 3600.0
"""Lab seconds for which what has ended is kept for whoever is shown the array later than it is."""
FIRST_ID = 186_124_647_681
"""Like those that were seen: they end in 01 in hexadecimal."""
HOUR = 3600.0
Spoil = Callable[[list[int], str], None]
"""Told which devices get other data by which action, before they do."""


class Snapshots:
    """Those of one array. It keeps nothing itself: whoever needs one makes one.

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
        if now >= self.array.snapshots.tidy_at:
            self._tidy(now)
        return now

    def changed(self) -> None:
        """Something may end by itself earlier than it was known."""
        self.array.snapshots.tidy_at = -math.inf

    def _tidy(self, now: float) -> None:
        for snapshot in self.array.snapshots:
            if snapshot.there(now) and not self._kept(snapshot, now):
                for link in snapshot.linked(now):
                    self._leave(link, now)
                last = max((link.until for link in snapshot.links), default=BEFORE)
                snapshot.until = max(snapshot.expires or now, last)
        self._forget(now - REMEMBERED)
        ends = [s.expires for s in self.array.snapshots if s.expires is not None and s.expires > now]
        ends += [s.until + REMEMBERED for s in self.array.snapshots if s.until >= now - REMEMBERED]
        self.array.snapshots.tidy_at = min(ends, default=math.inf)

    def _forget(self, before: float) -> None:
        store = self.array.snapshots
        for snapshot in store:
            if snapshot.until < before:
                store.remove(snapshot)
            else:
                for link in [k for k in snapshot.links if k.until < before]:
                    store.remove_link(link)

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
        found = {s for d in self.group(name) for s in self.array.snapshots.of_source(d.number) if s.there(at)}
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
            there = [s for s in self.array.snapshots.of_source(source.number) if s.there(now)]
            if len(there) >= self.switches.snapshots_a_source:
                raise Refused("too_many_snapshots")
        made = Snapshot(group, self._next_id(), now, tuple(sources), [(now, name)], since=now)
        made.expires, made.secure_until, made.ours = expires, secure_until, ours
        self.array.snapshots.add(made)
        self.changed()
        return made

    def _next_id(self) -> int:
        self.array.last_snapid = max(self.array.last_snapid + 256, FIRST_ID)
        return self.array.last_snapid

    def rename(self, snapshot: Snapshot, name: str) -> None:
        now = self.settle()
        if any(s.name == name and s is not snapshot for s in self.of_group(snapshot.group, now)):
            raise Refused("name_in_use", name=name)
        snapshot.names.append((now, name))

    def set_expiry(self, snapshot: Snapshot, expires: float | None) -> None:
        self.settle()
        snapshot.expires = expires
        self.changed()

    def set_secure(self, snapshot: Snapshot, until: float) -> None:
        """It can not be taken back nor made shorter (documented)."""
        if self.switches.secure == "refused":
            raise Refused("secure_refused")
        self.settle()
        if snapshot.secure_until is not None and until < snapshot.secure_until:
            raise Refused("secure_not_shorter")
        snapshot.secure_until = snapshot.expires = until
        self.changed()

    def persist(self, snapshot: Snapshot, on: bool) -> None:
        if self.switches.persist == "refused":
            raise Refused("persist_refused")
        snapshot.persistent = on

    def terminate(self, group: str, snapshot: Snapshot, *, force: bool = False) -> str:
        """Of a restored snapshot only the restore ends (documented). Gives which ended: restore, snapshot."""
        now = self.settle()
        if snapshot.is_restored(now):
            snapshot.restored[-1][1] = now
            self.changed()
            return "restore"
        self._refuse_grown(group, snapshot, force)
        if snapshot.secure_until is not None and now < snapshot.secure_until:
            raise Refused("snapshot_secured")
        if snapshot.linked(now):
            raise Refused("snapshot_linked")
        snapshot.until = now
        self.changed()
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

    # links, as far as they end with a snapshot

    def _end(self, link: Link, now: float) -> None:
        link.until = now
        self.changed()
        self.array.links.pop((link.source.number, link.target.number), None)

    def _leave(self, link: Link, now: float) -> None:
        lost = self._loses(link)
        self._end(link, now)
        link.target.left = None if lost else link.snapshot.at
        link.target.spoiled = "was unlinked before it was copied" if lost else ""

    def _loses(self, link: Link) -> bool:
        if link.state == states.COPY_IN_PROG or link.state == states.FAILED:
            return True
        return link.nocopy and self.switches.unlink_nocopy_data == "lost"
