"""What the terminal shows while a run goes on: a line for each step that starts or ends, then a table."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

RUNNING = frozenset({"running", "deferred", "restarting"})
ENDED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
CLEAR_LINE = "\r\x1b[K"


@dataclass
class Step:
    """One task of the run. Times are seconds since the epoch, None when not reached.

    `started` is the first try's start, `changed` when the latest state began.
    """

    task: str
    state: str = ""
    started: float | None = None
    ended: float | None = None
    changed: float | None = None
    tries: int = 0

    @property
    def seconds(self) -> float | None:
        """From the first try's start to the last one's end."""
        if self.started is None or self.ended is None:
            return None
        return self.ended - self.started


class Timeline:
    """The steps of one run, kept up to date from Airflow's task instances.

    A task that was deferred or tried again keeps the start that was seen first.
    """

    def __init__(self, triggered: float) -> None:
        self.triggered = triggered
        self.steps: dict[str, Step] = {}

    def update(self, instances: Iterable[Mapping[str, Any]]) -> list[Step]:
        """Take over what Airflow says now.

        :return: the steps whose state changed, in the order of their times.
        """
        changed = []
        for instance in instances:
            step = self.steps.setdefault(instance["task_id"], Step(instance["task_id"]))
            state = instance["state"] or ""
            if step.started is None:
                step.started = _epoch(instance["start_date"])
            over = state in ENDED or state == "up_for_retry"
            step.changed = _epoch(instance["end_date" if over else "start_date"])
            step.ended = step.changed if state in ENDED else None
            step.tries = max(step.tries, int(instance["try_number"] or 0))
            if state != step.state:
                step.state = state
                changed.append(step)
        return sorted(changed, key=lambda step: (step.changed or 0, step.task))

    def running(self) -> list[Step]:
        return [step for step in self.steps.values() if step.state in RUNNING]

    def failed(self) -> list[Step]:
        """Steps that failed of themselves, the first one first."""
        failed = [step for step in self.steps.values() if step.state == "failed"]
        return sorted(failed, key=lambda step: (step.ended or 0, step.started or 0))

    def after(self, moment: float | None) -> str:
        """Seconds since the trigger, as text."""
        return "" if moment is None else f"{max(0.0, moment - self.triggered):.1f}"

    def table(self) -> list[str]:
        """Step, start, seconds and result, one row for each step that ran, in the order of their starts."""
        left_out = ("skipped", "upstream_failed", "removed")
        ran = [step for step in self.steps.values() if step.started and step.state not in left_out]
        ran.sort(key=lambda step: (step.started or 0, step.ended or 0))
        rows = [("step", "started at", "seconds", "result")]
        for step in ran:
            seconds = "" if step.seconds is None else f"{step.seconds:.1f}"
            result = step.state + (f", try {step.tries}" if step.tries > 1 else "")
            rows.append((step.task, f"{self.after(step.started)} s", seconds, result))
        return align(rows, right={1, 2})


class Progress:
    """Writes the steps to a stream; on a terminal the last line is rewritten with what is going on.

    :param live: whether the stream is a terminal; None: find out.
    """

    def __init__(self, stream: TextIO, timeline: Timeline, *, live: bool | None = None) -> None:
        self._stream = stream
        self._timeline = timeline
        self._live = stream.isatty() if live is None else live
        self._shown: dict[str, int] = {}

    def update(self, instances: Iterable[Mapping[str, Any]], copied: Mapping[str, float], now: float) -> None:
        """Show what changed.

        :param copied: percent copied of each sync that is copying.
        :param now: seconds since the epoch.
        """
        for step in self._timeline.update(instances):
            self._write_step(step)
        if self._live:
            self._write_live(copied, now)
        else:
            self._write_percents(copied, now)

    def note(self, text: str, now: float) -> None:
        """A line about something else, at `now` seconds since the epoch."""
        self._line(now, text)

    def close(self) -> None:
        """Take the live line away."""
        if self._live:
            self._stream.write(CLEAR_LINE)
            self._stream.flush()

    def _write_step(self, step: Step) -> None:
        if step.state == "running":
            again = f", try {step.tries}," if step.tries > 1 else ""
            self._line(step.changed, f"{step.task}{again} started")
        elif step.state == "up_for_retry":
            self._line(step.changed, f"{step.task} failed, will be tried again")
        elif step.state in ("success", "failed") and step.seconds is not None:
            result = "done" if step.state == "success" else "FAILED"
            self._line(step.ended, f"{step.task} {result} after {step.seconds:.1f} s")

    def _write_percents(self, copied: Mapping[str, float], now: float) -> None:
        """Without a terminal: a line at each quarter."""
        for sync, percent in copied.items():
            quarter = int(percent // 25) * 25
            if quarter and quarter > self._shown.get(sync, 0):
                self._shown[sync] = quarter
                self._line(now, f"{sync} {percent:.0f} % copied")

    def _write_live(self, copied: Mapping[str, float], now: float) -> None:
        parts = [step.task for step in self._timeline.running()]
        parts += [f"{sync} {percent:.0f} % copied" for sync, percent in copied.items()]
        text = f"{self._timeline.after(now):>7} s  {', '.join(parts) or 'Airflow schedules the next step'}"
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(CLEAR_LINE + text[:width])
        self._stream.flush()

    def _line(self, moment: float | None, text: str) -> None:
        start = CLEAR_LINE if self._live else ""
        self._stream.write(f"{start}{self._timeline.after(moment):>7} s  {text}\n")
        self._stream.flush()


def align(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Rows as lines with aligned columns; those in `right` are right-aligned."""
    right = set(right)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _epoch(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
