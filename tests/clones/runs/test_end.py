"""What the last task must see for a run to be done, from case files; and how an ended run is told apart."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from clones.decide.ledger import Activation, stamps
from clones.errors import CloneError, Locked, Missing
from clones.observe.own_state import OwnState, State
from clones.runs.end import falls_short
from clones.runs.result import WITHOUT_FINISH, judge, not_done, of_ended
from clones.states import SyncSeen
from tests.clones.cases_in_tables import CASES
from tests.clones.seeing import NOON, seen, sync
from tests.support.tables import load_yaml

UNSEEN = {
    "locked": Locked("the array is locked", "wait for the retry"),
    "gone": Missing("the device group is gone", "fix it"),
}


def at(written: str) -> datetime | None:
    return None if written == "none" else datetime.fromisoformat(f"2026-11-23T{written}")


def look(name: str, said: Any) -> SyncSeen | CloneError:
    if isinstance(said, str):
        return UNSEEN[said]
    states, times = zip(*said, strict=True)
    return seen(*states, times=[*map(at, times)], name=name)


def planned(name: str, times: list[str]) -> dict[str, Any]:
    pairs = [
        {"source": 0x1000 + n, "target": 0x2000 + n, "last_action": f"2026-11-23T{time}:00"}
        for n, time in enumerate(times)
    ]
    return {"sync": name, "pairs": pairs}


RUN = ("s", "this run")
LAST: dict[str, list[dict[str, str]]] = {
    "well": [{"ended": "10:00", "error": "busy"}, {"ended": "10:01", "error": ""}],
    "failed": [{"ended": "10:00", "error": "the host does not answer"}],
    "killed": [{"ended": "", "error": ""}],
    "not run": [],
}
"""What a task has left of its tries."""


def kept(name: str, times: list[str], by: str = "this run") -> Activation:
    """What a run kept of its activation: what each pair showed right after it."""
    after = stamps(seen(*["Copied"] * len(times), times=[*map(at, times)], name=name))
    return Activation(("s", by), NOON, {key: stamp for key, stamp in after.items() if stamp})


@pytest.mark.parametrize(
    "case",
    [pytest.param(one, id=one["name"]) for one in load_yaml((CASES / "run_end.yaml").read_text())],
)
def test_its_own_look_decides(case: dict[str, Any]) -> None:
    syncs = [
        sync(max(1, len(said)) if isinstance(said, list) else 1).model_copy(update={"name": name})
        for name, said in case["seen"].items()
    ]
    scope: Any = SimpleNamespace(name="s", service=SimpleNamespace(syncs=syncs, snapshots=False))
    before = {name: ["08:00"] * len(said) for name, said in case["seen"].items()} | case.get("before", {})
    plan = {
        "phases": case.get("phases", []),
        "action": case.get("action", "refresh"),
        "syncs": [planned(name, times) for name, times in before.items()],
    }
    if "sets" in case:
        former, new = case["sets"].split(" > ")
        plan |= {"from_set": former, "to_set": new, "up": case.get("up", True)}
    looks = [look(name, said) for name, said in case["seen"].items()]
    by = case.get("kept_by", "this run")
    known = {name: kept(name, times, by) for name, times in case["kept"].items()} if "kept" in case else None
    own = OwnState(State(case["service"]), "here", case.get("set")) if "service" in case else None
    last = LAST[case.get("last", "well")]
    tasks = {task: last for task in ("stop.service", "start.service")}
    found = falls_short(scope, plan, looks, known, run=RUN, own=own, tasks=tasks)
    if case["short"] == "none":
        assert found is None
        return
    assert found is not None and case["short"] in found.why, found
    assert found.unknown is case.get("unknown", False)
    stopped = not_done(found.why, found.remedy)
    plain = stopped.to_plain()
    assert not stopped.ok and (plain["result"], plain["at"]) == ("stopped", "finish")
    assert case["short"] in plain["why"] and plain["press"] == found.remedy
    assert stopped.text().startswith("Stopped at finish: every task succeeded, but:")
    assert "What to do: " in stopped.text()


@pytest.mark.parametrize("state", ["skipped", "None", "upstream_failed", "removed"])
def test_a_task_that_was_skipped_from_outside_is_not_done(state: str) -> None:
    states = {"plan": "success", "stop.service": "success", "start.service": state}
    states["start.on_old_copies"] = "skipped"
    judged = judge(states, wanted=[*states])
    assert (judged.result, judged.at) == ("stopped", "start.service")
    assert f"has the state {state}" in judged.text() and "trigger the action again" in judged.text()
    assert judge(states, wanted=["plan", "stop.service", "start.on_old_copies"]).ok
    failed = judge(states | {"stop.service": "failed"}, wanted=[*states])
    assert failed.at == "stop.service", "what failed comes first"


DONE, STOPPED = {"result": "done", "at": ""}, {"result": "stopped", "at": "break.data.activate"}
PLANNED = {"result": "planned", "at": ""}
OUTSIDE = {"result": WITHOUT_FINISH, "at": ""}


@pytest.mark.parametrize(
    ("plan", "finish", "left", "ended"),
    [
        ("success", "success", {"finish": DONE}, DONE),
        ("success", "failed", {"finish": STOPPED}, STOPPED),
        ("failed", "failed", {"finish": STOPPED}, STOPPED),
        ("success", "skipped", {"plan": PLANNED}, PLANNED),
        # Marked as failed or success while it went on.
        ("success", "skipped", {}, OUTSIDE),
        ("success", None, {}, OUTSIDE),
        ("failed", "skipped", {}, OUTSIDE),
        ("skipped", "skipped", {}, OUTSIDE),
        # What is left is of the time before it was cleared.
        ("success", "skipped", {"finish": DONE}, OUTSIDE),
        ("success", None, {"finish": DONE}, OUTSIDE),
        ("failed", "skipped", {"plan": PLANNED}, OUTSIDE),
        # It was killed before it could say.
        ("success", "failed", {}, OUTSIDE),
        # No task of such a name.
        (None, None, {}, OUTSIDE),
    ],
)
def test_how_an_ended_run_is_told(plan: Any, finish: Any, left: Any, ended: Any) -> None:
    assert of_ended({"plan": plan, "finish": finish}, left) == ended
