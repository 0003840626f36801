"""Which phases an action runs, and how a run is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clones.actions import ACTIONS_ON_SETS, actions_of, help_of, phases_run
from clones.errors import ConfigError
from clones.observe.own_state import OwnState, State
from clones.runs.result import BACK, RESTART, first_lines, judge
from hooks.configuration import load
from tests.clones.cases_in_tables import CASES
from tests.conftest import TWO_SETS
from tests.support.tables import load_yaml

ON_SETS = load(TWO_SETS).services
SERVICES = load(Path(__file__).parents[3] / "config" / "services.yaml").services


@pytest.mark.parametrize(
    ("action", "phases"),
    [
        ("refresh", "stop resync break start"),
        ("update", "resync break"),
        ("resync", "resync"),
        ("break", "break"),
        ("start", "break start"),
        ("stop", "stop"),
    ],
)
def test_phases(action: str, phases: str) -> None:
    assert " ".join(phases_run(action, SERVICES["aastmphpux"])) == phases


@pytest.mark.parametrize(
    ("action", "phases"),
    [
        ("refresh", "resync break prepare stop start"),
        ("rewind", "prepare stop start"),
        ("update", "resync break"),
        ("resync", "resync"),
        ("break", "break"),
        ("start", "prepare start"),
        ("stop", "stop"),
    ],
)
def test_phases_of_a_service_with_target_sets(action: str, phases: str) -> None:
    service = ON_SETS["lnxts"]
    assert " ".join(phases_run(action, service)) == phases
    assert {*actions_of(service)} == {*ACTIONS_ON_SETS} and help_of(action, service)


def test_of_two_failures_the_first_in_the_chain_of_its_dag_is_named() -> None:
    """With target sets the copies are made before the service is stopped."""
    failed = {"stop.service": "failed", "resync.data.recreate": "failed"}
    assert judge(failed).at == "stop.service"
    assert judge({**failed, "prepare.service": "upstream_failed"}).at == "resync.data.recreate"


def test_a_service_of_syncs_only_offers_no_stop_and_start() -> None:
    assert actions_of(SERVICES["reporting_copies"]) == ("refresh", "resync", "break")
    assert phases_run("refresh", SERVICES["reporting_copies"]) == ("resync", "break")
    with pytest.raises(ConfigError, match="choose one of"):
        phases_run("stop", SERVICES["reporting_copies"])


@pytest.mark.parametrize(
    ("states", "result", "at"),
    [
        (
            {"plan": "success", "resync.data.recreate": "success", "start.on_old_copies": "skipped"},
            "done",
            "",
        ),
        ({"plan": "success", "stop.service": "skipped"}, "done", ""),
        ({"plan": "failed", "stop.service": "upstream_failed"}, "unchanged", "plan"),
        ({"stop.service": "failed", "start.on_old_copies": "restarted"}, "unchanged", "stop.service"),
        (
            {"resync.data.recreate": "failed", "start.on_old_copies": "restarted"},
            "unchanged",
            "resync.data.recreate",
        ),
        (
            {"break.data.activate": "failed", "start.on_old_copies": "skipped"},
            "stopped",
            "break.data.activate",
        ),
        (
            {"start.on_old_copies": "failed", "resync.data.recreate": "failed"},
            "stopped",
            "resync.data.recreate",
        ),
        ({"start.service": "failed"}, "stopped", "start.service"),
        ({"start.on_old_copies": "failed", "start.service": "failed"}, "stopped", "start.service"),
        # A hook that ends what was begun fails along with what failed before it.
        (
            {"break.data.activate": "failed", "break.data.after_activate.a": "failed"},
            "stopped",
            "break.data.activate",
        ),
        ({"stop.before_stop.drain": "failed"}, "unchanged", "stop.before_stop.drain"),
        (
            {"stop.before_stop.drain": "failed", "start.on_old_copies": "restarted"},
            "unchanged",
            "stop.before_stop.drain",
        ),
        ({"start.service": "success", "start.probes.web": "failed"}, "stopped", "start.probes.web"),
    ],
)
def test_judgement(states: dict[str, str], result: str, at: str) -> None:
    restarted = states.get("start.on_old_copies") == "restarted"
    judged = judge({t: "failed" if s == "restarted" else s for t, s in states.items()}, restarted=restarted)
    assert (judged.result, judged.at) == (result, at)
    assert judged.ok == (result == "done")
    if at:
        assert at in judged.text() and "What to do:" in judged.text()
        again = (
            "trigger the action again"
            if states.get("start.on_old_copies") == "restarted"
            else "Only failed tasks"
        )
        assert again in judged.text()


@pytest.mark.parametrize(
    "case",
    [pytest.param(one, id=one["name"]) for one in load_yaml((CASES / "why.yaml").read_text())],
)
def test_the_end_of_a_run_says_why(case: dict[str, Any]) -> None:
    at = case.get("at", "plan")
    states = {"plan": "success", at: "failed", **dict.fromkeys(case.get("well", ()), "success")}
    tries = None
    if "error" in case:
        tries = [
            {"try": 1, "error": "an older one"},
            {"try": 2, "error": case["error"], "kind": case.get("kind", "")},
        ]
    restarted = case.get("restarted", False)
    plan = None
    if "sets" in case:
        former, new = case["sets"].split(" > ")
        pair = {"last_action": "2026-11-28T02:30:10"}
        plan = {
            "from_set": former,
            "to_set": new,
            "up": case.get("up", True),
            "phases": phases_run(case.get("action", "refresh"), ON_SETS["lnxts"]),
            "former": [{"pairs": [pair]}] if case.get("former", True) else [],
        }
        states |= dict.fromkeys(["prepare.service"], states.get("prepare.service", "success"))
    back = RESTART if plan is None else BACK
    found = judge(states | ({back: "failed"} if restarted else {}), restarted=restarted, plan=plan)
    own = OwnState(State(case["service"]), "here", case.get("set", "")) if "service" in case else None
    result = found.because(tries).as_seen(own)
    assert result.text().splitlines() == case["text"].splitlines()
    plain = result.to_plain()
    assert plain["result"] == case["result"] and plain["at"] == at
    assert result.text() == "\n".join(
        (result.text().splitlines()[0], plain["why"], f"What to do: {plain['press']}")
    )
    assert result.mistyped is (case.get("kind") == "mistyped")


def test_of_a_long_error_the_first_lines_are_said() -> None:
    said = first_lines("\n".join(f"{number} " + "x" * 1000 for number in range(50)))
    assert len(said) < 3000 and said.endswith("\n...") and said.startswith("0 xxx")


def test_a_run_that_is_done_has_nothing_to_say() -> None:
    done = judge({"plan": "success"})
    assert done.because([{"error": "an older try"}]) == done and done.to_plain() == {
        "result": "done",
        "at": "",
    }
