"""The decision tables, from case files: `cases/rules/*.yaml`."""

from __future__ import annotations

from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from clones import rules
from clones.rules import Verdict
from clones.states import ACTIVE, PREPARED, State
from tests.clones.seeing import seen, sync

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parent / "cases" / "rules").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]


def decide(case: dict[str, Any]) -> rules.Decision:
    shown = [
        seen(
            *one["states"],
            times=[datetime.fromisoformat(t) for t in one["times"]] if "times" in one else None,
            name=name,
            clock=datetime.fromisoformat(case.get("clock", "2026-11-23T12:00:00")),
        )
        for name, one in case["syncs"].items()
    ]
    since = datetime.fromisoformat(case["since"]) if "since" in case else None
    match case["action"]:
        case "create":
            return rules.decide_create(shown[0])
        case "retire":
            return rules.decide_retire(shown[0])
        case "resync":
            return rules.decide_resync(sync(len(shown[0].pairs), **case.get("options", {})), shown[0], since)
        case "break":
            return rules.decide_break(shown[0], mend=case.get("mend", False))
        case "start":
            return rules.decide_start(shown)
        case "wait":
            return rules.decide_wait(shown[0], case["wanted"])
    raise AssertionError(f"no such action: {case['action']}")


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    decision = decide(case)
    expect = case["expect"]
    assert decision.verdict.name.lower() == expect["verdict"], decision
    assert expect.get("why", "") in decision.why
    if "pairs" in expect:
        assert [int(pair.pair.source, 16) - 0x1000 for pair in decision.pairs] == expect["pairs"]
    if decision.verdict is Verdict.REFUSE:
        assert decision.remedy, "a refusal must say what to do"
        assert expect.get("remedy", "") in decision.remedy


@pytest.mark.parametrize("states", list(product(State, State)), ids=lambda states: "+".join(states))
def test_what_holds_for_every_mix_of_two_states(states: tuple[State, State]) -> None:
    """The gravest pair decides, and no table acts on a state from which the action is not allowed."""
    shown = seen(*states)
    resync, split = rules.decide_resync(sync(2), shown), rules.decide_break(shown, mend=False)
    if any(state in (State.FAILED, State.INVALID, State.UNKNOWN, State.NONE) for state in states):
        assert resync.verdict is split.verdict is Verdict.REFUSE
    if resync.verdict is Verdict.ACT:
        assert all(pair.state in ACTIVE | {State.SPLIT} for pair in resync.pairs)
    if split.verdict is Verdict.ACT:
        assert all(state in PREPARED for state in states), "a part of a sync is never activated"
    if rules.decide_start([shown]).verdict is Verdict.ACT:
        assert all(state in ACTIVE for state in states)
    for wanted in ("prepared", "active", "copied", "settled"):
        over = rules.decide_wait(shown, wanted)
        assert (over.verdict is Verdict.NOTHING) == shown.all_in(rules.wanted_states(wanted))


@pytest.mark.parametrize("table", [rules.CREATE, rules.RESYNC, rules.BREAK, rules.RETIRE])
def test_every_table_has_every_state(table: dict[State, Verdict]) -> None:
    assert set(table) == set(State)
    assert all(state in rules.REMEDIES for state, verdict in table.items() if verdict is Verdict.REFUSE)
