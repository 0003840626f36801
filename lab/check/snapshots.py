"""13. Only own snapshots to which nothing is linked are ended, one by one; nothing is forced or secured.

Only own ones that have not expired are linked; and no run unlinks and links in place of a relink.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.check.finding import Finding
from lab.check.history import Entry, History, states_of
from lab.check.services import Pair

NEVER = ("Restore", "SetSecure", "Persist")
"""Actions that nobody needs: production is written, or a snapshot is there for ever."""


def ended_with_care(history: History) -> Iterator[Finding]:
    """What was sent counts, also when it was refused; of a job only what it was asked for."""
    unlinked: dict[Pair, int] = {}
    for entry in history.entries:
        if entry.get("event") == "note" and entry.get("note") in ("run begins", "run ends"):
            unlinked = {}
        change = entry.get("change")
        if not change or entry.get("actor"):
            continue
        yield from _in_place_of_a_relink(entry, unlinked)
        if entry.get("event") == "job":
            continue
        where = f"of group {change['group']}: {entry['command']}"
        for flag in change.get("flags", []):
            yield Finding(13, entry["seq"], f"{change['action']} with {flag} {where}", host=entry["host"])
        if change["action"] in NEVER:
            yield Finding(13, entry["seq"], f"{change['action']} {where}", host=entry["host"])
        for gone in change.get("gone", []):
            for what in _wrong(gone, ends=True):
                yield _finding(entry, "an end of", gone, what)
        linked = change.get("linked")
        for what in _wrong(linked, ends=False) if linked else ():
            yield _finding(entry, "a link to", linked, what)


def _wrong(about: dict[str, Any], *, ends: bool) -> Iterator[str]:
    if not about["ours"]:
        yield "which somebody else made"
    if about["policy"]:
        yield "which a policy made"
    if about["secure"]:
        yield "which is secure"
    if about["restored"]:
        yield "which is restored"
    if ends and about["linked"]:
        yield f"to which {', '.join(about['linked'])} is linked"
    if not ends and about.get("expired"):
        yield "which has expired"


def _finding(entry: Entry, doing: str, about: dict[str, Any], what: str) -> Finding:
    text = f"{doing} snapshot {about['name']} {about['snapid']}, {what}: {entry['command']}"
    return Finding(13, entry["seq"], text, host=entry["host"])


def _in_place_of_a_relink(entry: Entry, unlinked: dict[Pair, int]) -> Iterator[Finding]:
    """Pairs that a run unlinks and links again: the copy is lost in between."""
    before, after = states_of(entry.get("before")), states_of(entry.get("after"))
    action = entry["change"]["action"]
    for pair in after:
        if action == "Unlink" and before.get(pair) != after[pair] == "none":
            unlinked[pair] = entry["seq"]
        elif action == "Link" and pair in unlinked and after[pair] != "none":
            text = f"a link after the unlink in line {unlinked.pop(pair)}, in place of a relink"
            yield Finding(13, entry["seq"], f"{text}: {entry['command']}", host=entry["host"])
            return
