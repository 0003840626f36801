"""The DAG of the sweep: its shape and schedule."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DeltaTriggerTimetable

from clones.errors import ConfigError
from operators import base
from tests.conftest import SERVICES
from tests.dags.conftest import dags


def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, minutes: str | None) -> Any:
    path = tmp_path / "services.yaml"
    line = f"status: {{every_minutes: {minutes}}}\n" if minutes else ""
    path.write_text(line + SERVICES.read_text())
    monkeypatch.setattr(base, "CONFIG", str(path))
    return dags("clone_status").dag


@pytest.mark.parametrize(("written", "minutes"), [(None, 5), ("30", 30), ("none", None)])
def test_its_shape(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str | None, minutes: int | None
) -> None:
    dag = built(monkeypatch, tmp_path, written)
    assert (dag.dag_id, dag.catchup, dag.max_active_runs) == ("clone_status", False, 1)
    assert [(task.task_id, task.retries) for task in dag.tasks] == [("sweep", 0)]
    if minutes is None:
        assert dag.schedule is None
    else:
        assert dag.schedule == DeltaTriggerTimetable(timedelta(minutes=minutes))


@pytest.mark.parametrize("written", ["0", "1441", "often"])
def test_a_schedule_that_means_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match=r"services\.yaml:1: status\.every_minutes"):
        built(monkeypatch, tmp_path, written)
