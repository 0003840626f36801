"""Telling people of runs that have ended without their last task, or without its word: nobody else would.

Marking a run as failed or success skips its last task, and no callback of Airflow's sees all ways to such an
end (tried, 3.3.2: marked over REST; green after Clear, Only failed tasks; what Airflow calls a deadlock of
its tasks, when `plan` fails while the approval waits). Nor does one see a last task whose process ended
before its work: killed for its memory, or when the DAG or its form is not what the run began with. So the
sweep looks for them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.actions import dags_of
from clones.runs.result import FINISH, PLAN, WITHOUT_FINISH, of_ended
from reporting.alerts import run_without_finish

FAILED = "failed"
ENDED = ["success", FAILED]
REMEMBERED = 1000
"""Runs of one DAG that their plan has ended, which are known and not asked for again."""

log = logging.getLogger(__name__)


def tell(context: Context, service: str, config: str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Tell of each run of a service's DAGs that has ended without its last task; of each once.

    It costs two counts a DAG, and a third one when more has ended; all its runs are asked for only when the
    runs that have ended and the last tasks that have do not differ by those that are known, or when more last
    tasks have failed. What is there at the first look is not told.

    :param before: what this returned the last time, None: it is the first look.
    :returns: plain JSON, to be given again: by DAG ``seen``, how many runs and how many last tasks have
        ended; ``told``, the runs that were told; ``fine``, those that their plan has ended; ``failed``, how
        many last tasks have failed, and ``heard``, of which runs.
    """
    kept = dict(before or {})
    for dag_id in dags_of(service):
        try:
            kept[dag_id] = _of_dag(context, service, config, dag_id, kept.get(dag_id), first=before is None)
        except AirflowRuntimeError as error:
            log.warning("How the runs of %s ended could not be asked: %s", dag_id, error)
    return kept


def _of_dag(
    context: Context, service: str, config: str, dag_id: str, kept: Mapping[str, Any] | None, *, first: bool
) -> dict[str, Any]:
    ti: Any = context["ti"]
    known: Mapping[str, Any] = kept or {"seen": [0, 0], "told": [], "fine": [], "failed": 0, "heard": []}
    ended = ti.get_dr_count(dag_id=dag_id, states=ENDED)
    seen = [ended, ti.get_ti_count(dag_id=dag_id, task_ids=[FINISH], states=ENDED) if ended else 0]
    if seen == known["seen"]:
        return dict(known)
    failed = ti.get_ti_count(dag_id=dag_id, task_ids=[FINISH], states=[FAILED])
    told = list(known["told"])
    if told:
        told = _without(ti.get_task_states(dag_id=dag_id, task_ids=[FINISH], run_ids=told), told)
    over = [run_id for run_id in told if ti.get_dagrun_state(dag_id, run_id) in ENDED]
    if seen[0] - seen[1] == len(over) + len(known["fine"]) and failed == known.get("failed"):
        return {**known, "seen": seen, "told": told, "failed": failed}
    states = ti.get_task_states(dag_id=dag_id, task_ids=[PLAN, FINISH])
    heard = [run_id for run_id in states if str(states[run_id].get(FINISH)) == FAILED]
    for run_id in [] if first else [run_id for run_id in heard if run_id not in known.get("heard", heard)]:
        said = ti.xcom_pull(task_ids=FINISH, dag_id=dag_id, run_id=run_id, key="result")
        if not said and not _told(context, service, config, dag_id, run_id, silent=True):
            heard.remove(run_id)
            seen = [-1, -1]  # it is tried again at the next look
    without = _without(states, states)
    fine = [run_id for run_id in known["fine"] if run_id in without]
    for run_id in without:
        if run_id in told or run_id in fine or ti.get_dagrun_state(dag_id, run_id) not in ENDED:
            continue
        result = ti.xcom_pull(task_ids=PLAN, dag_id=dag_id, run_id=run_id, key="result")
        end = of_ended({task: str(states[run_id].get(task)) for task in (PLAN, FINISH)}, {PLAN: result or {}})
        if end["result"] != WITHOUT_FINISH:
            fine.append(run_id)
        elif first or _told(context, service, config, dag_id, run_id):
            told.append(run_id)
        else:
            seen = [-1, -1]  # it is tried again at the next look
    return {"seen": seen, "told": told, "fine": fine[-REMEMBERED:], "failed": len(heard), "heard": heard}


def _without(states: Mapping[str, Mapping[str, Any]], run_ids: Iterable[str]) -> list[str]:
    """Those runs whose last task has not come to its end."""
    return [run_id for run_id in run_ids if run_id in states and str(states[run_id].get(FINISH)) not in ENDED]


def _told(
    context: Context, service: str, config: str, dag_id: str, run_id: str, *, silent: bool = False
) -> bool:
    try:
        run_without_finish(context, service, dag_id, run_id, config, silent=silent)
    except Exception:  # the site's own notifier: what it raises must not end the sweep of all services
        log.exception("No report was sent of run %s of %s", run_id, dag_id)
        return False
    return True
