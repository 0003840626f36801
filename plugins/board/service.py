"""One service: its pairs, its runs over time, how old its copies became, its records, and what to press."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from board import runs
from board.database import Run, Stored, Task
from board.fleet import Facts
from clones.actions import HELP, OTHER_DAGS, actions_of
from clones.config import Service
from clones.decide.freshness import Status
from clones.fleet.pair_rows import COLUMNS, keys_of
from clones.observe.estimates import pair_key
from clones.runs.record import JSON
from clones.runs.result import PLAN
from reporting.links import Links

RUNS = 30
RECORDS = 5
COPIES = 60


def pairs(
    facts: Facts, name: str, stored: Mapping[str, Stored], planned: tuple[datetime | None, Any] = (None, None)
) -> dict[str, Any]:
    """The pairs as they were seen last, and when that was.

    :param planned: the newest plan of a run, and when it was made: only a run asks how many tracks differ.
    """
    planned_at, plan = planned
    guesses = plan.get("estimates", {}) if isinstance(plan, Mapping) else {}
    tracks = {sync: guess.get("pairs", {}) for sync, guess in guesses.items()}
    known = facts.swept[name].value["syncs"] if name in facts.swept else {}
    rows, times = [], []
    shown = facts.shown(name)
    for sync in shown.syncs:
        record = known.get(sync.name, {})
        seen = record.get("pairs") or {}
        found = [(seen["rows"], datetime.fromisoformat(seen["at"]))] if "rows" in seen else []
        kept = [stored[key] for key in keys_of(name, sync.name, seen) if key in stored]
        found += [(one.value, one.at) for one in kept]
        for piece, at in found:
            # Of a sync that was seen again what did not change was not written again.
            unseen = Status[record["status"].upper()] is Status.UNKNOWN
            times.append(at if unseen else shown.looked or at)
            rows += [{"sync": sync.name, **dict(zip(COLUMNS, row, strict=True))} for row in piece]
    for row in rows:
        row["tracks"] = tracks.get(row["sync"], {}).get(pair_key(row["source"], row["target"]))
    known_tracks = any(row["tracks"] is not None for row in rows)
    return {
        "pairs": rows,
        "pairs_seen": runs.written(min(times, default=None)),
        "tracks_seen": runs.written(planned_at) if known_tracks else None,
    }


def newest_plan(
    found: Sequence[Run], left: Mapping[tuple[int, str, str], Any]
) -> tuple[datetime | None, Any]:
    """The newest plan that looked at what differs, and when its run began."""
    for run in found:
        plan = left.get((run.key, PLAN, "plan"))
        if isinstance(plan, Mapping) and plan.get("estimates"):
            return run.began, plan
    return None, None


def timeline(
    facts: Facts, name: str, found: Sequence[Run], tasks: Mapping[int, Sequence[Task]]
) -> list[dict[str, Any]]:
    """The newest runs, newest first."""
    return [runs.timeline(name, run, tasks.get(run.key, ()), facts.result(run), facts.links) for run in found]


def ages(facts: Facts, name: str, events: Mapping[str, Iterable[tuple[datetime, Any]]]) -> dict[str, Any]:
    """By sync: each copy's point in time and when it was known, oldest first.

    A copy that no run has announced is the last one, as the sweep saw it.
    """
    known = facts.swept[name].value["syncs"] if name in facts.swept else {}
    found = {}
    for sync in facts.shown(name).syncs:
        copies, announced = [], None
        for at, extra in events.get(sync.name, ()):
            point = extra.get("point_in_time") if isinstance(extra, Mapping) else None
            if isinstance(point, str):
                copies.append({"at": runs.written(at), "point_in_time": point})
                announced = extra.get("last_action")
        last = runs.written(sync.point_in_time)
        if last and known[sync.name]["last_action"] != announced:
            copies.append({"at": last, "point_in_time": last})
        found[sync.name] = {
            "sync_max_delay": int(sync.limit.total_seconds()) if sync.limit is not None else None,
            "copies": copies,
        }
    return found


def records(
    found: Sequence[Run], left: Mapping[tuple[int, str, str], Any], links: Links
) -> list[dict[str, Any]]:
    """The records that these runs have left, in their order."""
    kept = []
    for run in found:
        for task in ("finish", "plan"):
            record = left.get((run.key, task, JSON))
            if isinstance(record, Mapping):
                kept.append(
                    {
                        "run_id": run.run_id,
                        "dag_id": run.dag_id,
                        "url": links.run(run.dag_id, run.run_id),
                        "record": record,
                    }
                )
                break
    return kept


def actions(facts: Facts, name: str, service: Service | None) -> list[dict[str, Any]]:
    """What can be triggered: each action of the service's DAG, then its other DAGs."""
    found = []
    for action in actions_of(service) if service else ():
        found.append(_action(facts, action, HELP[action], name))
    for ending, title in OTHER_DAGS.items():
        if f"{name}_{ending}" in facts.dags:
            found.append(_action(facts, ending, title, f"{name}_{ending}"))
    return found


def _action(facts: Facts, action: str, title: str, dag_id: str) -> dict[str, Any]:
    return {
        "action": action,
        "title": title,
        "dag_id": dag_id,
        "url": facts.links.dag(dag_id),
        "allowed": dag_id in facts.triggers,
    }
