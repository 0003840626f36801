"""The decision tables of merge-back and retire, from `cases/merge_back.yaml` and `cases/retire.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clones.decide import merge_back, rules
from clones.decide.rules import Verdict
from tests.clones.seeing import seen
from tests.support.tables import load_yaml

CASES = [
    case
    for name in ("merge_back", "retire")
    for case in load_yaml((Path(__file__).parents[1] / "cases" / f"{name}.yaml").read_text())
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['action']}: {case['name']}")
def test_case(case: dict[str, Any]) -> None:
    shown = seen(*case["syncs"]["data"]["states"])
    if case["action"] == "merge_back":
        decision = merge_back.decide_merge_back(shown, sent=case.get("sent", False))
    elif case["action"] == "end_restored":
        decision = merge_back.decide_end_restored(shown)
    else:
        decision = rules.decide_retire(shown)
    expect = case["expect"]
    assert decision.verdict.name.lower() == expect["verdict"], decision
    assert expect.get("why", "") in decision.why
    if "pairs" in expect:
        assert [int(pair.pair.source, 16) - 0x1000 for pair in decision.pairs] == expect["pairs"]
    if decision.verdict is Verdict.REFUSE:
        assert decision.remedy, "a refusal must say what to do"
        assert expect.get("remedy", "") in decision.remedy
