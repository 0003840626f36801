"""What is shown of a service with target sets, from what looks have left of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from board.database import Run, Stored, Task
from board.fleet import Facts, row
from board.metrics import exposition
from board.service import actions, ages, pairs, sets
from clones.config import Service
from clones.decide.freshness import Status
from clones.fleet.changes import follow, pairs_changed
from clones.fleet.set_in_use import SetInUse
from clones.fleet.status import ServiceStatus, SyncStatus
from hooks.configuration import load
from tests.board.rows import NOW
from tests.conftest import TWO_SETS

NAME = "lnxts"
UNKNOWN = SetInUse("", why="nobody has seen it", press="ask")


@pytest.fixture(scope="module")
def service() -> Service:
    return load(str(TWO_SETS)).services[NAME]


def sync(name: str, target_set: str, hours: int | None) -> SyncStatus:
    """:param hours: how old it is; None: it is prepared."""
    age = timedelta(hours=hours) if hours is not None else None
    last = (NOW - age).replace(tzinfo=None) if age is not None else None
    state = "Copied" if age is not None else "PreCopy"
    rows = tuple([f"{name} {n}", f"{n}", f"{n}", state, 100, None, ""] for n in range(2))
    status = Status.UP
    return SyncStatus(name, status, "x", "", last, age, pairs=rows, target_set=target_set)


def facts(
    service: Service | None, in_use: SetInUse, *syncs: SyncStatus, unready: Any = (), **more: Any
) -> Facts:
    seen = ServiceStatus(NAME, syncs, in_use, dict(unready))
    record, _ = follow(None, seen, NOW)
    store = {
        NAME: Stored(record, NOW),
        "clone_status": Stored({"at": NOW.isoformat(), "services": [NAME]}, NOW),
    }
    return Facts(NOW, {NAME: service}, 5, store, {}, **more)


def four(a: int | None, b: int | None) -> list[SyncStatus]:
    return [sync(name, one, hours) for one, hours in (("a", a), ("b", b)) for name in ("data", "archivelogs")]


def ago(hours: float) -> str:
    return (NOW - timedelta(hours=hours)).isoformat(timespec="milliseconds")


@pytest.mark.parametrize("known", [True, False])
def test_the_copies_of_a_row_are_those_of_the_set_in_use(service: Service, known: bool) -> None:
    """Also when there is no configuration to say which sets and syncs there are."""
    found = row(facts(service if known else None, SetInUse("b"), *four(30, 5)), NAME, {})
    assert found["set"] == {"name": "b", "role": "in use", "why": ""}
    assert [(one["sync"], one["point_in_time"]) for one in found["syncs"]] == [
        ("data", ago(5)),
        ("archivelogs", ago(5)),
    ]
    assert found["status"] == "up"


def test_a_row_of_a_service_whose_set_is_not_known(service: Service) -> None:
    found = row(facts(service, UNKNOWN, *four(30, 5)), NAME, {})
    assert (found["status"], found["why"], found["press"]) == ("unknown", "nobody has seen it", "ask")
    assert found["set"]["name"] == "" and [one["status"] for one in found["syncs"]] == ["unknown"] * 2


def test_a_service_without_target_sets_has_none() -> None:
    record, _ = follow(None, ServiceStatus("s", (SyncStatus("data", Status.UP, "x"),)), NOW)
    store = {"s": Stored(record, NOW)}
    assert "set" not in record
    found = Facts(NOW, {"s": None}, 5, store, {})
    assert row(found, "s", {})["set"] is None and sets(found, "s", [], {}) == []


def test_pairs_and_states_of_each_set(service: Service) -> None:
    status = ServiceStatus(NAME, tuple(four(30, None)), SetInUse("a"), {"b": "sync data is not fully active"})
    stored = {key: Stored(rows, NOW) for key, rows in pairs_changed(None, status)}
    found = facts(service, SetInUse("a"), *four(30, None), unready=status.unready)
    shown = pairs(found, NAME, stored)["pairs"]
    assert [(one["set"], one["sync"]) for one in shown] == [
        (target_set, name) for target_set in "ab" for name in ("data", "archivelogs") for _ in range(2)
    ]
    shown[-1]["state"] = "Recreated"
    a, b = sets(found, NAME, shown, {})
    assert (a["set"], a["role"], a["unready"]) == ("a", "in use", "")
    assert (b["set"], b["role"], b["unready"]) == ("b", "spare", "sync data is not fully active")
    assert [one["state"] for one in a["syncs"]] == ["Copied", "Copied"]
    assert [one["state"] for one in b["syncs"]] == ["PreCopy", "1 PreCopy, 1 Recreated"]
    assert a["syncs"][0]["sync_max_delay"] == 11520 * 60 and b["syncs"][0]["sync_max_delay"] is None


def test_a_run_that_waits_shows_how_far_its_own_set_is_copied(service: Service) -> None:
    """Never the set in use, which it leaves alone."""
    waits = Task("break.data.wait_copied", "deferred", NOW, NOW, None, 1, 5, "p", None)
    going = Run(1, NAME, "r1", "running", None, NOW, NOW, None)
    left = {(1, "break.data.wait_copied", "progress"): {"percent": 40, "estimated_end": ago(-1)}}
    found = facts(service, SetInUse("a"), *four(30, 5), going=[going], tasks={1: [waits]}, left=left)
    a, b = sets(found, NAME, [], {1: {"to_set": "b"}})
    assert [one["percent"] for one in (*a["syncs"], *b["syncs"])] == [None, None, 40, None]
    assert [one["percent"] for one in row(found, NAME, {NAME: [going]})["syncs"]] == [None, None]
    assert {one["percent"] for each in sets(found, NAME, [], {}) for one in each["syncs"]} == {None}


@pytest.mark.parametrize(
    ("in_use", "b", "unready", "to", "refused"),
    [
        (SetInUse("a"), 50, {}, 50, ""),
        (SetInUse("a", down=True), 50, {}, 50, ""),
        (SetInUse("a"), None, {"b": "sync data is not fully active"}, None, "sync data is not fully active"),
    ],
)
def test_a_rewind_says_to_which_time_it_goes_back(
    service: Service, in_use: SetInUse, b: int | None, unready: dict[str, str], to: int | None, refused: str
) -> None:
    found = facts(service, in_use, *four(30, b), unready=unready, triggers=frozenset({NAME}))
    (rewind,) = [one for one in actions(found, NAME, service) if one["action"] == "rewind"]
    assert (rewind["set"], rewind["from_set"]) == ("b", "a") and rewind["allowed"]
    assert rewind["to"] == (ago(to) if to is not None else None) and rewind["leaves"] == ago(30)
    assert rewind["refused"] == refused
    assert [one["action"] for one in actions(found, NAME, service)][:3] == ["refresh", "rewind", "update"]


def test_no_rewind_while_the_set_in_use_is_not_known(service: Service) -> None:
    found = facts(service, UNKNOWN, *four(30, 5))
    (rewind,) = [one for one in actions(found, NAME, service) if one["action"] == "rewind"]
    assert rewind["refused"] == "nobody has seen it" and "set" not in rewind


def test_ages_are_of_each_set(service: Service) -> None:
    """Which set was in use when, nobody has kept: a line of both would be none of either."""

    def event(hours: int, **on: str) -> tuple[datetime, Any]:
        at = NOW - timedelta(hours=hours)
        return at, {"point_in_time": ago(hours), "last_action": at.replace(tzinfo=None).isoformat(), **on}

    events = [event(70), event(54, set="a"), event(30, set="b"), event(5, set="a")]
    found = ages(facts(service, SetInUse("a"), *four(5, 30)), NAME, {"data": events})
    assert list(found) == ["data on set a", "archivelogs on set a", "data on set b", "archivelogs on set b"]
    assert [one["point_in_time"] for one in found["data on set a"]["copies"]] == [ago(54), ago(5)]
    assert [one["point_in_time"] for one in found["data on set b"]["copies"]] == [ago(30)]
    assert [one["point_in_time"] for one in found["archivelogs on set b"]["copies"]] == [ago(30)]
    assert (
        found["data on set a"]["sync_max_delay"] == 11520 * 60
        and found["data on set b"]["sync_max_delay"] is None
    )


def lines(text: bytes) -> dict[str, float]:
    found = (line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in found}


def test_what_prometheus_reads(service: Service) -> None:
    found = lines(exposition(facts(service, SetInUse("b"), *four(30, 5), unready={"a": "torn"}), "")[0])
    assert found['symclone_copy_age_seconds{service="lnxts",sync="data"}'] == 5 * 3600
    assert found['symclone_copy_limit_seconds{service="lnxts",sync="data"}'] == 11520 * 60
    on = {one: f'service="lnxts",set="{one}"' for one in "ab"}
    assert [found[f"symclone_set_in_use{{{on[one]}}}"] for one in "ab"] == [0, 1]
    assert [found[f"symclone_set_ready{{{on[one]}}}"] for one in "ab"] == [0, 1]
    a = f'{on["a"]},sync="archivelogs"'
    assert found[f"symclone_set_copy_age_seconds{{{a}}}"] == 30 * 3600
    assert found[f"symclone_set_copy_timestamp_seconds{{{a}}}"] == (NOW - timedelta(hours=30)).timestamp()
    assert found[f"symclone_set_copy_status{{{a}}}"] == 0


def test_what_is_not_known_has_no_line(service: Service) -> None:
    found = lines(exposition(facts(service, UNKNOWN, *four(30, None)), "")[0])
    assert not [name for name in found if name.startswith("symclone_set_in_use")]
    assert not [name for name in found if name.startswith("symclone_copy_age")]
    assert found['symclone_copy_status{service="lnxts",sync="data"}'] == 3
    assert 'symclone_set_copy_age_seconds{service="lnxts",set="a",sync="data"}' in found
    assert 'symclone_set_copy_age_seconds{service="lnxts",set="b",sync="data"}' not in found
