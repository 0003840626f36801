"""A service with `pairs` gets its second target set, as docs/how-to/two-sets.md tells it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.configuration import load
from hooks.whole_site import preflight
from tests.conftest import TWO_SETS, TWO_SETS_LAB, connect
from tests.dags.conftest import dags, run
from tests.support.tables import load_yaml

SERVICE, HOST = "lnxts", "lnxts01"
NEW = {"0E01", "0E02", "0E03"}
"""The targets of set b: they have no session yet."""


def before(lab: dict[str, Any]) -> dict[str, Any]:
    """The lab as it is then: the host has its one copy under the names of the source."""
    for array in lab["arrays"]:
        array["sessions"] = [one for one in array["sessions"] if one["target"] not in NEW]
    (host,) = [one for one in lab["hosts"] if one["name"] == HOST]
    for group in host["volume_groups"]:
        if group["name"].endswith("_a"):
            group["name"] = group.pop("copy_of")
            for volume in group["logical_volumes"]:
                volume["after"] = [path.replace("_a/", "/") for path in volume.get("after", [])]
    for mount in host["mounts"]:
        mount["device"] = mount["device"].replace("_a/", "/")
    return lab


def one_service() -> str:
    """services.yaml of it, in which set a has the names under which it runs: those of the source."""
    services = {SERVICE: load_yaml(TWO_SETS.read_text())["services"][SERVICE]}
    text = yaml.safe_dump({"services": services}, sort_keys=False)
    return text.replace("vg_lts_a", "vg_lts").replace("vg_ltsarch_a", "vg_ltsarch")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: None) -> Iterator[Any]:
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.utils.session import create_session

    from lab import Lab

    with create_session() as session:
        session.query(AssetStateStoreModel).delete()
    arrays, services = tmp_path / "lab.yaml", tmp_path / "services.yaml"
    arrays.write_text(yaml.safe_dump(before(load_yaml(TWO_SETS_LAB.read_text()))))
    services.write_text(one_service())
    with Lab(arrays, directory=tmp_path / "lab", speed=50, services=services) as running:
        connect(monkeypatch, running.connections)
        yield running


def played(path: Path, file: str, ending: str = "", **conf: Any) -> None:
    module = dags(file)
    module.CONFIG = str(path)
    service = load(path).services[SERVICE].model_copy(update={"retries": 0})
    result = run(module.build(SERVICE, service), **conf)
    states = {ti.task_id: str(ti.state) for ti in result.get_task_instances()}
    assert str(result.state) == "success", states


def mounted(lab: Any) -> dict[str, str]:
    """What is mounted where."""
    return {directory: device for directory, device in lab.host(HOST).mounts().items()}


def test_a_second_set(lab: Any, tmp_path: Path) -> None:
    """All but that set a gets other names then: the lab activates a group by one name only."""
    path = tmp_path / "services.yaml"
    at_first = mounted(lab)
    assert at_first == {"/lts/data": "/dev/vg_lts/lv_data", "/lts/arch": "/dev/vg_ltsarch/lv_arch"}

    found = [
        one for one in preflight(str(path), None) if one.level != "ok" and "is not there yet" not in one.what
    ]
    assert {one.where.partition(", 0")[0] for one in found} == {
        f"service {SERVICE}, set b, sync data",
        f"service {SERVICE}, set b, sync archivelogs",
    }
    assert {one.what for one in found} == {"the array has no session for it"}

    played(path, "clone_provision", set="b")
    assert mounted(lab)["/lts/data"] == "/dev/vg_lts/lv_data", "the service runs on"
    played(path, "clone_services", action="refresh")
    assert mounted(lab) == {"/lts/data": "/dev/vg_lts_b/lv_data", "/lts/arch": "/dev/vg_ltsarch_b/lv_arch"}

    played(path, "clone_services", action="refresh")
    assert mounted(lab) == at_first
