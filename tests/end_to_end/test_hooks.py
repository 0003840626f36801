"""Hooks in whole runs, through the real scheduler and workers: what was begun is ended, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.check import findings
from lab.config import load
from tests.conftest import SERVICES, line_of
from tests.support.hooked import ORACLE, hooked_services, sent_in_order, with_programs
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, active_runs, until

pytestmark = pytest.mark.airflow

RESYNC = ["drain start", "umount", "recreate DGCVI", "recreate DGCVIARCH"]
DATA = ["backup start", "activate DGCVI", "backup stop", "log start"]
START = ["activate DGCVIARCH", "mount", "drain stop", "answers status", "quick status"]
ACTIVATE = line_of("activate DGCVI")


@pytest.fixture(scope="module")
def running(shared: SharedAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("site")
    services = hooked_services(home / "hooked.yaml")
    with shared.site(home, services=services, arrays=with_programs(load().model_dump())) as site:
        yield site


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    until(lambda: not active_runs(running), 150, "a run of an earlier test continues")
    yield running
    running.lab.clear_faults()
    assert findings(running.lab.journal, SERVICES) == []


def in_backup(site: Site) -> bool:
    return bool(site.lab.host(ORACLE).apps()["backup"])


def cleared_with(site: Site, run_id: str, task: str) -> set[str]:
    """What the UI's Clear of one task clears along: its setups and teardowns."""
    asked = {"dry_run": True, "dag_run_id": run_id, "task_ids": [task], "only_failed": False}
    cleared = site.rest.request("POST", f"/dags/{SERVICE}/clearTaskInstances", json=asked)
    return {str(ti["task_id"]) for ti in cleared["task_instances"]}


def test_the_activation_fails(site: Site) -> None:
    """What was begun is ended, nothing follows; Clear, Only failed tasks, begins it again."""
    since = site.seq()
    fault = site.lab.fault("exit", match=ACTIVATE, exit=1, stderr="The operation was not permitted")
    run_id = site.trigger()
    assert site.wait(run_id) == "failed"
    assert sent_in_order(site.lab, since) == RESYNC + DATA
    states = site.states(run_id)
    assert states["break.data.after_activate.end_backup"] == "failed"
    assert states["break.archivelogs.activate"] == states["start.service"] == "upstream_failed"
    assert "Stopped at break.data.activate." in site.log(run_id, "finish")
    assert cleared_with(site, run_id, "break.data.activate") == {
        task for task in states if task.startswith("break.data.") and task != "break.data.wait_copied"
    }
    site.lab.clear_faults(fault)
    again = site.seq()
    site.clear_failed(run_id)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert sent_in_order(site.lab, again) == DATA + START
    assert site.tries(run_id)["break.data.before_activate.begin_backup"] == 1


def test_the_task_is_killed(site: Site) -> None:
    """The second try of the activation needs no second beginning."""
    since = site.seq()
    fault = site.lab.fault("delay", match=ACTIVATE, seconds=300, count=1)
    run_id = site.trigger()
    until(lambda: "activate DGCVI" in sent_in_order(site.lab, since), 90, site.shown(run_id))
    assert in_backup(site)
    site.kill_task()
    site.lab.clear_faults(fault)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert site.tries(run_id)["break.data.activate"] == 2
    assert sent_in_order(site.lab, since) == RESYNC + DATA + START


def test_the_beginning_fails(site: Site) -> None:
    """It may have taken effect all the same: it is ended."""
    since = site.seq()
    fault = site.lab.fault("exit", match="/opt/oracle/bin/backup start", exit=1, stderr="ORA-01034")
    run_id = site.trigger()
    assert site.wait(run_id) == "failed"
    assert sent_in_order(site.lab, since) == [
        *RESYNC,
        "backup start",
        "backup start",
        "backup stop",
        "log start",
    ]
    assert "Stopped at break.data.before_activate.begin_backup." in site.log(run_id, "finish")
    site.lab.clear_faults(fault)
    again = site.seq()
    site.clear_failed(run_id)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert sent_in_order(site.lab, again) == DATA + START


def test_the_end_fails(site: Site) -> None:
    """The copy is there, but nothing follows before the source is as it was."""
    since = site.seq()
    fault = site.lab.fault("exit", match="/opt/oracle/bin/backup stop", exit=1, stderr="ORA-01034")
    run_id = site.trigger()
    assert site.wait(run_id) == "failed"
    assert sent_in_order(site.lab, since) == [*RESYNC, *DATA[:3], "backup stop", "log start"]
    assert site.states(run_id)["start.service"] == "upstream_failed"
    assert "Stopped at break.data.after_activate.end_backup." in site.log(run_id, "finish")
    site.lab.clear_faults(fault)
    again = site.seq()
    site.clear_failed(run_id)
    assert site.wait(run_id) == "success", site.states(run_id)
    assert sent_in_order(site.lab, again) == [*DATA[2:], *START]


def test_somebody_ends_the_run(site: Site) -> None:
    """Mark the run as failed, half through the activation: Airflow still runs what ends it."""
    since = site.seq()
    site.lab.fault("delay", match=ACTIVATE, seconds=300, count=1)
    run_id = site.trigger()
    until(lambda: "activate DGCVI" in sent_in_order(site.lab, since), 90, site.shown(run_id))
    assert in_backup(site)
    site.rest.request("PATCH", f"/dags/{SERVICE}/dagRuns/{run_id}", json={"state": "failed"})
    until(lambda: sent_in_order(site.lab, since)[-2:] == DATA[2:], 60, site.shown(run_id))
    assert not in_backup(site)
    site.lab.note("run ends", service=SERVICE, run=run_id, result="stopped", step="break.data.activate")
