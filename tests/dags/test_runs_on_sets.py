"""Whole runs of a service with target sets by `dag.test()`: which set it runs on, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hooks.configuration import load
from tests.conftest import TWO_SETS, TWO_SETS_LAB, connect
from tests.dags.conftest import dags, run

LINUX = "lnxts"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: None) -> Iterator[Any]:
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.utils.session import create_session

    from lab import Lab

    with create_session() as session:
        session.query(AssetStateStoreModel).delete()
    with Lab(TWO_SETS_LAB, directory=tmp_path / "lab", speed=50, services=TWO_SETS) as running:
        connect(monkeypatch, running.connections)
        yield running


def played(
    action: str, name: str = LINUX, config: Path = TWO_SETS, **conf: Any
) -> tuple[str, dict[str, str]]:
    """How a run ended, and how its tasks did."""
    module = dags()
    module.CONFIG = str(config)
    service = load(config).services[name].model_copy(update={"retries": 0})
    result = run(module.build(name, service), action=action, **conf)
    return str(result.state), {ti.task_id: str(ti.state) for ti in result.get_task_instances()}


def kept(name: str = LINUX) -> tuple[str, str, str]:
    """The sets that the last intent goes from and to, and the good one."""
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(AssetStateStoreModel).filter(AssetStateStoreModel.key == "target_sets").all()
        values = [json.loads(row.value) if isinstance(row.value, str) else row.value for row in rows]
    (value,) = values
    intent = value["intent"]
    return intent["from"], intent["to"], (value.get("good") or {}).get("set", "")


def on_set(lab: Any) -> set[str]:
    """The sets of which something is mounted."""
    return {device.split("/")[2][-1] for device in lab.host("lnxts01").mounts().values()}


def test_refresh_rewind_and_the_next_refresh(lab: Any) -> None:
    state, states = played("refresh")
    assert state == "success", states
    assert states.pop("start.on_former_set") == "skipped" and {*states.values()} == {"success"}
    assert on_set(lab) == {"b"} and kept() == ("a", "b", "b")
    state, states = played("rewind")
    assert state == "success", states
    assert {task for task, one in states.items() if one == "skipped"} == {
        "resync.data.recreate",
        "resync.archivelogs.recreate",
        "break.data.activate",
        "break.data.wait_copied",
        "break.archivelogs.activate",
        "break.archivelogs.wait_copied",
        "start.on_former_set",
    }
    assert on_set(lab) == {"a"} and kept() == ("b", "a", "a")


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        ({"match": "mount .*vg_lts_b", "kind": "exit", "exit": 1}, "start.service"),
        ({"match": "ltsctl start", "kind": "exit", "exit": 1, "count": 1}, "start.service"),
        ({"match": "drain stop", "kind": "exit", "exit": 1, "count": 1}, "start.after_start.undrain"),
        ({"match": "answers status", "kind": "exit", "exit": 1}, "start.probes.answers"),
    ],
    ids=["mount", "application", "hook", "probe"],
)
def test_a_start_that_fails_goes_back(lab: Any, fault: dict[str, Any], failed: str) -> None:
    lab.fault(host="lnxts01", **fault)
    state, states = played("refresh")
    assert state == "failed"
    assert {task for task, one in states.items() if one == "failed"} == {
        failed,
        "start.on_former_set",
        "finish",
    }
    assert on_set(lab) == {"a"} and kept() == ("a", "a", "a")
    lab.clear_faults()
    state, states = played("refresh")
    assert state == "success" and on_set(lab) == {"b"} and kept() == ("a", "b", "b")


def test_before_start_hooks_gate_the_applications_of_the_new_set(lab: Any, tmp_path: Path) -> None:
    """One that fails goes back, and is run on the former set, too, before the application there."""
    config = tmp_path / "services.yaml"
    mask = "      - {name: mask, command: [/opt/site/bin/answers, status]}\n"
    stops = "    before_stop:\n"
    config.write_text(TWO_SETS.read_text().replace(stops, f"    before_start:\n{mask}{stops}"))
    state, states = played("refresh", config=config)
    assert state == "success", states
    assert states["start.disks"] == states["start.before_start.mask"] == states["start.service"] == "success"
    assert on_set(lab) == {"b"} and kept() == ("a", "b", "b")
    lab.fault(host="lnxts01", match="answers status", kind="exit", exit=1, count=1)
    state, states = played("refresh", config=config)
    assert {task for task, one in states.items() if one == "failed"} == {
        "start.before_start.mask",
        "start.on_former_set",
        "finish",
    }
    assert states["start.service"] == "upstream_failed"
    assert on_set(lab) == {"b"} and kept() == ("b", "b", "b")
