"""When a copy is looked at next: `cases/pacing.yaml`."""

from __future__ import annotations

from typing import Any

import pytest

from clones.observe.next_look import Bounds, Progress, backoff
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

TABLE = load_yaml((CASES / "pacing.yaml").read_text())
BOUNDS = Bounds(5, 300)


@pytest.mark.parametrize("case", TABLE["pauses"], ids=lambda case: case["name"])
def test_the_next_look(case: dict[str, Any]) -> None:
    progress = Progress(Bounds(case.get("lower", 5), 300))
    for at, percent in case["looks"]:
        progress.see(at, percent)
    assert progress.pause() == pytest.approx(case["pause"], rel=0.01)
    assert progress.rate == (case["rate"] and pytest.approx(case["rate"], rel=0.01))
    assert progress.seconds_left == (case["left"] and pytest.approx(case["left"], rel=0.01))


def copied(case: dict[str, Any], at: float) -> int:
    """Percent shown: whole ones that are behind it, 100 only at the end."""
    part = at / case["copy"]
    if case.get("slow_half"):
        part = at / case["copy"] / 10 if part < 5 else 0.5 + (part - 5)
    begins = case.get("begins_at", 0)
    return int(begins + (100 - begins) * min(part, 1.0))


@pytest.mark.parametrize("case", TABLE["waits"], ids=str)
def test_few_looks_at_long_copies_and_little_delay_after_short_ones(case: dict[str, Any]) -> None:
    progress, now, looks = Progress(BOUNDS), 0.0, 0
    progress.see(now, copied(case, now))
    while progress.percent != 100:
        now += progress.pause()
        looks += 1
        progress.see(now, copied(case, now))
    end = case["copy"] * (5.5 if case.get("slow_half") else 1)
    assert looks <= case["looks"] and 0 <= now - end <= case["late"]


@pytest.mark.parametrize("case", TABLE["backoff"], ids=str)
def test_backoff(case: dict[str, Any]) -> None:
    assert backoff(case["failures"], BOUNDS, 0.0) == case["from"]
    assert backoff(case["failures"], BOUNDS, 1.0) == case["to"]
