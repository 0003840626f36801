"""14. At most one change at a time of a source group, and four of an array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.check.finding import Finding
from lab.check.history import Entry, History

MOST_OF_AN_ARRAY = 4


@dataclass(frozen=True)
class Span:
    """From when to when something was changed, in seconds since the epoch."""

    entry: Entry
    begun: float
    ended: float

    @property
    def symid(self) -> str:
        return str(self.entry["change"]["symid"])

    @property
    def group(self) -> str:
        return str(self.entry["change"]["group"])


def few_changes(history: History) -> Iterator[Finding]:
    """Of a change by a job the time from its acceptance to its end counts."""
    spans = sorted((span for entry in history.calls() for span in _spans(entry)), key=lambda s: s.begun)
    for number, span in enumerate(spans):
        running = [s for s in spans[:number] if s.symid == span.symid and s.ended > span.begun]
        same = [s for s in running if s.group == span.group]
        seq, host = span.entry["seq"], span.entry["host"]
        if same:
            text = f"a second change of group {span.group} beside that of line {same[0].entry['seq']}"
            yield Finding(14, seq, f"{text}: {span.entry['command']}", host=host)
        elif len(running) >= MOST_OF_AN_ARRAY:
            text = f"{len(running) + 1} changes at once of array {span.symid}"
            yield Finding(14, seq, f"{text}: {span.entry['command']}", host=host)


def _spans(entry: Entry) -> Iterator[Span]:
    if "change" in entry and entry.get("answered") != 202 and "wall" in entry:
        yield Span(entry, entry["wall"], entry["wall"] + entry.get("seconds", 0))
