"""The record that a run leaves (:mod:`clones.runs.record`), put together from what its tasks left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
from airflow.sdk import BaseOperator, BaseOperatorLink, Context
from airflow.sdk.types import TaskInstanceKey

from clones.actions import dags_of
from clones.clean import one_line
from clones.config.scope import Scope
from clones.runs import record as run_record
from clones.runs.record import JSON, MARKDOWN, TaskRecord
from clones.runs.result import RunResult
from clones.states import SyncSeen
from reporting.board_link import base_path, board_page
from reporting.links import Links


def leave_record(
    task: BaseOperator,
    context: Context,
    scope: Scope,
    own: TaskRecord | None,
    *,
    result: RunResult,
    plan: Mapping[str, Any] | None = None,
    after: Sequence[SyncSeen] = (),
) -> None:
    """Put the run's record into this task's XComs and its log, from the XCom `record` of every other task."""
    ti, run = context["ti"], context["dag_run"]
    # A run that failed in its plan has left none: its form says what was asked for.
    form = {**(context.get("params") or {}), **(run.conf or {})}
    asked = str(form.get("action") or dags_of(scope.name).get(run.dag_id, ""))
    tasks = {}
    for other in task.dag.topological_sort():
        mine = other.task_id == task.task_id
        tries = own.so_far() if mine and own else ti.xcom_pull(task_ids=other.task_id, key="record")
        if tries:
            tasks[other.task_id] = tries
    record = run_record.assemble(
        run={
            "dag": run.dag_id,
            "id": run.run_id,
            "type": str(getattr(run.run_type, "value", run.run_type)),
            "asked_by": one_line(getattr(run, "triggering_user_name", None) or ""),
            "reason": one_line((plan or {}).get("reason", "") or str(form.get("reason") or "")),
            "began": min(filter(None, (one["began"] for each in tasks.values() for one in each)), default=""),
            "ended": datetime.now(UTC).isoformat(sep=" ", timespec="seconds"),
        },
        service=scope.name,
        asked=one_line(asked),
        plan=plan,
        tasks=tasks,
        after=after,
        sync_max_delay=scope.service.sync_max_delay,
        result=result,
    )
    text = run_record.markdown(record)
    ti.xcom_push(key=JSON, value=record)
    ti.xcom_push(key=MARKDOWN, value=text)
    task.log.info("::group::The record of this run")
    for line in text.splitlines():
        task.log.info("%s", line)
    task.log.info("::endgroup::")


@attrs.define()
class RunRecordLink(BaseOperatorLink):
    """Leads from the run's last task to its record."""

    name = "Run record"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The board's page of that run; without a board Airflow's with that task's XComs."""
        service = getattr(operator, "service", None)
        if isinstance(service, str):
            page = board_page("service", service, "run", ti_key.dag_id, ti_key.run_id)
            if page:
                return page
        return f"{Links(base_path()).task(ti_key.dag_id, ti_key.run_id, ti_key.task_id)}/xcom"
