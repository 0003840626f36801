"""What must never be linked: whatever is wrong is refused by name, and nothing is changed by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import Lab
from tests.conftest import connect
from tests.support.powermax import PM, POWERMAX, SERVICES, UNISPHERE, Runs
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

DATA = ("prod_data_sg", "test_data_sg")


@pytest.fixture
def pm(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """The lab's PowerMax on a clock that goes on where the product pauses.

    It is reached in memory, but for what is marked `over_ssh`: by HTTPS and SSH.
    """
    ports = request.node.get_closest_marker("over_ssh") is not None
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=ports) as lab:
        if ports:
            connect(monkeypatch, lab.connections)
        else:
            connect_directly(monkeypatch, lab)
        yield Runs(lab, monkeypatch)


def refused(pm: Runs, *words: str, action: str = "refresh", service: str = "pmapp") -> None:
    """An action ends before anything was changed, and says why."""
    pm.lab.advance(60)  # what Unisphere shows lags behind
    before = pm.lab.snapshots(PM), pm.lab.host("lnxpm01").mounts(), pm.lab.host("lnxpm02").mounts()
    run = pm.run(action, service)
    said = " ".join(run.errors.values())
    assert run.result in ("refused", "unchanged"), (run.result, said)
    missing = [word for word in words if word not in said]
    assert not missing, said
    assert not pm.changes
    assert "What to do: " in said
    after = pm.lab.snapshots(PM), pm.lab.host("lnxpm01").mounts(), pm.lab.host("lnxpm02").mounts()
    assert before == after


def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pm: Runs, **of_sync: Any) -> Runs:
    """The same services, with other words in the sync `data`."""
    config = load_yaml(SERVICES.read_text())
    config["services"]["pmapp"]["syncs"][0] |= of_sync
    path = tmp_path / "services.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return Runs(pm.lab, monkeypatch, path)


@pytest.mark.parametrize(
    ("of_sync", "words"),
    [
        ({"source_group": "prod_dta_sg"}, ["prod_dta_sg"]),
        ({"target_group": "test_dta_sg"}, ["test_dta_sg", "no link ever makes it"]),
        ({"pairs": ["00A10:00B11", "00A11:00B10"]}, ["00B10", "00A10"]),
        ({"pairs": ["00A10:00B10"]}, ["00B11", "which no pair names"]),
        ({"source_group": "prod_rep_sg"}, ["prod_rep_sg"]),
        ({"symid": "000297600009"}, ["000297600009"]),
    ],
    ids=[
        "source group mistyped", "target group mistyped", "pairs crossed", "a pair left out",
        "source group of another service", "another array",
    ],
)  # fmt: skip
@pytest.mark.parametrize("action", ["refresh", "provision"])
def test_what_is_configured_wrongly(
    pm: Runs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    of_sync: dict[str, Any],
    words: list[str],
    action: str,
) -> None:
    refused(services(tmp_path, monkeypatch, pm, **of_sync), *words, action=action)


def test_a_group_that_is_gone(pm: Runs) -> None:
    pm.lab.set_group(PM, "test_arch_sg", [])
    refused(pm, "test_arch_sg", "no link ever makes it")


@pytest.mark.parametrize(
    ("group", "devices"),
    [
        ("prod_data_sg", ["00A10", "00A11", "00A20"]),
        ("test_data_sg", ["00B10", "00B11", "00B20"]),
        ("prod_data_sg", ["00A10"]),
        ("test_data_sg", ["00B10"]),
    ],
)
def test_a_group_that_has_other_devices_than_the_pairs(pm: Runs, group: str, devices: list[str]) -> None:
    pm.lab.set_group(PM, group, devices)
    refused(pm, group)


def test_a_target_group_that_grew_and_shrank(pm: Runs) -> None:
    """The number is right, the device is not: a link would overwrite one that nobody named."""
    pm.lab.set_group(PM, "test_data_sg", ["00B10", "00B20"])
    refused(pm, "test_data_sg")


def test_a_link_to_a_group_of_another_service(pm: Runs) -> None:
    """Its targets are linked to somebody else's snapshot of other sources."""
    (other,) = [s for s in pm.lab.snapshots(PM) if s["name"] == "first_rep"]
    for pair in (("00A10", "00B10"), ("00A11", "00B11")):
        pm.lab.remove_link(PM, *pair)
    pm.lab.set_link(PM, "00A20", "00B10", other["snapid"], group="test_data_sg")
    refused(pm, "test_data_sg")


@pytest.mark.parametrize("state", ["CopyInProg"])
def test_a_link_that_failed_or_copies(pm: Runs, state: str) -> None:
    (first,) = [s for s in pm.lab.snapshots(PM) if s["name"] == "first_data"]
    pm.lab.set_link(PM, "00A10", "00B10", first["snapid"], state, group="test_data_sg")
    if state == "Failed":
        refused(pm, "00A10 -> 00B10", "Failed")
        return
    pm.run("stop")
    pm.lab.set_link(PM, "00A10", "00B10", first["snapid"], state, group="test_data_sg")
    assert pm.run("update").result == "done", "it is waited for"


def test_an_array_that_another_unisphere_manages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_yaml(POWERMAX.read_text())
    config["unispheres"][0] |= {"arrays": [], "remote_arrays": [PM]}
    with Lab(config, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        refused(Runs(lab, monkeypatch), "local")


@pytest.mark.over_ssh
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong"}, ["password", UNISPHERE]),
        ({"login": "nobody"}, ["nobody"]),
        ({"port": 1}, ["cannot be reached"]),
        ({"extra": {}}, ["certificate", "ca_file"]),
        ({"extra": {"ca_file": "/nowhere/ca.pem"}}, ["/nowhere/ca.pem"]),
        ({"extra": {"verify": False}}, ["verify", "always verified"]),
        ({"conn_type": "ssh"}, ["http"]),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_connection_that_is_wrong(
    pm: Runs, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], words: list[str]
) -> None:
    connection = {**pm.lab.connections[UNISPHERE], **change}
    connect(monkeypatch, {UNISPHERE: connection})
    refused(pm, *words)


@pytest.mark.over_ssh
def test_a_server_of_another_ca(pm: Runs) -> None:
    pm.lab.fault("other_ca", host="unisphere01")
    refused(pm, "certificate")


@pytest.mark.over_ssh
def test_a_user_without_the_role(pm: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, {UNISPHERE: {**pm.lab.connections[UNISPHERE], "login": "monitor"}})
    run = pm.run("refresh")
    said = " ".join(run.errors.values())
    assert run.result in ("stopped", "unchanged") and "role" in said, said
    assert not [s for s in pm.lab.snapshots(PM) if s["name"].startswith("SA_")]


@pytest.mark.over_ssh
def test_an_api_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pm: Runs) -> None:
    connection = pm.lab.connections[UNISPHERE]
    connection = {**connection, "extra": {**connection["extra"], "api_version": 103}}
    pm.lab.set_unisphere_switch("unisphere01", "version", "10.0")
    connect(monkeypatch, {UNISPHERE: connection})
    refused(pm, "103", "100")


def test_an_unlinked_target_is_not_refreshed(pm: Runs) -> None:
    pm.lab.remove_link(PM, "00A12", "00B12")
    refused(pm, "_provision")


def test_a_torn_copy_is_not_started(pm: Runs) -> None:
    """One pair on one snapshot, one on another: only a relink of both mends it."""
    snapshots = {s["name"]: s for s in pm.lab.snapshots(PM)}
    pm.lab.set_link(PM, "00A10", "00B10", snapshots["before_upgrade"]["snapid"], group="test_data_sg")
    pm.lab.advance(60)
    pm.run("stop")
    run = pm.run("start")
    assert run.result != "done" and "torn" in " ".join(run.errors.values())
    assert not pm.lab.host("lnxpm01").mounts() and not pm.changes
    assert pm.run("refresh").result == "done", "which links all to one snapshot"
