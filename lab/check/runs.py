"""7. Every run ends done, refused, unchanged, or stopped at a named step; running it again reaches done."""

from __future__ import annotations

from collections.abc import Iterator

from lab import states
from lab.check.finding import Finding
from lab.check.history import CALLS, PREPARED, Entry, History, about, changed, controls, made
from lab.check.services import Pair

# What a run that is done leaves its syncs in; a service that is only stopped is left as it is.
LEAVES = {
    "refresh": states.ACTIVE, "update": states.ACTIVE, "break": states.ACTIVE, "start": states.ACTIVE,
    "resync": PREPARED,
}  # fmt: skip


def end_well(history: History) -> Iterator[Finding]:
    """Judged by the notes `run begins` and `run ends`; a journal without them has nothing to judge."""
    begun: dict[str, Entry] = {}
    touched: dict[str, list[tuple[Entry, str]]] = {}
    senders = {entry["seq"]: sender.run for entry, sender in history.sent()}
    for entry, known in history.walk():
        if entry.get("event") in CALLS and not entry.get("actor"):
            for name in begun:
                if senders[entry["seq"]] not in ("", name):
                    continue
                pairs = _pairs(history, str(begun[name].get("service")))
                moved = [k for p, k in about(entry).items() if p in changed(entry) and p in pairs]
                if moved and controls(entry):
                    touched[name].append((entry, moved[0]))
                elif made(entry) and history.of_group(entry) & pairs:
                    touched[name].append((entry, made(entry)))
        if entry.get("event") == "stop":
            for run, first in begun.items():
                yield Finding(7, first["seq"], f"run {run} of {first.get('service')} never ended")
        if entry.get("event") != "note":
            continue
        if entry["note"] == "run begins":
            begun[str(entry["run"])], touched[str(entry["run"])] = entry, []
        elif entry["note"] == "run ends":
            first = begun.pop(str(entry["run"]), {})
            yield from _ended(history, first, entry, known, touched.pop(str(entry["run"]), []))


def _pairs(history: History, service: str) -> set[Pair]:
    """Of a service that is described; without a description any configured pair may be meant."""
    if not history.services:
        return history.pairs
    return {p for s in history.services if s.name == service for p in s.pairs}


def _ended(
    history: History, first: Entry, last: Entry, known: dict[Pair, str], moved: list[tuple[Entry, str]]
) -> Iterator[Finding]:
    seq, result = last["seq"], last.get("result")
    run = f"run {last['run']} of {last.get('service', first.get('service'))}"
    if result not in ("done", "refused", "unchanged", "stopped"):
        yield Finding(7, seq, f"{run} ended as {result}, not as done, refused, unchanged or stopped")
    if result == "stopped" and not last.get("step"):
        yield Finding(7, seq, f"{run} stopped, at no named step")
    if result in ("refused", "unchanged") and moved:
        entry, key = moved[0]
        text = f"{run} ended as {result}, but line {entry['seq']} changed {key}"
        yield Finding(7, seq, text, host=entry["host"], pair=None if made(entry) else key)
    if first.get("again") and result != "done":
        yield Finding(7, seq, f"{run}, which tries run {first['again']} again, ended as {result}")
    wanted = LEAVES.get(str(first.get("action", "refresh")))
    if result == "done" and wanted and history.services:
        named = str(last.get("service", first.get("service")))
        fit = wanted | {states.COPIED, states.LINKED}
        # A resync of linked targets takes a snapshot and leaves them as they are.
        unjudged = history.links if wanted == PREPARED else set()
        left = [
            [p for p in sorted(one.pairs - unjudged) if known.get(p, states.COPIED) not in fit]
            for one in history.services
            if one.name == named
        ]
        # Of several target sets it is enough that one is as the run leaves it.
        for pair in min(left, key=len, default=[]):
            key = f"{pair[0]}:{pair[1]:04X}>{pair[2]:04X}"
            yield Finding(7, seq, f"{run} ended as done, but {key} is {known[pair]}", pair=key)
