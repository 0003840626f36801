"""A Unisphere that does not know its array for a while, as after a start: nothing is gone for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clones.backends.snapvx.names import prefix
from clones.config import Symcli
from clones.fleet.look import look
from clones.fleet.status import judge
from clones.runs.result import RESTART
from fuzz.runs import Run
from hooks.configuration import load
from hooks.symcli import SymcliHook
from lab import Lab
from tests.conftest import connect
from tests.support.powermax import PM, POWERMAX, SERVICES, UNISPHERE, Runs
from tests.support.without_ssh import connect_directly

pytestmark = pytest.mark.same_for_hosts
NOT_KNOWN = f'{{"message": "Symmetrix {PM} cannot be found"}}'
DISCOVERED = f'{{"message": "Symmetrix {PM} is being discovered, try again later"}}'


@pytest.fixture
def pm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """After two refreshes, in memory; the looks of runs are of the lab's clock."""
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        runs = Runs(lab, monkeypatch)
        for _ in range(2):
            assert runs.run().result == "done"
            lab.advance(3600)
        yield runs


def before(pm: Runs, monkeypatch: pytest.MonkeyPatch, task_id: str, do: Callable[[], Any]) -> None:
    """Do something before the first try of a task."""
    go_on, done = pm.airflow._task, []

    def later(run: Run, task: Any) -> bool:
        if task.task_id == task_id and not done:
            done.append(task_id)
            do()
        return go_on(run, task)

    monkeypatch.setattr(pm.airflow, "_task", later)


def ours(pm: Runs, sync: str, group: str) -> list[str]:
    own = prefix("pmapp", f"{sync}/{PM}/{group}")
    return [one["name"] for one in pm.lab.snapshots(PM) if one["name"].startswith(own)]


def up(pm: Runs) -> bool:
    return bool(pm.lab.host("lnxpm01").describe()["apps"]["pm"])


@pytest.mark.parametrize("what", ["a job", "all jobs", "the list"])
def test_a_job_that_runs_on_has_not_ended(pm: Runs, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Started on its old copies, the service would have its disks exchanged under it."""
    go_on = pm.airflow._task

    def later(run: Run, task: Any) -> bool:
        slow = task.task_id == "break.data.activate"
        pm.lab.set_unisphere_switch("unisphere01", "job_seconds", 20_000 if slow else 1.5)
        if task.task_id == RESTART:
            match = {"a job": r"^GET .*/job/", "all jobs": r"^GET .*/job/", "the list": r"^GET .*/job$"}[what]
            count = 1 if what == "a job" else 1000
            pm.lab.fault(kind="http", status=404, body=NOT_KNOWN, match=match, count=count)
        return go_on(run, task)

    monkeypatch.setattr(pm.airflow, "_task", later)
    if what == "the list":
        pm.lab.fault("cut_after", match=r'"Relink"', count=20)
    run = pm.run()
    assert run.states[RESTART] == "failed" and not up(pm), run.errors
    assert "runs on its old copies" not in run.errors[RESTART]
    pm.lab.clear_faults()
    pm.lab.advance(20_000)
    monkeypatch.setattr(pm.airflow, "_task", go_on)
    assert pm.clear(run).states["finish"] == "success" and up(pm)


def test_a_link_that_comes_late_meets_no_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is given up after 2 s, and it is made after 200."""
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=SERVICES) as lab:
        there = lab.connections[UNISPHERE]
        hasty = {**there, "extra": {**there["extra"], "answer_timeout": 2}}
        connect(monkeypatch, {**lab.connections, UNISPHERE: hasty})
        runs = Runs(lab, monkeypatch)
        runs.now = lab.now  # type: ignore[method-assign]
        assert runs.run().result == "done"
        lab.advance(3600)
        lab.fault("cut_running", seconds=200, match=r"^PUT .*prod_data_sg.*Relink", count=1)
        assert runs.run().result == "done"
        lab.advance(400)
        relinks = [one for one in lab.journal if one.get("change", {}).get("action") == "Relink"]
        assert relinks
        # The lab judges at the end: no link under a mounted file system, none twice.


@pytest.mark.parametrize("count", [1, 6])
@pytest.mark.parametrize(
    "task", ["break.data.wait_copied", "break.archivelogs.activate", "resync.archivelogs.recreate"]
)
def test_what_is_not_shown_once_is_not_gone(
    pm: Runs, monkeypatch: pytest.MonkeyPatch, task: str, count: int
) -> None:
    looks = r"^GET .*(replication|sloprovisioning)"
    fault = {"kind": "http", "status": 404, "body": NOT_KNOWN, "match": looks, "count": count}
    before(pm, monkeypatch, task, lambda: pm.lab.fault(**fault))
    run = pm.run()
    assert run.result == "done", run.errors


@pytest.mark.parametrize("body", [DISCOVERED, '{"name": []}'])
def test_a_wait_that_sees_no_link_asks_once_more(
    pm: Runs, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    fault = {"kind": "http", "status": 200, "body": body, "match": r"^GET .*/snapshot$", "count": 1}
    before(pm, monkeypatch, "break.data.wait_copied", lambda: pm.lab.fault(**fault))
    run = pm.run()
    assert run.result == "done", run.errors


def test_the_sweep_says_unknown(pm: Runs) -> None:
    pm.lab.fault(kind="http", status=404, body=NOT_KNOWN, match=r"^GET .*(replication|slo)", count=1000)
    services = load(SERVICES).services
    with SymcliHook() as hosts:
        found = judge(services, list(hosts.run(look(services, Symcli(), {}))))
    shown = {one.name: str(one.status) for one in found}
    assert shown["pmapp"] == "unknown", shown


@pytest.mark.parametrize(
    ("status", "body"), [(200, DISCOVERED), (404, DISCOVERED), (200, '{"name": []}'), (200, "{}")]
)
def test_a_list_that_shows_nothing_ends_no_retirement(
    pm: Runs, monkeypatch: pytest.MonkeyPatch, status: int, body: str
) -> None:
    """What was approved is asked for by its number."""
    pm.now = lambda: datetime.now(UTC).timestamp()  # type: ignore[method-assign]
    assert ours(pm, "data", "test_data_sg")
    fault = {"kind": "http", "status": status, "body": body, "match": r"^GET .*/snapshot$"}
    go_on = pm.airflow._task

    def later(run: Run, task: Any) -> bool:
        if task.task_id.startswith("remove"):
            pm.lab.fault(**fault, count=1000)
        return go_on(run, task)

    assert pm.run("stop").result == "done"
    monkeypatch.setattr(pm.airflow, "_task", later)
    run = pm.run("retire")
    left = [*ours(pm, "data", "test_data_sg"), *ours(pm, "archivelogs", "test_arch_sg")]
    assert not left if run.result == "done" else left, (run.result, run.errors)
    pm.lab.clear_faults()
    monkeypatch.setattr(pm.airflow, "_task", go_on)
    if left:
        run = pm.clear(run)
    assert run.result == "done" and not ours(pm, "data", "test_data_sg"), run.errors
