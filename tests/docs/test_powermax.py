"""The page and the example about a PowerMax: what they show is read, and made into DAGs."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
import yaml

from clones.actions import ACTIONS_WITH_SNAPSHOTS
from clones.services_yaml.file import read
from hooks.configuration import load
from tests.conftest import POWERMAX, POWERMAX_LAB, ROOT
from tests.dags.conftest import dags

PAGE = (ROOT / "docs" / "how-to" / "first-site-powermax.md").read_text()
SERVICES = ("pm", "reports")


def dag(name: str) -> Any:
    return dags().build(name, load(POWERMAX).services[name])


def test_the_example_says_what_the_lab_has() -> None:
    """Its groups and pairs, by position; and the connections."""
    lab = yaml.safe_load(POWERMAX_LAB.read_text())
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
    found = yaml.safe_load(f"pm:\n{shown}")["pm"]
    example = yaml.safe_load(POWERMAX.read_text())["services"]["pm"]
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
