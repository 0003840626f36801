"""The DAGs that provision: their shape, and one whole run by `dag.test()`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clones.runs.result import judge
from tests.conftest import ONE_ARRAY, SERVICES, SYMID, connect, sent, take_down
from tests.dags.conftest import dags as load_dags
from tests.dags.conftest import run


def dags() -> Any:
    return load_dags("clone_provision")


def test_one_dag_a_service() -> None:
    module = dags()
    for name in ("aastmphpux", "lnxpp", "reporting_copies"):
        dag = getattr(module, f"{name}_provision")
        assert (dag.dag_id, dag.max_active_runs, dag.catchup) == (f"{name}_provision", 1, False)
        assert dag.schedule is None and set(dag.params) == {"reason", "plan_only"}
        assert [task.task_id for task in dag.leaves] == ["finish"]
        assert [task.task_id for task in dag.roots] == ["plan"]
        assert {task.retries for task in dag.tasks} == {4}


def test_the_chain() -> None:
    dag = dags().aastmphpux_provision
    upstream = {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks}
    assert upstream == {
        "plan": [],
        "group.data": ["plan"],
        "group.archivelogs": ["group.data"],
        "create.data": ["group.archivelogs"],
        "create.archivelogs": ["create.data"],
        "wait_prepared.data": ["create.archivelogs"],
        "wait_prepared.archivelogs": ["create.archivelogs"],
        "finish": ["wait_prepared.archivelogs", "wait_prepared.data"],
    }
    assert all(
        task.hold_lock for task in dag.tasks if task.task_id.split(".")[0] in ("plan", "group", "create")
    )


def test_pairs_by_number_need_no_group() -> None:
    dag = dags().lnxpp_provision
    assert not [task for task in dag.tasks if task.task_id.startswith("group")]
    assert sorted(dag.get_task("create.data").upstream_task_ids) == ["plan"]


def test_its_end_names_the_task_that_failed_first() -> None:
    tasks = [task.task_id for task in dags().aastmphpux_provision.tasks if task.task_id != "finish"]
    for at, task in enumerate(tasks):
        # The waits run side by side and fail each for itself; everything else fails what comes after it.
        after = "failed" if task.startswith("wait_prepared") else "upstream_failed"
        states = (
            dict.fromkeys(tasks[:at], "success") | {task: "failed"} | dict.fromkeys(tasks[at + 1 :], after)
        )
        assert judge(states).at.split(".")[0] == task.split(".")[0]
        assert judge(states).result == ("unchanged" if task == "plan" else "stopped")


def test_only_the_running_dag_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "lnxpp_provision")
    module = dags()
    assert hasattr(module, "lnxpp_provision") and not hasattr(module, "aastmphpux_provision")


def test_a_whole_run(
    database: None, arrays: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab import Lab

    for array in arrays["arrays"]:
        array["device_groups"] = [group for group in array["device_groups"] if group["name"] != "DGCVI"]
        array["sessions"] = [s for s in array["sessions"] if s["source"] not in ("1234", "1235")]
    with Lab(arrays, directory=tmp_path / "lab", speed=50, services=SERVICES) as lab:
        connect(monkeypatch, lab.connections)
        take_down(lab)
        result = run(dags().aastmphpux_provision)
        states = {ti.task_id: str(ti.state) for ti in result.get_task_instances()}
        assert str(result.state) == "success" and set(states.values()) == {"success"}, states
        for source, target in (("1234", "4321"), ("1235", "4322")):
            assert lab.session(SYMID, source, target)["state"] in ("Created", "PreCopy")
        assert len([e for e in sent(lab, "symclone") if " create " in e["command"]]) == 2
        assert len([e for e in sent(lab, "symdg") if " -c " in e["command"]]) == 3
        assert not [path for path in lab.host("symcli_demo").directories if "/locks/" in path]


@ONE_ARRAY
def test_plan_only_skips_the_rest(
    database: None, arrays: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab import Lab

    with Lab(arrays, directory=tmp_path / "lab", speed=50, services=SERVICES) as lab:
        connect(monkeypatch, lab.connections)
        result = run(dags().lnxpp_provision, plan_only=True)
        states = {ti.task_id: str(ti.state) for ti in result.get_task_instances()}
        assert str(result.state) == "success"
        assert states.pop("plan") == "success" and set(states.values()) == {"skipped"}
