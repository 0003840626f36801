"""The status of services and what a look changes, from `cases/status`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clones import errors
from clones.config import Service
from clones.decide.freshness import Status
from clones.fleet.between_looks import Looks, show
from clones.fleet.changes import follow, forgotten, looked_at, needs_patience, pairs_changed
from clones.fleet.look import Looked
from clones.fleet.pair_rows import FEW, PIECE, keys, prefix
from clones.fleet.status import ServiceStatus, SyncStatus, judge, judge_sync, summary, table, to_plain
from tests.clones.seeing import NOON, seen, sync
from tests.support.tables import load_yaml

HERE = Path(__file__).parents[1] / "cases" / "status"


def cases(name: str) -> list[Any]:
    read = load_yaml((HERE / f"{name}.yaml").read_text())
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
            onto = 0x2000 + len(looked)
            shown = None if status == "unknown" else seen(states[status], times=[old], onto=onto)
            looked.append(Looked(name, one, shown, None if shown else errors.Unknown("no answer", "wait")))
    found = judge(config, looked)
    assert [[one.name, str(one.status), one.worst.name] for one in found] == case["shown"]
    assert max(one.status for one in found).exit_code == case["code"]


def test_a_service_that_cannot_be_judged_is_unknown_and_the_others_are_judged() -> None:
    """Nothing that a file can say comes so far; a fault of the program's own may."""
    services = {"good": service("a"), "endless": service("b").model_copy(update={"sync_max_delay": 10**14})}
    looked = [
        Looked(name, one.syncs[0], seen("Copied", times=[NOON], onto=onto))
        for onto, (name, one) in enumerate(services.items(), 0x2000)
    ]
    endless, good = judge(services, looked)
    assert (good.name, good.status) == ("good", Status.UP)
    assert (endless.name, endless.status) == ("endless", Status.UNKNOWN)
    assert endless.why.startswith("sync b: OverflowError") and "report this error" in endless.press
    assert table([endless, good]) and json.dumps(to_plain(endless))


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
        record, change = follow(before, now, at, tells=not look.get("mute"))
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


@pytest.mark.parametrize("case", cases("progress"))
def test_progress(case: dict[str, Any]) -> None:
    start = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    record: dict[str, Any] | None = None
    for look in case["looks"]:
        at = start + timedelta(minutes=look["at"])
        percent = None if look["percent"] == "none" else look["percent"]
        data = SyncStatus("data", Status.UP, "because", percent=percent)
        record, _ = follow(record, ServiceStatus("s", (data,)), at)
        kept = record["syncs"]["data"]
        assert kept["percent"] == percent
        left = look.get("left", "none")
        ends = (at + timedelta(minutes=left)).isoformat(timespec="seconds") if left != "none" else None
        assert kept["ends"] == ends


@pytest.mark.parametrize("case", cases("shown"))
def test_shown_between_two_looks(case: dict[str, Any]) -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    looked = now - timedelta(minutes=case["looked"]) if "looked" in case else None
    left, record = case.get("left"), None
    if left:
        assert looked is not None
        age = timedelta(minutes=left["point"]) if "point" in left else None
        last = (looked - age).replace(tzinfo=None) if age else None
        data = SyncStatus(
            "data", Status[left["status"].upper()], left.get("why", "x"), left.get("press", ""), last, age
        )
        if data.status is Status.UNKNOWN and age:
            seen_before = SyncStatus("data", Status.UP, "x", "", last, age)
            record, _ = follow(None, ServiceStatus("s", (seen_before,)), looked)
        record, _ = follow(record, ServiceStatus("s", (data,)), looked)
    if "run" in case:
        record = looked_at(record or {}, now - timedelta(minutes=case["run"]))
    every = case.get("every", 5)
    looks = Looks(looked, None if every == "none" else every)
    found = show("s", record, ["data"], timedelta(minutes=60), looks, now)
    (sync,) = found.syncs
    assert str(found.status) == str(sync.status) == case["shown"]
    assert case["why"] in sync.why and case.get("press", "") in sync.press
    assert bool(found.press) == bool(case.get("press"))
    known = left and not (case["shown"] == "unknown" and left["status"] != "unknown")
    assert (found.since is not None) == bool(known and case["shown"] == left["status"])


def test_without_a_configuration_an_age_has_no_limit() -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    age = timedelta(days=30)
    data = SyncStatus("data", Status.UP, "x", "", NOON, age)
    record, _ = follow(None, ServiceStatus("s", (data,)), now)
    found = show("s", record, ["data"], None, Looks(now, None), now)
    assert found.status is Status.UP and found.syncs[0].limit is None and found.why == "sync data: x"


@pytest.mark.parametrize("before", [0, 1, FEW, FEW + 1, PIECE, PIECE + 1, 3 * PIECE])
@pytest.mark.parametrize("after", [0, 1, FEW, FEW + 1, PIECE, PIECE + 1, 3 * PIECE, None])
def test_a_store_follows_the_pairs(before: int, after: int | None) -> None:
    """From any number of pairs to any other it has just these; None: they could not be seen."""
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def look(count: int | None) -> ServiceStatus:
        pairs = None if count is None else tuple([f"{count} {n}"] for n in range(count))
        return ServiceStatus("s", (SyncStatus("data", Status.UP, "x", pairs=pairs),))

    store: dict[str, Any] = {}
    record: dict[str, Any] | None = None
    for count in (before, after):
        for key, value in pairs_changed(record, look(count)):
            assert (key in store) or value is not None, "only what is there is deleted"
            store[key] = value
            if value is None:
                del store[key]
        record, _ = follow(record, look(count), now)
    wanted = before if after is None else after
    assert record is not None
    kept = record["syncs"]["data"]["pairs"]
    keyed = wanted if "rows" not in kept else 0
    stored = [row for key in keys("s", "data", keyed) for row in store[key]]
    assert [*kept.get("rows", ()), *stored] == [[f"{wanted} {n}"] for n in range(wanted)]
    assert len(store) == -(-keyed // PIECE) and bool(keyed) is (wanted > FEW)
    assert all(key.startswith(prefix("s")) for key in store)
    assert dict(forgotten("s", record)).keys() == store.keys()
    again = look(after)
    assert not list(pairs_changed(record, again)) and follow(record, again, now)[0] == record
