"""The DAG of the sweep: its shape and schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DeltaTriggerTimetable

from clones.errors import ConfigError
from hooks import configuration
from tests.conftest import SERVICES
from tests.dags.conftest import dags, run


def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, minutes: str | None) -> Any:
    path = tmp_path / "services.yaml"
    line = f"status: {{every_minutes: {minutes}}}\n" if minutes else ""
    path.write_text(line + SERVICES.read_text())
    monkeypatch.setattr(configuration, "CONFIG", str(path))
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


@pytest.mark.parametrize("arrays", [{}], indirect=True)
def test_a_task_without_a_pool_is_seen_by_airflows_own_count(
    database: None, lab: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As the scheduler leaves it: `scheduled`, in a pool that is gone."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    from operators import status

    ended = run(dags().aastmphpux, action="stop", plan_only=True)
    with create_session() as session:
        of_it = session.query(TaskInstance).filter(
            TaskInstance.run_id == ended.run_id, TaskInstance.task_id == "start.service"
        )
        of_it.update({"state": "scheduled"}, synchronize_session=False)
    now = [datetime.now(UTC)]
    clock = type("Clock", (datetime,), {"now": classmethod(lambda cls, tz=None: now[0])})
    monkeypatch.setattr(status, "datetime", clock)
    for _ in range(2):
        assert str(run(dags("clone_status").dag).state) == "success"
        now[0] += timedelta(minutes=11)
    assert "Tasks of aastmphpux have waited for 11 min for a place in pool symclone_host_aastm" in caplog.text
    assert "is not known" not in caplog.text
