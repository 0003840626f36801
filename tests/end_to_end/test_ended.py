"""A run that a person ends from outside, in a real Airflow: who is told, what is shown, what works after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.check import findings
from tests.board.routes import Asker
from tests.conftest import SYMID
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, until

pytestmark = pytest.mark.airflow

WAITS = ("break.data.wait_copied", "break.archivelogs.wait_copied")


def ended(site: Site, run_id: str) -> str:
    """The run's state once it has ended, whether or not it says anything of its end.

    Right after :func:`mark` it can be either one: a scheduler that read the run while it was still running
    judges it by its last task, which is skipped by then, and writes `success` over what was marked. So what
    is marked is judged here by what we show of it.
    """
    until(lambda: site.state(run_id) in ("success", "failed"), 120, site.shown(run_id))
    return site.state(run_id)


def mark(site: Site, run_id: str, state: str) -> None:
    """What the UI's `Mark run as` does."""
    site.rest.request("PATCH", f"/dags/{SERVICE}/dagRuns/{run_id}", json={"state": state})
    site.lab.note("run ends", service=SERVICE, run=run_id, result="stopped", step="outside")


def sweep(site: Site) -> str:
    """What one sweep logs."""
    run_id = site.rest.trigger("clone_status")
    until(lambda: site.rest.dag_run("clone_status", run_id)["state"] == "success", 120, "no sweep")
    return site.rest.task_log("clone_status", run_id, "sweep")


def last_run(site: Site) -> dict[str, Any]:
    row = Asker.logged_in(site.rest).fleet()[SERVICE]
    assert row["last_run"] is not None
    return {"result": row["last_run"]["result"], "state": row["last_run"]["state"], "held": row["held_by"]}


def test_ended_while_it_copies(shared: SharedAirflow, tmp_path: Path) -> None:
    with shared.site(tmp_path, unpaused=(SERVICE, "clone_status")) as site:
        sweep(site)
        site.lab.set_rate(SYMID, 20)
        run_id = site.trigger()

        def both_wait() -> bool:
            states = site.states(run_id)
            return all(states[task] == "deferred" for task in WAITS)

        until(both_wait, 120, site.shown(run_id))
        mark(site, run_id, "failed")
        ended(site, run_id)
        states = site.states(run_id)
        assert {states[task] for task in WAITS} == {"failed"}
        assert states["start.service"] == states["finish"] == "skipped"
        shown = last_run(site)
        assert (shown["result"], shown["state"]) == ("ended without finish", "failed")
        assert "trigger the action again" in shown["held"]["text"]
        said = sweep(site)
        assert "was ended from outside, without its last task" in said and run_id in said
        assert "was ended from outside" not in sweep(site), "of each run it is told once"

        site.lab.set_rate(SYMID, 1e6)
        site.rest.clear(SERVICE, run_id=run_id, only_failed=True)
        assert ended(site, run_id) == "success", "only the last task, which was skipped, decides in Airflow"
        assert not site.lab.host(SERVICE).mounts()
        tries = site.tries(run_id)
        for task in WAITS:
            said = site.log(run_id, task, tries[task])
            assert "its last task, finish, has the state skipped" in said
            assert "was ended from outside, without its last task" in said, "people are told"
        assert last_run(site)["state"] == "failed"
        assert last_run(site)["result"] == "ended without finish"

        site.lab.note("run begins", service=SERVICE, run=run_id, action="refresh", again=run_id)
        site.rest.clear(SERVICE, run_id=run_id, tasks=WAITS, include_downstream=True)
        assert site.wait(run_id) == "success", site.states(run_id)
        assert site.lab.host(SERVICE).mounts()
        assert last_run(site)["result"] == "done"

        # Marked as success before it has done anything but plan: green in Airflow, and not done.
        fault = site.lab.fault("delay", host=SERVICE, match="umount", seconds=60, count=1)
        run_id = site.trigger()
        until(lambda: site.states(run_id)["stop.service"] == "running", 120, site.shown(run_id))
        mark(site, run_id, "success")
        ended(site, run_id)
        site.lab.clear_faults(fault)
        shown = last_run(site)
        assert (shown["result"], shown["state"]) == ("ended without finish", "failed")
        said = sweep(site)
        assert "was ended from outside, without its last task" in said and run_id in said

        # What the remedy says first.
        run_id = site.trigger()
        assert site.wait(run_id, 240) == "success", site.states(run_id)
        assert last_run(site)["result"] == "done" and site.lab.host(SERVICE).mounts()
        assert findings(site.lab.journal) == []
