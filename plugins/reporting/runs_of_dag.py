"""What the sweep may ask Airflow of the runs of one DAG."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from airflow.sdk import DagRunState

from clones.runs.result import FINISH

FAILED = "failed"
ENDED = ["success", FAILED]
GOING = ["queued", "running"]
AT_ONCE = 100
"""Runs that one request names: their ids stand in its address, which a proxy takes up to 8 kB of."""


class RunsOfDag:
    """The runs of one DAG. Each count is asked for once, and only when it is needed.

    :raises AirflowRuntimeError: at any question: Airflow could not be asked.
    """

    def __init__(self, ti: Any, dag_id: str) -> None:
        self.ti = ti
        self.dag_id = dag_id

    @cached_property
    def going(self) -> int:
        """How many go on or wait to. Of a DAG whose runs have all come to their last task none does."""
        return 0 if self._all == self.finished else self.count(GOING)

    @property
    def ended(self) -> int:
        """How many have ended."""
        return self._all - self.going

    @cached_property
    def finished(self) -> int:
        """How many last tasks have ended."""
        return self._last_tasks(ENDED) if self._all else 0

    @cached_property
    def failed(self) -> int:
        """How many last tasks have failed."""
        return self._last_tasks([FAILED])

    @cached_property
    def _all(self) -> int:
        return int(self.ti.get_dr_count(dag_id=self.dag_id))

    def _last_tasks(self, states: list[str]) -> int:
        return int(self.ti.get_ti_count(dag_id=self.dag_id, task_ids=[FINISH], states=states))

    def count(self, states: list[str]) -> int:
        """How many stand so."""
        return int(self.ti.get_dr_count(dag_id=self.dag_id, states=states))

    def tasks(self, task_ids: list[str]) -> dict[str, dict[str, str]]:
        """By run the states of these tasks, of all runs."""
        return _plain(self.ti.get_task_states(dag_id=self.dag_id, task_ids=task_ids))

    def last_tasks(self, run_ids: Sequence[str]) -> dict[str, str]:
        """By run the state of its last task, of those of these runs that there are."""
        found: dict[str, dict[str, str]] = {}
        for start in range(0, len(run_ids), AT_ONCE):
            some = [*run_ids[start : start + AT_ONCE]]
            found |= _plain(self.ti.get_task_states(dag_id=self.dag_id, task_ids=[FINISH], run_ids=some))
        return {run_id: states.get(FINISH, "None") for run_id, states in found.items()}

    def state(self, run_id: str) -> str:
        """How one run stands. It comes as a member of an enumeration whose text has its class in it."""
        return DagRunState(self.ti.get_dagrun_state(self.dag_id, run_id)).value

    def left(self, run_id: str, task_id: str) -> Any:
        """The XCom `result` of a task."""
        return self.ti.xcom_pull(task_ids=task_id, dag_id=self.dag_id, run_id=run_id, key="result")

    def end_of(self, run_id: str) -> str:
        """What one end of a run has and no other one of it: how its tasks ended, and how long each took.

        Of a run that was cleared and has ended again every count may be as before.
        """
        tasks = [
            [str(one["task_id"]), one["map_index"], str(one["state"]), one["duration"]]
            for one in self.ti.get_task_breadcrumbs(self.dag_id, run_id)
        ]
        return hashlib.sha256(json.dumps(sorted(tasks, key=str)).encode()).hexdigest()[:16]

    @property
    def paused(self) -> bool:
        return bool(self.ti.get_dag(self.dag_id).is_paused)


def _plain(states: Any) -> dict[str, dict[str, str]]:
    return {run_id: {task: str(one) for task, one in tasks.items()} for run_id, tasks in states.items()}
