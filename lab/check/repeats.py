"""6. No second recreate or activate for what the first already did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab import states
from lab.check.finding import Finding
from lab.check.history import CALLS, PREPARED, Entry, History, about, accepted, changed, controls, made
from lab.check.services import Pair, pair_of

REACHED = {"recreate": PREPARED, "activate": states.ACTIVE}


def nothing_twice(history: History) -> Iterator[Finding]:
    """A pair that somebody else moved in between is not held against the one who asked again. Within one
    run (notes) a pair is recreated once; twice only when an activation between the two did not do."""
    others: set[Pair] = set()
    in_run: dict[Pair, int] = {}
    under_way = False
    names = _names(history)
    for entry in history.entries:
        if entry.get("event") == "note" and entry.get("note") in ("run begins", "run ends"):
            in_run, under_way = {}, entry["note"] == "run begins"
        if entry.get("event") not in CALLS:
            continue
        yield from _named_again(entry, names)
        if entry.get("actor"):
            others |= set(changed(entry))
            continue
        yield from _again(entry, others)
        yield from _linked_again(entry, others)
        if under_way:
            yield from _within_run(entry, in_run)
        others -= set(changed(entry))


def _again(entry: Entry, others: set[Pair]) -> Iterator[Finding]:
    names = about(entry)
    for action, call in controls(entry):
        reached = REACHED.get(action, frozenset())
        there = [k for k, state in entry.get("before", {}).items() if state in reached]
        mine = [k for k in there if pair_of(k) not in others]
        if reached and (mine or (not there and not set(names) & others and _already(call, entry))):
            key = (mine or [next(iter(names.values()), "")])[0]
            text = f"{action} again, already in that state: {entry['command']}"
            yield Finding(6, entry["seq"], text, host=entry["host"], pair=key or None)


Name = tuple[str, str, str]
"""Array, storage group, snapshot."""


def _names(history: History) -> set[Name]:
    """Of the snapshots that there are at the start."""
    starts = [e.get("snapshots", {}) for e in history.entries if e.get("event") == "start"]
    return {
        (symid, s["group"], s["name"])
        for snapshots in starts
        for symid, found in snapshots.items()
        for s in found
    }


def _named_again(entry: Entry, names: set[Name]) -> Iterator[Finding]:
    """A snapshot with a name that one of the group has."""
    if not made(entry):
        return
    change = entry["change"]
    name = (str(change["symid"]), str(change["group"]), str(change.get("name")))
    if change["action"] == "Terminate":
        names -= {(*name[:2], gone["name"]) for gone in change.get("gone", [])}
        return
    if name in names and not entry.get("actor"):
        text = f"a snapshot again, {name[2]} of {name[1]} is there: {entry['command']}"
        yield Finding(6, entry["seq"], text, host=entry["host"])
    names.add(name)


def _linked_again(entry: Entry, others: set[Pair]) -> Iterator[Finding]:
    """A relink to the snapshot that all of its pairs were linked to."""
    before, after = entry.get("linked_before") or {}, entry.get("linked_after") or {}
    action = entry.get("change", {}).get("action")
    mine = action == "Relink" and not {pair_of(k) for k in after} & others
    if mine and before and before == after and not controls(entry)[0][1]["exit"]:
        text = f"relink again, already linked to that snapshot: {entry['command']}"
        yield Finding(6, entry["seq"], text, host=entry["host"], pair=next(iter(after)))


def _already(call: dict[str, Any], entry: Entry) -> bool:
    said = "already in the requested state" in entry["stderr"] + entry["stdout"]
    return call["exit"] == 18 or (bool(call["exit"]) and said)


def _within_run(entry: Entry, in_run: dict[Pair, int]) -> Iterator[Finding]:
    names = about(entry)
    for action, call in controls(entry):
        bad = any(after not in states.ACTIVE for _, after in changed(entry).values())
        if action == "activate" and (call["exit"] or bad):
            in_run.clear()
    for pair in accepted(entry, "recreate"):
        if pair in in_run:
            text = f"recreate again in the same run, after line {in_run[pair]}: {entry['command']}"
            yield Finding(6, entry["seq"], text, host=entry["host"], pair=names[pair])
        in_run[pair] = entry["seq"]
