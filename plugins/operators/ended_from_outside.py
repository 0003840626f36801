"""A try, or a run, that has been ended from outside: what Airflow says of it before anything is done."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.errors import Fenced, Refused, Unknown
from clones.runs.result import OUTSIDE
from hooks import clock
from reporting.alerts import run_without_finish

ENDS_RUN = "ends_run"
"""An operator with this attribute true is the last of its run, and runs whatever happened before it."""


STOOD_STILL = 2.0
"""Seconds after Airflow's word that it runs a try, from which on it is asked once more. Less than any other
try takes to begin."""


def heard_from(context: Context, task: BaseOperator, *, resumed: bool) -> float:
    """When Airflow said last that it runs this try, by :func:`hooks.clock.awake`; it is asked where need be.

    A process of a task is begun right before Airflow gives its word. A young one need not ask again: its try
    is the only one of its task, and its run was never cleared, so nothing of it has ended from outside.

    :param resumed: the try goes on after a wait.
    :raises CloneError: as :func:`refuse_ended`.
    """
    now, age = clock.awake(), clock.process_age()
    first = context["ti"].try_number == 1 and context["dag_run"].clear_number == 0
    if first and not resumed and age is not None and age < STOOD_STILL:
        return now - age
    refuse_ended(context, task)
    return now


def refuse_ended(
    context: Context, task: BaseOperator, *, only_try: bool = False, worked: bool = False
) -> None:
    """Nothing is done by a try that Airflow has given up, nor in a run whose last task would not follow.

    A process that stood still does not know that its task was taken for dead, marked or cleared.

    Whoever marks a run as failed or success makes Airflow skip every task that has not begun. Clear, Only
    failed tasks, clears none of these: the run would end green with its service down, no record and no alert.
    A last task is skipped by nothing else, but for a plan that ends its run. As only the last task decides
    the run's state, Airflow shows it green even so (tried, 3.3.2): people are told here.

    :param only_try: ask only for the try: the rest was asked at its start.
    :param worked: it has done its work, which is done in any run.
    :raises Fenced: Airflow does not run this task any more.
    :raises Refused: the last task after this one stands as skipped.
    :raises Unknown: that could not be asked.
    """
    # A task of a test, or of a DAG that does not end with one, has none.
    later = task.get_flat_relatives(upstream=False) if task.has_dag() and not only_try else ()
    last = sorted(one.task_id for one in later if getattr(one, ENDS_RUN, False))
    ti = context["ti"]
    asked = [ti.task_id, *last]
    try:
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=asked, run_ids=[ti.run_id]).get(ti.run_id, {})
    except AirflowRuntimeError as error:
        raise Unknown(
            f"Whether Airflow still runs this task could not be asked: {error}. Nothing was done.",
            "wait for the retry; check that the API server runs",
        ) from None
    index = getattr(ti, "map_index", -1)
    own = states.get(ti.task_id if index is None or index < 0 else f"{ti.task_id}_{index}")
    if str(getattr(own, "value", own)) != "running":
        raise Fenced(
            f"Airflow does not run this try of {ti.task_id} any more (it is {own}): it did not respond "
            "for too long, or a user ended it. Nothing more is sent.",
            "do nothing here: open the newer try of this task, or the end of this run",
        )
    skipped = [name for name in last if str(states.get(name)) == "skipped"]
    if skipped:
        _tell(context, task)
        raise Refused(
            f"This run was ended from outside: its last task, {skipped[0]}, has the state skipped and "
            f"would not follow {task.task_id}. "
            f"{'This task has done its work.' if worked else 'Nothing was done.'}",
            f"{OUTSIDE}; such a run says nothing of its end otherwise",
        )


def _tell(context: Context, task: Any) -> None:
    run = context["dag_run"]
    service = task.service if isinstance(task.service, str) else task.service.get("name", run.dag_id)
    try:
        run_without_finish(context, service, run.dag_id, run.run_id, task.config)
    except Exception:  # the site's own notifier: what it raises changes nothing
        task.log.exception("No report was sent")
