"""9. A command of a try that is over changes nothing (`after_activate` hooks apart)."""

from __future__ import annotations

from collections.abc import Iterator

from lab.check.finding import Finding
from lab.check.history import Entry, History, changed, controls

ENDS_WHAT_WAS_BEGUN = "after_activate"
"""Part of the ids of the tasks that may act late: they end what was begun on production."""


def nothing_after_its_end(history: History) -> Iterator[Finding]:
    """A command that had begun before its try was over may come to its end."""
    for entry, sender in history.sent():
        if sender.over is None or ENDS_WHAT_WAS_BEGUN in sender.task or not _began_after(entry, sender.over):
            continue
        what = _made(entry)
        if what:
            text = f"a try of {sender.task} of run {sender.run} that was over since line {sender.over['seq']}"
            yield Finding(9, entry["seq"], f"{text} changed {what}: {entry['command']}", host=entry["host"])


def _began_after(entry: Entry, note: Entry) -> bool:
    """An entry is written at the command's end, and has the time of its beginning."""
    if "wall" in entry and "wall" in note:
        return bool(entry["wall"] > note["wall"])
    return bool(entry["seq"] > note["seq"])


def _made(entry: Entry) -> str:
    """What the command changed, in words; empty when nothing."""
    moved = changed(entry) if controls(entry) else {}
    if "change" in entry and not controls(entry)[0][1]["exit"]:
        change = entry["change"]
        return f"{change['action']} of {change.get('name')} of {change['group']}"
    states = [f"{p[0]}:{p[1]:04X}>{p[2]:04X}: {old} -> {new}" for p, (old, new) in moved.items()]
    return ", ".join([*states, *entry.get("changed", [])])
