"""The settings of a private Airflow."""

from __future__ import annotations

import json
from pathlib import Path

from private_airflow.environment import Secrets, connection_variables, free_port, settings
from private_airflow.instance import LocalAirflow


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    made = Secrets.of(tmp_path)
    assert Secrets.of(tmp_path) == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(made.jwt_secret) >= 64


def test_connections_are_json_in_the_environment() -> None:
    fields = {"conn_type": "ssh", "host": "h", "port": 22, "extra": {"host_key": "ssh-ed25519 A"}}
    variables = connection_variables({"symcli_demo": fields})
    assert list(variables) == ["AIRFLOW_CONN_SYMCLI_DEMO"]
    assert json.loads(variables["AIRFLOW_CONN_SYMCLI_DEMO"]) == fields


def test_everything_stays_on_loopback_and_in_its_home(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        dags=tmp_path / "dags",
        plugins=None,
        port=1234,
        database_url="sqlite:////x.db",
        keys=Secrets.of(tmp_path),
        users={"admin": "admin", "eve": "viewer"},
        parallelism=2,
    )
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:1234/execution/"
    assert found["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,eve:viewer"
    assert found["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert found["AIRFLOW__LOGGING__BASE_LOG_FOLDER"].startswith(str(tmp_path))


def test_the_callers_variables_win_and_instances_are_apart(tmp_path: Path) -> None:
    one = LocalAirflow(tmp_path / "1", dags=tmp_path, env={"AIRFLOW__CORE__PARALLELISM": "9"})
    two = LocalAirflow(tmp_path / "2", dags=tmp_path, database_url="postgresql+psycopg2://u:p@h/d")
    assert one.env["AIRFLOW__CORE__PARALLELISM"] == "9"
    assert one.port != two.port
    assert one.password != two.password
    assert two.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://u:p@h/d"
    three = LocalAirflow(tmp_path / "3", dags=tmp_path, sqlite=tmp_path / "elsewhere.db")
    bases = [airflow.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] for airflow in (one, three)]
    assert bases == [f"sqlite:///{tmp_path}/1/airflow.db", f"sqlite:///{tmp_path}/elsewhere.db"]


def test_free_ports_differ() -> None:
    assert all(1024 < free_port() < 65536 for _ in range(3))


def test_with_a_broker_there_are_workers_and_as_many_of_each_as_asked_for(tmp_path: Path) -> None:
    airflow = LocalAirflow(
        tmp_path,
        dags=tmp_path,
        database_url="postgresql+psycopg2://u@h/d",
        broker_url="redis://h/0",
        counts={"scheduler": 2, "worker": 2},
    )
    assert {*airflow.components} == {
        *("api-server", "dag-processor", "triggerer"),
        *("scheduler", "scheduler-2", "worker", "worker-2"),
    }
    assert airflow.env["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert airflow.env["AIRFLOW__CELERY__RESULT_BACKEND"] == "redis://h/1"
    pids = [words[words.index("--pid") + 1] for name, words in airflow.components.items() if "worker" in name]
    assert len({*pids}) == 2, "each worker keeps a file of its own, or the second does not start"
