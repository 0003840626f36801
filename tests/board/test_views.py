"""What is shown from what: who holds a service up, the bars of its runs, how old its copies became."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clones.fleet.changes import follow
from tests.board.rows import NOW
from tests.support.tables import load_yaml

CASES = Path(__file__).parent / "cases"


def cases(name: str) -> list[Any]:
    read = load_yaml((CASES / f"{name}.yaml").read_text())
    return [pytest.param(case, id=case["name"]) for case in read]


def ago(seconds: int | None) -> datetime | None:
    return None if seconds is None else NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize("case", cases("held_by"))
def test_who_holds_it_up(case: dict[str, Any]) -> None:
    from board import held
    from board.database import Dag, Run, Task
    from reporting.links import Links

    going = []
    for number, one in enumerate(case.get("runs", ()), 1):
        state = one.get("state", "running")
        run = Run(number, one.get("dag", "s"), f"r{number}", state, None, NOW, NOW, None)
        tasks = [
            Task(
                task["task"],
                task["state"],
                ago(task.get("asked", task.get("began"))),
                ago(task.get("began")),
                None,
                task.get("tries", 1),
                5,
                task.get("pool", "default_pool"),
                task.get("turn"),
            )
            for task in one.get("tasks", ())
        ]
        going.append((run, tasks))
    last = {**case["last"], "url": "/dags/s/runs/r0"} if "last" in case else None
    dag = None if case.get("dag") == "missing" else Dag(case.get("dag") == "paused", None)
    turns = {number: tuple(run) for number, run in case.get("turns", {}).items()}
    errors = {(int(key.split()[0]), key.split()[1]): error for key, error in case.get("errors", {}).items()}
    paused = case.get("paused", ["s"] if case.get("dag") == "paused" else [])
    found = held.by_whom(dag, paused, case.get("scheduled", False), going, last, turns, errors, Links(), NOW)
    if case["held"] == "none":
        assert found is None
    else:
        assert found is not None and found["text"] == case["held"]
        assert "url" not in case or found["url"] == case["url"]
        assert "press" not in case or found["press"] == case["press"]


@pytest.mark.parametrize("case", cases("phases"))
def test_phases(case: dict[str, Any]) -> None:
    from board.database import Task
    from board.runs import phases

    def at(seconds: Any) -> datetime | None:
        return None if seconds == "none" else NOW + timedelta(seconds=seconds)

    def written(seconds: Any) -> str | None:
        moment = at(seconds)
        return moment.isoformat(timespec="milliseconds") if moment else None

    tasks = [
        Task(task, None if state == "none" else state, None, at(began), at(ended), 1, 5, "default_pool", None)
        for task, state, began, ended in case["tasks"]
    ]
    found = [
        [bar[key] for key in ("phase", "sync", "began", "ended", "state")] for bar in phases(reversed(tasks))
    ]
    wanted = [
        [phase, None if sync == "none" else sync, written(began), written(ended), state]
        for phase, sync, began, ended, state in case["bars"]
    ]
    assert found == wanted


@pytest.mark.parametrize(
    ("events", "swept", "shown"),
    [
        ([], None, []),
        ([], "10:00", ["10:00"]),
        (["08:00", "10:00"], "10:00", ["08:00", "10:00"]),
        (["08:00"], "10:00", ["08:00", "10:00"]),
        (["08:00"], None, ["08:00"]),
    ],
)
def test_a_copy_that_no_run_announced_is_shown_too(
    events: list[str], swept: str | None, shown: list[str]
) -> None:
    """It is told apart by the time that the array shows, not by one that was reckoned at each look."""
    from board.database import Stored
    from board.fleet import Facts
    from board.service import ages

    def utc(time: str, seconds: int = 0) -> str:
        return f"2026-11-25T{time}:{seconds:02}+00:00"

    known = {
        "status": "up" if swept else "down",
        "since": utc("07:00"),
        "why": "x",
        "press": "",
        "last_action": f"2026-11-25T{swept}:00" if swept else None,
        "point_in_time": utc(swept, 3) if swept else None,
    }
    record = {"status": known["status"], "since": utc("07:00"), "syncs": {"data": known}}
    store = {
        "s": Stored(record, NOW),
        "clone_status": Stored({"at": NOW.isoformat(), "services": ["s"]}, NOW),
    }
    facts = Facts(NOW, {"s": None}, 5, store, {})
    told = [(NOW, {"point_in_time": utc(time), "last_action": f"2026-11-25T{time}:00"}) for time in events]
    found = ages(facts, "s", {"data": told})
    assert [copy["point_in_time"][11:16] for copy in found["data"]["copies"]] == shown


def test_airflow_below_a_path() -> None:
    from reporting.links import Links

    assert Links("/airflow").task("s", "manual__2026-11-26T10:00:00+00:00", "stop.service") == (
        "/airflow/dags/s/runs/manual__2026-11-26T10%3A00%3A00%2B00%3A00/tasks/stop.service"
    )


@pytest.mark.parametrize("few", [True, False], ids=["within the record", "under a key of their own"])
@pytest.mark.parametrize(("planned", "shown"), [(None, [None, None]), ({"1234:4321": 700}, [700, None])])
def test_tracks_are_of_the_newest_plan_and_say_so(
    planned: dict[str, int] | None, shown: list[int | None], few: bool
) -> None:
    from board.database import Run, Stored
    from board.fleet import Facts
    from board.service import newest_plan, pairs

    rows = [[f"{a} -> {b}", a, b, "Copied", 100, None, ""] for a, b in (("1234", "4321"), ("1235", "4322"))]
    kept = {"count": 2} | ({"rows": rows, "at": NOW.isoformat()} if few else {})
    sync = {"status": "up", "since": NOW.isoformat(), "why": "x", "press": "", "pairs": kept}
    record = {"status": "up", "since": NOW.isoformat(), "syncs": {"data": sync}}
    keyed = {} if few else {"pairs/s/data/0": Stored(rows, NOW)}
    sweep = Stored({"at": NOW.isoformat(), "services": ["s"]}, NOW)
    facts = Facts(NOW, {"s": None}, 5, {"s": Stored(record, NOW), "clone_status": sweep}, {})
    began = NOW - timedelta(hours=3)
    found = [Run(n, "s", f"r{n}", "success", None, NOW, began, NOW) for n in (2, 1)]
    left: dict[tuple[int, str, str], Any] = {(2, "plan", "plan"): {"action": "stop", "estimates": {}}}
    if planned is not None:
        left[1, "plan", "plan"] = {"estimates": {"data": {"tracks": None, "pairs": planned}}}
    seen = pairs(facts, "s", keyed, newest_plan(found, left))
    assert [row["tracks"] for row in seen["pairs"]] == shown
    assert seen["tracks_seen"] == (began.isoformat(timespec="milliseconds") if planned else None)
    assert seen["pairs_seen"] == NOW.isoformat(timespec="milliseconds")


def test_what_is_kept_beside_a_copy_and_by_whose_clock() -> None:
    from board.database import Stored
    from board.fleet import Facts
    from board.service import pairs
    from tests.clones.fleet.test_snapvx import Site

    site = Site("one")
    copy = site.add("s", "one", 1, former=1)
    (service,) = site.judged().values()
    record, _ = follow(None, service, NOW)
    swept = {
        "s": Stored(record, NOW),
        "clone_status": Stored({"at": NOW.isoformat(), "services": ["s"]}, NOW),
    }
    seen = pairs(Facts(NOW, {"s": site.services["s"]}, 5, swept, {}), "s", {})
    assert seen["pairs_clock"] == "UTC" and [row["sync"] for row in seen["kept"]] == ["data", "data"]
    assert [(row["name"], row["linked"]) for row in seen["kept"]] == [
        (name, name == copy.linked) for name in sorted(copy.snapshots, reverse=True)
    ]
    unknown = pairs(Facts(NOW, {"s": None}, 5, swept, {}), "s", {})
    assert unknown["pairs_clock"] == "the control host's time" and unknown["kept"] == seen["kept"]


@pytest.mark.parametrize(
    ("swept", "looked", "status", "seen"),
    [
        (600, 1, "up", True),
        (None, 1, "up", True),
        (600, 600, "unknown", False),
        (1, 600, "up", False),
        (None, None, "unknown", False),
    ],
)
def test_what_a_run_has_just_seen_is_current_without_a_sweep(
    swept: int | None, looked: int | None, status: str, seen: bool
) -> None:
    """Minutes ago that the sweep looked, and that the last task of a run did."""
    from board.database import Stored
    from board.fleet import Facts, row
    from board.metrics import exposition

    def minutes(ago: int) -> str:
        return (NOW - timedelta(minutes=ago)).isoformat(timespec="milliseconds")

    sync = {"status": "up", "since": minutes(9), "why": "x", "press": "", "point_in_time": minutes(9)}
    record: dict[str, Any] = {"status": "up", "since": minutes(9), "syncs": {"data": sync}}
    store = {"clone_status": Stored({"at": minutes(swept), "services": ["s"]}, NOW)} if swept else {}
    if looked is not None:
        store["s"] = Stored({**record, "looked": minutes(looked)}, NOW)
    facts = Facts(NOW, {"s": None}, 5, store, {})
    found = row(facts, "s", {})
    assert found["status"] == status and (found["seen"] is not None) is seen
    assert (b'copy_age_seconds{service="s",sync="data"} 540.0' in exposition(facts, "")[0]) is bool(looked)


@pytest.mark.parametrize("state", ["up", "down", "partly up", "unknown", "none"])
@pytest.mark.parametrize("may", [True, False])
def test_whether_the_service_itself_runs(state: str, may: bool) -> None:
    """Which run saw it, only who may see that run is told."""
    from board.database import Stored
    from board.fleet import Facts, row
    from board.metrics import exposition

    kept = {"state": state, "why": "on h", "at": NOW.isoformat(), "dag_id": "s", "run_id": "r 1"}
    record = {"status": "up", "since": NOW.isoformat(), "syncs": {}} | (
        {} if state == "none" else {"own": kept}
    )
    store = {"s": Stored(record, NOW)}
    facts = Facts(NOW, {"s": None}, 5, store, {}, told=frozenset({"s"} if may else ()))
    own = row(facts, "s", {})["own"]
    if state == "none":
        assert own is None
    else:
        assert (own["state"], own["why"], own["at"]) == (state, "on h", NOW.isoformat())
        assert own["run_id"] == ("r 1" if may else "") and bool(own["url"]) is may
    measured = {"up": b"1.0", "down": b"0.0", "partly up": b"0.0"}.get(state)
    text = exposition(facts, "")[0]
    assert (b'symclone_service_up{service="s"} ' in text) is (measured is not None)
    assert measured is None or b'symclone_service_up{service="s"} ' + measured in text
