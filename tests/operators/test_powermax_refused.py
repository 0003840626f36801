"""A relink that Unisphere refuses: what is then known of the copies, and what a start makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from reporting import completed
from reporting.completed import ACTIVATION, copy_asset
from tests.support.powermax import POWERMAX, SERVICES, Runs
from tests.support.without_ssh import connect_directly

pytestmark = pytest.mark.same_for_hosts
MOUNTS = {"/pm/data", "/pm/arch"}


@pytest.fixture(params=[0, 180], ids=["one clock", "a worker's clock three minutes ahead"])
def runs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """Refreshed an hour ago."""
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=False) as lab:
        connect_directly(monkeypatch, lab)

        class Clock(datetime):
            """A worker's."""

            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.fromtimestamp(lab.now() + request.param, tz)

        monkeypatch.setattr(completed, "datetime", Clock)
        found = Runs(lab, monkeypatch)
        assert found.run().result == "done"
        lab.advance(3600)
        yield found


def kept(runs: Runs) -> list[dict[str, Any]]:
    """Of both syncs, the newest activation."""
    stores = runs.airflow.asset_stores
    return [stores[copy_asset("pmapp", sync)].get(ACTIVATION) for sync in ("data", "archivelogs")]


def refuse(runs: Runs, group: str, status: int) -> None:
    match = rf"^PUT .*{group}.*Relink"
    runs.lab.fault(kind="http", status=status, body='{"message": "no"}', match=match, count=1000)


def go_on(runs: Runs, *actions: str) -> None:
    """Unisphere is well again: the service is up after these."""
    runs.lab.clear_faults()
    runs.lab.advance(600)
    for action in actions:
        run = runs.run(action)
        assert run.result == "done", run.errors
    assert {*runs.lab.host("lnxpm01").mounts()} == MOUNTS


@pytest.mark.parametrize("status", [403, 409], ids=["for good", "busy"])
def test_what_it_has_not_made_is_not_taken_for_its_own(runs: Runs, status: int) -> None:
    """The former link stays active: the next try must not see it as what came of the refused one."""
    before = [{name: one[name] for name in ("run", "at", "after")} for one in kept(runs)]
    refuse(runs, "prod_data_sg", status)
    run = runs.run()
    assert run.result == "unchanged", run.errors
    run = runs.clear(run)
    assert run.result == "unchanged", run.errors
    assert [{name: one[name] for name in ("run", "at", "after")} for one in kept(runs)] == before
    assert {*runs.lab.host("lnxpm01").mounts()} == MOUNTS
    go_on(runs, "stop", "start")


@pytest.mark.parametrize("actions", [("start",), ("break", "start")], ids=" then ".join)
def test_what_a_failed_refresh_has_left_to_link_is_linked_and_started_on(
    runs: Runs, actions: tuple[str, ...]
) -> None:
    """Its first sync is newer than its second one until then, which is no reason against it. Links by two
    runs are in the order of their snapshots."""
    refuse(runs, "prod_arch_sg", 403)
    run = runs.run()
    assert (run.result, run.step) == ("stopped", "break.archivelogs.activate"), run.errors
    go_on(runs, *actions)
