"""A Unisphere over real HTTPS: its certificate, its connections, and what faults make of them."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab import Client, Lab
from lab.config import load
from lab.direct import DirectLab
from lab.server.exchange import Request
from tests.lab.conftest import GROUPS, PM, POWERMAX, START
from tests.support.tables import load_yaml

SNAPS = f"{GROUPS}prod_data_sg/snapshot"
MAKE = {"snapshotName": "SA_x"}


def calls(lab: Lab, login: str = "admin", **words: Any) -> httpx.Client:
    to = lab.connections["unisphere_demo"]
    return httpx.Client(
        base_url=f"https://{to['host']}:{to['port']}/univmax/restapi",
        verify=ssl.create_default_context(cafile=to["extra"]["ca_file"]),
        auth=(login, to["password"]), timeout=10, **words,
    )  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", start=START) as running:
        running.set_unisphere_switch("unisphere01", "lag_s", 0)
        running.set_unisphere_switch("unisphere01", "job_seconds", 0)
        yield running


@pytest.fixture
def to(lab: Lab) -> Iterator[httpx.Client]:
    with calls(lab) as client:
        yield client


def names(lab: Lab) -> set[str]:
    return {s["name"] for s in lab.snapshots(PM)}


def until(holds: Callable[[], bool]) -> None:
    """What goes on in the lab's own thread comes to that."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_connection_is_one_of_airflows(lab: Lab) -> None:
    to = lab.connections["unisphere_demo"]
    assert (to["conn_type"], to["host"], to["login"]) == ("http", "127.0.0.1", "symclone")
    assert Path(to["extra"]["ca_file"]).read_text().startswith("-----BEGIN CERTIFICATE")
    env = (lab.directory / "connections.env").read_text()
    assert "export AIRFLOW_CONN_UNISPHERE_DEMO='{" in env and "ca_file" in env
    key = next((lab.directory / "tls").glob("ca.key"))
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_connection_takes_many_calls(lab: Lab, to: httpx.Client) -> None:
    assert to.get("/version").json()["api_version"] == "104"
    assert to.post(SNAPS, json=MAKE).status_code == 201
    assert to.get(SNAPS).json()["name"][0] == "SA_x"
    connects = [e for e in lab.journal if e["event"] == "connect"]
    assert len(connects) == 1 and connects[0]["family"] == "unisphere"
    assert {e["connection"] for e in lab.requests()} == {connects[0]["connection"]}
    to.close()
    until(lambda: any(e["event"] == "disconnect" for e in lab.journal))


def test_a_client_that_wants_no_more_is_let_go(lab: Lab, to: httpx.Client) -> None:
    assert to.get("/version", headers={"Connection": "close"}).status_code == 200
    until(lambda: any(e["event"] == "disconnect" for e in lab.journal))
    assert to.get("/version").status_code == 200


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(to: httpx.Client) -> None:
    assert to.post(SNAPS, json=MAKE, headers={"Expect": "100-continue"}).status_code == 201


def test_many_clients_at_once(lab: Lab) -> None:
    def look() -> None:
        with calls(lab) as to:
            for _ in range(5):
                seen.append(to.get(SNAPS).status_code)

    seen: list[int] = []
    threads = [threading.Thread(target=look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert seen == [200] * 100


def test_only_the_labs_ca_is_to_be_trusted(lab: Lab) -> None:
    to = lab.connections["unisphere_demo"]
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(
            f"https://127.0.0.1:{to['port']}/univmax/restapi/version", verify=ssl.create_default_context()
        )


def test_a_certificate_of_another_ca(lab: Lab, to: httpx.Client) -> None:
    assert to.get("/version").status_code == 200
    fault = lab.fault("other_ca", host="unisphere01")
    with pytest.raises(httpx.TransportError, match="CERTIFICATE_VERIFY_FAILED"):
        to.get("/version")
        to.get("/version")
    lab.clear_faults(fault)
    with calls(lab) as again:
        assert again.get("/version").status_code == 200


def test_an_answer_is_lost_before_and_after_the_change(lab: Lab, to: httpx.Client) -> None:
    lab.fault("cut_before", host="unisphere01", match="SA_before", count=1)
    lab.fault("cut_after", host="unisphere_demo", match="SA_after", count=1)
    for name in ("SA_before", "SA_after"):
        with pytest.raises(httpx.RemoteProtocolError):
            to.post(SNAPS, json={"snapshotName": name})
    assert "SA_after" in names(lab) and "SA_before" not in names(lab)
    before, after = lab.requests()
    assert (before["status"], before["answered"], before["faults"]) == (None, None, ["cut_before"])
    assert (after["status"], after["answered"], after["faults"]) == (None, 201, ["cut_after"])


def test_an_answer_breaks_off(lab: Lab, to: httpx.Client) -> None:
    lab.fault("cut_bytes", host="unisphere01", bytes=10, count=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        to.post(SNAPS, json=MAKE)
    assert "SA_x" in names(lab)


def test_the_work_goes_on_after_the_connection_was_lost(lab: Lab, to: httpx.Client) -> None:
    lab.fault("cut_running", host="unisphere01", seconds=60, count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        to.post(SNAPS, json=MAKE)
    lab.advance(59)
    assert "SA_x" not in names(lab)
    lab.advance(2)
    until(lambda: "SA_x" in names(lab))


@pytest.mark.parametrize("work", ["first", "last"])
def test_an_answer_that_comes_late(lab: Lab, to: httpx.Client, work: str) -> None:
    """By the lab's clock: 130 s pass in no time."""
    lab.fault("late", host="unisphere01", seconds=130, count=1, work=work)
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.append(to.post(SNAPS, json=MAKE).status_code))
    thread.start()
    until(lambda: any(f["left"] == 0 for f in lab.faults()))
    lab.advance(129)
    assert got == [] and ("SA_x" in names(lab)) is (work == "first")
    lab.advance(1)
    thread.join(10)
    assert got == [201] and "SA_x" in names(lab)


def test_who_waits_no_more_is_gone(lab: Lab) -> None:
    lab.fault("hang", host="unisphere01", count=1)
    with calls(lab) as to, pytest.raises(httpx.ReadTimeout):
        to.post(SNAPS, json=MAKE, timeout=0.2)
    until(lambda: len(lab.requests()) == 1)
    assert lab.requests()[0]["status"] is None and "SA_x" not in names(lab)


@pytest.mark.parametrize(
    ("words", "status", "kind", "text"),
    [
        ({"status": 401}, 401, "application/json", ""),
        ({"status": 500, "body": '{"message": "x"}'}, 500, "application/json", '{"message": "x"}'),
        ({"status": 503, "body": "<html>", "type": "text/html"}, 503, "text/html", "<html>"),
        ({"status": 200, "body": "<html/>", "type": "text/html"}, 200, "text/html", "<html/>"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("work", [None, "first"])
def test_a_proxys_answer_in_the_middle(
    lab: Lab, to: httpx.Client, words: dict[str, Any], status: int, kind: str, text: str, work: str | None
) -> None:
    lab.fault("http", host="unisphere01", match="POST", count=1, work=work, **words)
    assert to.get("/version").status_code == 200
    got = to.post(SNAPS, json=MAKE)
    assert (got.status_code, got.headers["content-type"], got.text) == (status, kind, text)
    entry = lab.requests()[-1]
    assert (entry["status"], entry["answered"]) == (status, 201 if work else None)
    assert ("SA_x" in names(lab)) is (work == "first")
    assert to.get("/version").status_code == 200


def test_a_unisphere_that_is_down(lab: Lab, to: httpx.Client) -> None:
    assert to.get("/version").status_code == 200
    lab.fault("down", host="unisphere01", seconds=60)
    with pytest.raises(httpx.TransportError):
        to.get("/version")
        to.get("/version")
    lab.advance(61)
    until(lambda: any(e["event"] == "up" for e in lab.journal))
    assert to.get("/version").status_code == 200
    lab.ask("refuse_connections", host="unisphere_demo", refuse=True)
    with calls(lab) as fresh, pytest.raises(httpx.ConnectError):
        fresh.get("/version")
    assert to.get("/version").status_code == 200, "connections that are there stay"
    lab.ask("refuse_connections", host="unisphere01", refuse=False)
    with calls(lab) as fresh:
        assert fresh.get("/version").status_code == 200


def begin(to: httpx.Client, name: str) -> str:
    got = to.post(SNAPS, json={"snapshotName": name, "executionOption": "ASYNCHRONOUS"})
    assert got.status_code == 202
    return f"/104/system/symmetrix/{PM}/job/{got.json()['jobId']}"


@pytest.mark.parametrize("work", [None, "first"])
@pytest.mark.parametrize("state", [None, "ABORTED", "UNKNOWN", "FAILED"])
def test_a_job_that_does_not_end_or_ends_otherwise(
    lab: Lab, to: httpx.Client, work: str | None, state: str | None
) -> None:
    lab.fault("job", host="unisphere01", count=1, work=work, state=state)
    path = begin(to, "SA_x")
    lab.advance(3600)
    assert to.get(path).json()["status"] == (state or "RUNNING")
    assert ("SA_x" in names(lab)) is (work == "first")
    assert [e["end"] for e in lab.journal if e["event"] == "job"] == [state]


@pytest.mark.parametrize("work", [None, "last"])
def test_a_restart_forgets_jobs_and_pages(lab: Lab, to: httpx.Client, work: str | None) -> None:
    lab.set_unisphere_switch("unisphere01", "job_seconds", 30)
    lab.set_unisphere_switch("unisphere01", "page_size", 3)
    volumes = to.get(f"/100/sloprovisioning/symmetrix/{PM}/volume").json()
    path = begin(to, "SA_x")
    assert to.get(path).status_code == 200
    lab.fault("restart", host="unisphere01", match="GET", count=1, work=work)
    assert to.get(path).status_code == 404
    assert to.get(f"/common/Iterator/{volumes['id']}/page", params={"from": 4, "to": 6}).status_code == 404
    lab.advance(31)
    assert ("SA_x" in names(lab)) is (work == "last")
    assert lab.unisphere("unisphere01")["jobs"] == {}


def test_pages_of_a_long_list(lab: Lab, to: httpx.Client) -> None:
    lab.set_unisphere_switch("unisphere01", "page_size", 3)
    found = to.get(f"/100/sloprovisioning/symmetrix/{PM}/volume").json()
    assert (found["count"], found["maxPageSize"], len(found["resultList"]["result"])) == (8, 3, 3)
    rows = list(found["resultList"]["result"])
    page = f"/common/Iterator/{found['id']}/page"
    rows += to.get(page, params={"from": 4, "to": 99}).json()["result"]
    last = to.get(page, params={"from": 7, "to": 8}).json()
    assert (last["from"], last["to"]) == (7, 8)
    rows += last["result"]
    assert len({r["volumeId"] for r in rows}) == 8
    lab.advance(181)
    assert to.get(page, params={"from": 4}).status_code == 404
    assert to.delete(f"/common/Iterator/{found['id']}").status_code == 404


def test_locks_partial_links_and_a_clock_that_is_ahead(lab: Lab, to: httpx.Client) -> None:
    lab.fault("lock", host="unisphere01", exit=49, count=1)
    got = to.post(SNAPS, json=MAKE)
    assert got.status_code == 500 and "Symmetrix device lock" in got.text
    assert to.post(SNAPS, json=MAKE).status_code == 201
    lab.fault("skew", host="unisphere01", skew=120)
    assert to.get("/version").headers["date"] == "Mon, 05 Jan 2026 10:02:00 GMT"


@pytest.mark.may_break(1)
def test_a_link_that_stops_midway(lab: Lab, to: httpx.Client) -> None:
    lab.fault("partial", host="unisphere01", pairs=1, count=1)
    to.post(SNAPS, json=MAKE)
    snapid = next(s["snapid"] for s in lab.snapshots(PM) if s["name"] == "SA_x")
    relink = {"action": "Relink", "relink": {"storage_group_name": "test_data_sg", "exact": True}}
    got = to.put(f"{SNAPS}/SA_x/snapid/{snapid}", json=relink)
    assert got.status_code == 500
    entry = lab.requests()[-1]
    assert list(entry["after"].values()) == ["Linked", "Copied"] and entry["faults"] == ["partial"]


@pytest.mark.may_break(1)
def test_a_pair_of_a_link_that_fails(lab: Lab, to: httpx.Client) -> None:
    lab.fault("fail_pair", host="unisphere01", pair="A10>B10", count=1)
    to.post(SNAPS, json=MAKE)
    snapid = next(s["snapid"] for s in lab.snapshots(PM) if s["name"] == "SA_x")
    relink = {"action": "Relink", "relink": {"storage_group_name": "test_data_sg", "copy": True}}
    assert to.put(f"{SNAPS}/SA_x/snapid/{snapid}", json=relink).status_code == 200
    lab.advance(60)
    found = to.get(f"{SNAPS}/SA_x/snapid/{snapid}").json()["linked_storage_group"]
    assert [k["percentageCopied"] for k in found] == [69, 100]
    assert list(lab.requests()[1]["after"].values()) == ["Failed", "CopyInProg"]


def test_somebody_else_comes_between(lab: Lab, to: httpx.Client) -> None:
    run = f"POST {SNAPS} " + json.dumps({"snapshotName": "his"})
    lab.fault("admin", host="unisphere01", match="SA_x", run=run, count=1)
    lab.fault("admin", host="locks_demo", on="unisphere01", match="^true", run=f"DELETE {SNAPS}/x", count=1)
    assert to.post(SNAPS, json=MAKE).status_code == 201
    assert {"SA_x", "his"} <= names(lab)
    mine, his = lab.requests()
    assert "actor" not in mine and his["actor"] == "admin"
    lab.administrator("unisphere_demo", f"DELETE {SNAPS}/his/snapid/1")
    assert lab.requests()[-1]["status"] == 404


def test_links_that_a_test_puts_there(lab: Lab, to: httpx.Client) -> None:
    other = next(s["snapid"] for s in lab.snapshots(PM) if s["name"] == "before_upgrade")
    lab.set_link(PM, "00A10", "00B10", other, "Failed", group="test_data_sg")
    lab.remove_link(PM, "00A11", "00B11")
    assert lab.journal[-1]["pairs"] == {f"{PM}:00A11>00B11": "none"}
    (found,) = [s for s in lab.snapshots(PM) if s["name"] == "before_upgrade"]
    assert [(k["target"], k["state"]) for k in found["links"]] == [("00B10", "Failed")]
    lab.set_group(PM, "test_data_sg", [])
    assert to.get(f"{GROUPS}test_data_sg").status_code == 404


# without ports, and as a program


def test_without_a_port(tmp_path: Path) -> None:
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", ports=False) as lab:
        to = lab.connections["unisphere_demo"]
        head = {"authorization": httpx.BasicAuth("admin", to["password"])._auth_header}
        request = Request("GET", "/univmax/restapi/version", head)
        reply = lab.call(lab.running.rest(to["port"], request))  # type: ignore[union-attr]
        assert reply.status == 200 and json.loads(reply.body)["api_version"] == "104"
        for kind, words, error in (
            ("cut_after", {"count": 1}, ConnectionResetError),
            ("down", {"match": "version"}, ConnectionResetError),
            ("other_ca", {}, ssl.SSLCertVerificationError),
        ):
            fault = lab.fault(kind, host="unisphere01", **words)
            with pytest.raises(error):
                lab.call(lab.running.rest(to["port"], request))  # type: ignore[union-attr]
            lab.clear_faults(fault)
        lab.ask("refuse_connections", host="unisphere01")
        with pytest.raises(ConnectionRefusedError):
            lab.call(lab.running.rest(to["port"], request))  # type: ignore[union-attr]


def test_without_a_server() -> None:
    lab = DirectLab(load(POWERMAX), start=START)
    head = {"authorization": httpx.BasicAuth("admin", "of-the-lab")._auth_header}
    body = json.dumps({**MAKE, "executionOption": "ASYNCHRONOUS"}).encode()
    reply = lab.rest("unisphere01", Request("POST", f"/univmax/restapi{SNAPS}", head, body), 7)
    assert reply is not None and reply.status == 202
    lab.advance(5)
    assert "SA_x" in {s["name"] for s in lab.snapshots(PM)}
    lab.fault("cut_after", count=1)
    assert lab.rest("unisphere_demo", Request("GET", "/univmax/restapi/version", head), 8) is None
    assert [e["connection"] for e in lab.requests()] == [7, 8]
    lab.close()


def test_as_a_program(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lab", "--config", str(POWERMAX), "--dir", str(tmp_path), "--manual-clock"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            text = ""
            while "Stop with Ctrl-C" not in text:
                line = process.stdout.readline()
                assert line, text
                text += line
            to = json.loads((tmp_path / "connections.json").read_text())["unisphere_demo"]
            address = f"https://127.0.0.1:{to['port']}/univmax/restapi"
            assert f"address {address}" in text and f"ca_file {to['extra']['ca_file']}" in text
            context = ssl.create_default_context(cafile=to["extra"]["ca_file"])
            got = httpx.get(f"{address}/version", auth=(to["login"], to["password"]), verify=context)
            assert got.status_code == 200
            with Client.of(tmp_path) as lab:
                assert len(lab.snapshots(PM)) == 5 and lab.requests()[0]["path"] == "/version"
        finally:
            process.terminate()


def test_its_certificates_are_kept_for_the_next_start(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual") as lab, calls(lab) as to:
            seen.append(Path(lab.connections["unisphere_demo"]["extra"]["ca_file"]).read_text())
            assert to.get("/version").status_code == 200
    assert seen[0] == seen[1]


def test_two_unispheres_of_one_array_and_one_that_only_sees_it(tmp_path: Path) -> None:
    config = load(POWERMAX).model_dump()
    for number, arrays in enumerate((["arrays"], ["remote_arrays", "arrays"]), 2):
        other = {"name": f"u{number}", "connection_id": f"u{number}", "arrays": [], arrays[0]: [PM]}
        config["unispheres"].append({**other, "switches": {"lag_s": 0}})
    with Lab(config, directory=tmp_path / "lab", clock="manual") as lab:
        status = {}
        for name in ("u2", "u3"):
            to = lab.connections[name]
            context = ssl.create_default_context(cafile=to["extra"]["ca_file"])
            root = f"https://127.0.0.1:{to['port']}/univmax/restapi"
            with httpx.Client(base_url=root, verify=context, auth=(to["login"], to["password"])) as client:
                status[name] = client.post(SNAPS, json={"snapshotName": f"by_{name}"})
                assert client.get(f"/104/system/symmetrix/{PM}").json()["local"] is (name == "u2")
        assert status["u2"].status_code == 201 and "by_u2" in names(lab)
        assert status["u3"].status_code == 500 and "not local" in status["u3"].text
        with calls(lab) as to_first:
            lab.advance(2)
            assert "by_u2" in to_first.get(SNAPS).json()["name"]


def test_a_refresh_of_the_demo_copies_for_about_ten_seconds(lab: Lab) -> None:
    begun = lab.now()
    for group, target in (("prod_data_sg", "test_data_sg"), ("prod_arch_sg", "test_arch_sg")):
        lab.administrator("unisphere01", f"POST {GROUPS}{group}/snapshot " + json.dumps(MAKE))
        snapid = next(s["snapid"] for s in lab.snapshots(PM) if (s["group"], s["name"]) == (group, "SA_x"))
        relink = {"action": "Relink", "relink": {"storage_group_name": target, "copy": True, "exact": True}}
        path = f"{GROUPS}{group}/snapshot/SA_x/snapid/{snapid}"
        lab.administrator("unisphere01", f"PUT {path} " + json.dumps(relink))

    def copied() -> bool:
        links = [k for s in lab.snapshots(PM) if s["name"] == "SA_x" for k in s["links"]]
        return len(links) == 3 and all(k["state"] == "Copied" for k in links)

    while not copied():
        lab.advance(0.5)
    assert 8 <= lab.now() - begun <= 12


def test_a_unisphere_of_arrays_that_are_not_there_is_refused() -> None:
    from lab.config import ConfigError

    config = load_yaml(POWERMAX.read_text())
    config["unispheres"][0]["remote_arrays"] = ["000000000009"]
    with pytest.raises(ConfigError, match="unisphere unisphere01: no array 000000000009"):
        load(config)
