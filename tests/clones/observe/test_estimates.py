"""How much a resync would move and how long that may take: `cases/estimates.yaml`."""

from __future__ import annotations

from typing import Any

import pytest

from clones.observe.estimates import Estimate, Pace, estimate, pace
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml


@pytest.mark.parametrize("case", load_yaml((CASES / "estimates.yaml").read_text()), ids=str)
def test_estimate(case: dict[str, Any]) -> None:
    last = Pace(*case["last"]) if case["last"] else None
    assert Pace.read(last.to_plain() if last else None) == last
    found = estimate(case["tracks"], last)
    tracks, seconds, why = case["is"]
    assert (found.tracks, found.seconds) == (tracks, seconds) and why in found.why


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(45, "about 45 s"), (300, "about 5 min"), (9000, "about 2 h 30 min"), (None, "not known")],
)
def test_how_it_is_said(seconds: float | None, said: str) -> None:
    assert said in Estimate(7, seconds, "why").line() and "7 tracks" in Estimate(7, seconds, "why").line()


def seen(clock: str, *times: str | None) -> dict[str, Any]:
    pairs = [{"last_action": t and f"2026-11-23T{t}"} for t in times]
    return {"clock": f"2026-11-23T{clock}", "pairs": pairs}


@pytest.mark.parametrize(
    ("recreated", "copied", "found"),
    [
        (seen("10:00:05", "10:00:04", "10:00:02"), seen("10:01:42", "10:00:30", "10:00:30"), Pace(7, 100)),
        (None, seen("10:01:42", "10:00:30"), None),
        (seen("10:00:05", "10:00:04"), None, None),
        (seen("10:00:05", "10:00:04", None), seen("10:01:42", "10:00:30", None), None),
        (seen("10:00:05", "10:00:04"), seen("09:00:42", "10:00:30"), None),
        (seen("10:00:05", "15:00:04"), seen("15:01:42", "15:00:30"), None),
        (seen("10:00:05", "09:45:04"), seen("10:01:42", "09:45:30"), None),
        (seen("10:09:05", "10:00:05"), seen("10:10:05", "10:00:05"), Pace(7, 600)),
    ],
    ids=[
        "both",
        "not recreated",
        "not waited for",
        "a pair without time",
        "the clock went back",
        "the array is ahead of the control host",
        "it is behind, or the pair was recreated long before",
        "a recreate that took long",
    ],
)
def test_what_a_run_showed(recreated: Any, copied: Any, found: Pace | None) -> None:
    assert pace(7, recreated, copied) == found
