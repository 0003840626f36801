"""What may still come of a request keeps the service down: a link would change its disks under it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clones.runs.result import RESTART
from lab import Lab
from tests.support.powermax import PM, POWERMAX, SERVICES, Runs
from tests.support.without_ssh import connect_directly


@pytest.fixture
def pm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """The lab's PowerMax in memory, on a clock that goes on where the product pauses."""
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        yield Runs(lab, monkeypatch)


def up(pm: Runs) -> bool:
    return bool(pm.lab.host("lnxpm01").describe()["apps"]["pm"])


def linked(pm: Runs) -> str:
    """The snapshot that holds the first target."""
    (name,) = [
        one["name"] for one in pm.lab.snapshots(PM) if any(link["target"] == "00B10" for link in one["links"])
    ]
    return str(name)


def test_a_job_that_never_ends(pm: Runs) -> None:
    pm.lab.fault("job", match=r'"Relink"')
    run = pm.run()
    assert run.states["break.data.activate"] == "failed"
    assert not up(pm) and linked(pm) == "first_data"
    assert run.states[RESTART] == "failed" and "has not ended" in run.errors[RESTART]
    assert "Nothing more is sent before it has" in run.errors[RESTART]


def test_an_answer_that_never_comes(pm: Runs) -> None:
    """It was not carried out, and nobody knows: once it cannot come any more the service is started."""
    pm.lab.fault("cut_before", match=r'"Relink"', count=20)
    run = pm.run()
    assert run.states["break.data.activate"] == "failed"
    assert linked(pm) == "first_data" and up(pm)
    assert "runs on its old copies again" in run.errors[RESTART]
