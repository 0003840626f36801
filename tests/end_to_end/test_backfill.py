"""Backfills, and runs at the same time, by the real scheduler on PostgreSQL (SQLite breaks under them)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.check import findings
from private_airflow.rest import RestError
from tests.conftest import SERVICES, line_of
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, active_runs, until

pytestmark = pytest.mark.airflow
ONE_REFRESH = ["recreate DGCVI", "recreate DGCVIARCH", "activate DGCVI", "activate DGCVIARCH"]


@pytest.fixture(scope="module")
def running(shared_on_postgres: SharedAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with shared_on_postgres.site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    until(lambda: not active_runs(running), 200, "a run of an earlier test continues")
    running.lab.clear_faults()
    yield running
    running.lab.clear_faults()
    assert findings(running.lab.journal, SERVICES) == []


def trigger(site: Site) -> str:
    """By hand. Not announced to the journal as a run: others that nobody announces work beside it."""
    return site.rest.trigger(SERVICE, {"action": "refresh", "reason": "end-to-end test"})


def backfill(site: Site, first: str, last: str, reprocess: str = "none") -> None:
    """By REST, as the UI does."""
    body = {
        "dag_id": SERVICE,
        "from_date": f"{first}T00:00:00Z",
        "to_date": f"{last}T23:00:00Z",
        "max_active_runs": 4,
        "reprocess_behavior": reprocess,
    }
    end_the_one_before(site)
    site.rest.request("POST", "/backfills", json=body)


def end_the_one_before(site: Site) -> None:
    """Airflow allows one backfill a DAG at a time, and notices half a minute late that one is over."""
    for job in site.rest.request("GET", "/backfills", params={"dag_id": SERVICE})["backfills"]:
        if not job["completed_at"]:
            assert not [run for run in active_runs(site) if run["run_type"] == "backfill"]
            site.rest.request("PUT", f"/backfills/{job['id']}/cancel")


def runs(site: Site, first: str, last: str) -> dict[str, dict[str, Any]]:
    """The runs of these dates, oldest first."""
    query = {"logical_date_gte": f"{first}T00:00:00Z", "logical_date_lte": f"{last}T23:59:00Z", "limit": 50}
    found = site.rest.request("GET", f"/dags/{SERVICE}/dagRuns", params={**query, "order_by": "logical_date"})
    return {str(run["dag_run_id"]): run for run in found["dag_runs"]}


def ended(site: Site, first: str, last: str, count: int) -> dict[str, dict[str, Any]]:
    """Wait until that many runs of these dates are there and over."""

    def over() -> bool:
        states = [run["state"] for run in runs(site, first, last).values()]
        return len(states) == count and set(states) <= {"success", "failed"}

    until(over, 300, lambda: str({run: site.states(run) for run in runs(site, first, last)}))
    return runs(site, first, last)


def superseded_by(site: Site, run_id: str) -> str:
    """The run that made this one needless, or empty."""
    path = f"/dags/{SERVICE}/dagRuns/{run_id}/taskInstances/plan/xcomEntries/superseded"
    try:
        value = site.rest.request("GET", path)["value"]
    except RestError:
        return ""
    return str((json.loads(value) if isinstance(value, str) else value)["by"])


def judged(site: Site, found: dict[str, dict[str, Any]]) -> tuple[list[str], dict[str, str]]:
    """The runs that worked; and those that ended skipped, each with the run that it names."""
    by = {run: superseded_by(site, run) for run in found}
    for run, other in by.items():
        states = site.states(run)
        if other:
            assert states.pop("plan") == "success" and set(states.values()) == {"skipped"}
            said = "Completed already" if other == run else f"Superseded by run {other}"
            assert said in site.log(run, "plan", site.tries(run)["plan"])
    return [run for run in by if not by[run]], {run: other for run, other in by.items() if other}


def test_of_four_missed_dates_and_one_more_by_hand_one_refresh_each(site: Site) -> None:
    """Four runs of one service at once: one works, the others wait and end superseded."""
    since = site.seq()
    backfill(site, "2026-01-05", "2026-01-08")
    by_hand = trigger(site)
    found = ended(site, "2026-01-05", "2026-01-08", 4)
    until(lambda: not active_runs(site), 200, site.shown(by_hand))
    assert site.rest.dag_run(SERVICE, by_hand)["state"] == "success"
    assert {run["state"] for run in found.values()} == {"success"}
    worked, skipped = judged(site, found)
    # The run by hand always works; if it came first, it did the work of all dates.
    assert len(worked) <= 1 and set(skipped.values()) <= {by_hand, *worked}
    assert site.controls(since) == ONE_REFRESH * (1 + len(worked)), "none in between another's"


def test_a_backfill_beside_a_running_refresh_waits_for_its_turn(site: Site) -> None:
    """Airflow's backfill does not honour `max_active_runs`."""
    since = site.seq()
    held = site.lab.fault("delay", match="/usr/sbin/umount", seconds=300, count=1)
    first = site.trigger()
    until(lambda: site.states(first).get("stop.service") == "running", 60, site.shown(first))
    backfill(site, "2026-01-02", "2026-01-02")
    until(lambda: len(active_runs(site)) == 2, 60, lambda: str(active_runs(site)))
    second = next(str(run["dag_run_id"]) for run in active_runs(site) if run["dag_run_id"] != first)
    until(lambda: site.states(second).get("plan") == "deferred", 60, site.shown(second))
    assert not site.controls(since), "the first run had not come to its recreate yet"
    site.lab.clear_faults(held)
    assert site.wait(first) == "success"
    until(lambda: not active_runs(site), 150, lambda: str(active_runs(site)))
    plan = site.log(second, "plan")
    assert f"run {first} of {SERVICE} works on it and holds its lock" in plan
    assert f"Superseded by run {first}" in plan
    assert site.tries(second)["plan"] == 1
    assert site.controls(since) == ONE_REFRESH, "one refresh for both"


def test_a_completed_run_again_changes_nothing_and_says_so(site: Site) -> None:
    run_id = site.trigger()
    assert site.wait(run_id) == "success"
    since = site.seq()
    site.rest.clear(SERVICE, run_id=run_id)
    until(lambda: not active_runs(site), 90, site.shown(run_id))
    assert superseded_by(site, run_id) == run_id
    assert "Completed already" in site.log(run_id, "plan", 2)
    assert site.controls(since) == [] and site.lab.host(SERVICE).mounts()
    backfill(site, "2026-01-05", "2026-01-08", "completed")
    again = runs(site, "2026-01-05", "2026-01-08")
    until(lambda: all(site.tries(run)["plan"] == 2 for run in again), 90, "not processed again")
    ended(site, "2026-01-05", "2026-01-08", 4)
    assert site.controls(since) == []


def test_missed_and_failed_dates_by_the_command_line(site: Site) -> None:
    """Two dates fail in the middle; a backfill over these and two missed ones resumes one and skips three."""
    for action in ("stop", "resync"):  # the copies are no longer what a completed run has left
        run_id = site.trigger(action)
        assert site.wait(run_id) == "success"
    fault = site.lab.fault("exit", match=line_of("activate DGCVI"), exit=1, stderr="not permitted")
    backfill(site, "2026-01-19", "2026-01-20")
    failed = ended(site, "2026-01-19", "2026-01-20", 2)
    assert {run["state"] for run in failed.values()} == {"failed"}
    site.lab.clear_faults(fault)
    since = site.seq()
    end_the_one_before(site)
    site.airflow.run(
        "backfill", "create", "--dag-id", SERVICE,
        "--from-date", "2026-01-19", "--to-date", "2026-01-22T23:00:00",
        "--max-active-runs", "4", "--reprocess-behavior", "failed",
    )  # fmt: skip
    until(lambda: bool(active_runs(site)), 60, "nothing began")
    found = ended(site, "2026-01-19", "2026-01-22", 4)
    worked, skipped = judged(site, found)
    assert {run["state"] for run in found.values()} == {"success"} and len(worked) == 1
    assert set(skipped.values()) == set(worked)
    assert site.controls(since) == ONE_REFRESH[2:], "it continues from where the failed ones stopped"
    assert site.lab.host(SERVICE).mounts()
