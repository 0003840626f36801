"""A stranger breaks it: other devices in the groups, snapshots under our names, rewinds in every order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fuzz.runs import Run
from lab import Lab
from tests.support.powermax import PM, POWERMAX, SERVICES, Runs
from tests.support.without_ssh import connect_directly


def _start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Path) -> Iterator[Runs]:
    with Lab(config, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        yield Runs(lab, monkeypatch)


@pytest.fixture
def pm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    yield from _start(tmp_path, monkeypatch, POWERMAX)


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Somebody else's targets are linked to the same sources, by another group."""
    world = yaml.safe_load(POWERMAX.read_text())
    (array,) = world["arrays"]
    array["devices"] += [{"device": "00B30", "megabytes": 20480}, {"device": "00B31", "megabytes": 20480}]
    array["storage_groups"] += [{"name": "other_sg", "devices": ["00B30", "00B31"]}]
    array["snapshots"] += [{"group": "prod_data_sg", "name": "of_others", "age_hours": 3}]
    array["links"] += [{"group": "prod_data_sg", "snapshot": "of_others", "target": "other_sg"}]
    file = tmp_path / "world.yaml"
    file.write_text(yaml.safe_dump(world))
    yield from _start(tmp_path, monkeypatch, file)


def links(pm: Runs) -> dict[str, str]:
    return {link["target"]: one["name"] for one in pm.lab.snapshots(PM) for link in one["links"]}


def names(pm: Runs) -> list[str]:
    return [one["name"] for one in pm.lab.snapshots(PM)]


def test_another_target_of_the_same_source_in_the_group(beside: Runs) -> None:
    """As many devices as there are pairs, and an array that would relink it while it is in use."""
    beside.lab.set_group(PM, "test_data_sg", ["00B10", "00B31"])
    run = beside.run()
    assert run.states["plan"] == "failed"
    assert "test_data_sg also holds 00B31" in run.errors["plan"]
    assert "test_data_sg does not hold 00B11" in run.errors["plan"]
    assert beside.changes == [] and links(beside)["00B31"] == "of_others"


def test_the_group_is_changed_while_the_run_goes_on(beside: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def later(run: Run, task: Any) -> bool:
        if task.task_id == "break.data.activate":
            beside.lab.set_group(PM, "test_data_sg", ["00B10", "00B31"])
        return go_on(run, task)

    go_on = beside.airflow._task
    monkeypatch.setattr(beside.airflow, "_task", later)
    run = beside.run()
    assert "test_data_sg also holds 00B31" in run.errors["break.data.activate"]
    assert not [one for one in beside.changes if one.startswith("PUT")]
    assert links(beside)["00B31"] == "of_others"
