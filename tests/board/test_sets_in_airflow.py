"""A service with target sets in a real Airflow: what the sweep, the last task and the board make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.config import load
from tests.board.routes import Asker
from tests.conftest import TWO_SETS, TWO_SETS_LAB
from tests.support.shared import SharedAirflow
from tests.support.site import Site, until

pytestmark = pytest.mark.airflow

SERVICE = "lnxts"


@pytest.fixture(scope="module")
def site(shared: SharedAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    arrays = load(TWO_SETS_LAB).model_dump()
    home = tmp_path_factory.mktemp("sets")
    with shared.site(home, arrays=arrays, services=TWO_SETS, unpaused=(SERVICE, "clone_status")) as site:
        site.dag = site.service = SERVICE
        yield site


def sweep(site: Site) -> None:
    run_id = site.rest.trigger("clone_status")
    until(lambda: site.rest.dag_run("clone_status", run_id)["state"] == "success", 200, "no sweep")


def metrics(asker: Asker) -> dict[str, float]:
    text = asker.get("/clones/metrics").text
    found = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in found}


def test_a_refresh_and_a_rewind_as_they_are_seen(site: Site) -> None:
    asker = Asker.logged_in(site.rest)

    def shown() -> dict[str, Any]:
        view: dict[str, Any] = asker.json(f"/clones/api/services/{SERVICE}")
        return view

    def after(action: str) -> tuple[dict[str, Any], str]:
        run_id = site.trigger(action)
        assert site.wait(run_id, 240) == "success", site.states(run_id)
        return shown(), run_id

    sweep(site)
    view = shown()
    assert view["status"] == "unknown" and "no run has kept which target set is in use" in view["why"]
    (rewind,) = [one for one in view["actions"] if one["action"] == "rewind"]
    assert rewind["refused"] and len(view["pairs"]) == 6

    view, run_id = after("refresh")
    assert (view["status"], view["set"]["name"], view["set"]["role"]) == ("up", "b", "in use")
    assert view["own"]["state"] == "up"
    a, b = view["sets"]
    assert (a["role"], a["unready"], b["role"]) == ("spare", "", "in use")
    assert a["syncs"][0]["point_in_time"] < b["syncs"][0]["point_in_time"]
    (rewind,) = [one for one in view["actions"] if one["action"] == "rewind"]
    assert (rewind["set"], rewind["to"], rewind["refused"]) == ("a", a["syncs"][0]["point_in_time"], "")
    assert view["records"][0]["record"]["sets"] == {"from": "a", "to": "b", "in_use": "b"}
    assert "prepare" in [one["phase"] for one in view["runs"][0]["phases"]]
    assert view["runs"][0]["run_id"] == run_id and view["runs"][0]["result"] == "done"
    measured = metrics(asker)
    assert [measured[f'symclone_set_in_use{{service="{SERVICE}",set="{one}"}}'] for one in "ab"] == [0, 1]
    age = 'symclone_copy_age_seconds{service="lnxts",sync="data"}'
    assert measured[age] < 3600

    sweep(site)
    assert (shown()["status"], shown()["set"]["name"]) == ("up", "b"), "it goes by what the run has kept"

    view, _ = after("rewind")
    assert (view["set"]["name"], view["runs"][0]["action"], view["runs"][0]["result"]) == (
        "a",
        "rewind",
        "done",
    )
    assert metrics(asker)[age] > 24 * 3600
    assert [one["role"] for one in view["sets"]] == ["in use", "spare"]

    view, _ = after("stop")
    assert (view["status"], view["set"]["name"], view["set"]["role"]) == ("up", "a", "to start on")
    assert view["own"]["state"] == "down"
