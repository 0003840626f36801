"""The page and the example about a PowerMax: what they show is read, and made into DAGs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clones.actions import ACTIONS_WITH_SNAPSHOTS
from clones.services_yaml.file import read
from hooks.configuration import load
from lab import Lab
from tests.conftest import POWERMAX, POWERMAX_LAB, ROOT
from tests.dags.conftest import dags
from tests.support.powermax import PM, Runs
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

PAGE = (ROOT / "docs" / "how-to" / "first-site-powermax.md").read_text()
SERVICES = ("pm", "reports")


def dag(name: str) -> Any:
    return dags().build(name, load(POWERMAX).services[name])


def test_the_example_says_what_the_lab_has() -> None:
    """Its groups and pairs, by position; and the connections."""
    lab = load_yaml(POWERMAX_LAB.read_text())
    groups = {
        one["name"]: [int(device, 16) for device in one["devices"]]
        for one in lab["arrays"][0]["storage_groups"]
    }
    known = {one["connection_id"] for one in (*lab["hosts"], *lab["unispheres"])}
    for service in read(POWERMAX.read_text(), str(POWERMAX)).services.values():
        assert {service.control_host, service.unisphere, *(on.connection for on in service.hosts)} <= known
        for sync in service.syncs:
            pairs = zip(groups[str(sync.source_group)], groups[str(sync.target_group)], strict=True)
            assert [(pair.source_device, pair.target_device) for pair in sync.pairs] == list(pairs)


def test_what_the_page_shows_of_services_yaml_is_in_the_example() -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    found = load_yaml(f"pm:\n{shown}")["pm"]
    example = load_yaml(POWERMAX.read_text())["services"]["pm"]
    assert found.pop("syncs") == example["syncs"][:1]
    assert found.items() <= example.items()


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("action", ACTIONS_WITH_SNAPSHOTS)
def test_each_phase_waits_for_the_one_before(name: str, action: str) -> None:
    """A skipped task counts as done, so the way from one to the other goes over tasks that run."""
    tree = dag(name)
    phases = ACTIONS_WITH_SNAPSHOTS[action]
    of = {phase: {t.task_id for t in tree.tasks if t.task_id.split(".")[0] == phase} for phase in phases}
    runs = set.union(*of.values())
    for before, phase in itertools.pairwise(phases):
        for task in of[phase]:
            ahead, new = set[str](), {task}
            while new:
                new = {up for one in new for up in tree.get_task(one).upstream_task_ids} & runs - ahead
                ahead |= new
            assert of[before] <= ahead, (task, of[before] - ahead)


@pytest.fixture
def pm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """The lab of the page, on a clock that goes on where the product pauses."""
    with Lab(POWERMAX_LAB, directory=tmp_path / "lab", clock="manual", services=POWERMAX, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        yield Runs(lab, monkeypatch, POWERMAX)


def linked(pm: Runs) -> str:
    """The snapshot of the first target."""
    every = pm.lab.snapshots(PM)
    (name,) = [one["name"] for one in every if any(link["target"] == "00B10" for link in one["links"])]
    return str(name)


def test_the_page_from_the_first_link_to_the_rewind(pm: Runs) -> None:
    assert pm.run("stop", "pm").result == "done"
    for source, target in (("00A10", "00B10"), ("00A11", "00B11"), ("00A12", "00B12")):
        pm.lab.remove_link(PM, source, target)
    copies = []
    for action in ("provision", "start", "refresh", "rewind", "refresh"):
        pm.lab.advance(3600)
        run = pm.run(action, "pm")
        assert run.result == "done", (action, run.errors)
        copies.append(linked(pm))
        assert pm.lab.host("lnxpm01").describe()["apps"]["pm"] == (action != "provision")
    first, started, second, back, third = copies
    assert first == started == back and len({first, second, third}) == 3
