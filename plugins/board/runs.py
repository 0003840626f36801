"""What is shown of runs: what they do now, how they ended, and how long each phase took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from board.database import Run, Task
from clones.actions import ACTIONS_ON_SETS, BREAK, DEFAULT, RESYNC, dags_of
from clones.runs.result import WITHOUT_FINISH
from reporting.links import Links

COPY = "copy"
NOT_BEGUN = (None, "skipped", "upstream_failed", "removed", "scheduled", "queued")
IN_VIEW = ("running", "restarting", "deferred", "awaiting_input", "up_for_retry", "up_for_reschedule")
"""States of the task that a run is at, the most telling first; then one that waits for a place."""


def action_of(service: str, run: Run) -> str:
    """What the run does: its form's action, and of the service's other DAGs what they are for."""
    does = dags_of(service).get(run.dag_id, "")
    return (run.action if run.action in ACTIONS_ON_SETS else DEFAULT) if does == DEFAULT else does


def at_task(tasks: Iterable[Task]) -> Task | None:
    """The task that a run is at."""
    known = list(tasks)
    for state in (*IN_VIEW, "queued", "scheduled"):
        here = [task for task in known if task.state == state]
        if here:
            return min(here, key=lambda task: (task.began is None, task.began or datetime.min, task.task_id))
    return None


def running(service: str, run: Run, tasks: Iterable[Task], links: Links) -> dict[str, Any]:
    """A run that goes on, or waits to."""
    task = at_task(tasks)
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "action": action_of(service, run),
        "task": task.task_id if task else "",
        "began": written(run.began or run.queued),
        "state": (task.state if task and run.state == "running" else run.state) or run.state,
        "url": links.run(run.dag_id, run.run_id),
    }


def ended(service: str, run: Run, result: Mapping[str, Any], links: Links) -> dict[str, Any]:
    """A run that has ended.

    :param result: as :func:`clones.runs.result.of_ended` found it; empty when it may not be seen.
    """
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "action": action_of(service, run),
        "result": result.get("result", ""),
        "at": result.get("at", ""),
        "why": result.get("why", ""),
        "press": result.get("press", ""),
        "state": state_of(run, result),
        "ended": written(run.ended),
        "seconds": (run.ended - run.began).total_seconds() if run.ended and run.began else None,
        "url": links.run(run.dag_id, run.run_id),
    }


def state_of(run: Run, result: Mapping[str, Any]) -> str:
    """Airflow's, but for a run without its last task: it may be green there, and is never shown so."""
    return "failed" if result.get("result") == WITHOUT_FINISH else run.state


def timeline(
    service: str, run: Run, tasks: Iterable[Task], result: Mapping[str, Any], links: Links
) -> dict[str, Any]:
    """A run with its phases."""
    return {
        "run_id": run.run_id,
        "dag_id": run.dag_id,
        "action": action_of(service, run),
        "state": state_of(run, result),
        "result": result.get("result", ""),
        "began": written(run.began),
        "ended": written(run.ended),
        "url": links.run(run.dag_id, run.run_id),
        "phases": phases(tasks),
    }


def phases(tasks: Iterable[Task]) -> list[dict[str, Any]]:
    """What a run's tasks did, in the order in which it began; tasks of one phase and sync are one bar."""
    groups: dict[tuple[str, str | None], list[Task]] = {}
    for task in sorted((t for t in tasks if t.began), key=lambda t: (t.began or datetime.min, t.task_id)):
        if task.state not in NOT_BEGUN or task.state == "queued":
            groups.setdefault(phase_of(task.task_id), []).append(task)
    found = []
    for (phase, sync), members in groups.items():
        ends = [task.ended for task in members]
        over = all(task.state in ("success", "failed", "skipped") for task in members)
        found.append(
            {
                "phase": phase,
                "sync": sync,
                "began": written(min(task.began for task in members if task.began)),
                "ended": written(max(end for end in ends if end)) if over and all(ends) else None,
                "state": _gravest([task.state or "" for task in members]),
            }
        )
    return found


def phase_of(task_id: str) -> tuple[str, str | None]:
    """A task's phase and sync: waiting for all tracks is the copy, whatever its group.

    ``break.data.wait_copied`` is (copy, data); ``stop.service`` is (stop, None).
    """
    parts = task_id.split(".")
    if parts[0] in (RESYNC, BREAK) and len(parts) > 2:
        return (COPY if parts[2] == "wait_copied" else parts[0]), parts[1]
    if parts[0] in ("restore", "create", "terminate", "remove", "wait_prepared", "group") and len(parts) > 1:
        return parts[0], parts[1]
    return parts[0], None


def _gravest(states: Sequence[str]) -> str:
    for state in ("failed", *IN_VIEW, "queued"):
        if state in states:
            return state
    return states[-1] if states else ""


def written(moment: datetime | None) -> str | None:
    """A time of Airflow's database, ISO in UTC to the millisecond."""
    return moment.isoformat(timespec="milliseconds") if moment else None
