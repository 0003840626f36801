"""1. No control while a device of the pair's target is in use on any host."""

from __future__ import annotations

from collections.abc import Iterator

from lab.check.finding import Finding
from lab.check.history import History


def never_in_use(history: History) -> Iterator[Finding]:
    sources = {(symid, source) for symid, source, _ in history.pairs}
    for entry in history.entries:
        if entry.get("event") != "corruption" or entry.get("actor"):
            continue
        # A restore on to a source that is in use is the third invariant's.
        if entry["action"] == "restore" and (entry["symid"], int(entry["device"], 16)) in sources:
            continue
        device = f"{entry['symid']}:{entry['device']}"
        text = f"{entry['action']} of {device} while {entry['host']} uses it: {entry['use']}"
        made = Finding(1, entry["seq"], text, pair=device)
        made.host = entry["host"]
        yield made
