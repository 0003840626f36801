"""LocalAirflow as a whole: it runs a DAG, its components can be killed, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from private_airflow.instance import LocalAirflow, StartError
from private_airflow.rest import AirflowRest, RestError
from private_airflow.supervisor import descendants
from tests.conftest import MIGRATED

ROOT = Path(__file__).parents[2]

DAG = """
from airflow.sdk import DAG, BaseHook, Param, task

with DAG("stub", schedule=None, params={"reason": Param("", type="string", maxLength=20)}):
    @task
    def hello(**context):
        print("the reason is", context["params"]["reason"])
        return BaseHook.get_connection("stub_host").host

    hello()
"""


def eventually(look: object, timeout: float = 20.0) -> object:
    """The first true answer of `look()`; RestError counts as not yet."""
    end = time.monotonic() + timeout
    while True:
        try:
            if found := look():  # type: ignore[operator]
                return found
        except RestError:
            pass
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.1)


def alive(pids: list[int]) -> list[int]:
    """Those that are neither gone nor a zombie."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            found.append(pid)
    return found


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[LocalAirflow]:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "stub.py").write_text(DAG)
    made = LocalAirflow(
        tmp_path / "home",
        dags=dags,
        template=MIGRATED,
        connections={"stub_host": {"conn_type": "ssh", "host": "stub.example"}},
    )
    yield made
    made.stop()


@pytest.mark.airflow
def test_runs_a_dag_and_leaves_nothing(airflow: LocalAirflow) -> None:
    airflow.start()
    supervisor = airflow.supervisor_pid
    assert supervisor is not None
    with airflow.client() as client:
        run(client)
        killed_component_comes_back(airflow)
    below = descendants(supervisor)
    assert len(below) >= 4
    began = time.monotonic()
    airflow.stop()
    assert time.monotonic() - began < 15
    assert alive([supervisor, *below]) == []
    airflow.stop()


def run(client: AirflowRest) -> None:
    eventually(lambda: client.dag("stub"))
    client.unpause("stub")
    with pytest.raises(RestError, match="HTTP 400"):
        client.trigger("stub", {"reason": "much longer than it may be"})
    run_id = client.trigger("stub", {"reason": "a test"})
    eventually(lambda: client.dag_run("stub", run_id)["state"] in ("success", "failed"), 60)
    (task,) = client.task_instances("stub", run_id)
    log = client.task_log("stub", run_id, "hello")
    assert task["state"] == "success", log
    assert "the reason is a test" in log
    assert client.xcom("stub", run_id, "hello") == "stub.example"
    assert [cleared["task_id"] for cleared in client.clear("stub", run_id=run_id)] == ["hello"]
    with pytest.raises(RestError, match="HTTP 404"):
        client.dag_run("stub", "no such run")


def killed_component_comes_back(airflow: LocalAirflow) -> None:
    airflow.kill("triggerer")
    eventually(lambda: airflow.exit_codes()["triggerer"] == -signal.SIGKILL)
    with pytest.raises(StartError, match=r"triggerer.*ended with exit code -9"):
        airflow.wait_healthy()
    airflow.start_component("triggerer")
    airflow.wait_healthy()


@pytest.mark.airflow
def test_a_failed_start_leaves_nothing_and_says_why(airflow: LocalAirflow) -> None:
    airflow.env["AIRFLOW__CORE__EXECUTOR"] = "no.such.Executor"
    with pytest.raises(StartError, match=r"(?s)(ended with exit code|not healthy).*no\.such|ended with exit"):
        airflow.start()
    assert airflow.supervisor_pid is None


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the caller, which ignores SIGINT: its processes still end."""
    program = textwrap.dedent(
        """
        import os, signal, sys, time
        from pathlib import Path
        from private_airflow.processes import Processes
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        made = Processes()
        shell = "trap '' TERM; (setsid sleep 301 &) ; sleep 300"
        pid = made.start("sleeper", ["sh", "-c", shell], env=dict(os.environ), log=Path(sys.argv[1]) / "log")
        time.sleep(0.3)
        print(made.supervisor_pid, flush=True)
        time.sleep(300)
        """
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert caller.stdout
    supervisor = int(caller.stdout.readline())
    below = descendants(supervisor)
    assert len(below) >= 3
    caller.kill()
    caller.wait()
    caller.stdout.close()
    eventually(lambda: not alive([supervisor, *below]))
