#!/usr/bin/env bash
# Two ways to clear the same failed task: one brings its setup and teardown along, the other runs it without them.
#
# Software: apache-airflow 3.3.2, Python 3.11.
#
# Expected: work inside a setup and a teardown never runs again without them, whichever way it is cleared.
# Seen: of a run in which stop (setup) and start (teardown) went well and sync between them failed,
#     clear the task sync:                  start, stop, sync
#     clear the run, only failed tasks:     sync
#
# Why it matters: after the teardown the service is up again. The second way copies onto the disks of a service that
# runs, and Airflow's REST API offers both side by side. A task that overwrites disks has to look for itself whether
# the service is down; that its setup stands before it in the graph is no promise.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 apache-airflow-core==3.3.2 apache-airflow-task-sdk==1.3.2 \
    apache-airflow-providers-standard==1.21.0 sqlalchemy==2.1.9 fastapi==0.136.3 starlette==1.10.0 \
    pydantic==2.14.4 httpx==0.28.1

export AIRFLOW_HOME="$work/airflow" AIRFLOW__CORE__LOAD_EXAMPLES=False PYTHONWARNINGS=ignore
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR
mkdir -p "$AIRFLOW_HOME/dags"
cat >"$AIRFLOW_HOME/dags/refresh.py" <<'PY'
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("refresh", schedule=None):
    stop = EmptyOperator(task_id="stop").as_setup()
    stop >> EmptyOperator(task_id="sync") >> EmptyOperator(task_id="start").as_teardown(setups=stop)
PY
"$work/venv/bin/airflow" db migrate >/dev/null 2>&1
"$work/venv/bin/airflow" dags reserialize >/dev/null 2>&1

# Airflow's own REST API, called in this process; no scheduler runs. The script plays the worker: it writes the
# states that tasks end in. What Airflow makes of them is Airflow's own code.
cat >"$work/play.py" <<'PY'
from airflow.api_fastapi.app import create_app
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from fastapi.testclient import TestClient
from sqlalchemy import select

client = TestClient(create_app(), base_url="http://localhost").__enter__()
token = client.get("/auth/token").json()["access_token"]


def api(method, path, **body):
    answer = client.request(method, "/api/v2" + path, headers={"Authorization": f"Bearer {token}"}, json=body)
    answer.raise_for_status()
    return answer.json()


def tasks(session, dag):
    return session.scalars(select(TaskInstance).where(TaskInstance.dag_id == dag).order_by(TaskInstance.task_id))


def run_of(session, dag):
    return session.scalar(select(DagRun).where(DagRun.dag_id == dag))


def set_tasks(dag, **states):
    with create_session() as session:
        for task in tasks(session, dag):
            if task.task_id in states:
                task.state = states[task.task_id]
                task.try_number = max(task.try_number, 1)


def start(dag, **states):
    api("PATCH", f"/dags/{dag}", is_paused=False)
    api("POST", f"/dags/{dag}/dagRuns", dag_run_id="run", logical_date=None)
    with create_session() as session:
        run_of(session, dag).state = "running"
    set_tasks(dag, **states)


def judged(dag):
    """The run's state as the scheduler works it out from its tasks' states."""
    with create_session() as session:
        run = run_of(session, dag)
        run.dag = SerializedDagModel.get_dag(dag, session=session)
        run.update_state(session=session)
        return str(run.state)


def states(dag):
    with create_session() as session:
        return {task.task_id: str(task.state) if task.state else None for task in tasks(session, dag)}


def expect(what, seen, want):
    print(f"{what}: {seen}")
    if seen != want:
        raise SystemExit(f"changed: {what} was {want}")


def cleared(path, **body):
    answer = api("POST", path, dry_run=True, **body)
    return sorted(task["task_id"] for task in answer["task_instances"])


start("refresh", stop="success", sync="failed", start="success")
expect("the run is", judged("refresh"), "failed")
by_task = cleared("/dags/refresh/clearTaskInstances", dag_run_id="run", task_ids=["sync"], only_failed=False)
expect("clear the task", by_task, ["start", "stop", "sync"])
expect("clear the run's failed tasks", cleared("/dags/refresh/dagRuns/run/clear", only_failed=True), ["sync"])
PY
"$work/venv/bin/python" "$work/play.py"
