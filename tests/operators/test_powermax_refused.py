"""A relink that Unisphere refuses: what is then known of the copies, and what a start makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clones.backends.snapvx.names import prefix
from lab import Lab
from reporting import completed
from reporting.completed import ACTIVATION, copy_asset
from tests.support.powermax import PM, POWERMAX, SERVICES, Runs
from tests.support.without_ssh import connect_directly

pytestmark = pytest.mark.same_for_hosts
MOUNTS = {"/pm/data", "/pm/arch"}
COPIES = re.compile(r"\n +copy: false\n +wait_for: active")
ONE_CLOCK = pytest.mark.parametrize("runs", [0], indirect=True, ids=[""])


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


def snapshots(runs: Runs) -> dict[str, list[str]]:
    """Of both syncs, those of ours, the oldest first; in brackets the linked one."""
    found = {}
    for sync, group in (("data", "test_data_sg"), ("archivelogs", "test_arch_sg")):
        own = prefix("pmapp", f"{sync}/{PM}/{group}")
        mine = {one["name"]: one["links"] for one in runs.lab.snapshots(PM) if one["name"].startswith(own)}
        found[sync] = [f"[{name}]" if links else name for name, links in sorted(mine.items())]
    return found


def linked(runs: Runs) -> list[str]:
    """Of both syncs."""
    return [one.strip("[]") for some in snapshots(runs).values() for one in some if one.startswith("[")]


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


@ONE_CLOCK
@pytest.mark.parametrize("ended", ["cleared", "refreshed"])
def test_after_half_a_refresh_a_rewind_waits_until_all_syncs_are_of_one_run(runs: Runs, ended: str) -> None:
    """The second sync still has what the service wrote on it: it does not fit the first one's former copy."""
    go_on(runs, "refresh")
    used = linked(runs)
    refuse(runs, "prod_arch_sg", 403)
    half = runs.run()
    runs.lab.clear_faults()
    refused = runs.run("rewind")
    assert refused.result == "refused" and "goes back to copies of one run" in refused.errors["plan"]
    if ended == "cleared":
        assert runs.clear(half).result == "done", half.errors
        go_on(runs, "rewind")
    else:
        go_on(runs, "refresh", "rewind")
    assert linked(runs) == used


@ONE_CLOCK
@pytest.mark.parametrize("halves", [1, 2])
def test_what_the_service_ran_on_is_kept_until_it_is_started_on_a_newer_one(runs: Runs, halves: int) -> None:
    used = linked(runs)
    for _ in range(halves):
        refuse(runs, "prod_arch_sg", 403)
        assert runs.run().result == "stopped"
        runs.lab.clear_faults()
        runs.lab.advance(3600)
    assert set(used) < {one.strip("[]") for some in snapshots(runs).values() for one in some}
    go_on(runs, "refresh")
    newest = linked(runs)
    assert snapshots(runs) == {
        sync: [former, f"[{new}]"]
        for sync, former, new in zip(("data", "archivelogs"), used, newest, strict=True)
    }, "what the service never ran on is ended"
    go_on(runs, "rewind")
    assert linked(runs) == used
    go_on(runs, "refresh")
    assert all(one not in str(snapshots(runs)) for one in newest), "what a rewind has left is ended"


@ONE_CLOCK
def test_what_a_start_has_started_on_is_kept_too(runs: Runs) -> None:
    """The start of a refresh fails; later the service is started on its copies."""
    first = linked(runs)
    runs.lab.fault("exit", match="/opt/pm/bin/pmctl start", host="lnxpm01", exit=1, count=1000)
    assert runs.run().step == "start.service"
    second = linked(runs)
    go_on(runs, "start")
    go_on(runs, "refresh")
    assert first != second
    assert [some[0] for some in snapshots(runs).values()] == second


@pytest.mark.parametrize("by_hand", [True, False], ids=["linked by hand", "copy switched on"])
def test_a_link_without_copy_of_a_sync_that_copies_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_hand: bool
) -> None:
    """It shows 0 % for ever. Copied, or with `copy: false`, it is refreshed."""
    services = tmp_path / "services.yaml"
    without, copies = SERVICES.read_text(), COPIES.sub("\n        copy_timeout: 600", SERVICES.read_text())
    assert copies != without
    services.write_text(copies if by_hand else without)
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=services, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        runs = Runs(lab, monkeypatch, services)
        if not by_hand:
            assert runs.run("refresh", "pmrep").result == "done"
            lab.advance(7 * 3600)
            services.write_text(copies)
            runs = Runs(lab, monkeypatch, services)
        sent, at = len(runs.changes), lab.now()
        for action in ("refresh", "retire"):
            run = runs.run(action, "pmrep")
            assert run.result == "refused" and "set its mode to copy" in run.errors["plan"], run.errors
        assert len(runs.changes) == sent and lab.now() - at < 600, "nothing is waited for"
        services.write_text(without)
        runs = Runs(lab, monkeypatch, services)
        assert runs.run("refresh", "pmrep").result == "done"
