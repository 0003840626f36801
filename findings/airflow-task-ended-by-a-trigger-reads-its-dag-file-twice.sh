#!/usr/bin/env bash
# A task that ends in the triggerer has the DAG processor read the whole DAG file twice, though it calls nothing back.
#
# Software: apache-airflow 3.3.2, Python 3.11.
#
# Expected: a trigger that yields `TaskSuccessEvent` saves the worker that would resume the task, and costs nothing
# else. The task has no callback, so there is nothing to run, and its file, which did not change, is not read.
# Seen: with min_file_process_interval=3600,
#     the trigger yields an event that resumes the task:  the file is read 0 times more
#     the trigger yields TaskSuccessEvent:                the file is read 2 times more
# Airflow asks the DAG processor to call the task back on success without looking whether it can be called. To do so
# the DAG processor reads the file; of that it keeps no time of its last reading, so that it reads it once more.
#
# Why it matters: a wait for a copy of a disk is what triggers are for, and one generated file holds the DAGs of a whole
# fleet of services. Each wait that ends without a worker costs two readings of all of them, where a worker would have
# cost one short process.
set -euo pipefail

work=$(mktemp -d)
trap '[[ -z ${processor:-} ]] || { kill "$processor"; wait "$processor" || true; } 2>/dev/null; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2 \
    apache-airflow-providers-standard==1.21.0 sqlalchemy==2.1.9 fastapi==0.136.3 starlette==1.10.0 \
    pydantic==2.14.4 httpx==0.28.1

export AIRFLOW_HOME="$work/airflow" AIRFLOW__CORE__LOAD_EXAMPLES=False PYTHONWARNINGS=ignore
export AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL=3600
export READ="$work/read"
mkdir -p "$AIRFLOW_HOME/dags"
cat >"$AIRFLOW_HOME/dags/fleet.py" <<'PY'
import os

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with open(os.environ["READ"], "a") as read:
    read.write("read\n")
for name in ("resumed", "ended"):
    with DAG(name, schedule=None):
        EmptyOperator(task_id="wait")
PY
"$work/venv/bin/airflow" db migrate >/dev/null 2>&1
"$work/venv/bin/airflow" dag-processor >"$work/log" 2>&1 &
processor=$!

# The script plays scheduler and triggerer up to the event of the trigger; what is made of it is Airflow's own code.
cat >"$work/play.py" <<'PY'
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.trigger import Trigger
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType


def readings(until=60.0, at_least=1, quiet=8.0):
    """How often the file was read, once nothing was added for `quiet` seconds."""
    count, since, began = 0, time.monotonic(), time.monotonic()
    while time.monotonic() - since < quiet or (count < at_least and time.monotonic() - began < until):
        file = Path(os.environ["READ"])
        now = len(file.read_text().split()) if file.exists() else 0
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.2)
    return count


def wait_in_triggerer(dag_id):
    """A run whose task waits there; the trigger's number."""
    with create_session() as session:
        dag = SerializedDagModel.get_dag(dag_id, session=session)
        now = datetime.now(UTC)
        run = dag.create_dagrun(run_id="run", run_after=now, run_type=DagRunType.MANUAL, state="running",
                                triggered_by=DagRunTriggeredByType.TEST, session=session)
        trigger = Trigger(classpath="airflow.providers.standard.triggers.temporal.DateTimeTrigger", kwargs={})
        session.add(trigger)
        session.flush()
        (task,) = run.get_task_instances(session=session)
        task.state, task.trigger_id, task.next_method, task.start_date = "deferred", trigger.id, "execute_complete", now
        return trigger.id


before = readings(until=120)
while True:
    with create_session() as session:
        if SerializedDagModel.get_dag("ended", session=session) and SerializedDagModel.get_dag("resumed", session=session):
            break
    time.sleep(0.5)
print(f"read {before} time(s) at the start")
for dag_id, event, want in (("resumed", TriggerEvent("copied"), 0), ("ended", TaskSuccessEvent(), 2)):
    trigger = wait_in_triggerer(dag_id)
    with create_session() as session:
        Trigger.submit_event(trigger, event, session=session)
    after = readings(at_least=before + want)
    with create_session() as session:
        (task,) = session.query(DagRun).filter(DagRun.dag_id == dag_id).one().get_task_instances(session=session)
        print(f"{type(event).__name__}: the task is {task.state}, the file was read {after - before} time(s) more")
    if after - before != want:
        raise SystemExit(f"changed: it was {want}")
    before = after
PY
"$work/venv/bin/python" "$work/play.py"
