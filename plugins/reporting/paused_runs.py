"""Telling people of runs whose DAG was paused under them.

Airflow starts no further task of a paused DAG, also of a run that has begun (tried, 3.3.2; it examines only
runs of DAGs that are not paused): the run stands still, its service may be down, and no callback is called.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow.sdk import Context

from clones.runs.result import FINISH
from reporting.alerts import run_is_paused
from reporting.runs_of_dag import ENDED, RunsOfDag

RUNNING = "running"

log = logging.getLogger(__name__)


def tell(runs: RunsOfDag, told: Sequence[str], context: Context, service: str, config: str) -> list[str]:
    """Tell of each run that goes on while its DAG is paused; of each pause once.

    :param told: the runs that this has told of.
    :returns: the same now; none once the DAG is unpaused.
    """
    if not runs.going or not runs.paused or not runs.count([RUNNING]):
        return []
    over = (*ENDED, "skipped")
    going = [run_id for run_id, tasks in runs.tasks([FINISH]).items() if tasks.get(FINISH) not in over]
    return [
        run_id
        for run_id in going
        if runs.state(run_id) == RUNNING
        and (run_id in told or _told(context, service, config, runs.dag_id, run_id))
    ]


def _told(context: Context, service: str, config: str, dag_id: str, run_id: str) -> bool:
    try:
        run_is_paused(context, service, dag_id, run_id, config)
    except Exception:  # the site's own notifier: what it raises must not end the sweep of all services
        log.exception("No report was sent of run %s of %s", run_id, dag_id)
        return False
    return True
