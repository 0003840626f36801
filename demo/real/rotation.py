"""`scripts/demo --real --rotate`: a real PostgreSQL on two target sets, refreshed, taken back and rewound.

Production writes all the time, and so do testers on the instance.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from demo.real.downtime import Down, down, not_before
from demo.real.kept import Blocks, FormerKept
from demo.real.ledger import Found, database, read
from demo.real.proof import moved, prove
from demo.real.show import devices, proven, refuse
from demo.real.site import PRODUCTION, inside, lacking
from demo.real.stage import Stage, conclude, indent, staged
from demo.real.testers import Testers, rows_of
from demo.real.two_sets import NAME, SETS, TwoSets
from demo.refresh import DemoError

TESTED = 2.0
"""Seconds that the testers have the instance for between two runs."""
PATIENCE = 1.5
"""Seconds that the testers may be without an answer while this machine moves a copy."""


def run(folder: Path, out: TextIO, *, port: int | None = None) -> int:
    """Show it.

    :param folder: for lab and Airflow; emptied.
    :param port: of Airflow's UI; None: a free one.
    :return: 0 when each run did what it had to, and no former copy was touched; else 1.
    :raises DemoError: this machine lacks something, or it can not go on.
    """
    refuse(lacking())
    headings = {f"{NAME}, set {name}": copy for name, copy in SETS.items()}
    devices(out, headings, lvm=False, without="each file system is on the disk itself")
    with ExitStack() as stack:
        stage = stack.enter_context(staged(folder, TwoSets(), [NAME], out, port))
        testers = stack.enter_context(Testers(database(stage.lab, NAME)))
        problems = Rotation(stage, testers).all()
    return conclude(stage, problems)


@dataclass
class SetHeld:
    """What is known of a set since the service has first run on it.

    :param held: production's transactions in it, which do not change any more.
    :param promised: how many had been committed before its point in time.
    :param rows: the testers' own that were committed on it.
    :param checksum: of its blocks as the service left it; empty while the service is on it.
    :param left: when that was, epoch seconds.
    """

    held: Found
    promised: int
    rows: set[float] = field(default_factory=set)
    checksum: str = ""
    left: float = 0.0


class Rotation:
    """The runs, and what came of each."""

    def __init__(self, stage: Stage, testers: Testers) -> None:
        self.stage, self.testers = stage, testers
        self.blocks = {name: Blocks(stage.lab, copy) for name, copy in SETS.items()}
        self.sets: dict[str, SetHeld] = {}
        self.problems: list[str] = []
        self._used, self._since = "", 0.0
        """The set that the service is on, and since when, epoch seconds."""

    def all(self) -> list[str]:
        """Every run in turn: what is wrong."""
        self._first("The first copy: set a is copied, the service starts on it", "a")
        self._bad_refresh("A bad refresh: set b is copied, and archived WAL that it needs is missing", "b")
        self._refresh("A refresh: set b is copied once more, the service changes over to it", "b")
        self._rewind("A rewind: nothing is copied, the service changes over to set a as it is", "a")
        self.stage.print("")
        self._untouched()
        return self.problems

    def _first(self, title: str, new: str) -> None:
        since = self.stage.seq()
        self._ended(title, "success", action="refresh", set=new)
        self._used, self._since = new, time.time()
        self._copied(new, since)

    def _refresh(self, title: str, new: str) -> None:
        since = self.stage.seq()
        self._change(title, "refresh", new)
        self._copied(new, since)
        self._answered(new, since)

    def _bad_refresh(self, title: str, new: str) -> None:
        stage, since, former = self.stage, self.stage.seq(), self._used
        inside(stage.lab, PRODUCTION, "touch", "/srv/spoil")
        run_id = self._change(title, "refresh", new, back=True)
        said = re.search(r"Stopped at [^*\n]*", stage.client.task_log(NAME, run_id, "finish"))
        result = stage.client.xcom(NAME, run_id, "finish", "result")
        stage.print(*indent([said[0] if said else "finish says nothing", *result["why"].splitlines()]))
        stage.tracks(SETS[new], since)
        self._answered(new, since)
        self._holds(former)

    def _rewind(self, title: str, new: str) -> None:
        since = self.stage.seq()
        self._change(title, "rewind", new)
        if any(tracks.total for tracks in moved(self.stage.lab, SETS[new], since).values()):
            self._wrong("the rewind has copied something")
        self._holds(new)

    def _ended(self, title: str, state: str, **words: str) -> str:
        """The id of a run that ends so."""
        ended = self.stage.run(NAME, **words)
        self.stage.print("", f"{title}: {ended.state} after {ended.seconds:.0f} s")
        if ended.state != state:
            raise DemoError(f"The run should have ended as {state}; see {self.stage.airflow.task_logs}")
        return ended.run_id

    def _change(self, title: str, action: str, new: str, *, back: bool = False) -> str:
        """The id of a run that takes the service to a set, and perhaps back again."""
        former, begun = self._used, time.time()
        time.sleep(TESTED)
        self._untouched()
        with FormerKept(self.blocks[former], self.blocks[new]) as kept:
            run_id = self._ended(title, "failed" if back else "success", action=action)
        logs = self.stage.airflow.task_log(NAME, run_id, "finish", 1).parents[1]
        seen = down(logs)
        self.sets[former].rows |= set(self.testers.between(self._since, seen.begin))
        self._used, self._since = former if back else new, seen.end
        gap = self.testers.longest_gap(begun, time.time())
        self.stage.print(
            f"  down for {seen.seconds:.1f} s, from the first command that stops to the end of the last one "
            f"that starts; the testers had no answer for {gap:.1f} s"
        )
        self._left(
            former, kept, seen, again=not_before(logs, SETS[former].targets.values()) if back else None
        )
        if action == "refresh":
            self.sets.pop(new, None)
        else:
            self.sets[new].checksum = ""
        if not self.blocks[self._used].mounted:
            self._wrong(f"the service is not on set {self._used}")
        return run_id

    def _left(self, former: str, kept: FormerKept, seen: Down, *, again: float | None) -> None:
        """What became of the copy that the service was taken from.

        :param again: when the service had not yet been started on it again; None when it is not back on it.
        """
        if not kept.whole(until=again):
            self._wrong(f"set {former} was written to while the service was not on it")
            return
        text = f"  former copy, set {former}: checksum {kept.checksums[0]} as the service left it"
        if again is None:
            self.sets[former].checksum, self.sets[former].left = kept.checksums[0], seen.begin
        else:
            text += ", and not written to until the service was started on it again"
        self.stage.print(text)

    def _untouched(self) -> None:
        """Every copy that the service is not on has the blocks that it was left with."""
        for name, one in self.sets.items():
            if not one.checksum:
                continue
            found = self.blocks[name].checksum()
            after = f"{time.time() - one.left:.0f} s after the service left it"
            self.stage.print(f"  set {name} {after}: checksum {found}")
            if found != one.checksum:
                self._wrong(f"set {name} has other blocks than the service left")

    def _copied(self, new: str, since: int) -> None:
        """A fresh copy holds every transaction that was committed before its point in time."""
        stage = self.stage
        stage.tracks(SETS[new], since)
        proof = prove(stage.lab, SETS[new], stage.writer, since)
        stage.print(*proven(f"set {new}", proof))
        self._wrong(*proof.problems())
        if proof.held:
            self.sets[new] = SetHeld(proof.held, proof.promised)

    def _answered(self, new: str, since: int) -> None:
        """The service was there from the first recreate to the last activation of the other set."""
        moves = [entry["wall"] for entry in self.stage.lab.entries(since) if entry["event"] == "tracks"]
        rows = self.testers.between(moves[0], moves[-1])
        self.stage.print(f"  while set {new} was copied the testers committed {len(rows)} rows")
        if self.testers.longest_gap(moves[0], moves[-1]) > PATIENCE or not rows:
            self._wrong(f"while set {new} was copied the testers had no answer")

    def _holds(self, name: str) -> None:
        """A copy that the service is on again holds what it held, and what the testers wrote on it."""
        one, now = self.sets[name], read(database(self.stage.lab, NAME))
        lost = one.held.lost(one.promised)
        rows = one.rows - rows_of(database(self.stage.lab, NAME))
        if now != one.held or lost or rows:
            self._wrong(
                f"set {name} holds {now.count} transactions of {one.held.count}, and lacks {len(rows)} rows "
                "of the testers"
            )
            return
        self.stage.print(
            f"  set {name} holds what it held: {one.promised} of {one.promised} transactions committed "
            f"before its point in time, and {len(one.rows)} of {len(one.rows)} rows that the testers wrote "
            "on it"
        )

    def _wrong(self, *problems: str) -> None:
        self.problems += problems
        for problem in problems:
            self.stage.print(f"  WRONG: {problem}")
