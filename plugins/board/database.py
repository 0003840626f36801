"""What the board asks Airflow's database for: a fixed number of queries, however many services there are.

What leaves this module is what may be shown. Of a run's conf that is its action only, of a trigger only which
run it waits for; connections and variables are not asked for at all.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow.jobs.job import Job
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session, lazyload

from clones.fleet.changes import SWEEP
from clones.fleet.pair_rows import prefix
from clones.runs.result import FINISH, PLAN

GOING = ("queued", "running")
ENDED = ("success", "failed")
UNFINISHED = (
    "scheduled",
    "queued",
    "running",
    "restarting",
    "up_for_retry",
    "up_for_reschedule",
    "deferred",
    "awaiting_input",
)


@dataclass(frozen=True)
class Dag:
    """A DAG as Airflow has read it."""

    paused: bool
    next_run: datetime | None


@dataclass(frozen=True)
class Run:
    """A run of a DAG.

    :param key: its number in the database.
    :param action: what was asked for in its form, None when nothing was.
    :param ends: the states of its first and its last task, by their ids.
    """

    key: int
    dag_id: str
    run_id: str
    state: str
    action: str | None
    queued: datetime | None
    began: datetime | None
    ended: datetime | None
    ends: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A task of a run, its newest try.

    :param asked: when Airflow found that it may begin; it then waits for a place in its pool and a worker.
    :param waits_for_turn: number of the trigger that waits for another run of the service.
    """

    task_id: str
    state: str | None
    asked: datetime | None
    began: datetime | None
    ended: datetime | None
    tries: int
    most_tries: int
    pool: str
    waits_for_turn: int | None


@dataclass(frozen=True)
class Stored:
    """A value of the state store of asset `clone_status`, and when it was written."""

    value: Any
    at: datetime


def dags(session: Session, dag_ids: Collection[str]) -> dict[str, Dag]:
    """By id, those that Airflow has now."""
    rows = session.execute(
        select(DagModel.dag_id, DagModel.is_paused, DagModel.next_dagrun_create_after).where(
            DagModel.dag_id.in_(dag_ids), DagModel.is_stale.is_(False)
        )
    )
    return {dag_id: Dag(bool(paused), after) for dag_id, paused, after in rows}


def beats(session: Session, jobs: Collection[str]) -> dict[str, datetime]:
    """By the name of Airflow's job, its newest heartbeat."""
    rows = session.execute(
        select(Job.job_type, func.max(Job.latest_heartbeat))
        .where(Job.job_type.in_(jobs), Job.latest_heartbeat.is_not(None))
        .group_by(Job.job_type)
    )
    return {str(job): at for job, at in rows if job and at}


def swept(session: Session, *, of: str | None = None, pairs_of: str | None = None) -> dict[str, Stored]:
    """What the sweep has left, by key.

    :param of: what is kept of this service, and the time of the last sweep; by default that of all.
    :param pairs_of: the pairs of this service, and no records.
    """
    keys = AssetStateStoreModel.key
    if pairs_of is not None:
        which = keys.startswith(prefix(pairs_of), autoescape=True)
    else:
        which = keys.in_((SWEEP, of)) if of is not None else ~keys.startswith(prefix())
    rows = session.execute(
        select(keys, AssetStateStoreModel.value, AssetStateStoreModel.updated_at)
        .join(AssetModel, AssetModel.id == AssetStateStoreModel.asset_id)
        .where(AssetModel.name == SWEEP, which)
        .order_by(keys)
    )
    return {key: Stored(json.loads(value), at) for key, value, at in rows}


def _state_of(task_id: str) -> Any:
    """A column: the state of that task of the run."""
    return (
        select(TaskInstance.state)
        .where(
            TaskInstance.dag_id == DagRun.dag_id,
            TaskInstance.run_id == DagRun.run_id,
            TaskInstance.task_id == task_id,
            TaskInstance.map_index == -1,
        )
        .scalar_subquery()
    )


_RUN = (
    DagRun.id,
    DagRun.dag_id,
    DagRun.run_id,
    DagRun._state,
    DagRun.conf,
    DagRun.queued_at,
    DagRun.start_date,
    DagRun.end_date,
    _state_of(PLAN),
    _state_of(FINISH),
)


def _runs(rows: Iterable[Any]) -> list[Run]:
    found = []
    for key, dag_id, run_id, state, conf, queued, began, ended, plan, finish in rows:
        action = conf.get("action") if isinstance(conf, Mapping) else None
        ends = {PLAN: plan, FINISH: finish}
        found.append(Run(key, dag_id, run_id, str(state), _text(action), queued, began, ended, ends))
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def going(session: Session, dag_ids: Collection[str]) -> list[Run]:
    """The runs of these DAGs that have begun or wait to, oldest first."""
    rows = session.execute(select(*_RUN).where(DagRun._state.in_(GOING)).order_by(DagRun.id))
    return [run for run in _runs(rows) if run.dag_id in dag_ids]


def last_ended(session: Session, dag_ids: Collection[str]) -> dict[str, Run]:
    """The newest run of each DAG that has ended."""
    newest = (
        select(func.max(DagRun.id))
        .where(DagRun.dag_id.in_(dag_ids), DagRun._state.in_(ENDED))
        .group_by(DagRun.dag_id)
    )
    rows = session.execute(select(*_RUN).where(DagRun.id.in_(newest)))
    return {run.dag_id: run for run in _runs(rows)}


def newest(session: Session, dag_ids: Collection[str], most: int) -> list[Run]:
    """The newest runs of these DAGs together, newest first."""
    rows = session.execute(
        select(*_RUN).where(DagRun.dag_id.in_(dag_ids)).order_by(DagRun.id.desc()).limit(most)
    )
    return _runs(rows)


def one_run(session: Session, dag_id: str, run_id: str) -> Run | None:
    """One run, by its ids."""
    rows = session.execute(select(*_RUN).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    return next(iter(_runs(rows)), None)


def tasks(session: Session, runs: Collection[Run], *, unfinished: bool = False) -> dict[int, list[Task]]:
    """The tasks of these runs, by the run's number.

    :param unfinished: only those that have not ended.
    """
    if not runs:
        return {}
    query = (
        select(
            DagRun.id,
            TaskInstance.task_id,
            TaskInstance.state,
            TaskInstance.scheduled_dttm,
            TaskInstance.start_date,
            TaskInstance.end_date,
            TaskInstance.try_number,
            TaskInstance.max_tries,
            TaskInstance.pool,
            TaskInstance.next_method,
            TaskInstance.trigger_id,
        )
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .where(DagRun.id.in_([run.key for run in runs]))
    )
    if unfinished:
        query = query.where(TaskInstance.state.in_(UNFINISHED))
    found: dict[int, list[Task]] = defaultdict(list)
    rows: Iterable[Any] = session.execute(query)
    for key, task_id, state, asked, began, ended, tries, most, pool, method, trigger in rows:
        turn = trigger if state == "deferred" and method == "take_turn" else None
        found[key].append(Task(task_id, state, asked, began, ended, tries, most + 1, pool, turn))
    return found


def left(session: Session, runs: Collection[Run], keys: Collection[str]) -> dict[tuple[int, str, str], Any]:
    """What tasks of these runs have left as XComs, by the run's number, task and key."""
    if not runs:
        return {}
    rows: Iterable[Any] = session.execute(
        select(XComModel.dag_run_id, XComModel.task_id, XComModel.key, XComModel.value).where(
            XComModel.dag_run_id.in_([run.key for run in runs]), XComModel.key.in_(keys)
        )
    )
    return {(key, task, name): _plain(value) for key, task, name, value in rows}


def _plain(value: Any) -> Any:
    """Airflow hands out some of what was left in the triggerer as text with JSON in it."""
    if isinstance(value, str) and value[:1] in ("{", "[", '"'):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def turns(session: Session, triggers: Collection[int]) -> dict[int, tuple[str, str]]:
    """By the trigger's number, the DAG and run that it waits for."""
    found = {}
    if triggers:
        query = select(Trigger).where(Trigger.id.in_(triggers)).options(lazyload("*"))
        for trigger in session.scalars(query):
            said = trigger.kwargs
            dag_id, run_ids = said.get("dag_id"), said.get("run_ids") or []
            if isinstance(dag_id, str) and run_ids:
                found[trigger.id] = (dag_id, str(run_ids[0]))
    return found


def copies_made(
    session: Session, service: str, syncs: Collection[str], most: int
) -> dict[str, list[tuple[datetime, Any]]]:
    """By sync, the newest events of its copy: when it was known, and the event's extra; oldest first."""
    names = {f"{service}/{sync}": sync for sync in syncs}
    rank = (
        func.row_number()
        .over(partition_by=AssetEvent.asset_id, order_by=AssetEvent.timestamp.desc())
        .label("rank")
    )
    ranked = (
        select(AssetModel.name, AssetEvent.timestamp, AssetEvent.extra, rank)
        .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        .where(AssetModel.name.in_(names))
        .subquery()
    )
    found: dict[str, list[tuple[datetime, Any]]] = {sync: [] for sync in syncs}
    rows: Iterable[Any] = session.execute(
        select(ranked.c.name, ranked.c.timestamp, ranked.c.extra)
        .where(ranked.c.rank <= most)
        .order_by(ranked.c.timestamp)
    )
    for name, at, extra in rows:
        found[names[name]].append((at, extra))
    return found
