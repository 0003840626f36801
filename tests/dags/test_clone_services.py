"""The service DAGs: their shape, what they cost, and one whole refresh by `dag.test()`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import Asset

from clones.actions import ACTIONS, BREAK, RESYNC
from clones.config import Service
from clones.runs.result import BACK
from hooks import configuration
from lab import Lab
from reporting.completed import copy_assets
from tests.conftest import ONE_ARRAY, POWERMAX, SERVICES, SYMID, TWO_SETS, connect, control, sent
from tests.dags.conftest import dags, run
from tests.support.tables import load_yaml


def test_one_dag_a_service() -> None:
    module = dags()
    for name in ("aastmphpux", "lnxpp", "reporting_copies"):
        dag = getattr(module, name)
        assert (dag.dag_id, dag.max_active_runs, dag.catchup) == (name, 1, False)
        assert [task.task_id for task in dag.leaves] == ["finish"] and [
            task.task_id for task in dag.roots
        ] == ["plan"]


def test_the_chain() -> None:
    dag = dags().aastmphpux
    upstream = {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks}
    assert upstream["stop.service"] == ["plan"]
    assert upstream["resync.data.recreate"] == ["stop.service"]
    assert upstream["resync.archivelogs.recreate"] == ["resync.data.recreate"]
    assert upstream["break.data.activate"] == ["resync.archivelogs.recreate"]
    assert upstream["break.archivelogs.activate"] == ["break.data.activate"]
    assert upstream["start.service"] == ["break.archivelogs.wait_copied", "break.data.wait_copied"]
    assert upstream["start.on_old_copies"] == ["break.archivelogs.wait_copied", "break.data.wait_copied"]


@pytest.mark.parametrize("file", [SERVICES, TWO_SETS, POWERMAX], ids=["one set", "two sets", "snapshots"])
def test_what_goes_by_the_newest_activation_may_ask_for_it(file: Path) -> None:
    """Airflow hands a task the stores of its own inlets and outlets only."""
    from hooks.configuration import load

    module = dags()
    for name, service in load(file).services.items():
        whole = {"plan", "finish", "start.service", "start.disks", "prepare.service", BACK}
        own = {f"{phase}.{sync.name}": sync for phase in (RESYNC, BREAK) for sync in service.syncs}
        for task in module.build(name, service).tasks:
            given = {one.name for one in (*task.inlets, *task.outlets) if isinstance(one, Asset)}
            copies = {one.name for one in copy_assets(name, service)}
            if task.task_id in whole:
                assert given >= copies, task.task_id
            group, _, step = task.task_id.rpartition(".")
            if step in ("recreate", "activate"):
                assert f"{name}/{own[group].name}" in given, task.task_id


@pytest.mark.parametrize("file", [SERVICES, TWO_SETS, POWERMAX], ids=["one set", "two sets", "snapshots"])
def test_each_task_knows_its_phase(file: Path) -> None:
    """By it a task that is cleared stays out of a run whose action leaves it out."""
    from hooks.configuration import load

    module = dags()
    for name, service in load(file).services.items():
        for task in module.build(name, service).tasks:
            if task.task_id not in ("plan", "finish") and not task.task_id.endswith(".setup"):
                assert task.phase == task.task_id.split(".")[0], task.task_id


def test_a_service_whose_copies_are_on_two_arrays_is_started(
    database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two arrays' clocks show no order: only what the run has kept tells it, in Airflow's own store."""
    file = load_yaml(SERVICES.read_text())
    file["services"]["lnxpp"]["syncs"] += file["services"].pop("reporting_copies")["syncs"]
    path = tmp_path / "services.yaml"
    path.write_text(yaml.safe_dump(file))
    monkeypatch.setattr(configuration, "CONFIG", str(path))
    with Lab(directory=tmp_path / "lab", speed=15, services=path) as lab:
        connect(monkeypatch, lab.connections)
        for _ in range(2):
            ended = run(dags().lnxpp, action="refresh")
            assert str(ended.state) == "success"
            assert lab.host("lnxpp01").mounts()


@pytest.mark.parametrize("name", ["aastmphpux", "lnxpp", "reporting_copies"])
@pytest.mark.parametrize("action", ACTIONS)
def test_the_end_waits_for_every_task_of_the_action(name: str, action: str) -> None:
    """A skipped task counts as done, so each task that runs needs a way to the end over tasks that run."""
    dag = getattr(dags(), name)
    phases = (*ACTIONS[action], "finish")
    runs = {task.task_id for task in dag.tasks if task.task_id.split(".")[0] in phases}
    waited_for, new = set(), {"finish"}
    while new:
        waited_for |= new
        new = {up for task in new for up in dag.get_task(task).upstream_task_ids} & runs - waited_for
    assert waited_for == runs


def test_without_overlap_each_sync_waits_for_the_copy_before() -> None:
    module = dags()
    from hooks.configuration import load

    service = load(SERVICES).services["aastmphpux"].model_copy(update={"overlap": False})
    task = module.build("serial", service).get_task("break.archivelogs.activate")
    assert sorted(task.upstream_task_ids) == ["break.data.wait_copied"]


def test_a_service_of_syncs_only_has_no_stop_and_start() -> None:
    ids = {task.task_id for task in dags().reporting_copies.tasks}
    assert ids == {
        "plan",
        "resync.warehouse.recreate",
        "break.warehouse.activate",
        "break.warehouse.wait_copied",
        "finish",
    }


def test_the_form() -> None:
    params = dags().aastmphpux.params
    action = params.get_param("action")
    assert action.value == "refresh"
    assert action.schema["enum"] == ["refresh", "update", "resync", "break", "start", "stop"]
    assert all(len(action.schema["values_display"][name].split()) > 4 for name in action.schema["enum"])
    with pytest.raises(ValueError, match="refersh"):
        params.get_param("action").resolve("refersh")


def test_the_values_of_a_form_fit_and_no_task_has_a_copy_of_it() -> None:
    """Airflow would copy it for each task and each class that the task derives from."""
    for name in ("aastmphpux", "lnxpp", "reporting_copies"):
        dag = getattr(dags(), name)
        assert set(dag.params) == {"action", "reason", "plan_only"}
        assert not [task.task_id for task in dag.tasks if task.params]
        if dag.schedule is not None:
            dag.params.validate()


@pytest.mark.parametrize("file", [SERVICES, TWO_SETS, POWERMAX], ids=["one set", "two sets", "snapshots"])
def test_a_scheduled_run_goes_on_when_its_schedule_is_taken_away(file: Path) -> None:
    """Airflow holds a run's form against today's DAG before each task; one that does not fit says no word."""
    from airflow.sdk.definitions.param import process_params

    from hooks.configuration import load

    module = dags()
    for name, service in load(file).services.items():
        for schedule in (None, "@daily"):
            dag = module.build(name, service.model_copy(update={"schedule": schedule}))
            form = process_params(dag, dag.get_task("finish"), {}, suppress_exception=False)
            assert form["action"] == "refresh" and not form["reason"]


def test_only_the_running_dag_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "lnxpp")
    module = dags()
    assert hasattr(module, "lnxpp") and not hasattr(module, "aastmphpux")


def events(run_id: str) -> list[str]:
    """The assets of which a run has left an event."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(AssetEvent).filter(AssetEvent.source_run_id == run_id).all()
        return [str(event.asset.name) for event in found]


def test_a_whole_refresh(
    database: None, arrays: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab import Lab

    with Lab(arrays, directory=tmp_path / "lab", speed=50, services=SERVICES) as lab:
        connect(monkeypatch, lab.connections)
        result = run(dags().aastmphpux, action="refresh")
        states = {ti.task_id: str(ti.state) for ti in result.get_task_instances()}
        assert str(result.state) == "success", states
        assert states.pop("start.on_old_copies") == "skipped"
        assert set(states.values()) == {"success"}
        assert lab.host("aastmphpux").mounts()
        assert sorted(events(result.run_id)) == ["aastmphpux/archivelogs", "aastmphpux/data"]
        again = run(dags().aastmphpux, action="start")
        assert str(again.state) == "success" and not events(again.run_id), "it made no copy"
        assert [short for entry in lab.commands() if (short := control(entry["command"]))] == [
            "recreate DGCVI",
            "recreate DGCVIARCH",
            "activate DGCVI",
            "activate DGCVIARCH",
        ]


@ONE_ARRAY
def test_stop_skips_what_it_leaves_out(
    database: None, arrays: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab import Lab

    with Lab(arrays, directory=tmp_path / "lab", speed=50, services=SERVICES) as lab:
        connect(monkeypatch, lab.connections)
        result = run(dags().aastmphpux, action="stop")
        states = {ti.task_id: str(ti.state) for ti in result.get_task_instances()}
        assert str(result.state) == "success"
        assert {task for task, state in states.items() if state == "success"} == {
            "plan",
            "stop.service",
            "finish",
        }
        assert {
            state for task, state in states.items() if task not in ("plan", "stop.service", "finish")
        } == {"skipped"}
        assert not sent(lab, "recreate") and not sent(lab, "activate")
        assert not lab.host("aastmphpux").mounts()
        assert not events(result.run_id)


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("wait_for", ["copied", "active"])
def test_recreates_in_a_row_and_activations_in_order(count: int, overlap: bool, wait_for: str) -> None:
    pairs = [(f"{0x1000 + n:04X}", f"{0x2000 + n:04X}") for n in range(count)]
    plain = {
        "control_host": "control",
        "sync_max_delay": 60,
        "resources": [],
        "unattended": True,
        "overlap": overlap,
        "syncs": [
            {"name": f"s{n}", "symid": SYMID, "pairs": [":".join(pair)], "wait_for": wait_for}
            for n, pair in enumerate(pairs)
        ],
    }
    dag = dags().build("many", Service.model_validate(plain))
    upstream = {task.task_id: task.upstream_task_ids for task in dag.tasks}
    for n in range(1, count):
        assert upstream[f"resync.s{n}.recreate"] == {f"resync.s{n - 1}.recreate"}, "none waits for a copy"
        before = f"break.s{n - 1}.{'activate' if overlap else 'wait_copied'}"
        assert before in upstream[f"break.s{n}.activate"]


def test_each_task_is_in_the_pool_of_what_it_commands() -> None:
    """A wait is in none, and neither is what gives the lock back."""
    dag = dags().aastmphpux
    pools = {task.task_id: task.pool for task in dag.tasks}
    array, host, none = "symclone_array_000190101234", "symclone_host_aastmphpux", "default_pool"
    assert pools == {
        "plan": none,
        "stop.service": host,
        "resync.data.recreate": array,
        "resync.archivelogs.recreate": array,
        "break.data.activate": array,
        "break.data.wait_copied": none,
        "break.archivelogs.activate": array,
        "break.archivelogs.wait_copied": none,
        "start.service": host,
        "start.on_old_copies": none,
        "finish": none,
    }
    assert set(dag.get_task("plan").needs_pools) >= set(pools.values()) - {none}


def test_the_first_task_of_every_dag_asks_whether_its_pools_exist() -> None:
    for file in ("clone_services", "clone_provision", "clone_retire", "clone_merge_back"):
        module = dags(file)
        found = [dag for dag in vars(module).values() if isinstance(dag, module.DAG)]
        assert found or file == "clone_merge_back"
        for dag in found:
            used = {task.pool for task in dag.tasks} - {"default_pool"}
            assert used and used <= set(dag.get_task("plan").needs_pools), dag.dag_id


def test_the_sweep_knows_which_task_is_in_which_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clones.runs.pool_waits import places
    from hooks import configuration
    from hooks.configuration import load
    from tests.support.hooked import hooked_services
    from tests.support.production import services

    sets = tmp_path / "sets.yaml"
    sets.write_text("limits: {per_array: 4, per_host: 2}\n" + TWO_SETS.read_text())
    for path in (hooked_services(tmp_path / "hooked.yaml"), services(tmp_path / "production.yaml"), sets):
        monkeypatch.setattr(configuration, "CONFIG", str(path))
        config = load(path)
        known = {
            (one.pool, one.dag_id, task)
            for one in places(config.limits, config.services)
            for task in one.tasks
        }
        built = {
            (task.pool, dag.dag_id, task.task_id)
            for file in ("clone_services", "clone_provision", "clone_retire", "clone_merge_back")
            for module in [dags(file)]
            for dag in vars(module).values()
            if isinstance(dag, module.DAG)
            for task in dag.tasks
            if task.pool != "default_pool"
        }
        assert known == built and len(known) > 20


def test_what_runs_after_a_failure_needs_no_pool_that_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure may be that one is missing: the run ends, and says so."""
    from hooks import configuration
    from tests.support.hooked import hooked_services

    monkeypatch.setattr(configuration, "CONFIG", str(hooked_services(tmp_path / "services.yaml")))
    after = set()
    for file in ("clone_services", "clone_provision", "clone_retire", "clone_merge_back"):
        module = dags(file)
        for dag in [dag for dag in vars(module).values() if isinstance(dag, module.DAG)]:
            for task in dag.tasks:
                if task.is_teardown or task.trigger_rule not in ("all_success", "none_failed"):
                    assert task.pool == "default_pool", f"{dag.dag_id} {task.task_id}"
                    after.add(task.task_id.split(".")[0] + "." + task.task_id.split(".")[-1])
    assert {"finish.finish", "start.on_old_copies", "break.end_backup"} <= after


@ONE_ARRAY
def test_a_run_whose_pools_are_missing_stops_before_anything(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from clones.errors import Refused

    monkeypatch.setenv("AIRFLOW_VAR_SYMCLONE_POOLS", "symclone_host_aastmphpux")
    plan = dags().aastmphpux.get_task("plan")
    plan.action, plan.reason, plan.plan_only = "refresh", "test", "False"
    with pytest.raises(Refused, match="pool symclone_array_000190101234"):
        plan.execute(context)
    assert not lab.commands(), "not even a look was sent"
