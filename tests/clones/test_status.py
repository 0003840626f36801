"""The status of services and what a look changes, from `cases/status`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from clones import errors
from clones.config import Service
from clones.fleet import Looked
from clones.freshness import Status
from clones.status import ServiceStatus, SyncStatus, judge, judge_sync, summary, table, to_plain
from clones.status_changes import follow, needs_patience
from tests.clones.seeing import NOON, seen, sync

HERE = Path(__file__).parent / "cases" / "status"


def cases(name: str) -> list[Any]:
    read = yaml.safe_load((HERE / f"{name}.yaml").read_text())
    return [
        pytest.param(case, id=case.get("name") or " ".join(map(str, case.values()))[:60]) for case in read
    ]


def service(*names: str, syncs_only: bool = False) -> Service:
    pairs = {name: f"{0x1000 + n:04X}:{0x2000 + n:04X}" for n, name in enumerate(names)}
    return Service.model_validate(
        {
            "control_host": "ctl",
            "sync_max_delay": 60,
            "hosts": [{"connection": "lnx", "family": "linux"}],
            "resources": []
            if syncs_only
            else [{"ip": {"ipname": "192.168.40.17", "ipdev": "eth0", "netmask": "24"}}],
            "unattended": syncs_only,
            "syncs": [
                {"name": name, "symid": "000190101234", "pairs": [pair]} for name, pair in pairs.items()
            ],
        }
    )


@pytest.mark.parametrize("case", cases("syncs"))
def test_sync(case: dict[str, Any]) -> None:
    configured = sync(len(case.get("states", [1])))
    if "error" in case:
        looked = Looked(
            "s", configured, None, getattr(errors, case["error"])("what\nwas said.", "what to do")
        )
    else:
        minutes = case.get("minutes", [30] * len(case["states"]))
        times = [NOON - timedelta(minutes=ago) for ago in minutes]
        looked = Looked("s", configured, seen(*case["states"], times=[*times]))
    found = judge_sync("s", service("data", syncs_only=case.get("syncs_only", False)), looked)
    assert (str(found.status), found.percent) == (case["status"], case.get("percent"))
    assert case["why"] in found.why and "\n" not in found.why
    assert case.get("press", "") in found.press
    assert bool(found.press) == (found.status is not Status.UP)


@pytest.mark.parametrize("case", cases("services"))
def test_services(case: dict[str, Any]) -> None:
    config = {
        name: service(*(f"{name}{n}" for n, _ in enumerate(syncs, 1)))
        for name, syncs in case["services"].items()
    }
    states = {"up": "Copied", "warn": "Copied", "down": "Failed"}
    looked = []
    for name, wanted in case["services"].items():
        for one, status in zip(config[name].syncs, wanted, strict=True):
            old = NOON - timedelta(minutes=30 if status == "up" else 90)
            shown = None if status == "unknown" else seen(states[status], times=[old])
            looked.append(Looked(name, one, shown, None if shown else errors.Unknown("no answer", "wait")))
    found = judge(config, looked)
    assert [[one.name, str(one.status), one.worst.name] for one in found] == case["shown"]
    assert max(one.status for one in found).exit_code == case["code"]


def test_what_is_shown() -> None:
    limit = timedelta(hours=27)
    good = SyncStatus("data", Status.UP, "4 h old", "", NOON, timedelta(hours=4), limit, 40)
    bad = SyncStatus("logs", Status.DOWN, "1 -> 2: Failed", "ask", None, None, limit)
    shown = [ServiceStatus("s", (good, bad)), ServiceStatus("t", (good,))]
    assert summary(shown) == "1 down, 0 unknown, 0 warn, 1 up"
    assert table(shown) == [
        "DOWN     s: sync logs: 1 -> 2: Failed",
        "         -> ask",
        "         up       data: 2026-11-23 12:00:00, 4 h 0 min of 1 d 3 h, 40% copied",
        "         down     logs: 1 -> 2: Failed",
        "UP       t: sync data: 4 h old",
        "         up       data: 2026-11-23 12:00:00, 4 h 0 min of 1 d 3 h, 40% copied",
    ]
    plain = json.loads(json.dumps(to_plain(shown[0])))
    assert plain["syncs"][0] == {
        "sync": "data",
        "status": "up",
        "why": "4 h old",
        "press": "",
        "point_in_time": "2026-11-23T12:00:00",
        "age": 4 * 3600,
        "sync_max_delay": 27 * 3600,
        "percent": 40,
    }


@pytest.mark.parametrize("case", cases("changes"))
def test_changes(case: dict[str, Any]) -> None:
    start = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    times = [start + timedelta(minutes=5 * n) for n in range(len(case["looks"]))]
    record: dict[str, Any] | None = None
    for at, look in zip(times, case["looks"], strict=True):
        last = datetime.fromisoformat(f"2026-11-23T{look['at']}:00") if "at" in look else None
        age = at.replace(tzinfo=None) - last if last else None
        status = Status[look["see"].upper()]
        why = f"because {age}" if age else look.get("why", "because")
        data = SyncStatus("data", status, why, "press it" if status else "", last, age)
        now = ServiceStatus("s", (data,))
        before = record
        record, change = follow(before, now, at)
        json.dumps(record)
        since = times[look["since"]].isoformat(timespec="seconds")
        assert record["since"] == record["syncs"]["data"]["since"] == since
        assert record["status"] == look["see"]
        assert (record != before) is look["written"]
        told = look["told"].replace("because", why) if "told" in look else None
        assert (change.text() if change else None) == told
        kept = look.get("keeps", look.get("at"))
        assert record["syncs"]["data"]["point_in_time"] == (f"2026-11-23T{kept}:00+00:00" if kept else None)


@pytest.mark.parametrize(
    ("was", "now", "patience"),
    [
        (None, "down", True),
        ("up", "down", True),
        ("unknown", "down", True),
        ("down", "down", False),
        ("down", "up", False),
        ("up", "warn", False),
        ("up", "unknown", False),
    ],
)
def test_only_what_comes_to_be_down_may_be_a_run_on_its_way(
    was: str | None, now: str, patience: bool
) -> None:
    service = ServiceStatus("s", (SyncStatus("data", Status[now.upper()], "because"),))
    assert needs_patience({"status": was} if was else None, service) is patience
