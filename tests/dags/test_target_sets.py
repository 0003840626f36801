"""The DAGs of a service with target sets: their shape and their forms."""

from __future__ import annotations

from typing import Any

import pytest

from clones.actions import ACTIONS_ON_SETS
from hooks.configuration import load
from tests.conftest import TWO_SETS
from tests.dags.conftest import dags


def built(file: str = "clone_services", name: str = "lnxts") -> Any:
    module = dags(file)
    module.CONFIG = str(TWO_SETS)
    return module.build(name, load(TWO_SETS).services[name])


def test_the_other_set_is_ready_before_anything_is_stopped() -> None:
    dag = built()
    upstream = {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks}
    assert upstream.pop("finish") == [
        "break.archivelogs.wait_copied",
        "break.data.wait_copied",
        "prepare.service",
        "resync.archivelogs.recreate",
        "start.after_start.undrain",
        "start.on_former_set",
        "start.probes.answers",
        "start.service",
        "stop.service",
    ]
    assert upstream == {
        "plan": [],
        "resync.data.recreate": ["plan"],
        "resync.archivelogs.recreate": ["resync.data.recreate"],
        "break.data.activate": ["resync.archivelogs.recreate"],
        "break.data.wait_copied": ["break.data.activate"],
        "break.archivelogs.activate": ["break.data.activate"],
        "break.archivelogs.wait_copied": ["break.archivelogs.activate"],
        "prepare.service": ["break.archivelogs.wait_copied", "break.data.wait_copied"],
        "stop.before_stop.drain": ["prepare.service"],
        "stop.service": ["stop.before_stop.drain"],
        "start.service": ["stop.service"],
        "start.after_start.undrain": ["start.service"],
        "start.probes.answers": ["start.after_start.undrain"],
        "start.on_former_set": ["start.probes.answers"],
    }
    assert dag.get_task("start.on_former_set").trigger_rule == "one_failed"
    assert [task.task_id for task in dag.leaves] == ["finish"]


@pytest.mark.parametrize("name", ["lnxts", "hpxts", "sunts"])
@pytest.mark.parametrize("action", ACTIONS_ON_SETS)
def test_the_end_waits_for_every_task_of_the_action(name: str, action: str) -> None:
    dag = built(name=name)
    phases = dag.get_task("plan").phases
    assert {task for tasks in phases.values() for task in tasks} == {*dag.task_ids} - {"plan", "finish"}
    runs = {task for phase in ACTIONS_ON_SETS[action] for task in phases[phase]} | {"finish"}
    waited_for, new = set(), {"finish"}
    while new:
        waited_for |= new
        new = {up for task in new for up in dag.get_task(task).upstream_task_ids} & runs - waited_for
    assert waited_for == runs


class Left:
    """A running task whose run's plan has chosen its sets."""

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return {"from_set": "a", "to_set": "b"} if (task_ids, key) == ("plan", "plan") else None


def on(task: Any, ti: Any) -> str:
    """The target set that a task is told."""
    return str(task.render_template(task.target_set, {"ti": ti, "params": {"set": ""}}))


def test_each_task_is_told_its_set_by_the_plan() -> None:
    told = {task.task_id: on(task, Left()) for task in built().tasks}
    assert told.pop("plan") == "", "what it sees decides"
    assert {task for task, name in told.items() if name == "a"} == {
        "stop.before_stop.drain",
        "stop.service",
        "start.on_former_set",
    }
    assert {*told.values()} == {"a", "b"}


def test_the_form_asks_for_a_set_only_where_there_are_some() -> None:
    params = built().params
    assert params.get_param("set").schema["enum"] == ["", "a", "b"] and params["set"] == ""
    action = params.get_param("action")
    assert action.schema["enum"] == [*ACTIONS_ON_SETS]
    assert "no longer seen" in action.schema["values_display"]["rewind"]
    assert "set" not in dags().aastmphpux.params


@pytest.mark.parametrize("file", ["clone_provision", "clone_retire", "clone_merge_back"])
def test_work_on_one_set_alone_must_name_it(file: str) -> None:
    dag = built(file)
    assert dag.params.get_param("set").schema["enum"] == ["a", "b"]
    with pytest.raises(ValueError, match="set"):
        dag.params.validate()
    tasks = [task for task in dag.tasks if task.task_id != "approve"]
    assert {task.target_set for task in tasks} == {"{{ params.set }}"}
    assert "set" not in dags(file).build("lnxpp", load(TWO_SETS).services["lnxts"].on("a")).params
