"""A private Airflow home for the whole session, and the lab with its connections for each test.

The environment is set before anything imports Airflow.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

_HOME = Path(tempfile.mkdtemp(prefix="symclone-tests-"))
(_HOME / "none").mkdir()
os.environ |= {
    "AIRFLOW_HOME": str(_HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(_HOME / "none"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(_HOME / "none"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW_VAR_SYMCLONE_AIRFLOW_INSTANCE": "tests",
}
ROOT = Path(__file__).parents[1]
SERVICES = ROOT / "config" / "services.yaml"
SYMID = "000190101234"
"""The array of service aastmphpux."""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The demo's arrays and hosts on a clock that the test turns, and Airflow connections to them.

    Whatever the test did, nothing may have happened that must never happen.
    """
    from lab import Lab
    from lab.check import findings

    with Lab(directory=tmp_path / "lab", clock="manual") as running:
        connect(monkeypatch, running.connections)
        yield running
        assert findings(running.journal, SERVICES) == []


def connect(monkeypatch: pytest.MonkeyPatch, connections: dict[str, Any]) -> None:
    """Define Airflow connections in the environment."""
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))


class TaskInstance:
    """As much of a running task as the operators ask for."""

    def __init__(self, run_states: dict[str, str] | None = None) -> None:
        self.dag_id, self.run_id, self.task_id = "aastmphpux", "manual__1", "task"
        self.xcom: dict[str, Any] = {}
        self.run_states = run_states or {}

    def xcom_push(self, key: str, value: Any) -> None:
        json.dumps(value)  # what a task keeps must be plain JSON
        self.xcom[key] = value

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.xcom.get(key)

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        return self.run_states[run_id]


@pytest.fixture
def context() -> dict[str, Any]:
    """What Airflow hands to a task of run `manual__1`."""
    run = SimpleNamespace(dag_id="aastmphpux", run_id="manual__1", run_type="manual")
    return {"ti": TaskInstance(), "dag_run": run, "params": {}}


class Log:
    """What tasks have logged so far. Airflow's task loggers write to stdout, past the standard library's."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self._text = ""

    @property
    def text(self) -> str:
        self._text += self._capture.readouterr().out
        return self._text


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


def sent(lab: Any, word: str) -> list[dict[str, Any]]:
    """The journal's commands on the control host that have this word, in order."""
    return [entry for entry in lab.commands() if word in re.split(r"[ /]", entry["command"])]


def take_down(lab: Any) -> None:
    """Stop service aastmphpux by its own operator."""
    from operators.service import ServiceStopOperator

    ServiceStopOperator(task_id="stop", service="aastmphpux").execute({})  # type: ignore[arg-type]
