"""13. Only own snapshots to which nothing is linked are ended, one by one; nothing is forced or secured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.check.finding import Finding
from lab.check.history import Entry, History

NEVER = ("Restore", "SetSecure", "Persist")
"""Actions that nobody needs: production is written, or a snapshot is there for ever."""


def ended_with_care(history: History) -> Iterator[Finding]:
    """What was sent counts, also when it was refused; what an array ended counts once."""
    for entry in history.calls():
        change = entry.get("change")
        if not change or entry.get("event") == "job":
            continue
        where = f"of group {change['group']}: {entry['command']}"
        for flag in change.get("flags", []):
            yield Finding(13, entry["seq"], f"{change['action']} with {flag} {where}", host=entry["host"])
        if change["action"] in NEVER:
            yield Finding(13, entry["seq"], f"{change['action']} {where}", host=entry["host"])
        for gone in change.get("gone", []):
            for what in _wrong(gone):
                yield _finding(entry, gone, what)


def _wrong(gone: dict[str, Any]) -> Iterator[str]:
    if not gone["ours"]:
        yield "which somebody else made"
    if gone["policy"]:
        yield "which a policy made"
    if gone["secure"]:
        yield "which is secure"
    if gone["restored"]:
        yield "which is restored"
    if gone["linked"]:
        yield f"to which {', '.join(gone['linked'])} is linked"


def _finding(entry: Entry, gone: dict[str, Any], what: str) -> Finding:
    text = f"an end of snapshot {gone['name']} {gone['snapid']}, {what}: {entry['command']}"
    return Finding(13, entry["seq"], text, host=entry["host"])
