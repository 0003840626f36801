"""The site's two configurations, with LVM and without: which of them is used is found out by looking."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from demo.real import site, two_sets
from hooks.configuration import load
from lab.config import load as load_lab


@pytest.mark.parametrize("lvm", [False, True])
def test_both_are_valid(lvm: bool, tmp_path: Path) -> None:
    about = site.Site(lvm)
    load_lab(about.lab())
    path = tmp_path / "services.yaml"
    path.write_text(yaml.safe_dump(about.services(), sort_keys=False))
    services = load(path).services
    assert {name: [sync.name for sync in service.syncs] for name, service in services.items()} == {
        "pgtest": ["data", "archivelogs"],
        "pgwrong": ["archivelogs", "data"],
    }
    for service in services.values():
        kinds = [next(iter(entry.model_fields_set)) for entry in service.resources]
        assert kinds == ["vg", "vg"] * lvm + ["fs", "fs", "app"]
        assert [hook.name for sync in service.syncs for hook in sync.after_activate].count(
            "rename"
        ) == 2 * lvm


def test_the_one_with_two_target_sets_is_valid(tmp_path: Path) -> None:
    load_lab(two_sets.TwoSets().lab())
    path = tmp_path / "services.yaml"
    path.write_text(yaml.safe_dump(two_sets.TwoSets().services(), sort_keys=False))
    service = load(path).services[two_sets.NAME]
    for name, copy in two_sets.SETS.items():
        on = service.on(name)
        assert [sync.name for sync in on.syncs] == list(copy.order)
        assert [entry.fs.dev for entry in on.resources if entry.fs] == [
            f"/srv/array/{number}" for number in copy.targets.values()
        ]


@pytest.mark.parametrize(
    ("devices", "program", "used"),
    [
        ("Block devices:\n  7 loop\n", True, False),
        ("Block devices:\n  7 loop\n253 device-mapper\n", False, False),
        ("Block devices:\n  7 loop\n253 device-mapper\n", True, True),
    ],
)
def test_lvm_is_looked_for(
    devices: str, program: bool, used: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "devices").write_text(devices)
    if program:
        (tmp_path / "vgimportclone").touch()
    monkeypatch.setattr(site, "DEVICES", tmp_path / "devices")
    monkeypatch.setattr(site, "VGIMPORTCLONE", tmp_path / "vgimportclone")
    assert site.device_mapper() is used
