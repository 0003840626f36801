"""The DAGs that retire: their shape."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dags.conftest import dags as load_dags


def dags(monkeypatch: pytest.MonkeyPatch, only: str = "") -> dict[str, Any]:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", only)
    module = load_dags("clone_retire")
    return {name: value for name, value in vars(module).items() if name.endswith("_retire")}


def test_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    dag = dags(monkeypatch)["aastmphpux_retire"]
    assert {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks} == {
        "plan": [],
        "approve": ["plan"],
        "terminate.data": ["approve"],
        "terminate.archivelogs": ["terminate.data"],
        "remove.data": ["terminate.archivelogs"],
        "remove.archivelogs": ["remove.data"],
        "finish": ["remove.archivelogs"],
    }
    assert dag.schedule is None and dag.max_active_runs == 1
    assert {task.task_id: task.retries for task in dag.tasks if task.retries} == {"plan": 2}
    acts = [task for task in dag.tasks if task.task_id.startswith(("terminate", "remove"))]
    assert all(task.hold_lock and task.approval_task_id == "approve" for task in acts)


def test_pairs_by_number_have_no_group_to_remove(monkeypatch: pytest.MonkeyPatch) -> None:
    dag = dags(monkeypatch)["lnxpp_retire"]
    assert not [task for task in dag.tasks if task.task_id.startswith("remove")]


@pytest.mark.parametrize(("only", "count"), [("aastmphpux_retire", 1), ("aastmphpux", 0)])
def test_only_the_running_dag_is_built(monkeypatch: pytest.MonkeyPatch, only: str, count: int) -> None:
    assert len(dags(monkeypatch, only)) == count
