"""An Airflow that tests share: what one left half done, the next does not find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, active_runs, until

pytestmark = pytest.mark.airflow


def test_what_a_test_left_is_gone(shared: SharedAirflow, tmp_path: Path) -> None:
    """A run in the middle of a task, which waits for an answer; and a triggerer that has ended."""
    with shared.site(tmp_path / "1") as left:
        left.lab.fault("delay", match="/usr/sbin/umount", seconds=300, count=1)
        run_id = left.rest.trigger(SERVICE, {"action": "stop", "reason": "left half done"})
        until(lambda: left.states(run_id).get("stop.service") == "running", 90, left.shown(run_id))
        left.airflow.kill("triggerer", tree=True)
        until(lambda: "triggerer" not in left.airflow.processes(), 30, "the triggerer lives on")
    with shared.site(tmp_path / "2") as site:
        assert site.tasks() == [] and active_runs(site) == []
        assert "triggerer" in site.airflow.processes()
        (service,) = site.rest.request("GET", "/dags", params={"paused": False})["dags"]
        assert service["dag_id"] == SERVICE
        run_id = site.trigger("stop")
        assert site.wait(run_id) == "success", site.states(run_id)
        assert not site.lab.host(SERVICE).mounts()
        runs = site.rest.request("GET", "/dags/~/dagRuns")["dag_runs"]
        assert [run["dag_run_id"] for run in runs] == [run_id]
