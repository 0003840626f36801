"""Who holds a service up: the one thing that somebody else must do before it goes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from board.database import Dag, Run, Task
from clones.runs.result import OUTSIDE, REFUSED, WITHOUT_FINISH
from reporting.links import Links

Held = dict[str, Any]

SOON = timedelta(minutes=1)
"""Every task waits for its place for a moment; longer it is worth telling."""
NOT_BEGUN = ("scheduled", "up_for_retry", "up_for_reschedule")
"""States that a task of a paused DAG stays in: Airflow begins none (tried, 3.3.2)."""


def by_whom(
    dag: Dag | None,
    paused: Collection[str],
    scheduled: bool,
    going: Sequence[tuple[Run, Sequence[Task]]],
    last: Mapping[str, Any] | None,
    turns: Mapping[int, tuple[str, str]],
    errors: Mapping[tuple[int, str], str],
    links: Links,
    now: datetime,
) -> Held | None:
    """The first that applies, None when nobody does.

    :param dag: the service's own, None when Airflow has not read it.
    :param paused: those of its DAGs that are.
    :param scheduled: whether the configuration gives it a schedule.
    :param going: its runs that go on or wait to, each with its tasks that have not ended.
    :param last: its last run, as :func:`board.runs.ended` writes it.
    :param turns: the run that each trigger waits for.
    :param errors: by run and task, what its last try said.
    """
    for run, tasks in going:
        if run.state == "running" and run.dag_id in paused:
            tasks = [task for task in tasks if task.state not in NOT_BEGUN]
            if not tasks:
                return _said(
                    f"DAG {run.dag_id} is paused amid run {run.run_id}: no further task starts until it is "
                    "unpaused. The service may be down.",
                    links.dag(run.dag_id),
                    "unpause the DAG; the run continues from there",
                )
        for task in tasks:
            held = _task(run, task, turns, errors, links, now)
            if held:
                return held
    waiting = [run for run, _ in going if run.state == "queued"]
    if waiting:
        ahead = next(
            (run for run, _ in going if run.state == "running" and run.dag_id == waiting[0].dag_id), None
        )
        if ahead:
            return _said(
                f"Run {waiting[0].run_id} waits for run {ahead.run_id}.",
                links.run(ahead.dag_id, ahead.run_id),
            )
        if waiting[0].dag_id in paused:
            return _said(
                "The DAG is paused: its run waits until it is unpaused.", links.dag(waiting[0].dag_id)
            )
    if going:
        return None
    if dag is None:
        return _said(
            "Airflow has no DAG of it: check Import Errors, and whether services.yaml was read.", None
        )
    if last is not None and last.get("result") == WITHOUT_FINISH:
        return _said(
            f"Its last run {WITHOUT_FINISH}: check the state of the service; {OUTSIDE}.", last["url"]
        )
    if last is not None and last["state"] == "failed":
        where = f" at {last['at']}" if last["at"] else ""
        how = "was refused" if last.get("result") == REFUSED else "failed"
        said = _first(last.get("why", "")) or "its log says what to do."
        return _said(f"Its last run {how}{where}: {said}", last["url"], last.get("press", ""))
    if dag.paused and scheduled:
        return _said("The DAG is paused: nothing runs on schedule.", None)
    return None


def _task(
    run: Run,
    task: Task,
    turns: Mapping[int, tuple[str, str]],
    errors: Mapping[tuple[int, str], str],
    links: Links,
    now: datetime,
) -> Held | None:
    here = links.task(run.dag_id, run.run_id, task.task_id)
    if task.state == "awaiting_input":
        return _said("A second person must approve it.", here)
    if task.waits_for_turn is not None:
        ahead = turns.get(task.waits_for_turn)
        if ahead is None:
            return _said("It waits for another run of the service.", here)
        return _said(f"It waits for run {ahead[1]} of {ahead[0]}.", links.run(*ahead))
    if task.state == "up_for_retry":
        error = errors.get((run.key, task.task_id), "")
        said = f": {error}" if error else ""
        return _said(f"{task.task_id} is retried, {task.tries} of {task.most_tries} tries failed{said}", here)
    if task.asked is not None and now - task.asked > SOON:
        if task.state == "scheduled":
            return _said(f"{task.task_id} waits for a place in pool {task.pool}.", here)
        if task.state == "queued":
            return _said(f"{task.task_id} waits for a worker of Airflow.", here)
    return None


def _first(text: str) -> str:
    """The first line, with the next one where it only leads to that."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1]) if lines else ""


def _said(text: str, url: str | None, press: str = "") -> Held:
    return {"text": text, "url": url, "press": press}
