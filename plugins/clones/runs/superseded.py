"""A clone only ever copies "now": whether a run is still needed, or an earlier one did its work (D8).

Every completed run leaves a record of each copy that it split: when its activation was sent, and what was
seen of it. A run that asks for a copy no newer than that has nothing to do. In doubt it works. Both times are
by the clocks of Airflow; the array's are only held against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clones.actions import BREAK, RESYNC, START
from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.observe.sync import is_same, observe, to_plain
from clones.states import ACTIVE, SyncSeen

REMEMBERED_RUNS = 200
"""Completed runs of a service that are known by their id; with an older one, cleared, the copies decide."""


@dataclass(frozen=True)
class Judgement:
    """Whether a run has anything to do.

    :param needed: it has.
    :param why: the sentence for the log.
    :param by: the run that did its work, or empty.
    """

    needed: bool
    why: str
    by: str = ""


@dataclass(frozen=True)
class Asked:
    """What a run asks for.

    :param run_id: that run.
    :param phases: that its action runs.
    :param since: a copy of this time or later is what it asks for; None: one made by this very run.
    """

    run_id: str
    phases: Sequence[str]
    since: datetime | None


def asked_since(
    run_type: str, interval_end: datetime | None, run_after: datetime, cleared: int
) -> datetime | None:
    """From when on a copy serves a run.

    A run for a date is served by any copy made since that date. One that a person triggers wants its own;
    cleared as a whole, it is served by any made since it was triggered.

    :param run_type: as Airflow writes it: ``manual``, ``scheduled``, ``backfill``...
    :param cleared: how often the run was cleared.
    """
    if run_type in ("scheduled", "backfill"):
        return interval_end or run_after
    return run_after if cleared else None


def leave(run_id: str, phases: Sequence[str], seen: SyncSeen, point_in_time: datetime) -> dict[str, Any]:
    """The record of one sync after a completed run, as JSON.

    :param point_in_time: when its activation was sent, with zone, by Airflow's clock: it is no older.
    """
    return {
        "run_id": run_id,
        "phases": list(phases),
        "point_in_time": point_in_time.isoformat(),
        "seen": to_plain(seen),
    }


def judge(
    asked: Asked, completed: Mapping[str, str], records: Sequence[Mapping[str, Any] | None]
) -> Judgement:
    """Whether a run has anything to do; the first line that applies decides.

    :param completed: run id to when it was completed, of this service's runs.
    :param records: of each sync, as :func:`leave` wrote them.
    """
    if asked.run_id in completed:
        return Judgement(False, f"this run was completed at {completed[asked.run_id]}", asked.run_id)
    if RESYNC not in asked.phases or BREAK not in asked.phases:
        return Judgement(True, "its action makes no new copy")
    if asked.since is None:
        return Judgement(True, "it was triggered for a copy of its own")
    kept = [record for record in records if record is not None]
    if len(kept) < len(records) or not kept:
        return Judgement(True, "no completed run is known for every sync")
    by = str(kept[0]["run_id"])
    if any(record["run_id"] != by for record in kept):
        return Judgement(True, "its syncs were last completed by different runs")
    if START in asked.phases and START not in kept[0]["phases"]:
        return Judgement(True, f"run {by}, the newest, did not start the service")
    oldest = min(datetime.fromisoformat(record["point_in_time"]) for record in kept)
    if oldest < asked.since:
        return Judgement(True, f"the copies are of {_at(oldest)}, older than {_at(asked.since)}")
    return Judgement(
        False, f"run {by} made the copies of {_at(oldest)}; for {_at(asked.since)} none newer is needed", by
    )


def still_needed(
    scope: Scope, asked: Asked, completed: Mapping[str, str], records: Sequence[Mapping[str, Any] | None]
) -> Steps[Judgement]:
    """The same, after a look that the copies are still those that the records speak of.

    :raises CloneError: as :func:`clones.observe.sync.observe`.
    """
    judgement = judge(asked, completed, records)
    if judgement.needed or judgement.by == asked.run_id:
        return judgement
    for sync, record in zip(scope.service.syncs, records, strict=True):
        seen = yield from observe(scope, sync)
        if record is None or not seen.all_in(ACTIVE) or not is_same(record["seen"], seen):
            return Judgement(True, f"sync {sync.name} is no longer known to be as run {judgement.by} left it")
    return judgement


def remember(completed: Mapping[str, str], run_id: str, at: datetime) -> dict[str, str]:
    """The completed runs with one more, without the oldest beyond :data:`REMEMBERED_RUNS`."""
    runs = {**completed, run_id: _at(at)}
    return dict(list(runs.items())[-REMEMBERED_RUNS:])


def without_namesake(completed: Mapping[str, str], run_id: str, run_after: datetime) -> dict[str, str]:
    """The completed runs without one of this id that was completed before this run was to begin.

    That one was deleted since, and whoever triggered this one gave it the same id.
    """
    begins = run_after.replace(microsecond=0)  # to the second, as the others are kept
    return {one: at for one, at in completed.items() if one != run_id or datetime.fromisoformat(at) >= begins}


def _at(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
