"""A run that somebody has ended from outside, and of which a task was cleared afterwards."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.errors import Refused, Unknown
from clones.run_result import OUTSIDE
from operators.alerts import run_without_finish

ENDS_RUN = "ends_run"
"""An operator with this attribute true is the last of its run, and runs whatever happened before it."""


def refuse_without_last_task(context: Context, task: BaseOperator) -> None:
    """Nothing is done in a run whose last task would not follow.

    Whoever marks a run as failed or success makes Airflow skip every task that has not begun. Clear, Only
    failed tasks, clears none of these: the run would end green with its service down, no record and no alert.
    A last task is skipped by nothing else, but for a plan that ends its run. As only the last task decides
    the run's state, Airflow shows it green even so (tried, 3.3.2): people are told here.

    :raises Refused: the last task after this one stands as skipped.
    :raises Unknown: that could not be asked.
    """
    # A task of a test, or of a DAG that does not end with one, has none.
    later = task.get_flat_relatives(upstream=False) if task.has_dag() else ()
    last = sorted(one.task_id for one in later if getattr(one, ENDS_RUN, False))
    if not last:
        return
    ti = context["ti"]
    try:
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=last, run_ids=[ti.run_id]).get(ti.run_id, {})
    except AirflowRuntimeError as error:
        raise Unknown(
            f"Whether the last task of this run would follow could not be asked: {error}. Nothing was done.",
            "it is tried again; see that the API server runs",
        ) from None
    skipped = [name for name in last if str(states.get(name)) == "skipped"]
    if skipped:
        _tell(context, task)
        raise Refused(
            f"This run was ended from outside: its last task, {skipped[0]}, stands as skipped and would not "
            f"follow {task.task_id}. Nothing was done.",
            f"{OUTSIDE}; such a run says nothing of its end otherwise",
        )


def _tell(context: Context, task: Any) -> None:
    run = context["dag_run"]
    service = task.service if isinstance(task.service, str) else task.service.get("name", run.dag_id)
    try:
        run_without_finish(context, service, run.dag_id, run.run_id, task.config)
    except Exception:  # the site's own notifier: what it raises changes nothing
        task.log.exception("Nobody could be told")
