"""A stranger breaks it: other devices in the groups, snapshots under our names, rewinds in every order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from clones.backends.snapvx.names import prefix
from clones.runs.result import RESTART
from fuzz.runs import Run
from hooks import unisphere
from lab import Lab
from reporting import completed
from tests.support.powermax import PM, POWERMAX, SERVICES, Runs
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

pytestmark = pytest.mark.same_for_hosts


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
    world = load_yaml(POWERMAX.read_text())
    (array,) = world["arrays"]
    array["devices"] += [{"device": "00B30", "megabytes": 20480}, {"device": "00B31", "megabytes": 20480}]
    array["storage_groups"] += [{"name": "other_sg", "devices": ["00B30", "00B31"]}]
    array["snapshots"] += [{"group": "prod_data_sg", "name": "of_others", "age_hours": 3}]
    array["links"] += [{"group": "prod_data_sg", "snapshot": "of_others", "target": "other_sg"}]
    file = tmp_path / "world.yaml"
    file.write_text(yaml.safe_dump(world))
    yield from _start(tmp_path, monkeypatch, file)


GROUPS = {"data": "test_data_sg", "archivelogs": "test_arch_sg"}


def links(pm: Runs) -> dict[str, str]:
    return {link["target"]: one["name"] for one in pm.lab.snapshots(PM) for link in one["links"]}


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


@pytest.mark.parametrize("what", [r'"Relink"', r"POST .*prod_data_sg"])
def test_a_long_job_whose_answer_was_lost(pm: Runs, what: str) -> None:
    """It works on when its answer, with its id, is given up: nothing is sent beside it, or again."""
    refreshed(pm, 1)
    pm.lab.set_unisphere_switch("unisphere01", "job_seconds", 200)
    pm.lab.fault("cut_after", match=what, count=1)
    assert pm.run().states["finish"] == "success"


def test_jobs_whose_answers_are_all_lost_keep_the_service_down(
    pm: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started on its old copies, it would have its disks exchanged under it."""
    refreshed(pm, 1)

    def later(run: Run, task: Any) -> bool:
        slow = task.task_id == "break.data.activate"
        pm.lab.set_unisphere_switch("unisphere01", "job_seconds", 20_000 if slow else 1.5)
        return go_on(run, task)

    go_on = pm.airflow._task
    monkeypatch.setattr(pm.airflow, "_task", later)
    pm.lab.fault("cut_after", match=r'"Relink"', count=20)
    run = pm.run()
    assert run.states["break.data.activate"] == "failed"
    assert run.states[RESTART] == "failed" and "may be that of a request" in run.errors[RESTART]
    assert not pm.lab.host("lnxpm01").describe()["apps"]["pm"]
    pm.lab.clear_faults()
    pm.lab.advance(20_000)
    monkeypatch.setattr(pm.airflow, "_task", go_on)
    assert pm.clear(run).states["finish"] == "success"


def test_what_another_links_after_the_snapshot_is_not_overwritten(
    pm: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed(pm, 2)
    former = next(name for name in kept(pm) if not name.startswith("["))
    (snapid,) = [one["snapid"] for one in pm.lab.snapshots(PM) if one["name"] == former]

    def later(run: Run, task: Any) -> bool:
        if task.task_id == "break.data.activate":
            for pair in (("00A10", "00B10"), ("00A11", "00B11")):
                pm.lab.set_link(PM, *pair, snapid, group="test_data_sg")
            pm.lab.advance(10)  # so that Unisphere shows it
        return go_on(run, task)

    go_on = pm.airflow._task
    monkeypatch.setattr(pm.airflow, "_task", later)
    run = pm.run()
    assert run.states["break.data.activate"] == "failed"
    assert re.search(rf"linked to {former} \(number \d+\) since", run.errors["break.data.activate"])
    assert links(pm)["00B10"] == former


# rewinds in every order


def kept(pm: Runs, sync: str = "data") -> list[str]:
    """All snapshots of a sync of `pmapp`, the oldest first; the linked one is in brackets."""
    own = prefix("pmapp", f"{sync}/{PM}/{GROUPS[sync]}")
    mine = [one for one in pm.lab.snapshots(PM) if one["name"].startswith(own)]
    return [
        f"[{one['name']}]" if one["links"] else one["name"]
        for one in sorted(mine, key=lambda one: one["name"])
    ]


def refreshed(pm: Runs, count: int) -> None:
    for _ in range(count):
        assert pm.run().states["finish"] == "success"
        pm.lab.advance(3600)


@pytest.mark.parametrize("sync", ["data", "archivelogs"])
def test_a_refresh_after_a_rewind_keeps_what_was_in_use(pm: Runs, sync: str) -> None:
    refreshed(pm, 2)
    good, bad = (name.strip("[]") for name in kept(pm, sync))
    assert pm.run("rewind").states["finish"] == "success" and kept(pm, sync) == [f"[{good}]", bad]
    refreshed(pm, 1)
    assert bad not in kept(pm, sync) and kept(pm, sync)[0] == good
    assert pm.run("rewind").states["finish"] == "success" and kept(pm, sync)[0] == f"[{good}]"


def test_a_refresh_after_one_that_failed_keeps_what_was_in_use(pm: Runs) -> None:
    """The first sync had its snapshot, and the second none: a rewind would mix those of two runs."""
    refreshed(pm, 2)
    used = [kept(pm, sync)[-1].strip("[]") for sync in ("data", "archivelogs")]
    pm.lab.fault("cut_before", match=r"POST .*prod_arch_sg", count=20)
    assert pm.run().states["resync.archivelogs.recreate"] == "failed"
    pm.lab.clear_faults()
    assert len(kept(pm)) == 3 and len(kept(pm, "archivelogs")) == 2
    pm.lab.advance(3600)
    refreshed(pm, 1)
    assert [kept(pm, sync)[0] for sync in ("data", "archivelogs")] == used
    assert pm.run("rewind").states["finish"] == "success"
    assert [kept(pm, sync)[0] for sync in ("data", "archivelogs")] == [f"[{name}]" for name in used]


def test_half_a_rewind_is_only_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one would take the first sync one copy further back than the second."""
    services = tmp_path / "services.yaml"
    services.write_text(SERVICES.read_text().replace("backend: snapvx", "backend: snapvx\n        keep: 2"))
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=services, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        pm = Runs(lab, monkeypatch, services)
        refreshed(pm, 3)
        lab.fault("cut_before", match=r'"test_arch_sg"', count=20)
        half = pm.run("rewind")
        assert half.states["break.archivelogs.activate"] == "failed" and kept(pm)[1].startswith("[")
        lab.clear_faults()
        new = pm.run("rewind")
        assert new.states["plan"] == "failed" and "not of one run" in new.errors["plan"]
        assert pm.clear(half).states["finish"] == "success"
        assert kept(pm)[1].startswith("[") and kept(pm, "archivelogs")[1].startswith("[")


def test_a_rewind_is_no_fresh_copy(pm: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[int] = []
    monkeypatch.setattr(completed, "announce", lambda _, __, news: said.append(len(news)))
    refreshed(pm, 2)
    assert pm.run("rewind").states["finish"] == "success"
    assert said == [2, 2, 0]


def test_another_snapshot_under_the_name_of_ours_is_not_linked(
    pm: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed(pm, 1)
    before = kept(pm)[-1]

    def later(run: Run, task: Any) -> bool:
        if task.task_id == "break.data.activate" and not replaced:
            name = kept(pm)[-1]
            (number,) = [one["snapid"] for one in pm.lab.snapshots(PM) if one["name"] == name]
            base = f"/104/replication/symmetrix/{PM}/storagegroup/prod_data_sg/snapshot"
            replaced.append(name)
            pm.lab.administrator(on="unisphere01", run=f"DELETE {base}/{name}/snapid/{number}")
            pm.lab.advance(60)
            pm.lab.administrator(on="unisphere01", run=f'POST {base} {{"snapshotName": "{name}"}}')
            pm.lab.advance(60)
        return go_on(run, task)

    replaced: list[str] = []
    go_on = pm.airflow._task
    monkeypatch.setattr(pm.airflow, "_task", later)
    run = pm.run()
    assert "which this run took, is not there" in run.errors["break.data.activate"]
    assert before in kept(pm) and replaced[0] in kept(pm)


# clocks


def test_the_clock_of_the_server_is_set_back(pm: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of the names stays that in which the snapshots were taken."""
    hours = [5]
    real = unisphere.said_clock

    def said(date: str | None) -> datetime | None:
        clock = real(date)
        return clock and clock + timedelta(hours=hours[0])

    monkeypatch.setattr(unisphere, "said_clock", said)
    refreshed(pm, 2)
    hours[0] = 0
    used = kept(pm)[-1].strip("[]")
    refreshed(pm, 1)
    assert kept(pm)[0] == used and kept(pm)[1].startswith("[") and len(kept(pm)) == 2
    hours[0] = -3
    refreshed(pm, 2)
    assert kept(pm)[1].startswith("[") and len(kept(pm)) == 2
    assert pm.run("rewind").states["finish"] == "success" and kept(pm)[0].startswith("[")


def test_a_server_that_does_not_say_its_time(pm: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unisphere, "said_clock", lambda _: None)
    run = pm.run()
    assert "header `Date`" in run.errors["plan"] and "pass the header" in run.errors["plan"]
    assert pm.changes == []
