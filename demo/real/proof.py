"""What a refresh of a copy did on the array, and what of production's transactions is in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from demo.real.ledger import Found, Writer, database, read
from demo.real.site import PRODUCTION, SOURCES, SYMID, SYNCS, Copy, inside
from lab.operations import Operations


@dataclass
class Moved:
    """Tracks of one sync: how many there are, moved at the recreate, and at the activation.

    `point_in_time` is when its activation held production still, epoch seconds, and `frozen` what it held.
    """

    total: int = 0
    recreate: int = 0
    activate: int = 0
    point_in_time: float = 0.0
    frozen: list[str] = field(default_factory=list)


def moved(lab: Operations, copy: Copy, since: int) -> dict[str, Moved]:
    """By sync, from the lab's journal."""
    names = {f"{SYMID}:{SOURCES[w]}>{copy.targets[w]}": sync for sync, w in SYNCS.items()}
    found = {sync: Moved() for sync in copy.order}
    for entry in lab.entries(since):
        if entry["event"] == "tracks" and entry["pair"] in names:
            mine = found[names[entry["pair"]]]
            mine.total = entry["total"]
            setattr(mine, entry["action"], getattr(mine, entry["action"]) + entry["moved"])
            if entry["action"] == "activate":
                mine.point_in_time, mine.frozen = entry["point_in_time"], entry["frozen"]
    return found


def noted(lab: Operations, what: str) -> float:
    """When production last did it, epoch seconds."""
    lines = [line.split() for line in inside(lab, PRODUCTION, "cat", "/srv/notes").splitlines()]
    return float(next(at for word, at in reversed(lines) if word == what))


@dataclass(frozen=True)
class Proof:
    """Numbers are transactions.

    `promised` had been committed before production ended the WAL segment that the copy ends with, right
    before the activation of archivelogs; `by_data` before that of data. `held` is None when the instance does
    not answer.
    """

    promised: int
    by_data: int
    committed: int
    held: Found | None

    @property
    def lost(self) -> int:
        return self.promised if self.held is None else self.held.lost(self.promised)

    @property
    def behind(self) -> int:
        """How many that had been committed before the data's point in time it does not hold."""
        return self.by_data if self.held is None else self.held.lost(self.by_data)

    @property
    def replayed(self) -> int:
        """Those that can only have come from archived WAL: committed after the data's point in time."""
        return 0 if self.held is None else max(0, self.held.last - self.by_data)

    @property
    def invented(self) -> int:
        """Those that were never committed. One may be under way when the copy is split."""
        return 0 if self.held is None else max(0, self.held.last - self.committed - 1)

    def problems(self) -> list[str]:
        """What is wrong; none: the copy holds all that was promised."""
        found = []
        if self.held is None:
            return ["the instance does not run"]
        if self.lost:
            found.append(f"{self.lost} of {self.promised} transactions are lost")
        if self.held.gaps:
            found.append(f"transactions are missing in between: {self.held.gaps[:5]}")
        if self.held.spoilt:
            found.append(f"{self.held.spoilt} transactions are spoilt")
        if self.invented:
            found.append(f"{self.invented} transactions were never committed")
        return found


def prove(lab: Operations, copy: Copy, writer: Writer, since: int, *, runs: bool = True) -> Proof:
    """Compare a copy with what was committed.

    :param since: the journal's number before the refresh.
    :param runs: False: the instance was not started.
    """
    if writer.error:
        raise writer.error
    held = read(database(lab, copy.name)) if runs else None
    syncs: Any = moved(lab, copy, since)
    return Proof(
        promised=writer.before(noted(lab, "switch")),
        by_data=writer.before(syncs["data"].point_in_time),
        committed=len(writer.committed),
        held=held,
    )
