"""up, warn or down."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from clones.decide.freshness import Freshness, Status, decisive, freshness
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


@pytest.mark.parametrize(
    ("counting", "spare", "status", "decides"),
    [
        ("up", "", "up", 0),
        ("up warn up", "", "warn", 1),
        ("warn down unknown down", "", "down", 1),
        ("unknown warn", "", "unknown", 0),
        ("up up", "up", "up", 0),
        ("up", "up warn", "warn", 2),
        ("up", "unknown down", "warn", 2),
        ("warn", "down", "warn", 0),
        ("down", "unknown", "down", 0),
    ],
)
def test_what_decides(counting: str, spare: str, status: str, decides: int) -> None:
    every = [Freshness(Status[one.upper()], str(n)) for n, one in enumerate(f"{counting} {spare}".split())]
    count = len(counting.split())
    assert decisive(every[:count], every[count:]) == (Status[status.upper()], every[decides])
