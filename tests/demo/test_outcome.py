"""What the demo says of the copies and the service, on a lab in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from clones.config import Service
from demo.outcome import (
    Copy,
    LinkedCopy,
    copied,
    copies_of,
    copy_problems,
    copy_table,
    points_in_time,
    rewind_problems,
    service_states,
)
from hooks.configuration import load
from lab import Lab
from lab.config import load as load_lab
from tests.conftest import POWERMAX, POWERMAX_LAB

ROOT = Path(__file__).parents[2]


def service(name: str) -> Service:
    return load(ROOT / "config" / "services.yaml").services[name]


def test_copies_by_device_group_and_by_number() -> None:
    lab = load_lab(None)
    assert copies_of(service("aastmphpux"), lab) == [
        Copy("data", "000190101234", "1234", "4321"),
        Copy("archivelogs", "000190101234", "1235", "4322"),
    ]
    assert [copy.source for copy in copies_of(service("lnxpp"), lab)] == ["1A10", "1A11", "1A12"]


def test_logical_names_are_looked_up_and_missing_ones_told() -> None:
    lab = load_lab(None)
    plain = service("aastmphpux").model_dump(exclude_unset=True)
    group = {"name": "data", "symdg": "DGCVI", "pairs": ["DEV001:CLONE001"]}
    (found,) = copies_of(Service.model_validate({**plain, "syncs": [group]}), lab)
    assert (found.symid, found.source, found.target) == ("000190101234", "1234", "4321")
    for wrong in ({"pairs": ["DEV009:CLONE001"]}, {"symdg": "NOSUCH"}):
        with pytest.raises(LookupError, match="device group"):
            copies_of(Service.model_validate({**plain, "syncs": [{**group, **wrong}]}), lab)


def test_old_copies_and_a_stopped_service_are_problems(tmp_path: Path) -> None:
    asked = service("aastmphpux")
    copies = copies_of(asked, load_lab(None))
    with Lab(directory=tmp_path) as lab:
        assert copy_problems(copies, lab, 0) == []
        assert [up for _, _, up in service_states(asked, lab)] == [True, True, True]
        assert len(copy_problems(copies, lab, lab.now())) == 2
        lab.set_state("000190101234", "1234", "4321", "Recreated")
        assert copy_problems(copies, lab, 0) == ["data: 1234 -> 4321 is Recreated, not active"]
        assert "Recreated" in copy_table(copies, lab)[1]
        # A recreated target is not ready, and the volume group on it lacks a disk.
        assert [what for what, _, up in service_states(asked, lab) if not up] == ["volume group vgCVI"]


def test_copies_that_are_linked_to_snapshots(tmp_path: Path) -> None:
    asked = load(POWERMAX).services["pm"]
    copies = copies_of(asked, load_lab(POWERMAX_LAB))
    assert copies[0] == LinkedCopy("data", "000297600001", "00A10", "00B10")
    with Lab(POWERMAX_LAB, directory=tmp_path, ports=False, clock="manual") as lab:
        assert copy_problems(copies, lab, 0) == [] and copied(copies, lab) == {}
        assert copy_table(copies, lab)[1].endswith("first_data")
        former = points_in_time(copies, lab)
        assert rewind_problems(copies, lab, former) == []
        other = next(one for one in lab.snapshots("000297600001") if one["name"] == "before_upgrade")
        lab.set_link("000297600001", "00A10", "00B10", other["snapid"], "CopyInProg", "test_data_sg")
        assert rewind_problems(copies, lab, former) == [
            "data: 00A10 -> 00B10 is not of its former point in time"
        ]
        assert list(copied(copies, lab)) == ["data"]
        lab.remove_link("000297600001", "00A10", "00B10")
        assert copy_problems(copies, lab, 0) == ["data: 00A10 -> 00B10 is none, not active"]
