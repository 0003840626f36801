"""What the demo prints while a run goes on, and its table."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from demo.progress import CLEAR_LINE, Progress, Timeline, align

TRIGGERED = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def instance(
    task: str, state: str, start: float | None, end: float | None = None, tries: int = 1
) -> dict[str, Any]:
    def iso(seconds: float | None) -> str | None:
        return None if seconds is None else datetime.fromtimestamp(TRIGGERED + seconds, UTC).isoformat()

    return {
        "task_id": task,
        "state": state,
        "start_date": iso(start),
        "end_date": iso(end),
        "try_number": tries,
    }


def show(
    *looks: list[dict[str, Any]], live: bool = False, percents: list[dict[str, float]] | None = None
) -> str:
    out = io.StringIO()
    progress = Progress(out, Timeline(TRIGGERED), live=live)
    for number, look in enumerate(looks):
        progress.update(look, percents[number] if percents else {}, TRIGGERED + number)
    progress.close()
    return out.getvalue()


def test_a_line_for_each_start_and_end() -> None:
    text = show(
        [instance("plan", "running", 1)],
        [instance("plan", "running", 1)],
        [instance("plan", "success", 1, 2.5), instance("stop", "running", 3)],
        [instance("plan", "success", 1, 2.5), instance("stop", "failed", 3, 4)],
    )
    assert [line.strip() for line in text.splitlines()] == [
        "1.0 s  plan started",
        "2.5 s  plan done after 1.5 s",
        "3.0 s  stop started",
        "4.0 s  stop FAILED after 1.0 s",
    ]


def test_a_further_try_is_named_at_its_own_time() -> None:
    text = show(
        [instance("plan", "running", 1)],
        [instance("plan", "up_for_retry", 1, 2)],
        [instance("plan", "running", 12, tries=2)],
    )
    assert [line.strip() for line in text.splitlines()] == [
        "1.0 s  plan started",
        "2.0 s  plan failed, will be tried again",
        "12.0 s  plan, try 2, started",
    ]


def test_without_a_terminal_the_percent_is_told_at_each_quarter() -> None:
    text = show(*[[]] * 5, percents=[{"data": 3}, {"data": 30}, {"data": 40}, {"data": 52}, {"data": 99}])
    assert [line.split("  ")[-1] for line in text.splitlines()] == [
        "data 30 % copied",
        "data 52 % copied",
        "data 99 % copied",
    ]


def test_on_a_terminal_one_line_is_rewritten_and_taken_away() -> None:
    text = show([instance("wait", "deferred", 1)], live=True, percents=[{"data": 41.7}])
    assert text.startswith(CLEAR_LINE)
    assert "wait, data 42 % copied" in text
    assert text.endswith(CLEAR_LINE)
    assert "\n" not in text


def test_a_deferred_step_counts_from_its_first_start() -> None:
    timeline = Timeline(TRIGGERED)
    timeline.update([instance("wait", "running", 1)])
    timeline.update([instance("wait", "deferred", 1)])
    timeline.update([instance("wait", "success", 9, 10)])
    assert timeline.steps["wait"].seconds == 9


def test_the_table_has_what_ran() -> None:
    timeline = Timeline(TRIGGERED)
    timeline.update(
        [
            instance("finish", "failed", 6, 6.5),
            instance("start", "upstream_failed", 5, 5),
            instance("resync", "skipped", 4, 4),
            instance("plan", "success", 1, 2, tries=3),
            instance("never", "", None),
        ]
    )
    assert timeline.table() == [
        "step    started at  seconds  result",
        "plan         1.0 s      1.0  success, try 3",
        "finish       6.0 s      0.5  failed",
    ]


def test_the_first_failure_comes_first() -> None:
    timeline = Timeline(TRIGGERED)
    timeline.update([instance("finish", "failed", 6, 7), instance("plan", "failed", 1, 2)])
    assert [step.task for step in timeline.failed()] == ["plan", "finish"]


def test_align() -> None:
    assert align([("a", "1"), ("bcd", "22")], right={1}) == ["a     1", "bcd  22"]
