#!/usr/bin/env bash
# A clear can be told from a retry by max_tries, but not if the task was running when it was cleared.
#
# Software: apache-airflow 3.3.2, Python 3.11.
#
# Expected: each clear raises `max_tries`, so that a task with retries=2 that finds max_tries=3 knows that somebody
# cleared it, and one that finds 2 knows that Airflow tries it again by itself.
# Seen: with retries=2, cleared in the first try and without resetting the run:
#     task was failed:     state none,        max_tries 3
#     task was running:    state restarting,  max_tries 2, and the run's clear number stays 0
# The next try of the second one looks like any retry.
#
# Why it matters: a person's clear is a new order, perhaps hours later; a retry goes on with the old one. What was
# decided before (which pairs, which plan, who approved) may be used again by a retry and has to be looked at anew after
# a clear. A refresh needs a record of its own to tell them apart.
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

for name in ("was_failed", "was_running"):
    with DAG(name, schedule=None):
        EmptyOperator(task_id="sync", retries=2)
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


def facts(dag):
    with create_session() as session:
        (task,) = tasks(session, dag)
        state = str(task.state) if task.state else None
        return state, task.max_tries, run_of(session, dag).clear_number


for dag, state, after in (("was_failed", "failed", (None, 3, 0)), ("was_running", "running", ("restarting", 2, 0))):
    start(dag, sync=state)
    expect(f"{dag}, before: state, max_tries, clear number", facts(dag), (state, 2, 0))
    api("POST", f"/dags/{dag}/clearTaskInstances", dry_run=False, dag_run_id="run", task_ids=["sync"],
        only_failed=False, reset_dag_runs=False)
    expect(f"{dag}, cleared: state, max_tries, clear number", facts(dag), after)
PY
"$work/venv/bin/python" "$work/play.py"
