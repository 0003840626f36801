"""What the journal alone can show to be wrong: the fourteen things that must always hold.

| # | what must hold                                                             | judged by                |
|---|----------------------------------------------------------------------------|--------------------------|
| 1 | no control while the target is in use on any host                          | `corruption` events      |
| 2 | no control command on a pair that is not configured                        | pairs of a command       |
| 3 | a source is never written, but by an approved merge-back, production down  | restore; `note` approval |
| 4 | syncs are activated in order, and not resynced after an earlier one failed | services                 |
| 5 | a service is never started on a sync that is torn or not wholly active     | `use`, `torn`; services  |
| 6 | no second recreate or activate for what the first already did              | states before; run notes |
| 7 | a run ends done, refused, unchanged, or stopped at a step; again it is done | run notes                |
| 8 | what a user types reaches a shell as one quoted word                       | `note` typed; services   |
| 9 | a command of a try that is over changes nothing                            | try notes                |
| 10| a run touches its own service's pairs only                                 | try notes or the fence   |
| 11| a service never runs on two target sets, nor on parts of two               | `use`; services          |
| 12| the last copy on which it started well is kept until it is well on another | `use`, calls; services   |
| 13| own snapshots only are linked, and ended: one by one, unforced, not linked  | REST calls               |
| 14| one change at a time of a source group, and four of an array                | REST calls and jobs      |

A REST call that makes, links or relinks is held against the rest like a command, by the states and snapshots
of its pairs before and after.

`findings(entries)` judges what can be judged without more; with `services` (a mapping of the shape
`{NAME: {hosts: [...], syncs: [{name, symid, pairs: ["SRC:TGT", ...]}]}}`, a file with it under `services:`,
or what the start event names) also order, whole syncs, quoting, and target sets. What a second administrator
did (`actor` in an entry) is followed but not held against anybody.

Notes are written over the control port, or with `lab.note(...)`:
* `note("approval", pairs=[KEY, ...])` or `service=NAME`: a merge-back of these was approved;
* `note("run begins", service=, run=, action=)` and `note("run ends", service=, run=, result=, step=)`,
  where `again=RUN` in the first says which stopped run is tried again;
* `note("try begins", connection=, service=, run=, task=)` and `note("try over", connection=)`: whose
  commands come over a connection, and that nobody waits for these any more;
* `note("typed", text=)`: what a user typed somewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lab.check import (
    at_once,
    good,
    order,
    own,
    pairs,
    repeats,
    runs,
    sets,
    snapshots,
    sources,
    starts,
    targets,
    tries,
    typed,
)  # fmt: skip
from lab.check.finding import Finding
from lab.check.history import History
from lab.check.services import Given, read_services

__all__ = ["INVARIANTS", "Finding", "findings", "read_services"]

INVARIANTS: dict[int, Callable[[History], Iterator[Finding]]] = {
    1: targets.never_in_use,
    2: pairs.only_configured,
    3: sources.never_written,
    4: order.kept,
    5: starts.on_whole_syncs,
    6: repeats.nothing_twice,
    7: runs.end_well,
    8: typed.one_quoted_word,
    9: tries.nothing_after_its_end,
    10: own.pairs_only,
    11: sets.one_at_a_time,
    12: good.last_one_kept,
    13: snapshots.ended_with_care,
    14: at_once.few_changes,
}


def findings(entries: list[dict[str, Any]], services: Given = None) -> list[Finding]:
    """One text a finding, in the order of the journal; each names invariant, line, host and pair."""
    history = History(entries, services)
    found = [f for check in INVARIANTS.values() for f in check(history)]
    return sorted(found, key=lambda f: (f.seq, f.invariant))
