"""The record that a run leaves (:mod:`clones.runs.record`), put together from what its tasks left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import attrs
from airflow.sdk import BaseOperator, BaseOperatorLink, Context
from airflow.sdk.types import TaskInstanceKey

from clones.actions import dags_of
from clones.clean import one_line, without_marks
from clones.config.scope import Scope
from clones.runs import record as run_record
from clones.runs.record import JSON, MARKDOWN, TaskRecord
from clones.runs.result import PLAN, RunResult
from clones.states import SyncSeen
from reporting.board_link import base_path, board_page
from reporting.links import Links

KEEPS_RECORD = "keeps_record"
"""An operator with this attribute true leaves an XCom `record` also when it succeeds."""


def leave_record(
    task: BaseOperator,
    context: Context,
    scope: Scope,
    own: TaskRecord | None,
    others: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    result: RunResult,
    plan: Mapping[str, Any] | None = None,
    after: Sequence[SyncSeen] = (),
    in_use: str | None = None,
    other_sets: Mapping[str, Sequence[SyncSeen]] = MappingProxyType({}),
) -> None:
    """Put the run's record into this task's XComs and its log.

    :param others: of :func:`left_by`.
    :param in_use: which target set the service used at the end, None when nobody has looked.
    :param other_sets: of a service with target sets the syncs of the other ones at the end, by set.
    """
    ti, run = context["ti"], context["dag_run"]
    # A run that failed in its plan has left none: its form says what was asked for.
    form = {**(context.get("params") or {}), **(run.conf or {})}
    asked = str(form.get("action") or dags_of(scope.name).get(run.dag_id, ""))
    mine = {task.task_id: own.placed()} if own else {}
    tasks = {
        name: tries
        for other in task.dag.topological_sort()
        for name in [other.task_id]
        if (tries := mine.get(name) or others.get(name))
    }
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
        target_set=scope.target_set,
        others=other_sets,
        in_use=in_use,
    )
    text = run_record.markdown(record)
    ti.xcom_push(key=JSON, value=record)
    ti.xcom_push(key=MARKDOWN, value=text)
    task.log.info("::group::The record of this run")
    task.log.info("%s", without_marks(text))
    task.log.info("::endgroup::")


def left_by(
    task: BaseOperator,
    context: Context,
    states: Mapping[str, str] | None = None,
    plan: Mapping[str, Any] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """What the other tasks of the run did, by task id, from the XCom `record` of each that has left one.

    :param states: by task; when all have succeeded or were left out, only those are asked that keep a record
        then. None: all are asked.
    :param plan: the run's, which holds what its task did.
    """
    all_well = states is not None and {*states.values()} <= {"success", "skipped"}
    found = {PLAN: plan["record"]} if plan and "record" in plan else {}
    for other in task.dag.tasks:
        name = other.task_id
        silent = all_well and not (states.get(name) == "success" and getattr(other, KEEPS_RECORD, False))
        if name != task.task_id and name not in found and not silent:
            found[name] = context["ti"].xcom_pull(task_ids=name, key="record")
    return {name: tries for name, tries in found.items() if tries}


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
