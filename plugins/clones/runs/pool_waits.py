"""Tasks that wait for a place in a pool which gives none: it is missing, has no slots, or others hold them.

Airflow leaves such a task `scheduled` for ever and tells nobody, and a task cannot ask it for its pools. It
can count tasks, though: of a pool that is only full some task of ours is running. One in which tasks wait at
two looks in a row, and none runs, is told of once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clones.config import Limits, Service
from clones.runs.pools import array_pool, host_pool

BETWEEN_LOOKS = timedelta(minutes=10)
"""At least: each look asks Airflow once for every DAG."""

Record = Mapping[str, Any]
"""``{"at": time, "pools": {name: {"since": time, "told": bool}}}``: of the last look."""


@dataclass(frozen=True)
class Place:
    """The tasks of one DAG that are in one pool.

    :param tasks: their ids.
    """

    pool: str
    service: str
    dag_id: str
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Stuck:
    """What there is to tell of one pool.

    :param dags: the DAGs of which tasks wait.
    """

    pool: str
    dags: tuple[Place, ...]
    since: datetime


def places(limits: Limits, services: Mapping[str, Service]) -> list[Place]:
    """Every pool of each DAG, with the tasks that are in it."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for name, service in services.items():
        for pool, dag_id, task in _tasks(limits, name, service):
            if pool is not None:
                found.setdefault((pool, name, dag_id), []).append(task)
    return [Place(*key, tuple(tasks)) for key, tasks in found.items()]


def _tasks(limits: Limits, name: str, service: Service) -> Iterator[tuple[str | None, str, str]]:
    """Pool, DAG and task of each, as the DAG files make them."""
    for sync in service.syncs:
        pool = array_pool(limits, service, sync)
        yield pool, name, f"resync.{sync.name}.recreate"
        yield pool, name, f"break.{sync.name}.activate"
        for step in ("group", "create") if sync.grouped else ("create",):
            yield pool, f"{name}_provision", f"{step}.{sync.name}"
        for step in ("terminate", "remove") if sync.grouped else ("terminate",):
            yield pool, f"{name}_retire", f"{step}.{sync.name}"
        if service.production:
            for step in ("restore", "terminate"):
                yield pool, f"{name}_merge_back", f"restore.{sync.name}.{step}"
    if service.resources:
        prepare = ["prepare.service"] if service.sets else []
        disks = ["start.disks"] if service.before_start else []
        for task in (*prepare, "stop.service", *disks, "start.service"):
            yield host_pool(limits, service.hosts[0].connection), name, task
        for place in ("before_stop", "before_start", "after_start", "probes"):
            step = "stop" if place == "before_stop" else "start"
            for hook in getattr(service, place):
                yield host_pool(limits, service.host_of(hook)), name, f"{step}.{place}.{hook.name}"


def is_due(before: Record | None, at: datetime) -> bool:
    """Whether it is time for a look."""
    return not before or at - datetime.fromisoformat(before["at"]) >= BETWEEN_LOOKS


def follow(
    before: Record | None, waiting: Mapping[str, Sequence[Place]], at: datetime
) -> tuple[dict[str, Any], list[Stuck]]:
    """The record after a look, and what there is to tell.

    :param waiting: the pools in which tasks wait and none runs, with the DAGs whose tasks wait.
    """
    known: Mapping[str, Any] = (before or {}).get("pools", {})
    told = [
        Stuck(pool, tuple(dags), datetime.fromisoformat(known[pool]["since"]))
        for pool, dags in waiting.items()
        if pool in known and not known[pool]["told"]
    ]
    now = at.isoformat(timespec="seconds")
    pools = {
        pool: {"since": known[pool]["since"] if pool in known else now, "told": pool in known}
        for pool in waiting
    }
    return {"at": now, "pools": pools}, told
