"""DAG `clone_status`: how fresh each copy is, looked at every few minutes. It tells each change once."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, DeltaTriggerTimetable

from hooks.configuration import CONFIG, load
from operators.status import CloneStatusOperator
from reporting.last_seen import inlets

_read = load(CONFIG)
_minutes = _read.status.every_minutes

with DAG(
    dag_id="clone_status",
    description="Check how fresh each copy is; changes nothing",
    schedule=DeltaTriggerTimetable(timedelta(minutes=_minutes)) if _minutes else None,
    catchup=False,
    max_active_runs=1,
    tags=["symclone"],
) as dag:
    CloneStatusOperator(task_id="sweep", config=CONFIG, inlets=inlets(_read.services))
