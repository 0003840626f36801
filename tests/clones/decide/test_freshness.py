"""up, warn or down."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from clones.decide.freshness import Status, decisive, freshness
from tests.clones.seeing import NOON, seen

FRESH, STALE = NOON - timedelta(minutes=59), NOON - timedelta(minutes=61)


@pytest.mark.parametrize(
    ("states", "times", "status", "why"),
    [
        (["Copied"], [FRESH], Status.UP, "59 min old"),
        (["Copied"], [STALE], Status.WARN, "more than 60 min"),
        (["Copied"], [NOON - timedelta(minutes=60)], Status.UP, "1 h 0 min old"),
        (["Copied", "CopyInProg"], [FRESH, STALE], Status.WARN, "1 h 1 min old"),
        (["PreCopy"], [FRESH], Status.UP, "prepared and not usable for 59 min"),
        (["PreCopy"], [STALE], Status.WARN, "prepared and not usable for 1 h 1 min, more than 60 min"),
        (["Copied", "PreCopy"], [FRESH, FRESH], Status.DOWN, "torn"),
        (["Failed"], [FRESH], Status.DOWN, "Failed"),
        (["none"], [FRESH], Status.DOWN, "none"),
        (["Split"], [FRESH], Status.DOWN, "Split"),
        (["Copied", "wrong source"], [FRESH, FRESH], Status.DOWN, "wrong source"),
        (["Copied"], [None], Status.DOWN, "no time"),
        (["Copied"], [NOON + timedelta(seconds=5)], Status.UP, "0 s old"),
        (
            ["Copied", "Copied"],
            [FRESH, NOON + timedelta(hours=1)],
            Status.WARN,
            "lies after the control host's clock",
        ),
    ],
)
def test_freshness(states: list[str], times: list[datetime | None], status: Status, why: str) -> None:
    found = freshness(seen(*states, times=times), 60)
    assert found.status is status
    assert why in found.why


def test_the_oldest_pair_is_the_point_in_time() -> None:
    assert freshness(seen("Copied", "Copied", times=[FRESH, STALE]), 60).point_in_time == STALE


def test_worst() -> None:
    assert worst([Status.UP, Status.DOWN, Status.WARN]) is Status.DOWN
