#!/usr/bin/env bash
# A teardown that may fail the run makes the failure of the work count for nothing.
#
# Software: apache-airflow 3.3.2, apache-airflow-task-sdk 1.3.2, Python 3.11.
#
# Expected: `as_teardown(on_failure_fail_dagrun=True)` adds one more reason for a run to fail, that of the teardown.
# Seen: it takes the other reason away. With stop (setup) >> sync >> start (teardown), a sync that fails gives
#     as_teardown():                                  run failed
#     as_teardown(on_failure_fail_dagrun=True):       run success
# A run's state comes from its last tasks. A teardown is left out of them and the work before it moves up, unless the
# flag is set: then the teardown is the only last task, it ran well, and the run is green.
#
# Why it matters: stop the service, copy, start the service is the very shape of setup and teardown. Who sets the flag
# so that a service that does not come up again is noticed gets a green run on a night when nothing was copied. A second
# last task beside the teardown (sync >> an empty task) makes both failures count: the third run below.
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

for name, flag, second_end in (("plain", False, False), ("flag", True, False), ("flag_and_end", True, True)):
    with DAG(name, schedule=None):
        stop = EmptyOperator(task_id="stop").as_setup()
        sync = EmptyOperator(task_id="sync")
        start = EmptyOperator(task_id="start").as_teardown(setups=stop, on_failure_fail_dagrun=flag)
        stop >> sync >> start
        if second_end:
            sync >> EmptyOperator(task_id="synced")
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


ended = dict(stop="success", sync="failed", start="success", synced="upstream_failed")
for dag, want in (("plain", "failed"), ("flag", "success"), ("flag_and_end", "failed")):
    start(dag, **ended)
    expect(f"sync failed, start ran, {dag}", judged(dag), want)
PY
"$work/venv/bin/python" "$work/play.py"
