"""A DAG that is paused amid a run, in a real Airflow: people are told, and what to press works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.board.routes import Asker
from tests.end_to_end.test_ended import sweep
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, until

pytestmark = pytest.mark.airflow


def pause(site: Site, paused: bool) -> None:
    site.rest.request("PATCH", f"/dags/{SERVICE}", json={"is_paused": paused})


def test_paused_while_it_stops(shared: SharedAirflow, tmp_path: Path) -> None:
    with shared.site(tmp_path, unpaused=(SERVICE, "clone_status")) as site:
        sweep(site)
        run_id = site.trigger()
        until(lambda: site.states(run_id)["stop.service"] == "running", 120, site.shown(run_id))
        pause(site, True)
        until(lambda: site.states(run_id)["stop.service"] == "success", 60, site.shown(run_id))
        said = sweep(site)
        assert f"DAG {SERVICE} is paused while a run of it is in progress" in said and run_id in said
        assert "unpause the DAG" in said
        assert "is paused while" not in sweep(site), "of each pause it is told once"
        assert site.state(run_id) == "running" and not site.lab.host(SERVICE).mounts()
        held = Asker.logged_in(site.rest).fleet()[SERVICE]["held_by"]
        assert f"DAG {SERVICE} is paused amid run {run_id}" in held["text"], held
        pause(site, False)
        assert site.wait(run_id, 240) == "success", site.states(run_id)
        assert site.lab.host(SERVICE).mounts() and "is paused while" not in sweep(site)
