"""3. A source is never written, except by an approved merge-back with production down."""

from __future__ import annotations

from collections.abc import Iterator

from lab import states
from lab.check.finding import Finding
from lab.check.history import CALLS, Entry, History, about, accepted, controls
from lab.check.services import Pair, pair_of

WRITTEN_BY = ("create", "recreate", "activate", "establish", "link", "relink")


def never_written(history: History) -> Iterator[Finding]:
    """An approval is good for one restore of its pairs."""
    sources = {(symid, source) for symid, source, _ in history.pairs}
    approved: set[Pair] = set()
    for entry in history.entries:
        if entry.get("event") == "note" and entry.get("note") == "approval":
            approved |= _approved(history, entry)
        if entry.get("actor"):
            continue
        if entry.get("event") == "corruption" and entry["action"] == "restore":
            device = f"{entry['symid']}:{entry['device']}"
            text = f"restore on to {device} while production uses it: {entry['use']}"
            yield Finding(3, entry["seq"], text, host=entry["host"], pair=device)
        if entry.get("event") in CALLS:
            yield from _restored(entry, approved)
            yield from _as_target(entry, sources)


def _approved(history: History, entry: Entry) -> set[Pair]:
    of_service = {p for s in history.services if s.name == entry.get("service") for p in s.pairs}
    return of_service | {pair_of(k) for k in entry.get("pairs", [])}


def _restored(entry: Entry, approved: set[Pair]) -> Iterator[Finding]:
    if entry.get("change", {}).get("action") == "Restore" and not controls(entry)[0][1]["exit"]:
        text = f"a snapshot was restored on to its sources: {entry['command']}"
        yield Finding(3, entry["seq"], text, host=entry["host"])
    names = about(entry)
    for pair, (_, after) in accepted(entry, "restore").items():
        if after not in (states.REST_IN_PROG, states.RESTORED):
            continue
        if pair in approved:
            approved.discard(pair)
            continue
        text = f"restore of {names[pair]} without an approval: {entry['command']}"
        yield Finding(3, entry["seq"], text, host=entry["host"], pair=names[pair])


def _as_target(entry: Entry, sources: set[tuple[str, int]]) -> Iterator[Finding]:
    names = about(entry)
    for action in dict.fromkeys(a for a, _ in controls(entry)):
        if action not in WRITTEN_BY:
            continue
        for pair in accepted(entry, action):
            if (pair[0], pair[2]) in sources:
                text = f"{action} of {names[pair]}, whose target is a source: {entry['command']}"
                yield Finding(3, entry["seq"], text, host=entry["host"], pair=names[pair])
