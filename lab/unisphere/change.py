"""A change of snapshots or links, and what the journal says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.array.array import Array
from lab.array.session import Device
from lab.array.snapshot import Link, Snapshot


@dataclass(frozen=True)
class Answer:
    """`body` is plain data, None for no body."""

    status: int
    body: Any = None


@dataclass
class Change:
    """What a POST, PUT or DELETE does. `act` does it, and gives the links that it has made.

    `name` and `snapid` are the snapshot's; `target` the group that is linked; `flags` are the options that
    force something, and `secure`.
    """

    action: str
    array: Array
    group: str
    act: Callable[[Change], list[Link]]
    answer: Callable[[], Answer]
    target: str = ""
    snapshot: Snapshot | None = None
    name: str = ""
    flags: tuple[str, ...] = ()
    first: int | None = None
    """Only so many pairs are linked (a fault)."""
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    linked_before: dict[str, int] = field(default_factory=dict)
    linked_after: dict[str, int] = field(default_factory=dict)
    linked: dict[str, Any] = field(default_factory=dict)
    """Of a link: what a checker asks of the snapshot."""
    ended: str = ""
    """What a DELETE has ended: `restore`, `snapshot` or, of several, `snapshots`."""
    gone: list[dict[str, Any]] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """For the journal."""
        found: dict[str, Any] = {"action": self.action, "symid": self.array.symid, "group": self.group}
        if self.target:
            found["target"] = self.target
        if self.name:
            found["name"] = self.name
        if self.snapshot is not None:
            found["snapid"] = self.snapshot.snapid
        if self.flags:
            found["flags"] = list(self.flags)
        if self.ended:
            found["ended"] = self.ended
        if self.gone:
            found["gone"] = self.gone
        if self.linked:
            found["linked"] = self.linked
        return found

    def states(self) -> dict[str, Any]:
        """The states of the pairs before and after, and to which snapid each was linked."""
        if not self.before and not self.after:
            return {}
        return {
            "pairs": list(dict.fromkeys([*self.before, *self.after])),
            "before": self.before,
            "after": self.after,
            "linked_before": self.linked_before,
            "linked_after": self.linked_after,
        }

    def _targets(self) -> list[Device]:
        return self.array.storage_groups.get(self.target, []) if self.target else []

    def devices(self) -> set[int]:
        """Those that it holds a lock on, while it is done (relied on: one change at a time per source)."""
        found = self.array.storage_groups.get(self.group, [])
        return {d.number for d in [*found, *self._targets()]}

    def look(self, states: dict[str, str], linked: dict[str, int]) -> None:
        for target in self._targets():
            for link in self.array.links.of_target(target.number):
                key = self.array.key((link.source.number, target.number))
                states[key] = self.array.state_of_copy((link.source.number, target.number))
                if isinstance(link, Link):
                    linked[key] = link.snapshot.snapid

    def looked(self) -> None:
        """Take in the states after it: a pair that is linked no more is in state none."""
        self.after, self.linked_after = {}, {}
        self.look(self.after, self.linked_after)
        for key in self.before:
            self.after.setdefault(key, "none")
        for key in self.after:
            self.before.setdefault(key, "none")
