"""The ground: durations as they are said, and what is moving."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clones.durations import about, spoken
from clones.states import COPYING, GROUPS, MOVING
from tests.conftest import ROOT
from tests.support.tables import load_yaml

FUNCTIONS: list[dict[str, Any]] = load_yaml((ROOT / "tests/board/cases/functions.yaml").read_text())
SPOKEN = [(*case["with"], case["gives"]) for case in FUNCTIONS if case["call"] == "spoken"]


@pytest.mark.parametrize(("seconds", "said"), SPOKEN)
def test_a_duration_is_said_as_the_board_says_it(seconds: float, said: str) -> None:
    assert spoken(seconds) == spoken(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (45.4, "45 s"),
        (89, "1 min"),
        (100, "2 min"),
        (2099.9, "35 min"),
        (86399, "1 d 0 h"),
        (91000, "1 d 1 h"),
    ],
)
def test_an_estimate_is_rounded(seconds: float, said: str) -> None:
    assert about(seconds) == f"about {said}"


def test_moving_is_what_is_waited_for_and_not_all_that_copies() -> None:
    assert {str(state) for state in MOVING} == {
        "CreateInProg",
        "CopyInProg",
        "RestInProg",
        "TermInProg",
    }
    assert not MOVING & GROUPS["settled"]
    assert {str(state) for state in COPYING - MOVING} == {"PreCopy"}
