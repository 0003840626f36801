"""The board in a real API server with Airflow's simple login, beside a refresh over real SSH."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from lab.config import load
from tests.board.routes import Asker, paths
from tests.conftest import ROOT, SERVICES, SYMID
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, until

pytestmark = pytest.mark.airflow

MARKER = "marker-that-nobody-may-see"
ALERTS = """
alerts:
  notifier: tells_a_file.Notifier
  arguments: {text: "{{ alert.kind }}: {{ alert.subject }} {{ alert.url }}"}
"""
NOTIFIER = """
import os
from airflow.sdk import BaseNotifier

class Notifier(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text):
        super().__init__()
        self.text = text

    def notify(self, context):
        with open(os.environ["AIRFLOW_HOME"] + "/told", "a") as told:
            told.write(self.text + chr(10))
"""
LATE = """
from datetime import timedelta
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG
from hooks.configuration import load
from operators import alerts
from hooks.configuration import CONFIG

# As of a service with a deadline, but for the interval; it waits for ever.
late = alerts.deadline("lnxpp", load(CONFIG).services["lnxpp"].model_copy(update={"run_deadline": 1}), CONFIG)
late.interval = timedelta(seconds=2)
with DAG("late", schedule=None, deadline=late):
    ApprovalOperator(task_id="wait", subject="wait")
"""


@pytest.fixture(scope="module")
def site(shared: SharedAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a completed refresh, a sweep after it, and secrets wherever Airflow keeps some."""
    home = tmp_path_factory.mktemp("site")
    services, late = home / "with_alerts.yaml", home / "late"
    services.write_text(ALERTS + SERVICES.read_text())
    late.mkdir()
    (late / "late.py").write_text(LATE)
    shared.config.mkdir(parents=True, exist_ok=True)
    (shared.config / "tells_a_file.py").write_text(NOTIFIER)
    arrays = load().model_dump()
    arrays["arrays"][0]["copy_rate"] = 500  # so slow that one sees it copy
    with shared.site(
        home,
        services=services,
        arrays=arrays,
        dags=(ROOT / "dags", late),
        connections={"marker": {"conn_type": "ssh", "host": "h", "password": MARKER}},
        variables={"symclone_marker": MARKER},
        unpaused=(SERVICE, "clone_status"),
    ) as site:
        site.rest.request("POST", "/variables", json={"key": "marker", "value": MARKER})
        site.rest.request(
            "POST",
            "/connections",
            json={
                "connection_id": "marker2",
                "conn_type": "ssh",
                "password": MARKER,
                "extra": f'{{"private_key": "{MARKER}"}}',
            },
        )
        conf = {"action": "refresh", "reason": "to be shown", "password": MARKER}
        run_id = site.rest.trigger(SERVICE, conf)
        site.lab.note("run begins", service=SERVICE, run=run_id, action="refresh")
        admin = Asker.logged_in(site.rest)

        def look() -> dict[str, Any]:
            row = admin.fleet()[SERVICE]
            if any(sync["ends"] and sync["percent"] is not None for sync in row["syncs"]):
                site.lab.set_rate(SYMID, 1e6)  # enough was seen
            return row

        MEANWHILE.extend(until_ended(look))
        assert site.wait(run_id, 400) == "success", site.states(run_id)
        sweep = site.rest.trigger("clone_status")
        until(lambda: site.rest.dag_run("clone_status", sweep)["state"] == "success", 200, "no sweep")
        yield site


MEANWHILE: list[dict[str, Any]] = []
"""The service's row while its refresh went on."""


def until_ended(look: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
    """What is seen, look after look, until a run has ended."""
    seen = [look()]

    def ended() -> bool:
        seen.append(look())
        return seen[-1]["last_run"] is not None

    until(ended, 400, lambda: f"{seen[-1]}")
    return seen


@pytest.fixture(scope="module")
def run_id(site: Site) -> str:
    return str(site.rest.request("GET", f"/dags/{SERVICE}/dagRuns")["dag_runs"][0]["dag_run_id"])


@pytest.fixture(scope="module")
def admin(site: Site) -> Asker:
    return Asker.logged_in(site.rest)


def test_nobody_sees_anything_without_a_login(site: Site, run_id: str) -> None:
    known = list(paths(SERVICE, run_id))
    assert len(known) >= 6
    strangers = [({}, 401), ({"Authorization": "Bearer x.y.z"}, 403), ({"Cookie": "_token=x"}, 403)]
    for headers, status in strangers:
        asker = Asker(site.airflow.url, headers)
        for path in known:
            answer = asker.get(path)
            assert (answer.status_code, list(answer.json())) == (status, ["detail"]), path
    for path in ("/clones/docs", "/clones/redoc", "/clones/openapi.json"):
        assert Asker(site.airflow.url).get(path).status_code == 404


@pytest.mark.parametrize(("user", "may"), [("view", False), ("oper", True), ("admin", True)])
def test_who_may_trigger(site: Site, run_id: str, user: str, may: bool) -> None:
    asker = Asker.logged_in(site.airflow.client(user))
    for path in paths(SERVICE, run_id):
        assert asker.get(path).status_code == 200, path
    assert {row["may_trigger"] for row in asker.fleet().values()} == {may}
    actions = asker.json(f"/clones/api/services/{SERVICE}")["actions"]
    assert [action["action"] for action in actions] == [
        *("refresh", "update", "resync", "break", "start", "stop"),
        *("provision", "retire"),
    ]
    assert {action["allowed"] for action in actions} == {may}


def test_no_secret_is_shown(site: Site, run_id: str, admin: Asker) -> None:
    conf = site.rest.dag_run(SERVICE, run_id)["conf"]
    assert conf["password"] == MARKER, "it is there to be shown"
    said = ""
    for service in admin.fleet():
        for path in paths(service, run_id):
            answer = admin.get(path)
            said += answer.text + str(answer.headers)
    assert "to be shown" in said
    assert MARKER not in said


def test_the_fleet(admin: Asker, run_id: str) -> None:
    whole = admin.json("/clones/api/fleet")
    assert list(whole) == ["now", "looked", "every_minutes", "error", "silent", "services"]
    assert whole["every_minutes"] == 5 and whole["error"] is None and whole["silent"] == []
    assert datetime.fromisoformat(whole["looked"]) <= datetime.fromisoformat(whole["now"])
    row = admin.fleet()[SERVICE]
    assert (row["status"], row["running"], row["held_by"], row["paused"]) == ("up", None, None, False)
    assert row["next_run"] and row["since"]
    last = row["last_run"]
    said = [last[key] for key in ("run_id", "action", "result", "state")]
    assert said == [run_id, "refresh", "done", "success"]
    assert last["seconds"] > 1 and last["url"] == f"/dags/{SERVICE}/runs/{quote(run_id, safe='')}"
    assert [sync["sync"] for sync in row["syncs"]] == ["data", "archivelogs"]
    for sync in row["syncs"]:
        assert sync["sync_max_delay"] == 27 * 3600 and sync["point_in_time"]


def test_the_fleet_while_a_run_goes_on(site: Site, run_id: str) -> None:
    working = [row["running"] for row in MEANWHILE if row["running"]]
    assert {(run["run_id"], run["action"]) for run in working} == {(run_id, "refresh")}
    assert any(run["state"] == "running" for run in working)
    tasks = {run["task"] for run in working}
    assert {"plan", "break.data.wait_copied"} & tasks
    copying = [sync for row in MEANWHILE for sync in row["syncs"] if sync["percent"] is not None]
    assert copying and all(0 <= sync["percent"] <= 100 for sync in copying)
    for end in (sync["ends"] for sync in copying if sync["ends"]):
        assert datetime.fromisoformat(end).tzinfo is not None
    assert MEANWHILE[-1]["running"] is None


def test_the_fleet_right_after_the_run(site: Site, run_id: str) -> None:
    """No sweep has ever looked by then."""
    row = MEANWHILE[-1]
    assert row["status"] == "up" and row["seen"] and all(sync["point_in_time"] for sync in row["syncs"])
    assert (row["own"]["state"], row["own"]["run_id"]) == ("up", run_id)


def test_one_service(site: Site, admin: Asker, run_id: str) -> None:
    found = admin.json(f"/clones/api/services/{SERVICE}")
    assert found["status"] == "up"
    assert [(pair["sync"], pair["source"], pair["target"], pair["state"]) for pair in found["pairs"]] == [
        ("data", "1234", "4321", "Copied"),
        ("archivelogs", "1235", "4322", "Copied"),
    ]
    looked = admin.json("/clones/api/fleet")["looked"]
    assert found["pairs_seen"] == found["looked"] == looked
    (run,) = found["runs"]
    said = [run[key] for key in ("run_id", "action", "result", "state")]
    assert said == [run_id, "refresh", "done", "success"]
    phases = [(phase["phase"], phase["sync"]) for phase in run["phases"]]
    assert phases[:2] == [("plan", None), ("stop", None)] and phases[-1] == ("finish", None)
    assert {("resync", "data"), ("break", "archivelogs"), ("copy", "data"), ("start", None)} <= set(phases)
    assert all(phase["began"] <= phase["ended"] for phase in run["phases"])
    for sync in ("data", "archivelogs"):
        (copy,) = found["ages"][sync]["copies"]
        assert datetime.fromisoformat(copy["point_in_time"]) < datetime.fromisoformat(copy["at"])
    (record,) = found["records"]
    assert record["run_id"] == run_id and record["record"]["result"]["result"] == "done"
    assert record["record"]["run"]["reason"] == "to be shown"
    alone = admin.json(f"/clones/api/services/{SERVICE}/records/{SERVICE}/{run_id}")
    assert alone == record


def test_airflow_s_button_leads_to_the_record(site: Site, admin: Asker, run_id: str) -> None:
    links = site.rest.request("GET", f"/dags/{SERVICE}/dagRuns/{run_id}/taskInstances/finish/links")
    place = f"/service/{SERVICE}/run/{SERVICE}/{quote(run_id, safe='')}"
    assert links["extra_links"]["Run record"] == f"/plugin/clones/clones/#{place}"


@pytest.mark.parametrize(
    "path",
    [
        "/clones/api/services/nosuch",
        f"/clones/api/services/{SERVICE}/records/{SERVICE}/nosuch",
        f"/clones/api/services/{SERVICE}/records/clone_status/RUN",
        f"/clones/api/services/lnxpp/records/{SERVICE}/RUN",
        "/clones/static/nosuch",
        "/clones/static/..%2Fapp.py",
        "/clones/static/%2e%2e/app.py",
    ],
)
def test_what_is_not_there(admin: Asker, path: str, run_id: str) -> None:
    assert admin.get(path.replace("RUN", run_id)).status_code == 404


def test_prometheus_text(admin: Asker) -> None:
    answer = admin.get("/clones/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    labels = f'service="{SERVICE}",sync="data"'
    assert float(lines[f"symclone_copy_status{{{labels}}}"]) == 0
    assert 0 < float(lines[f"symclone_copy_age_seconds{{{labels}}}"]) < 3600
    assert float(lines[f'symclone_service_up{{service="{SERVICE}"}}']) == 1
    assert float(lines[f"symclone_copy_limit_seconds{{{labels}}}"]) == 27 * 3600
    assert (
        float(lines[f'symclone_last_run_success{{dag="{SERVICE}",result="done",service="{SERVICE}"}}']) == 1
    )
    assert float(lines["symclone_configuration_readable"]) == 1


def test_what_did_not_change_is_not_sent_again(admin: Asker) -> None:
    path = f"/clones/api/services/{SERVICE}"
    tag = admin.get(path).headers["etag"]
    again = admin.get(path, **{"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert admin.get(path, **{"If-None-Match": '"other"'}).status_code == 200


def test_it_is_closed_to_other_sites(admin: Asker, run_id: str) -> None:
    for path in paths(SERVICE, run_id):
        headers = admin.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and "no-cache" in headers["cache-control"]


def test_a_broken_configuration_is_said_and_the_last_good_one_shown(site: Site, admin: Asker) -> None:
    path = Path(site.airflow.env["SYMCLONE_CONFIG"])
    good = path.read_text()
    before = admin.fleet()
    try:
        path.write_text(good + "nonsense: true\n")
        whole = admin.json("/clones/api/fleet")
        assert "nonsense" in whole["error"] and len(whole["services"]) == len(before)
        assert "symclone_configuration_readable 0.0" in admin.get("/clones/metrics").text
        path.unlink()
        assert "cannot be read" in admin.json("/clones/api/fleet")["error"]
    finally:
        path.write_text(good)
    assert admin.json("/clones/api/fleet")["error"] is None


def test_who_is_told_of_a_run_that_fails_or_is_late(site: Site) -> None:
    told = site.airflow.home / "told"

    def lines() -> list[str]:
        return told.read_text().splitlines() if told.exists() else []

    for dag in ("lnxpp", "late"):
        site.unpause(dag)
        # The configuration that was broken for a moment may have been read just then.
        until(lambda dag=dag: not site.rest.request("GET", f"/dags/{dag}")["is_stale"], 200, "not read again")
    site.rest.trigger("lnxpp", {"action": "refresh"})  # nobody says why: only its author sees that
    failed = site.rest.trigger("lnxpp", {"action": "resync", "reason": "refused, for the service is up"})
    late = site.rest.trigger("late")
    until(lambda: len(lines()) >= 2, 300, lambda: f"told: {lines()}")
    site.rest.request("PATCH", f"/dags/late/dagRuns/{late}", json={"state": "failed"})
    url = site.airflow.url
    assert sorted(lines()) == [
        "failed: lnxpp failed. Refused at plan: nothing was changed. "
        f"{url}/dags/lnxpp/runs/{quote(failed, safe='')}",
        f"late: A run of late has not ended after 1 min. {url}/dags/late/runs/{quote(late, safe='')}",
    ]


def test_the_navigation(site: Site, admin: Asker) -> None:
    plugins = site.rest.request("GET", "/plugins")["plugins"]
    (view,) = [view for plugin in plugins for view in plugin["external_views"]]
    assert (view["name"], view["href"], view["destination"]) == ("Clones", "/clones/", "nav")
    errors: dict[str, Any] = site.rest.request("GET", "/plugins/importErrors")
    assert errors["import_errors"] == []
