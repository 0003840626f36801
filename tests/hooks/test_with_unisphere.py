"""Requests to the lab's Unisphere: over HTTPS, and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from clones.asking import slots
from clones.asking.fence import Fence, Token, put
from clones.asking.steps import Command, Request, run
from clones.backends.snapvx import doing
from clones.decide.ledger import Ledger
from clones.errors import Refused, Unknown
from clones.services_yaml.file import scope_from
from hooks.symcli import SymcliHook
from hooks.symcli_async import SymcliHookAsync
from lab import Lab
from tests.conftest import ROOT, connect
from tests.support.without_ssh import connect_directly

SYMID = "000297600001"
GROUP = f"/{{version}}/replication/symmetrix/{SYMID}/storagegroup/prod_data_sg"
LOOK = Request.to("unisphere_demo", "GET", f"{GROUP}/snapshot")
BODY = json.dumps({"snapshotName": "SA_1", "timeToLive": 7, "executionOption": "ASYNCHRONOUS"})
CHANGE = Request.to(
    "unisphere_demo",
    "POST",
    f"{GROUP}/snapshot",
    body=BODY,
    changes=True,
    fence_host="locks_demo",
    slots=((f"{SYMID}.prod_data_sg", 1), (SYMID, 4)),
)
WORK_DIR = "/var/tmp/symclone-airflow"


@pytest.fixture(params=["https", "memory"])
def lab(request: pytest.FixtureRequest, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """One PowerMax with its Unisphere, on a clock that the test turns."""
    ports = request.param == "https"
    powermax = ROOT / "lab" / "powermax.yaml"
    with Lab(powermax, directory=tmp_path / "lab", clock="manual", ports=ports) as running:
        if ports:
            connect(monkeypatch, running.connections)
        else:
            connect_directly(monkeypatch, running)
        yield running


def held(hosts: SymcliHook) -> int:
    """How many slots are taken."""
    script = f"for one in {WORK_DIR}/slots/*/*; do test ! -d $one || echo $one; done"
    return len(hosts.run(run(Command("locks_demo", ("/bin/sh", "-c", script)))).stdout.splitlines())


def newest(hosts: SymcliHook) -> None:
    place = f"{WORK_DIR}/fences/lnxpm01"
    hosts.fence = Fence("lnxpm01", Token(1, "a" * 16), {"locks_demo": place})
    made = hosts.run(run(Command("locks_demo", ("mkdir", "-p", f"{place}/{hosts.fence.token}"))))
    assert made.exit_code == 0


async def test_a_look(lab: Any) -> None:
    with SymcliHook() as hosts:
        result = hosts.run(run(LOOK))
        assert hosts.requests == 2
    assert result.exit_code == 200 and "first_data" in json.loads(result.stdout)["name"]
    assert result.clock is not None and result.clock.tzinfo is UTC
    waiting = SymcliHookAsync()
    assert (await waiting.run(run(LOOK))).stdout == result.stdout
    await waiting.close()


def test_a_change_and_its_job(lab: Any) -> None:
    lab.set_unisphere_switch("unisphere01", "job_seconds", 5)
    with SymcliHook(must_fence=True) as hosts:
        newest(hosts)
        result = hosts.run(run(CHANGE))
        assert result.exit_code == 202 and held(hosts) == 2
        job = json.loads(result.stdout)["jobId"]
        lab.advance(10)
        look = Request.to("unisphere_demo", "GET", f"/{{version}}/system/symmetrix/{SYMID}/job/{job}")
        assert json.loads(hosts.run(run(look)).stdout)["status"] == "SUCCEEDED"
        hosts.run(slots.give_back(CHANGE))
        assert held(hosts) == 0
    assert [one["status"] for one in lab.requests() if one["method"] == "POST"] == [202]


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_lost_answer(lab: Any, kind: str) -> None:
    lab.fault(kind, host="unisphere01", match="POST", count=1)
    with SymcliHook() as hosts:
        newest(hosts)
        result = hosts.run(run(CHANGE))
        assert result.exit_code is None and "the connection was lost" in result.lost and held(hosts) == 2
    posts = [one for one in lab.requests() if one["method"] == "POST"]
    assert len(posts) == 1, "it is not sent twice"


def test_a_look_whose_answer_is_lost_is_asked_once_more(lab: Any) -> None:
    with SymcliHook() as hosts:
        hosts.run(run(LOOK))
        lab.fault("cut_after", host="unisphere01", match="GET", count=1)
        assert hosts.run(run(LOOK)).exit_code == 200


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("other_ca", Refused, "shows a certificate that is not trusted"),
        ("down", Unknown, "cannot be reached"),
    ],
)
def test_a_server_that_is_not_itself(lab: Any, kind: str, error: type[Exception], says: str) -> None:
    lab.fault(kind, host="unisphere01")
    with SymcliHook() as hosts:
        newest(hosts)
        for request in (LOOK, CHANGE):
            with pytest.raises(error, match=rf"{says}[\s\S]* Nothing was sent"):
                hosts.run(run(request))
        assert held(hosts) == 0


def test_a_login_that_is_refused(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    about = {**lab.connections["unisphere_demo"], "password": "another"}
    monkeypatch.setenv("AIRFLOW_CONN_UNISPHERE_DEMO", json.dumps(about))
    with SymcliHook() as hosts, pytest.raises(Refused, match="does not accept the login") as raised:
        hosts.run(run(LOOK))
    assert "another" not in str(raised.value)


@pytest.mark.parametrize("release", ["9.2", "10.0", "10.4"])
def test_each_release(lab: Any, release: str) -> None:
    lab.set_unisphere_switch("unisphere01", "version", release)
    with SymcliHook() as hosts:
        assert hosts.run(run(LOOK)).exit_code == 200
        spoken = {"9.2": 92, "10.0": 100, "10.4": 104}
        assert hosts.servers.versions == {"unisphere_demo": spoken[release]}


SERVICE = {
    "name": "svc",
    "control_host": "locks_demo",
    "unisphere": "unisphere_demo",
    "sync_max_delay": 1500,
    "resources": [],
    "unattended": True,
    "syncs": [
        {
            "name": "data",
            "backend": "snapvx",
            "symid": SYMID,
            "source_group": "prod_data_sg",
            "target_group": "test_data_sg",
            "pairs": ["00A10:00B10", "00A11:00B11"],
        }
    ],
}


@pytest.mark.may_break(1)  # the service is `unattended`, and nobody has stopped its host
def test_a_refresh_by_the_back_end(lab: Any) -> None:
    """Its point in time, its link, and slots that are free again; each change is one request."""
    scope = scope_from(SERVICE, "")
    sync, kept = scope.service.syncs[0], dict[str, Any]()
    now = lab.running.world.clock.now
    ledger = Ledger(("svc", "r1"), lambda: datetime.fromtimestamp(now(), UTC), kept.update, lambda: kept)
    with SymcliHook(must_fence=True, look_limit=120) as hosts:
        hosts.pause = lab.advance
        hosts.fence = Fence("svc", Token(1, "a" * 16))
        hosts.run(put(scope, hosts.fence, "locks_demo"))
        resynced = hosts.run(doing.resync(scope, sync, None, ledger))
        assert resynced.prepared is not None and held(hosts) == 0
        broken = hosts.run(doing.split(scope, sync, ledger=ledger))
        assert held(hosts) == 0
    assert kept["intent"]["answer"] == 60
    assert {pair.session.last_action for pair in broken.pairs if pair.session} == {resynced.prepared.at}
    changes = [one["method"] for one in lab.requests() if one["method"] != "GET"]
    assert changes == ["POST", "PUT"]


def test_a_change_is_told_how_long_its_answer_may_take(lab: Any) -> None:
    """As the connection says it: a try that finds no end of it waits as long."""
    order: list[Any] = []
    with SymcliHook(look_limit=120) as hosts:
        newest(hosts)
        server = hosts.servers.of("unisphere_demo")
        server.server = replace(server.server, answer_seconds=300.0)
        change = replace(CHANGE, told=order.append, before_send=lambda: order.append("kept") or order.clear)
        hosts.run(run(change))
    assert order == [300.0, "kept"]
