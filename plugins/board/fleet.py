"""The fleet: a row a service, from what the database and the configuration say."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from board import held, runs
from board.database import ENDED, Dag, Run, Stored, Task
from clones.actions import BREAK, RESYNC, dags_of
from clones.config import Service
from clones.decide.freshness import Status
from clones.fleet.between_looks import Looks, ServiceShown, SyncShown, show
from clones.fleet.changes import OWN, SWEEP, names_in
from clones.runs.result import FINISH, PLAN, of_ended
from reporting.links import NO_LINKS, Links

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Facts:
    """What was found out for a page, of those services and runs only that its reader may see.

    :param services: by name; None for one that the configuration does not show.
    :param swept: the state store of asset `clone_status`.
    :param dags: by id.
    :param going: the runs that go on or wait to, oldest first.
    :param tasks: those of them that have not ended, by the run's number.
    :param ended: the last run of each DAG, by its id.
    :param left: what tasks have left, by the run's number, task and key.
    :param turns: the run that each trigger waits for.
    :param triggers: the DAGs that the reader may start runs of.
    :param told: the DAGs whose results the reader may see.
    :param silent: the parts of Airflow that give no sign of life.
    """

    now: datetime
    services: Mapping[str, Service | None]
    every_minutes: int | None
    swept: Mapping[str, Stored]
    dags: Mapping[str, Dag]
    going: Sequence[Run] = ()
    tasks: Mapping[int, Sequence[Task]] = field(default_factory=dict)
    ended: Mapping[str, Run] = field(default_factory=dict)
    left: Mapping[tuple[int, str, str], Any] = field(default_factory=dict)
    turns: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    triggers: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    links: Links = NO_LINKS
    silent: Sequence[Mapping[str, Any]] = ()

    @property
    def looks(self) -> Looks:
        """When the copies were looked at."""
        sweep = self.swept.get(SWEEP)
        last = datetime.fromisoformat(sweep.value["at"]) if sweep else None
        return Looks(last, self.every_minutes)

    def shown(self, name: str) -> ServiceShown:
        """A service's copies as they are shown."""
        stored, service = self.swept.get(name), self.services[name]
        record = stored.value if stored else None
        limit = timedelta(minutes=service.sync_max_delay) if service else None
        syncs, sets = names_in(record or {})
        if service:
            syncs, sets = [sync.name for sync in service.syncs], [*service.sets]
        return show(name, record, syncs, limit, self.looks, self.now, sets)

    def own(self, name: str) -> dict[str, Any] | None:
        """Whether the service itself ran when a run saw it last; which, for who may see that run."""
        stored = self.swept.get(name)
        seen = stored.value.get(OWN) if stored else None
        if seen is None:
            return None
        may = seen["dag_id"] in self.told
        return {
            "state": seen["state"],
            "why": seen["why"],
            "at": seen["at"],
            "run_id": seen["run_id"] if may else "",
            "url": self.links.run(seen["dag_id"], seen["run_id"]) if may else None,
        }

    def result(self, run: Run) -> Mapping[str, Any]:
        """How a run said that it ended; empty while it goes on, or when the reader may not see it."""
        if run.state not in ENDED or run.dag_id not in self.told:
            return {}
        said = {task: self.left.get((run.key, task, "result")) for task in (PLAN, FINISH)}
        return of_ended(run.ends, {task: one for task, one in said.items() if isinstance(one, Mapping)})

    def last_run(self, name: str) -> dict[str, Any] | None:
        """The service's run that ended last."""
        known = [self.ended[dag_id] for dag_id in dags_of(name) if dag_id in self.ended]
        known = [run for run in known if run.ended is not None]
        if not known:
            return None
        run = max(known, key=lambda run: run.ended or datetime.min)
        return runs.ended(name, run, self.result(run), self.links)


def with_left(facts: Facts, left: Mapping[tuple[int, str, str], Any]) -> Facts:
    """The same, with what more tasks have left."""
    return replace(facts, left={**facts.left, **left})


def fleet(facts: Facts, error: str) -> dict[str, Any]:
    """The whole page, without the time of the request."""
    going: dict[str, list[Run]] = {}
    for run in facts.going:
        going.setdefault(run.dag_id, []).append(run)
    return {**looked(facts, error), "services": [_row(facts, name, going) for name in facts.services]}


def _row(facts: Facts, name: str, going: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """One service, whatever befalls this program at it: it is unknown then, and the others are shown."""
    try:
        return row(facts, name, going)
    except Exception as error:
        log.exception("Service %s cannot be shown", name)
        return {
            "service": name,
            "description": "",
            "status": str(Status.UNKNOWN),
            "why": f"it cannot be shown: {type(error).__name__}: {error}",
            "press": "report this error; run `scripts/status` to see its copies",
            "since": None,
            "seen": None,
            "own": None,
            "set": None,
            "syncs": [],
            "running": None,
            "last_run": None,
            "next_run": None,
            "paused": False,
            "held_by": None,
            "may_trigger": False,
        }


def looked(facts: Facts, error: str) -> dict[str, Any]:
    """What all of a page rests on: the last look at the copies, and what the configuration lacks."""
    looks = facts.looks
    return {
        "looked": runs.written(looks.last),
        "every_minutes": looks.every_minutes,
        "error": error or None,
        "silent": [*facts.silent],
    }


def row(facts: Facts, name: str, going: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """One service; `seen` is when a run looked at its copies, if that is newer than the last look at all.

    :param going: the runs that go on or wait to, by DAG.
    """
    service, shown = facts.services[name], facts.shown(name)
    own = [run for dag_id in dags_of(name) for run in going.get(dag_id, ())]
    working = [(run, facts.tasks.get(run.key, ())) for run in own]
    now = next(((run, tasks) for run, tasks in working if run.state == "running"), None)
    now = now or next(iter(working), None)
    dag, last = facts.dags.get(name), facts.last_run(name)
    by = held.by_whom(
        dag,
        [dag_id for dag_id in dags_of(name) if dag_id in facts.dags and facts.dags[dag_id].paused],
        bool(service and service.schedule),
        working,
        last,
        facts.turns,
        _errors(facts, working),
        facts.links,
        facts.now,
    )
    return {
        "service": name,
        "description": service.description if service else "",
        "status": str(shown.status),
        "why": shown.why,
        "press": shown.press,
        "since": runs.written(shown.since),
        "seen": runs.written(shown.looked) if shown.looked != facts.looks.last else None,
        "own": facts.own(name),
        "set": set_in_use(shown),
        "syncs": [
            # What a run waits for with target sets is not the copy in use.
            sync_row(sync, *(progress(facts, sync.name, working) if not shown.sets else (None, None)))
            for sync in shown.syncs
        ],
        "running": runs.running(name, *now, facts.links) if now else None,
        "last_run": last,
        "next_run": runs.written(dag.next_run) if dag and not dag.paused else None,
        "paused": dag.paused if dag else False,
        "held_by": by,
        "may_trigger": name in facts.triggers,
    }


def set_in_use(shown: ServiceShown) -> dict[str, Any] | None:
    """Which target set the service uses; None for a service without."""
    known = shown.in_use
    if known is None:
        return None
    return {"name": known.name, "role": str(known.role(known.name)), "why": known.why}


def sync_row(sync: SyncShown, percent: int | None, ends: str | None) -> dict[str, Any]:
    """One sync.

    :param percent: copied, as a run that waits for it saw it last; None when none does.
    :param ends: when it may be done by then, ISO.
    """
    return {
        "sync": sync.name,
        "status": str(sync.status),
        "why": sync.why,
        "point_in_time": runs.written(sync.point_in_time),
        "sync_max_delay": int(sync.limit.total_seconds()) if sync.limit is not None else None,
        "percent": sync.percent if percent is None else percent,
        "ends": runs.written(sync.ends) if percent is None else ends,
    }


def progress(
    facts: Facts, sync: str, working: Sequence[tuple[Run, Sequence[Task]]]
) -> tuple[int | None, str | None]:
    """Of a sync that a run waits for: the trigger looks more often than the sweep."""
    for run, tasks in working:
        for task in tasks:
            parts = task.task_id.split(".")
            if task.state != "deferred" or parts[0] not in (RESYNC, BREAK, "restore", "wait_prepared"):
                continue
            report = facts.left.get((run.key, task.task_id, "progress"))
            if sync in parts[1:] and isinstance(report, Mapping) and isinstance(report.get("percent"), int):
                return report["percent"], report.get("estimated_end")
    return None, None


def _errors(facts: Facts, working: Sequence[tuple[Run, Sequence[Task]]]) -> dict[tuple[int, str], str]:
    """What the last try of a task said that is to be tried again: its first line."""
    found = {}
    for run, tasks in working:
        for task in tasks:
            tries = facts.left.get((run.key, task.task_id, "record"))
            if task.state == "up_for_retry" and isinstance(tries, list) and tries:
                said = str(tries[-1].get("error", "")).splitlines()
                found[run.key, task.task_id] = said[0] if said else ""
    return found
