#!/usr/bin/env bash
# A task that was skipped by raising DownstreamTasksSkipped runs when it is cleared; one that ShortCircuitOperator skipped does not.
#
# Software: apache-airflow 3.3.2, apache-airflow-providers-standard 1.21.0, Python 3.11.
#
# Expected: a first task that decides which later ones its run leaves out decides it for the whole run, whether it does so
# by an operator that branches or by the exception of the task SDK that such an operator raises.
# Seen: `plan` raises DownstreamTasksSkipped(tasks=["copy"]), `short` is a ShortCircuitOperator before `other`. Both later
# tasks are skipped, and the run is green. Then both are cleared:
#     copy    success, it has done its work
#     other   skipped again
# The scheduler skips a cleared task again by what ShortCircuitOperator leaves in an XCom for it. The exception alone
# leaves nothing.
#
# Why it matters: a run that only starts a service leaves out the step which makes new copies. After a failure somebody
# clears "the first task that is not green, and what follows it", which is that step, and the copies are overwritten.
set -euo pipefail

work=$(mktemp -d)
parts=()
trap 'kill "${parts[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2 \
    apache-airflow-providers-standard==1.21.0 sqlalchemy==2.1.9 fastapi==0.136.3 starlette==1.10.0 \
    pydantic==2.14.4 httpx==0.28.1

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AIRFLOW_HOME="$work/airflow" AIRFLOW__CORE__LOAD_EXAMPLES=False PYTHONWARNINGS=ignore WORK="$work"
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$port/execution/" AIRFLOW__API_AUTH__JWT_SECRET=for-this-run-only-0123456789abcdef
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False AIRFLOW__CORE__PARALLELISM=2 AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT=60
mkdir -p "$AIRFLOW_HOME/dags"
cat >"$AIRFLOW_HOME/dags/refresh.py" <<'PY'
import os
from pathlib import Path

from airflow.providers.standard.operators.python import PythonOperator, ShortCircuitOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import DownstreamTasksSkipped


def decide():
    raise DownstreamTasksSkipped(tasks=["copy"])


def work(name):
    (Path(os.environ["WORK"]) / name).touch()


with DAG("refresh", schedule=None):
    PythonOperator(task_id="plan", python_callable=decide) >> PythonOperator(
        task_id="copy", python_callable=work, op_args=["copied"]
    )
    ShortCircuitOperator(task_id="short", python_callable=lambda: False) >> PythonOperator(
        task_id="other", python_callable=work, op_args=["other"]
    )
PY
"$work/venv/bin/airflow" db migrate >/dev/null 2>&1
for part in "api-server --host 127.0.0.1 --port $port --workers 1" scheduler dag-processor; do
    "$work/venv/bin/airflow" $part >"$work/${part%% *}.log" 2>&1 &
    parts+=($!)
done

"$work/venv/bin/python" - <<'PY'
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType

work = Path(os.environ["WORK"])


def until(what, seconds=120):
    end = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > end:
            raise SystemExit(f"changed, or too slow: nothing after {seconds} s; see {work}")
        time.sleep(0.5)
    return found


def known():
    with create_session() as session:
        return SerializedDagModel.get_dag("refresh", session=session) is not None


def ended():
    """The state of each task, once the run has ended."""
    with create_session() as session:
        run = session.query(DagRun).one()
        if str(run.state) not in ("success", "failed"):
            return None
        return {task.task_id: str(task.state) for task in session.query(TaskInstance)}


until(known)
with create_session() as session:
    SerializedDagModel.get_dag("refresh", session=session).create_dagrun(
        run_id="run", run_after=datetime.now(UTC), run_type=DagRunType.MANUAL, state="queued",
        triggered_by=DagRunTriggeredByType.TEST, session=session)
first = until(ended)
print("first:  ", *(f"{task} {first[task]}" for task in ("plan", "copy", "short", "other")))
with create_session() as session:
    tasks = session.query(TaskInstance).filter(TaskInstance.task_id.in_(["copy", "other"])).all()
    clear_task_instances(tasks, session)
second = until(ended)
done = [name for name in ("copied", "other") if (work / name).exists()]
print("cleared:", *(f"{task} {second[task]}" for task in ("plan", "copy", "short", "other")), "; done:", *done)
if (first["copy"], first["other"], second["copy"], second["other"], done) != (
    "skipped", "skipped", "success", "skipped", ["copied"]
):
    raise SystemExit("changed")
PY
