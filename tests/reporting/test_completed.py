"""What a completed run leaves: how fast it copied, which copies are its own, and whom it tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors

from clones.config.scope import Scope
from clones.decide.ledger import Activation, stamps
from clones.observe.estimates import Pace
from clones.runs.fresh_copies import announcement, is_said, known_copies, own_copies
from clones.states import SyncSeen
from hooks.configuration import load
from reporting.completed import (
    ACTIVATION,
    Completed,
    activations,
    announce,
    copy_asset,
    fresh_copies,
    read,
    shown_paces,
    write,
)
from tests.clones.seeing import NOON
from tests.clones.seeing import seen as shown
from tests.conftest import SERVICES, Store


class Left:
    """A running task that reads what others have left."""

    def __init__(self, xcoms: dict[str, Any]) -> None:
        self.xcoms = xcoms
        self.dag_id = "aastmphpux"

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.xcoms.get(task_ids)


def seen(clock: str, last_action: str) -> dict[str, Any]:
    return {"clock": f"2026-11-23T{clock}", "pairs": [{"last_action": f"2026-11-23T{last_action}"}]}


@pytest.mark.parametrize("as_text", [False, True], ids=["a worker ended it", "the triggerer ended it"])
def test_the_pace_is_kept_however_the_wait_ended(context: dict[str, Any], as_text: bool) -> None:
    copied = seen("10:01:40", "10:00:30")
    context["ti"] = Left({"break.data.wait_copied": json.dumps(copied) if as_text else copied})
    tasks = {"resync.data.recreate": [{"try": 1}, {"try": 2, "seen": seen("10:00:05", "10:00:00")}]}
    guesses = {"data": {"tracks": 500}, "archivelogs": {"tracks": 7}}
    shown = shown_paces(context, guesses, tasks)  # type: ignore[arg-type]
    assert shown == {"data": Pace(500, 100.0)}
    write(context, scope_of(), [], [], shown)  # type: ignore[arg-type]
    kept = read(context, scope_of())  # type: ignore[arg-type]
    assert kept.paces(scope_of().service) == {"data": Pace(500, 100.0), "archivelogs": None}


def test_what_was_kept_until_0_2_is_known(context: dict[str, Any]) -> None:
    """One request tells that there is nothing."""
    data, archivelogs = (
        context["asset_state_store"][copy_asset("aastmphpux", n)] for n in ("data", "archivelogs")
    )
    archivelogs.set("pace", {"tracks": 1, "seconds": 2})
    assert read(context, scope_of()) == Completed()  # type: ignore[arg-type]
    data.set("completed_runs", {"manual__0": "then"})
    kept = read(context, scope_of())  # type: ignore[arg-type]
    assert kept.runs == {"manual__0": "then"}
    assert kept.paces(scope_of().service)["archivelogs"] == Pace(1, 2)
    write(context, scope_of(), [], [])  # type: ignore[arg-type]
    assert {"manual__0", "manual__1"} == {*read(context, scope_of()).runs}  # type: ignore[arg-type]


def scope_of() -> Scope:
    config = load(SERVICES)
    return Scope("aastmphpux", config.services["aastmphpux"], config.symcli)


def activated(context: dict[str, Any], shown: SyncSeen, run_id: str = "manual__1") -> SyncSeen:
    """A run has kept that it activated this, when its oldest pair shows it."""
    after = {key: stamp for key, stamp in stamps(shown).items() if stamp}
    ago = NOON - datetime.fromisoformat(min(after.values())) if after else timedelta(0)
    kept = Activation(("aastmphpux", run_id), datetime.now(UTC) - ago, after)
    context["asset_state_store"][copy_asset("aastmphpux", shown.name)].set(ACTIVATION, kept.to_plain())
    return shown


class Events(list[Any]):
    """What Airflow has of one asset's events."""

    def after(self, after: str) -> Events:
        return Events(one for one in self if one.timestamp >= datetime.fromisoformat(after))


def announced(
    context: dict[str, Any], *after: SyncSeen, number: int = 1, succeeds: bool = True
) -> list[tuple[str, str]]:
    """The copies that one try of the last task makes events of, with their time on the array.

    Airflow makes them only when it succeeds.
    """
    context["ti"].try_number = number
    there = context.setdefault(
        "inlet_events", {copy_asset("aastmphpux", n): Events() for n in ("data", "archivelogs")}
    )
    context = {**context, "outlet_events": OutletEventAccessors()}
    split = known_copies(activations(context, scope_of()) or {}, after)  # type: ignore[arg-type]
    announce(context, scope_of(), write(context, scope_of(), ["break"], split))  # type: ignore[arg-type]
    events = context["outlet_events"][fresh_copies("aastmphpux")].asset_alias_events
    for event in events:
        made = datetime.fromisoformat(event.extra["point_in_time"])
        ago = NOON - datetime.fromisoformat(event.extra["last_action"])
        assert made.timestamp() == pytest.approx((datetime.now(UTC) - ago).timestamp(), abs=5)
        assert event.extra["run_id"] == "manual__1"
        if succeeds:
            asset = copy_asset("aastmphpux", event.dest_asset_key.name.split("/")[1])
            there[asset].append(SimpleNamespace(extra=event.extra, timestamp=datetime.now(UTC)))
    return [(event.dest_asset_key.name, event.extra["last_action"][11:16]) for event in events]


def copy(name: str, *minutes: int, state: str = "Copied") -> SyncSeen:
    times = [NOON - timedelta(minutes=ago) for ago in minutes]
    return shown(*[state] * len(minutes), times=[*times], name=name)


def test_only_what_the_run_has_split_is_announced_and_that_once(context: dict[str, Any]) -> None:
    data, old = activated(context, copy("data", 5, 4)), copy("archivelogs", 5, 11)
    assert announced(context, data, old) == [("aastmphpux/data", "11:55")]
    assert announced(context, data, old, number=2) == [], "the task was cleared"
    data, archivelogs = (activated(context, one) for one in (copy("data", 3, 2), copy("archivelogs", 1)))
    assert announced(context, data, archivelogs) == [
        ("aastmphpux/data", "11:57"),
        ("aastmphpux/archivelogs", "11:59"),
    ]


def test_a_try_that_did_not_succeed_has_announced_nothing(context: dict[str, Any]) -> None:
    """Airflow drops its events; the next try makes them. Where they cannot be asked for, too."""
    data = activated(context, copy("data", 5, 4))
    made = [("aastmphpux/data", "11:55")]
    assert announced(context, data, succeeds=False) == made
    assert announced(context, data, number=2) == made
    assert announced(context, data, number=3) == []
    context["inlet_events"] = {}
    assert announced(context, data, number=4, succeeds=False) == made


@pytest.mark.parametrize("state", ["PreCopy", "Failed", "none"])
def test_what_is_no_copy_is_not_announced(context: dict[str, Any], state: str) -> None:
    assert announced(context, activated(context, copy("data", 5, state=state))) == []


def test_what_is_not_known_to_be_the_runs_own_is_not_announced(context: dict[str, Any]) -> None:
    activated(context, copy("data", 5, 5))
    silent = shown("Copied", "Copied", times=[NOON - timedelta(minutes=5), None], name="data")
    for other in (copy("data", 5, 4), copy("data", 5), copy("data", 5, 5, 5), silent):
        assert announced(context, other) == []
    assert announced(context, activated(context, copy("data", 5), run_id="manual__2")) == []
    assert announced(context, copy("archivelogs", 5)) == [], "no activation was kept"


def test_a_copy_is_announced_whatever_clock_the_array_shows(context: dict[str, Any]) -> None:
    ahead = activated(context, copy("data", -300, -299))
    assert announced(context, ahead) == [("aastmphpux/data", "16:59")]


def test_what_is_said_of_a_copy() -> None:
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    made = Activation(("s", "manual__1"), at, {"000190101234 1:2": "T5", "000190101234 3:4": "T4"})
    assert is_said(made, [{"run_id": "manual__1", "last_action": "T4"}])
    for other in (
        {"run_id": "manual__1", "last_action": "T3"},
        {"run_id": "manual__2", "last_action": "T4"},
        {},
    ):
        assert not is_said(made, [other])
    assert announcement("s", "data", made) == {
        "service": "s",
        "sync": "data",
        "point_in_time": "2026-11-23T12:00:00+00:00",
        "last_action": "T4",
        "run_id": "manual__1",
    }


@pytest.mark.parametrize("stores", [None, {}], ids=["none at all", "of other assets"])
def test_without_a_store_nothing_is_known_to_be_the_runs_own(
    context: dict[str, Any], stores: dict[str, Any] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Airflow hands a task the stores of its own inlets and outlets; a site's own DAG need not have ours."""
    del context["asset_state_store"]
    if stores is not None:
        context["asset_state_store"] = stores
    assert announced(context, copy("data", 10)) == []
    assert read(context, scope_of()) == Completed()  # type: ignore[arg-type]
    assert "this task has no inlet aastmphpux/data. What to do: give it `inlets=" in caplog.text


def test_a_completed_run_leaves_when_its_copies_were_activated(context: dict[str, Any]) -> None:
    """By Airflow's clock, whatever the array shows and whichever run sent it; else it leaves nothing."""
    data = activated(context, copy("data", -300))
    archivelogs = activated(context, copy("archivelogs", 5), "manual__0")
    stores = context["asset_state_store"]
    for after in ([data, copy("archivelogs", 4)], [data, archivelogs]):
        write(context, scope_of(), ["break"], known_copies(activations(context, scope_of()) or {}, after))  # type: ignore[arg-type]
        kept = read(context, scope_of())  # type: ignore[arg-type]
        for seen, left in zip((data, archivelogs), kept.records(scope_of().service), strict=True):
            if seen in after:
                assert left and left["run_id"] == "manual__1"
                store = stores[copy_asset("aastmphpux", seen.name)]
                assert left["point_in_time"] == store.get(ACTIVATION)["at"]
            else:
                assert left is None


@pytest.mark.parametrize(
    ("tries", "now", "own"),
    [
        ([{"try": 1}, {"try": 2, "activated": 5}], 5, True),
        ([{"activated": 5}], 4, False),  # somebody has activated it since
        ([{"activated": 5}, {"try": 2}], 5, False),  # the newest try does not say so
        ([{"try": 1}], 5, False),
        ([], 5, False),
    ],
)
def test_what_a_task_said_of_its_own_activation_need_not_be_asked_for(
    context: dict[str, Any], tries: list[dict[str, Any]], now: int, own: bool
) -> None:
    def made(minutes: int) -> Activation:
        stamped = {key: stamp for key, stamp in stamps(copy("data", minutes)).items() if stamp}
        return Activation(("aastmphpux", "manual__1"), datetime.now(UTC), stamped)

    said = [one | {"activated": made(5).to_plain()} if "activated" in one else one for one in tries]
    found = own_copies({"break.data.activate": said}, [copy("data", now), copy("archivelogs", 5)])
    assert [*found] == ["data"] * own
    activated(context, copy("archivelogs", 5), "manual__0")
    context["asset_state_store"][copy_asset("aastmphpux", "data")] = "not to be asked" if own else Store()
    known = activations(context, scope_of(), found)  # type: ignore[arg-type]
    assert {name: one.run[1] for name, one in known.items()} == {"archivelogs": "manual__0"} | (
        {"data": "manual__1"} if own else {}
    )
