"""The same procedures on the lab's array and Unisphere, by the product's own client, under every setting."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from clones.asking.fence import Fence, Token
from clones.asking.steps import Command, run
from clones.backends.snapvx import doing
from clones.backends.snapvx.observe import observe
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.errors import CloneError, Locked, MustWait, Refused, TryAgain
from clones.observe.sync import to_plain
from clones.services_yaml.file import scope_from
from clones.states import ACTIVE, State
from hooks.symcli import SymcliHook
from lab import Lab
from lab.check import findings
from tests.conftest import ROOT
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

SYMID, SERVER = "000297600001", "unisphere01"
SETTINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    (
        {
            "lag_s": 15,
            "version": "10.0",
            "defined_shown": False,
            "zone_name": True,
            "snapids_key": "snap_ids",
        },
        {"relink_while_copying": "accepted", "relink_amount": "all"},
    ),
    (
        {"lag_s": 0, "execution_option": "ignored", "change_answer": "snake_case", "gone_snapshot": "500"},
        {"relink_undefined": "accepted", "define_seconds_per_gb": 1, "group_grew": "old_members"},
    ),
    (
        {
            "job_seconds": 25,
            "job_states": ["UNSCHEDULED", "VALIDATING", "UNKNOWN", "RETRIEVING_PICTURE"],
            "flags": "text",
            "empty_list": "404",
            "page_size": 1,
        },
        {"pairing": "positional"},
    ),
    (
        {"version": "9.2", "unseen_snapshot": "refused", "generation_calls": "fails"},
        {"name_reuse": "refused", "unlink_undefined": "accepted"},
    ),
    (
        {"job_seconds": 5, "empty_list": "200", "change_status": "200", "tracks": "remaining"},
        {"missing_target_group": "refused"},
    ),
]
"""Each with settings of the Unisphere and of the array; together they have all that a life meets."""
LOST: list[dict[str, Any]] = [
    {"kind": "cut_before"},
    {"kind": "cut_after"},
    {"kind": "http", "status": 502, "body": "<html>", "type": "text/html"},
    {"kind": "http", "status": 504, "body": "<html>", "type": "text/html", "work": "first"},
    {"kind": "job", "state": "FAILED"},
    {"kind": "job", "state": "ABORTED", "work": "first"},
    {"kind": "restart"},
]


@pytest.fixture
def lab(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """One PowerMax with its Unisphere and no host that uses it, on a clock that only pauses turn."""
    config = load_yaml((ROOT / "lab" / "powermax.yaml").read_text())
    config["hosts"] = [host for host in config["hosts"] if host["name"] == "lnxlock01"]
    powermax = tmp_path / "powermax.yaml"
    powermax.write_text(yaml.safe_dump(config))
    with Lab(powermax, directory=tmp_path / "lab", clock="manual", ports=False) as running:
        connect_directly(monkeypatch, running)
        yield running


class Site:
    """A service on the lab, as its tasks see it: hosts that are fenced, and what is kept."""

    def __init__(self, lab: Any, **options: Any) -> None:
        self.lab = lab
        self.kept: dict[str, Any] = {}
        self.tries = 0
        sync = {
            "name": "data",
            "backend": "snapvx",
            "symid": SYMID,
            "source_group": "prod_data_sg",
            "target_group": "test_data_sg",
            "pairs": ["00A10:00B10", "00A11:00B11"],
            **options,
        }
        self.scope: Scope = scope_from(
            {
                "name": "pm",
                "control_host": "locks_demo",
                "unisphere": "unisphere_demo",
                "sync_max_delay": 1440,
                "resources": [],
                "unattended": True,
                "syncs": [sync],
            }
        )
        self.sync = self.scope.service.syncs[0]

    def ledger(self, run_id: str) -> Ledger:
        def keep(plain: dict[str, Any]) -> None:
            self.kept = json.loads(json.dumps(plain))

        def now() -> datetime:
            return datetime.fromtimestamp(self.lab.now(), UTC)

        return Ledger(("pm", run_id), now, keep, lambda: copy.deepcopy(self.kept))

    def fence(self, hosts: SymcliHook) -> None:
        """Be the newest try."""
        self.tries += 1
        place = f"/var/tmp/symclone-airflow/fences/{self.scope.name}"
        token = Token(self.tries, f"{self.tries:016x}")
        hosts.fence = Fence(self.scope.name, token, {"locks_demo": place})
        hosts.run(run(Command("locks_demo", ("mkdir", "-p", f"{place}/{token}"))))

    def task(self, work: str, run_id: str = "r1", *arguments: Any, **options: Any) -> Any:
        """One task, with its tries and its waits."""
        for _ in range(8):
            with SymcliHook(must_fence=True) as hosts:
                self.fence(hosts)
                procedure = getattr(doing, work)
                try:
                    return hosts.run(
                        procedure(self.scope, self.sync, *arguments, ledger=self.ledger(run_id), **options)
                    )
                except MustWait:
                    self.lab.advance(60)
                except TryAgain:
                    self.lab.advance(30)
        pytest.fail(f"{work} does not end")

    def seen(self) -> Any:
        with SymcliHook() as hosts:
            return hosts.run(observe(self.scope, self.sync))

    def linked(self) -> set[str]:
        """The names of the snapshots that the target group is linked to, on the array itself."""
        return {one["name"] for one in self.lab.snapshots(SYMID) if one["links"]}

    def ours(self) -> list[str]:
        return sorted({one["name"] for one in self.lab.snapshots(SYMID) if one["name"].startswith("SA_")})


def refresh(site: Site, run_id: str = "r1") -> str:
    """A resync and a break; the name of the snapshot that is linked then."""
    plan = {"syncs": [to_plain(site.seen())], "up": False, "phases": ["resync", "break"]}
    site.task("resync", run_id, plan)
    after = site.task("split", run_id)
    assert after.all_in(ACTIVE)
    (name,) = {one.name for one in after.linked}
    return str(name)


def apply(lab: Any, settings: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for key, value in settings[0].items():
        lab.set_unisphere_switch(SERVER, key, value)
    for key, value in settings[1].items():
        lab.set_switch(SYMID, key, value)


@pytest.mark.parametrize("settings", SETTINGS, ids=json.dumps)
def test_a_life_under_each_setting(lab: Any, settings: tuple[dict[str, Any], dict[str, Any]]) -> None:
    apply(lab, settings)
    site = Site(lab)
    first = refresh(site)
    assert first in site.linked()
    lab.advance(3600)
    second = refresh(site, "r2")
    lab.advance(3600)
    third = refresh(site, "r3")
    lab.advance(3600)
    assert site.ours() == sorted([second, third]), "one former snapshot is kept"
    site.task("rewind", "r4")
    assert second in site.linked() and third not in site.linked()
    lab.advance(3600)
    fourth = refresh(site, "r5")
    assert fourth in site.linked()
    lab.advance(3600)
    site.task("end", "r6")
    assert not site.linked() & set(site.ours())
    with SymcliHook(must_fence=True) as hosts:
        site.fence(hosts)
        hosts.run(doing.remove(site.scope, site.sync))
    assert site.ours() == []
    names = {one["name"] for one in lab.snapshots(SYMID)}
    assert {"first_data", "DailyDefault", "before_upgrade"} <= names, "nothing of others is ended"
    assert findings(lab.entries()) == []


@pytest.mark.parametrize(
    ("match", "fault"),
    [
        *(("POST", fault) for fault in LOST),
        *(('"Relink"', fault) for fault in LOST),
        *(("DELETE", fault) for fault in LOST[:2]),
    ],
    ids=json.dumps,
)
def test_an_answer_that_is_lost_at_each_change(lab: Any, match: str, fault: dict[str, Any]) -> None:
    site = Site(lab, keep=0)
    refresh(site)
    lab.advance(3600)
    options = {key: value for key, value in fault.items() if key != "kind"}
    lab.fault(fault["kind"], host=SERVER, match=match, count=1, **options)
    second = refresh(site, "r2")
    assert second in site.linked()
    assert findings(lab.entries()) == []


@pytest.mark.parametrize("settings", SETTINGS, ids=json.dumps)
def test_a_first_link_under_each_setting(lab: Any, settings: tuple[dict[str, Any], dict[str, Any]]) -> None:
    apply(lab, settings)
    for source, target in (("00A10", "00B10"), ("00A11", "00B11")):
        lab.remove_link(SYMID, source, target)
    lab.advance(60)
    site = Site(lab)
    site.task("create")
    lab.advance(3600)
    assert site.seen().all_in(frozenset({State.COPIED})) and site.linked() == {
        *site.ours(),
        "first_arch",
        "first_rep",
    }
    refresh(site, "r2")
    assert findings(lab.entries()) == []


def test_without_copy(lab: Any) -> None:
    site = Site(lab, copy=False)
    first = refresh(site)
    lab.advance(60)
    assert site.seen().all_in(frozenset({State.COPY_ON_ACCESS})) and first in site.linked()
    refresh(site, "r2")
    assert findings(lab.entries()) == []


def test_a_user_without_the_role_is_told_so(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    about = {**lab.connections["unisphere_demo"], "login": "monitor"}
    monkeypatch.setenv("AIRFLOW_CONN_UNISPHERE_DEMO", json.dumps(about))
    site = Site(lab)
    with pytest.raises(Refused, match=r"403|no role"):
        site.task("resync")


def test_a_group_that_is_not_there_is_never_made(lab: Any) -> None:
    site = Site(lab, target_group="test_data_sgg")
    with pytest.raises(CloneError, match="no storage group test_data_sgg"):
        site.task("create")
    assert not [one for one in lab.requests() if one["method"] != "GET"]


def test_a_job_that_never_ends_is_asked_for_and_nothing_is_sent_again(lab: Any) -> None:
    site = Site(lab)
    lab.fault("job", host=SERVER, match="POST", count=1)
    for _ in range(2):
        with pytest.raises(Locked, match="has not ended"), SymcliHook(must_fence=True) as hosts:
            site.fence(hosts)
            hosts.run(doing.resync(site.scope, site.sync, None, site.ledger("r1")))
    assert [one["method"] for one in lab.requests() if one["method"] != "GET"] == ["POST"]
