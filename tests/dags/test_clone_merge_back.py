"""The merge-back DAGs: which services have one, and their shape."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hooks import configuration
from hooks.configuration import load
from tests.conftest import SERVICES
from tests.dags.conftest import dags as load_dags
from tests.support.production import services


def dags(monkeypatch: pytest.MonkeyPatch, config: Path, only: str = "") -> dict[str, Any]:
    monkeypatch.setattr(configuration, "CONFIG", str(config))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", only)
    module = load_dags("clone_merge_back")
    return {name: value for name, value in vars(module).items() if name.endswith("_merge_back")}


def test_only_services_that_can_prove_production_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert list(dags(monkeypatch, services(tmp_path / "services.yaml"))) == [
        "aastmphpux_merge_back",
        "lnxpp_merge_back",
    ]
    assert dags(monkeypatch, SERVICES) == {}


@pytest.mark.parametrize(
    ("only", "count"), [("aastmphpux_merge_back", 1), ("aastmphpux", 0), ("lnxpp", 0), ("clone_status", 0)]
)
def test_only_the_running_dag_is_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, only: str, count: int
) -> None:
    assert len(dags(monkeypatch, services(tmp_path / "services.yaml"), only)) == count


def test_its_shape(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = services(tmp_path / "services.yaml", approval_timeout=600)
    dag = dags(monkeypatch, config)["aastmphpux_merge_back"]
    assert (dag.schedule, dag.max_active_runs, dag.catchup) == (None, 1, False)
    assert {task.task_id: task.retries for task in dag.tasks if task.retries} == {"plan": 2}
    assert dag.get_task("approve").response_timeout.total_seconds() == 600
    order = [
        "plan",
        "approve",
        *(
            f"restore.{sync}.{step}"
            for sync in ("data", "archivelogs")
            for step in ("restore", "wait_restored", "terminate")
        ),
        "confirm",
        "finish",
    ]
    assert [task.task_id for task in dag.topological_sort()] == order
    for before, after in pairwise(order):
        assert dag.get_task(after).upstream_task_ids == {before}
        assert dag.get_task(after).trigger_rule == ("all_done" if after == "finish" else "all_success")


def test_a_reason_must_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dag = dags(monkeypatch, services(tmp_path / "services.yaml"))["aastmphpux_merge_back"]
    with pytest.raises(ValueError, match="reason"):
        dag.params.validate()
    assert load(tmp_path / "services.yaml").services["aastmphpux"].approval_timeout == 86400
