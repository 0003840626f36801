"""Which pools give no place, and when that is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clones.runs.pool_waits import Place, follow, is_due

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
PLACE = Place("p", "s", "s_retire", ("terminate.data",))


def test_it_is_told_once_at_the_second_look_in_a_row() -> None:
    record, told = follow(None, {"p": [PLACE]}, NOON)
    assert told == [], "a moment between two tasks"
    later = NOON + timedelta(minutes=10)
    record, told = follow(record, {"p": [PLACE], "q": [PLACE]}, later)
    assert [(one.pool, one.dags, one.since) for one in told] == [("p", (PLACE,), NOON)]
    for _ in range(2):
        later += timedelta(minutes=10)
        record, told = follow(record, {"p": [PLACE]}, later)
        assert told == []


def test_what_went_on_between_is_a_new_wait() -> None:
    record, _ = follow(None, {"p": [PLACE]}, NOON)
    record, _ = follow(record, {}, NOON)
    assert record["pools"] == {}
    assert follow(record, {"p": [PLACE]}, NOON)[1] == []


def test_it_is_not_looked_at_more_often_than_it_needs() -> None:
    record, _ = follow(None, {}, NOON)
    assert is_due(None, NOON)
    assert not is_due(record, NOON + timedelta(minutes=9))
    assert is_due(record, NOON + timedelta(minutes=10))
