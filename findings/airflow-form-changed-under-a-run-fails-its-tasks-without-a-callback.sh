#!/usr/bin/env bash
# A param that loses its default while a run goes on fails the run's later tasks, and no callback of theirs is called.
#
# Software: apache-airflow 3.3.2, Python 3.11.
#
# Expected: the form of a run is checked when the run is made, and belongs to it from then on. A task that cannot begin
# fails like any other: its `on_failure_callback` is called.
# Seen: a run was triggered without a value for a param that had a default. While its first task ran, the DAG got a new
# version in which the param has none. Of the second task, which asks for no param,
#     the process ends with ParamValidationError before the task begins
#     the state is failed
#     on_failure_callback of the task was called 0 times
# Each task's process checks the values of the run against the DAG as it is read then. What is raised there is raised
# outside the part of the task runner that runs a task and its callbacks.
#
# Why it matters: refreshes of copies run for hours, and a DAG made from a configuration file changes with it: a schedule
# that is taken away turns an optional reason into a required one. The task that was to start the service again fails
# with it, and whoever relies on the callback of the last task hears nothing.
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
export AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL=1 AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL=1
export AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL=1 AIRFLOW__CORE__PARALLELISM=2
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False
mkdir -p "$AIRFLOW_HOME/dags"
version() {
    cat >"$AIRFLOW_HOME/dags/refresh.new" <<PY
import os, time
from pathlib import Path

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param

work = Path(os.environ["WORK"])


def copy():
    (work / "copies").touch()
    while not (work / "copied").exists():
        time.sleep(0.2)


def called(context):
    (work / "called").open("a").write(context["ti"].task_id + "\n")


with DAG("refresh", schedule=None, params={"reason": Param($1type="string")}):
    PythonOperator(task_id="copy", python_callable=copy) >> PythonOperator(
        task_id="start", python_callable=lambda: (work / "started").touch(), on_failure_callback=called
    )
PY
    mv "$AIRFLOW_HOME/dags/refresh.new" "$AIRFLOW_HOME/dags/refresh.py"
}
version '"", '
"$work/venv/bin/airflow" db migrate >/dev/null 2>&1
for part in "api-server --host 127.0.0.1 --port $port --workers 1" scheduler dag-processor; do
    "$work/venv/bin/airflow" $part >"$work/${part%% *}.log" 2>&1 &
    parts+=($!)
done

cat >"$work/play.py" <<'PY'
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
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


def required():
    """Whether the DAG that Airflow has now wants a value; None while it has none."""
    with create_session() as session:
        dag = SerializedDagModel.get_dag("refresh", session=session)
        return None if dag is None else "" if dag.params.get_param("reason").value == "" else "required"


def state(task_id):
    with create_session() as session:
        task = session.query(TaskInstance).filter(TaskInstance.task_id == task_id).one_or_none()
        return str(task.state) if task else None


until(lambda: required() == "")
with create_session() as session:
    SerializedDagModel.get_dag("refresh", session=session).create_dagrun(
        run_id="run", run_after=datetime.now(UTC), run_type=DagRunType.MANUAL, state="queued",
        triggered_by=DagRunTriggeredByType.TEST, session=session)
until((work / "copies").exists)
(work / "now").touch()
until(lambda: required() == "required")
(work / "copied").touch()
ended = until(lambda: state("start") if state("start") in ("success", "failed") else None)
time.sleep(5)  # for a callback that comes later
log = "".join(path.read_text() for path in (work / "airflow/logs").rglob("task_id=start/*.log"))
found = {
    "copy": state("copy"),
    "start": ended,
    "ParamValidationError in its log": "ParamValidationError" in log,
    "calls of its callback": len((work / "called").read_text().split()) if (work / "called").exists() else 0,
}
print(*(f"{name}: {value}" for name, value in found.items()), sep="\n")
if list(found.values()) != ["success", "failed", True, 0]:
    raise SystemExit("changed")
PY
"$work/venv/bin/python" "$work/play.py" &
play=$!
until [[ -e $work/now ]] || ! kill -0 "$play" 2>/dev/null; do sleep 0.5; done
version ''
wait "$play"
