"""Services with target sets: which one is in use, what that makes of their status, and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clones import errors
from clones.config import Pair, Service, Sync
from clones.decide.freshness import Status
from clones.decide.target_sets import Good, Intent, InUse, Recorded, SetSeen
from clones.fleet import pair_rows
from clones.fleet.between_looks import Looks, show
from clones.fleet.changes import follow, forgotten, names_in, needs_patience, pairs_changed, still_shared
from clones.fleet.look import Looked
from clones.fleet.set_in_use import SetInUse, kept_by_runs, not_asked, of_look
from clones.fleet.status import ServiceStatus, SyncStatus, in_trouble, judge, table, to_plain, with_advice
from clones.states import SyncSeen
from tests.clones.seeing import NOON, seen
from tests.support.tables import load_yaml

HERE = Path(__file__).parents[1] / "cases" / "status"
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOT_SEEN = SetInUse("", why="nobody has seen it", press="ask")
IN_USE = {"none": NOT_SEEN, "down": SetInUse("a", down=True)}

SERVICE = Service.model_validate(
    {
        "control_host": "ctl",
        "sync_max_delay": 60,
        "hosts": [{"connection": "lnx", "family": "linux"}],
        "resources": [
            {
                "vg": {
                    "name": "vg_a",
                    "devices": ["/dev/mapper/mpatha"],
                    "by_set": {"b": {"name": "vg_b", "devices": ["/dev/mapper/mpathb"]}},
                }
            }
        ],
        "syncs": [
            {
                "name": "data",
                "symid": "000190101234",
                "targets": {"a": ["1000:2000", "1001:2001"], "b": ["1000:3000", "1001:3001"]},
            }
        ],
    }
)


def cases(name: str) -> list[Any]:
    read = load_yaml((HERE / f"{name}.yaml").read_text())
    return [pytest.param(case, id=case["name"]) for case in read]


def looked(case: dict[str, Any]) -> list[Looked]:
    found = []
    for name in SERVICE.sets:
        sync = SERVICE.on(name).syncs[0]
        if isinstance(case[name], str):
            error = getattr(errors, case[name])("what was said.", "what to do")
            found.append(Looked("s", sync, None, error, name))
            continue
        ago = case.get("minutes", {}).get(name, 30)
        minutes = ago if isinstance(ago, list) else [ago] * len(case[name])
        times: list[datetime | None] = [NOON - timedelta(minutes=one) for one in minutes]
        onto = {"a": 0x2000, "b": 0x3000}[name]
        found.append(Looked("s", sync, seen(*case[name], times=times, onto=onto), None, name))
    return found


@pytest.mark.parametrize("case", cases("sets"))
def test_status(case: dict[str, Any]) -> None:
    in_use = IN_USE.get(case["in_use"], SetInUse(case["in_use"]))
    (found,) = judge({"s": SERVICE}, looked(case), {"s": in_use})
    assert str(found.status) == case["status"]
    assert case["why"] in found.why
    assert case.get("press", "") in found.press and bool(found.press) == ("press" in case)
    assert found.passes == case.get("passes", False)
    assert needs_patience({"status": "up"}, found) == (case.get("passes", False))
    assert found.unready.keys() == case.get("unready", {}).keys()
    assert all(why in found.unready[name] for name, why in case.get("unready", {}).items())
    assert table([found]) and json.dumps(to_plain(found))


@pytest.mark.parametrize("case", cases("set_in_use"))
def test_which_set_is_in_use_by_what_runs_have_kept(case: dict[str, Any]) -> None:
    def at(minutes: int) -> datetime:
        return START + timedelta(minutes=minutes)

    state = None
    if "saw" in case:
        how, on, minutes = case["saw"]
        state = {"state": how, "set": on, "why": "because", "at": at(minutes).isoformat()}
    recorded = Recorded()
    if "intent" in case:
        first, last, minutes = case["intent"]
        recorded = replace(recorded, intent=Intent(first, last, ("s", "r"), at(minutes)))
    if "good" in case:
        name, minutes = case["good"]
        recorded = replace(recorded, good=Good(name, ("s", "r"), at(minutes)))
    found = kept_by_runs("s", ("a", "b"), state, recorded)
    assert (found.name, found.down, found.passing) == (
        case["in_use"],
        case.get("down", False),
        case.get("passing", False),
    )
    assert case.get("why", "") in found.why and bool(found.why) == (not found.name)
    assert case.get("press", "") in found.press and bool(found.press) == (not found.name)
    assert SetInUse.read(json.loads(json.dumps(found.to_plain()))) == replace(found, passing=False)


@pytest.mark.parametrize(
    ("a", "b", "name", "why"),
    [
        (InUse.IN_USE, InUse.UNUSED, "a", ""),
        (InUse.IN_USE, InUse.READY, "a", ""),
        (InUse.UNUSED, InUse.IN_USE, "b", ""),
        (InUse.PARTLY, InUse.UNUSED, "a", ""),
        (InUse.IN_USE, InUse.PARTLY, "", "more than one target set is in use: set a is in use"),
        (InUse.IN_USE, InUse.UNKNOWN, "", "not known: set b is unknown"),
        (InUse.UNKNOWN, InUse.UNUSED, "", "not known: set a is unknown"),
        (InUse.READY, InUse.UNUSED, "", "no target set is in use"),
    ],
)
def test_which_set_is_in_use_by_a_look_at_its_hosts(a: InUse, b: InUse, name: str, why: str) -> None:
    found = of_look("s", [SetSeen("a", a, "x"), SetSeen("b", b, "y")])
    assert found.name == name and why in found.why
    assert bool(found.why) == bool(found.press) == (not name)


def test_hosts_that_could_not_be_asked() -> None:
    found = not_asked(errors.Unknown("Host lnx does not answer.", "check it"))
    assert (found.name, found.press) == ("", "check it") and "Host lnx does not answer" in found.why


@pytest.mark.parametrize("case", cases("shown_sets"))
def test_shown_between_two_looks(case: dict[str, Any]) -> None:
    now, record = START, None
    at = now - timedelta(minutes=case.get("looked", 0))
    if "looked" in case:
        syncs = tuple(_sync(name, case[name], at, used=case["in_use"] != name) for name in ("a", "b"))
        in_use = IN_USE.get(case["in_use"], SetInUse(case["in_use"]))
        gone = case["in_use"] == "c"
        record, _ = follow(None, ServiceStatus("s", syncs, NOT_SEEN if gone else in_use), at)
        record["set"] = in_use.to_plain()
        assert names_in(record) == (["data"], ["a", "b"])
    looks = Looks(at if record else None, 5)
    found = show("s", record, ["data"], timedelta(minutes=60), looks, now, ["a", "b"])
    assert str(found.status) == case["shown"] and case["why"] in found.why
    assert case.get("press", "") in found.press and bool(found.press) == ("press" in case)
    assert {one.name: str(one.role) for one in found.sets} == case["roles"]
    assert {one.name: str(one.syncs[0].status) for one in found.sets} == case["statuses"]
    assert case.get("spare", "") in found.sets[1].syncs[0].why
    assert [sync.name for sync in found.syncs] == ["data"]


def _sync(name: str, shown: int | str, at: datetime, *, used: bool) -> SyncStatus:
    if isinstance(shown, str):
        return SyncStatus("data", Status.DOWN, shown, "press it", target_set=name)
    age = timedelta(minutes=shown)
    last = (at - age).replace(tzinfo=None)
    return SyncStatus("data", Status.UP, "x", "", last, age, target_set=name)


def test_what_is_shown_of_both() -> None:
    case = {"a": ["Copied", "Copied"], "b": ["Copied", "PreCopy"]}
    (found,) = judge({"s": SERVICE}, looked(case), {"s": SetInUse("a")})
    assert table([found]) == [
        "WARN     s: spare set b, sync data: torn: only some pairs are active",
        "         -> trigger s with action refresh: it copies all pairs again at one point in time",
        "         set a in use",
        "           up       data: 2026-11-23 11:30:00, 30 min of 1 h 0 min",
        "         spare set b: no rewind to it, sync data is not fully active: 1001 -> 3001 is PreCopy",
        "           down     data: torn: only some pairs are active, 40% copied",
    ]
    plain: Any = json.loads(json.dumps(to_plain(found)))
    assert plain["set"] == "a" and [one["sync"] for one in plain["syncs"]] == ["data"]
    assert [(one["set"], one["role"]) for one in plain["sets"]] == [("a", "in use"), ("b", "spare")]
    assert plain["sets"][1]["rewind_refused"].startswith("sync data is not fully active")
    assert plain["sets"][0]["syncs"][0]["sync_max_delay"] == 3600
    assert plain["sets"][1]["syncs"][0]["sync_max_delay"] is None
    assert "what to" not in with_advice(found, lambda text: text.upper()).press


def test_of_an_unknown_set_every_sync_is_unknown_and_says_why() -> None:
    case = {"a": ["Copied", "Copied"], "b": ["Copied", "Copied"]}
    (found,) = judge({"s": SERVICE}, looked(case), {"s": NOT_SEEN})
    plain: Any = to_plain(found)
    assert plain["set"] is None
    assert [(one["sync"], one["status"], one["why"]) for one in plain["syncs"]] == [
        ("data", "unknown", "nobody has seen it")
    ]
    assert [one["role"] for one in plain["sets"]] == ["not known", "not known"]
    assert with_advice(found, lambda text: text.upper()).press == "ASK"


def test_the_record_of_both_sets_and_their_pairs_in_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_rows, "FEW", 0)  # more than stand in a record
    store: dict[str, Any] = {}
    record: dict[str, Any] | None = None

    def look(case: dict[str, Any], on: str) -> str | None:
        nonlocal record
        (now,) = judge({"s": SERVICE}, looked(case), {"s": SetInUse(on)})
        store.update(pairs_changed(record, now))
        for key in [key for key, value in store.items() if value is None]:
            del store[key]
        record, change = follow(record, now, START)
        json.dumps(record)
        return change.text() if change else None

    good = {"a": ["Copied", "Copied"], "b": ["Copied", "Copied"]}
    assert look(good, "a") is None and record is not None
    assert list(record["syncs"]) == ["data/a", "data/b"] and record["set"]["name"] == "a"
    assert sorted(store) == ["pairs/s/data/a/0", "pairs/s/data/b/0"]
    before = record
    assert look(good, "b") is None and record["set"]["name"] == "b", (
        "a change-over is no change of the status"
    )
    assert record != before
    assert "spare set a" in (look({**good, "a": ["Copied", "Failed"]}, "b") or "")
    assert record["unready"].keys() == {"a"}
    (other,) = judge({"s": SERVICE}, looked({**good, "b": ["Copied", "Failed"]}), {"s": SetInUse("b")})
    assert follow(None, in_trouble(other, ValueError("x")), START)[0]["status"] == "unknown"
    assert dict(forgotten("s", record)).keys() == store.keys()


ALONE = SERVICE.model_copy(
    update={
        "syncs": (Sync.model_validate({"name": "data", "symid": "000190101234", "pairs": ["1000:2000"]}),)
    }
)


@pytest.mark.parametrize("case", cases("shared"))
def test_a_device_of_two_pairs(case: dict[str, Any]) -> None:
    services: dict[str, Service] = {}
    looked: dict[str, Looked] = {}
    for where, symid, *devices in case["syncs"]:
        name, _, target_set = where.partition("/")
        services[name] = SERVICE if target_set else ALONE
        shown = None if None in devices else on_array(str(symid), *(int(str(one), 16) for one in devices))
        error = None if shown else errors.Unknown("no answer", "wait")
        looked[where] = Looked(name, services[name].syncs[0], shown, error, target_set)

    def judged(*names: str) -> dict[str, ServiceStatus]:
        own = [one for one in looked.values() if one.service in names]
        judged = judge({name: services[name] for name in names}, own, {"a": SetInUse("a")})
        return {one.name: one for one in judged}

    down = case.get("down", {})
    found = judged(*services)
    for where, one in looked.items():
        (sync,) = [x for x in found[one.service].syncs if x.target_set == one.target_set]
        if where in down:
            assert (sync.status, sync.why, sync.last_action) == (Status.DOWN, down[where], None)
            assert sync.press.startswith("give each pair a target of its own")
        else:
            assert sync.status is (Status.UP if one.seen else Status.UNKNOWN)
    for name, now in found.items():
        record, _ = follow(None, now, START)
        alone = still_shared(record, judged(name)[name])
        assert follow(record, alone, START + timedelta(minutes=1)) == (record, None)


def on_array(symid: str, source: int, target: int) -> SyncSeen:
    shown = seen("Copied", times=[NOON])
    (pair,) = shown.pairs
    named = Pair(source=f"{source:04X}", target=f"{target:04X}")
    return replace(shown, symid=symid, pairs=(replace(pair, pair=named, source=source, target=target),))
