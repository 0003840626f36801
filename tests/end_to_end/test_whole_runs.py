"""Whole runs through the real scheduler, workers and triggerer, against the lab over real SSH."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from clones.act.lock import Owner
from clones.asking.steps import Command
from clones.resources import drivers
from hooks.configuration import load
from hooks.symcli import SymcliHook
from lab.check import findings
from tests.conftest import ROOT, SERVICES, SYMID, connect, line_of
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, active_runs, check_refresh, until

pytestmark = pytest.mark.airflow

REPORT = "report_on_fresh_copy"
"""The example DAG that works on a fresh copy."""


@pytest.fixture(scope="module")
def running(shared: SharedAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests of this file, with the example DAGs; each begins with no run going on."""
    dags = (ROOT / "dags", ROOT / "docs" / "examples")
    with shared.site(tmp_path_factory.mktemp("site"), dags=dags) as site:
        yield site


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    until(lambda: not active_runs(running), 150, "a run of an earlier test continues")
    running.lab.clear_faults()
    yield running
    running.lab.clear_faults()
    assert findings(running.lab.journal, SERVICES) == []


@dataclass(frozen=True)
class Refreshed:
    """A refresh that several tests look at."""

    run_id: str
    split: float
    """When the copy of data was activated, by the lab's clock."""


@pytest.fixture(scope="module")
def refreshed(running: Site) -> Refreshed:
    """Of it hears also the example that works on a fresh copy."""
    running.unpause(REPORT)
    run_id = check_refresh(running)
    split = running.lab.session(SYMID, "1234", "4321")["point_in_time"]
    until(lambda: bool(finished(running, REPORT)), 60, "the example was not scheduled")
    running.rest.pause(REPORT)
    return Refreshed(run_id, split)


@pytest.fixture(scope="module")
def stopped(running: Site) -> str:
    """A run that has stopped the service."""
    until(lambda: not active_runs(running), 150, "a run of an earlier test continues")
    run_id = running.trigger("stop")
    assert running.wait(run_id) == "success", running.states(run_id)
    return run_id


def test_refresh(site: Site, refreshed: Refreshed) -> None:
    assert {task for task, state in site.states(refreshed.run_id).items() if state != "success"} == {
        "start.on_old_copies"
    }


def finished(site: Site, dag: str) -> list[dict[str, Any]]:
    found = site.rest.request("GET", f"/dags/{dag}/dagRuns")["dag_runs"]
    return [run for run in found if run["state"] in ("success", "failed")]


def test_fresh_copies_schedule_the_example(site: Site, refreshed: Refreshed) -> None:
    events = site.rest.request("GET", "/assets/events", params={"source_run_id": refreshed.run_id})
    extras = {event["extra"]["sync"]: event["extra"] for event in events["asset_events"]}
    assert sorted(extras) == ["archivelogs", "data"] and events["total_entries"] == 2
    shown = datetime.fromisoformat(extras["data"]["last_action"]).replace(tzinfo=UTC)  # the lab's zone
    # The lab runs at 15 times the speed: what takes it a second may be a quarter of a minute there.
    assert shown.timestamp() == pytest.approx(refreshed.split, abs=60)
    (report,) = finished(site, REPORT)
    said = site.rest.task_log(REPORT, report["dag_run_id"], "report")
    assert (
        f"Reporting on the data of {extras['data']['point_in_time']}, copied by run {refreshed.run_id}"
        in said
    )


def test_changes_of_status_schedule_the_example(site: Site) -> None:
    site.unpause("tell_status_changes")
    site.lab.set_state(SYMID, "1236", "4323", "Failed")
    site.unpause("clone_status")  # its schedule makes a run at once
    until(lambda: bool(finished(site, "tell_status_changes")), 90, "nobody was told")
    site.rest.pause("clone_status")
    site.lab.set_state(SYMID, "1236", "4323", "Copied")
    (told,) = finished(site, "tell_status_changes")
    message = site.rest.task_log("tell_status_changes", told["dag_run_id"], "tell")
    assert (
        "reporting_copies is down: sync warehouse: DEV001 -> CLONE001 (1236 -> 4323): Failed -> " in message
    )
    site.rest.pause("tell_status_changes")


def test_the_run_leaves_a_record(site: Site, refreshed: Refreshed) -> None:
    run_id = refreshed.run_id
    record = site.rest.xcom(SERVICE, run_id, "finish", "run_record")
    sent = [
        (task, event["line"].split("-noprompt ")[1].split()[0], event["ended"])
        for task, tries in record["tasks"].items()
        for one in tries
        for event in one["events"]
        if "-noprompt" in event.get("line", "")
    ]
    assert sent == [
        ("resync.data.recreate", "recreate", "exit code 0"),
        ("resync.archivelogs.recreate", "recreate", "exit code 0"),
        ("break.data.activate", "activate", "exit code 0"),
        ("break.archivelogs.activate", "activate", "exit code 0"),
    ]
    # The next plan knows how fast this run has copied.
    foreseen = site.rest.trigger(SERVICE, {"action": "refresh", "reason": "to see", "plan_only": True})
    until(lambda: not active_runs(site), 60, site.shown(foreseen))
    guess = next(line for line in site.log(foreseen, "plan").splitlines() if "Estimate for sync data" in line)
    # By default SYMCLI does not count modified tracks: the time is that of this run's copy.
    assert re.search(r": tracks not known, about \d+ (s|min): .*this is the time of the last copy", guess), (
        guess
    )
    assert record["run"]["asked_by"] == "admin" and record["run"]["reason"] == "end-to-end test"
    assert [proof["task"] for proof in record["proof"]] == [
        "resync.data.recreate",
        "resync.archivelogs.recreate",
    ]
    assert [copy["status"] for copy in record["copies"]] == ["up", "up"]
    text = site.log(run_id, "finish")
    assert f"# refresh of {SERVICE}: done" in text and "recreate -precopy" in text
    assert "did not finish" not in text, text
    links = site.rest.request("GET", f"/dags/{SERVICE}/dagRuns/{run_id}/taskInstances/finish/links")
    assert "/plugin/clones/" in links["extra_links"]["Run record"]


def test_the_log_tells_the_operator_what_was_seen_decided_and_sent(site: Site, stopped: str) -> None:
    plan = site.log(stopped, "plan")
    for text in (
        "Reason: end-to-end test",
        "Plan: stop",
        "DEV001 -> CLONE001 (1234 -> 4321)",
        "last action",
        "lan900:1",
    ):
        assert text in plan
    stop = site.log(stopped, "stop.service")
    for text in (
        "::group::aastmphpux$ /usr/sbin/umount /aaststcvi",
        "exit code 0",
        "vg vgCVI on aastmphpux is down",
    ):
        assert text in stop
    assert {
        s for task, s in site.states(stopped).items() if task.startswith(("resync", "break", "start"))
    } == {"skipped"}


def test_a_plan_alone_changes_nothing_and_is_green(site: Site) -> None:
    up = site.trigger("start")
    assert site.wait(up) == "success", site.states(up)
    since = site.seq()
    for action, text in (("refresh", "Would send"), ("update", "update WOULD BE REFUSED")):
        # Not announced to the journal as a run: it begins nothing, and its skipped end says no result.
        run_id = site.rest.trigger(SERVICE, {"action": action, "reason": "to see", "plan_only": True})
        until(lambda: not active_runs(site), 60, site.shown(run_id))
        assert site.rest.dag_run(SERVICE, run_id)["state"] == "success"
        states = site.states(run_id)
        assert states.pop("plan") == "success" and set(states.values()) == {"skipped"}
        assert text in site.log(run_id, "plan")
    sent = [entry["command"] for entry in site.lab.journal if entry["seq"] > since and entry.get("command")]
    assert sent and not [line for line in sent if "mkdir" in line or "umount" in line or "noprompt" in line]


def test_killed_three_times_it_goes_on_by_itself(site: Site) -> None:
    """SIGKILL right after the recreate of data, after the activation of data, and half through the start."""
    since = site.seq()
    moments = [
        line_of("recreate DGCVI"),
        line_of("activate DGCVI"),
        r"vgchange -a y",
    ]
    run_id = site.trigger()
    for moment in moments:
        fault = site.lab.fault("delay", match=moment, seconds=300, count=1)
        begun = site.seq()
        until(lambda: moment_seen(site, begun, moment), 90, site.shown(run_id))  # noqa: B023
        site.kill_task()
        site.lab.clear_faults(fault)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert site.controls(since) == [
        "recreate DGCVI",
        "recreate DGCVIARCH",
        "activate DGCVI",
        "activate DGCVIARCH",
    ]
    tries = site.tries(run_id)
    assert [tries[t] for t in ("resync.data.recreate", "break.data.activate", "start.service")] == [2, 2, 2]
    assert "every pair is prepared already" in site.log(run_id, "resync.data.recreate", 2)
    assert "every pair is active already" in site.log(run_id, "break.data.activate", 2)
    assert site.lab.host(SERVICE).mounts()


def moment_seen(site: Site, since: int, moment: str) -> bool:
    return any(re.search(moment, entry["command"]) for entry in site.lab.commands(since))


def test_the_lock_of_a_run_that_is_gone_is_taken_over(
    site: Site, stopped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was deleted in the UI, and one that ended without giving it back."""
    times = {ti["task_id"]: ti for ti in site.rest.task_instances(SERVICE, stopped)}
    assert times["finish"]["start_date"] >= times["stop.service"]["end_date"], "the lock was given back early"
    connect(monkeypatch, site.lab.connections)
    for ended in ("manual__deleted", stopped):
        until(lambda: not active_runs(site), 60, "a run continues")
        folder = f"/var/tmp/symclone-airflow/locks/{SERVICE}"
        words = ("mkdir", "-p", f"{folder}/{Owner(SERVICE, ended, site.installation, '0' * 16, 'plan', 1)}")
        with SymcliHook() as hosts:
            assert hosts.execute(Command("symcli_demo", words)).exit_code == 0
        run_id = site.trigger("stop")
        assert site.wait(run_id) == "success", site.states(run_id)
        assert f"its owner, run {ended} of {SERVICE}, has ended" in site.log(run_id, "plan")


def test_a_run_waits_for_its_turn(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is a run of a paused DAG: it is not over before somebody ends it."""
    connect(monkeypatch, site.lab.connections)
    other = site.rest.trigger("reporting_copies", {"action": "refresh", "reason": "end-to-end test"})
    holder = Owner("reporting_copies", other, site.installation, "0" * 16, "plan", 1)
    lock = f"/var/tmp/symclone-airflow/locks/{SERVICE}/{holder}"
    with SymcliHook() as hosts:
        assert hosts.execute(Command("symcli_demo", ("mkdir", "-p", lock))).exit_code == 0
    run_id = site.trigger("stop")
    until(lambda: site.states(run_id).get("plan") == "deferred", 30, site.shown(run_id))
    site.rest.request("PATCH", f"/dags/reporting_copies/dagRuns/{other}", json={"state": "failed"})
    assert site.wait(run_id) == "success", site.states(run_id)
    plan = site.log(run_id, "plan")
    assert f"run {other} of reporting_copies works on it" in plan and "Took over the lock" in plan
    assert site.tries(run_id)["plan"] == 1


def test_stopped_then_only_the_failed_tasks_are_cleared(site: Site) -> None:
    since = site.seq()
    fault = site.lab.fault("exit", match="vgimport", exit=1, stderr="vgimport: Couldn't open map file")
    run_id = site.trigger()
    assert site.wait(run_id) == "failed"
    finish = site.log(run_id, "finish")
    assert "Stopped at start.service." in finish and "Only failed tasks" in finish
    assert "Couldn't open map file" in site.log(run_id, "start.service", site.tries(run_id)["start.service"])
    assert site.states(run_id)["start.on_old_copies"] in ("skipped", "upstream_failed")
    site.lab.clear_faults(fault)
    site.clear_failed(run_id)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert len(site.controls(since)) == 4, "the rerun sent no control command again"
    assert site.lab.host(SERVICE).mounts()


def test_clear_failed_only_with_the_service_up_by_hand(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stop is not run again: the recreate proves by itself that the service is down."""
    since = site.seq()
    fault = site.lab.fault("exit", match=line_of("recreate DGCVIARCH"), exit=1, stderr="not permitted")
    run_id = site.trigger()
    assert site.wait(run_id) == "failed"
    site.lab.clear_faults(fault)
    connect(monkeypatch, site.lab.connections)
    service = load(SERVICES).services[SERVICE]
    address = drivers(service, service.hosts[0])[0]
    with SymcliHook() as hosts:
        for command in address.start("absent"):
            assert hosts.execute(command).exit_code == 0
    assert site.lab.host(SERVICE).addresses()
    site.rest.clear(SERVICE, run_id=run_id, only_failed=True)
    assert site.wait(run_id) == "failed"
    again = site.log(run_id, "resync.archivelogs.recreate", 2)
    assert "is not down" in again and "192.168.32.41" in again
    assert site.controls(since)[1:] == ["recreate DGCVIARCH"], "nothing more was sent"
    with SymcliHook() as hosts:
        for command in address.stop("configured"):
            assert hosts.execute(command).exit_code == 0
    site.clear_failed(run_id)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert site.controls(since)[2:] == ["recreate DGCVIARCH", "activate DGCVI", "activate DGCVIARCH"]


def test_cancelled_in_the_ui_the_next_run_goes_on(site: Site) -> None:
    since = site.seq()
    site.lab.fault("delay", match=line_of("recreate DGCVI"), seconds=8, count=1)
    # Not announced to the journal as a run: a cancelled run says no result.
    first = site.rest.trigger(SERVICE, {"action": "refresh", "reason": "to be cancelled"})
    until(lambda: bool(site.controls(since)), 90, site.shown(first))
    site.rest.request("PATCH", f"/dags/{SERVICE}/dagRuns/{first}", json={"state": "failed"})
    task, says = "resync.data.recreate", "Ended from outside while this was under way on symcli_demo"
    until(lambda: says in site.log(first, task), 60, lambda: site.log(first, task)[-2000:])
    assert "trigger the action again" in site.log(first, task)
    second = site.rest.trigger(SERVICE, {"action": "refresh", "reason": "continue"})
    until(lambda: not active_runs(site), 200, site.shown(second))
    assert site.rest.dag_run(SERVICE, second)["state"] == "success", site.states(second)
    assert f"its owner, run {first} of {SERVICE}, has ended" in site.log(second, "plan")
    assert site.controls(since) == [
        "recreate DGCVI",
        "recreate DGCVIARCH",
        "activate DGCVI",
        "activate DGCVIARCH",
    ]


def test_refused_before_any_change_the_service_runs_on_its_old_copies(site: Site) -> None:
    since = site.seq()
    before = site.lab.session(SYMID, "1234", "4321")
    site.lab.fault("exit", match=line_of("recreate DGCVI"), exit=1, stderr="The operation was not permitted")
    run_id = site.trigger()
    assert site.wait(run_id) == "failed"
    assert "The service runs on its old copies again" in site.log(run_id, "start.on_old_copies")
    assert "no copy was changed, the service runs on its old copies" in site.log(run_id, "finish")
    assert site.tries(run_id)["resync.data.recreate"] == 1, "a refusal is not tried again"
    assert site.lab.host(SERVICE).mounts()
    assert site.lab.session(SYMID, "1234", "4321")["last_action"] == before["last_action"]
    assert site.controls(since) == ["recreate DGCVI"]
    site.rest.clear(SERVICE, run_id=run_id, only_failed=True)  # not what its log says; it must do no harm
    assert site.wait(run_id) == "failed"
    assert "is not down" in site.log(run_id, "resync.data.recreate", 2)
    assert site.lab.host(SERVICE).mounts() and site.controls(since) == ["recreate DGCVI"]
