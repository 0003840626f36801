"""One service: its pairs, its runs over time, how old its copies became, its records, and what to press."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from board import runs
from board.database import Run, Stored, Task
from board.fleet import Facts, progress, sync_row
from clones.actions import OTHER_DAGS, OTHER_DAGS_WITH_SNAPSHOTS, REWIND, actions_of, help_of
from clones.config import Service
from clones.decide.freshness import Status
from clones.fleet.pair_rows import COLUMNS, kept_plain, keys_of, sync_key
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
    syncs = [(sync.name, "") for sync in shown.syncs]
    if shown.sets:
        syncs = [(sync.name, one.name) for one in shown.sets for sync in one.syncs]
    for sync, target_set in syncs:
        key = sync_key(sync, target_set)
        record = known.get(key, {})
        about = {"sync": sync, "set": target_set} if target_set else {"sync": sync}
        seen = record.get("pairs") or {}
        found = [(seen["rows"], datetime.fromisoformat(seen["at"]))] if "rows" in seen else []
        kept = [stored[one] for one in keys_of(name, key, seen) if one in stored]
        found += [(one.value, one.at) for one in kept]
        for piece, at in found:
            # Of a sync that was seen again what did not change was not written again.
            unseen = Status[record["status"].upper()] is Status.UNKNOWN
            times.append(at if unseen else shown.looked or at)
            rows += [{**about, **dict(zip(COLUMNS, row, strict=True))} for row in piece]
    for row in rows:
        row["tracks"] = tracks.get(row["sync"], {}).get(pair_key(row["source"], row["target"]))
    known_tracks = any(row["tracks"] is not None for row in rows)
    return {
        "pairs": rows,
        "pairs_seen": runs.written(min(times, default=None)),
        "pairs_clock": "UTC" if of_server(facts.services[name]) else "the control host's time",
        "kept": [
            {"sync": sync, **kept_plain(row)}
            for sync, _ in syncs
            for row in known.get(sync, {}).get("kept", ())
        ],
        "tracks_seen": runs.written(planned_at) if known_tracks else None,
    }


def of_server(service: Service | None) -> bool:
    """Whether its arrays are asked through a server, whose times are UTC."""
    return service is not None and service.unisphere is not None


def sets(
    facts: Facts, name: str, rows: Sequence[Mapping[str, Any]], plans: Mapping[int, Any]
) -> list[dict[str, Any]]:
    """The target sets: which is in use, and how the copies of each are; none for a service without.

    :param rows: its pairs, of :func:`pairs`.
    :param plans: of its runs that go on, by the run's number.
    """
    found = []
    for one in facts.shown(name).sets:
        syncs = []
        for sync in one.syncs:
            states = [row["state"] for row in rows if (row["sync"], row.get("set")) == (sync.name, one.name)]
            syncs.append(
                {**sync_row(sync, *_progress(facts, plans, one.name, sync.name)), "state": _alike(states)}
            )
        found.append({"set": one.name, "role": str(one.role), "unready": one.unready, "syncs": syncs})
    return found


def _progress(
    facts: Facts, plans: Mapping[int, Any], target_set: str, sync: str
) -> tuple[int | None, str | None]:
    """As a run that waits for a sync of this set saw it last."""
    on_it = [run for run in facts.going if (plans.get(run.key) or {}).get("to_set") == target_set]
    return progress(facts, sync, [(run, facts.tasks.get(run.key, ())) for run in on_it])


def _alike(states: Sequence[str]) -> str:
    """``Copied``, or how many pairs are in each state: ``1 Copied, 2 PreCopy``."""
    counted = Counter(states)
    return (
        next(iter(counted))
        if len(counted) == 1
        else ", ".join(f"{n} {state}" for state, n in counted.items())
    )


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
    """By sync, on each target set: each copy's point in time and when it was known, oldest first.

    A copy that no run has announced is the last one, as the sweep saw it.
    """
    known = facts.swept[name].value["syncs"] if name in facts.swept else {}
    shown = facts.shown(name)
    found = {}
    of = [("", shown.syncs)] if not shown.sets else [(one.name, one.syncs) for one in shown.sets]
    for target_set, sync in ((target_set, sync) for target_set, syncs in of for sync in syncs):
        key = sync_key(sync.name, target_set)
        copies, announced = [], None
        for at, extra in events.get(sync.name, ()):
            if target_set and isinstance(extra, Mapping) and extra.get("set") != target_set:
                continue
            point = extra.get("point_in_time") if isinstance(extra, Mapping) else None
            if isinstance(point, str):
                copies.append({"at": runs.written(at), "point_in_time": point})
                announced = extra.get("last_action")
        last = runs.written(sync.point_in_time)
        if last and known[key]["last_action"] != announced:
            copies.append({"at": last, "point_in_time": last})
        found[f"{sync.name} on set {target_set}" if target_set else sync.name] = {
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
        if service is not None and action == REWIND:
            found += _rewinds(facts, name, help_of(action, service))
        elif service is not None:
            found.append(_action(facts, action, help_of(action, service), name))
    others = OTHER_DAGS_WITH_SNAPSHOTS if service is not None and service.snapshots else OTHER_DAGS
    for ending, title in others.items():
        if f"{name}_{ending}" in facts.dags:
            found.append(_action(facts, ending, title, f"{name}_{ending}"))
    return found


def _rewinds(facts: Facts, name: str, title: str) -> list[dict[str, Any]]:
    """A rewind to each set that is not in use, with the time to which it goes back.

    ``to`` and ``leaves`` are the points in time of the oldest pair of that set and of the set in use, None
    where they are not known; ``refused`` is why it would be refused as the sets were seen last. The run's
    plan looks again.
    """
    shown = facts.shown(name)
    known = shown.in_use
    used = next((one for one in shown.sets if known is not None and one.name == known.name), None)
    if used is None:
        return [{**_action(facts, REWIND, title, name), "refused": known.why if known is not None else ""}]
    return [
        {
            **_action(facts, REWIND, title, name),
            "set": one.name,
            "to": runs.written(min(one.points, default=None)),
            "from_set": used.name,
            "leaves": runs.written(min(used.points, default=None)),
            "refused": one.unready,
        }
        for one in shown.sets
        if one is not used
    ]


def _action(facts: Facts, action: str, title: str, dag_id: str) -> dict[str, Any]:
    return {
        "action": action,
        "title": title,
        "dag_id": dag_id,
        "url": facts.links.dag(dag_id),
        "allowed": dag_id in facts.triggers,
    }
