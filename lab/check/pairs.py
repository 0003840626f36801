"""2. No control command on a device that the configuration does not name."""

from __future__ import annotations

from collections.abc import Iterator

from lab.check.finding import Finding
from lab.check.history import Entry, History, about, controls


def only_configured(history: History) -> Iterator[Finding]:
    """Without services the pairs that had a session at the start are configured, and a session that was
    made later is reported once."""
    named = set(history.pairs)
    for entry in history.entries:
        if entry.get("event") == "group made" and not entry.get("actor"):
            text = f"a group was made that was not there: {entry['symid']}:{entry['group']}"
            yield Finding(2, entry["seq"], text, host=entry["host"])
    for entry in history.calls():
        if not controls(entry):
            continue
        yield from _of_groups(history, entry)
        for pair, key in about(entry).items():
            if pair in named:
                continue
            if not history.services and entry.get("before", {}).get(key) == "none":
                if entry.get("after", {}).get(key) == "none":
                    continue
                named.add(pair)
            yield Finding(
                2, entry["seq"], f"control of {key}, which no configured session names: {entry['command']}",
                host=entry["host"], pair=key,
            )  # fmt: skip


def _of_groups(history: History, entry: Entry) -> Iterator[Finding]:
    """A change of a snapshot of a group that has other devices than configured sources."""
    change = entry.get("change", {})
    symid, group = str(change.get("symid")), str(change.get("group"))
    sources = {(s, source) for s, source, _ in history.pairs}
    others = [
        device
        for device in history.storage_groups.get(symid, {}).get(group, [])
        if (symid, int(device, 16)) not in sources
    ]
    if others:
        text = f"{change['action']} of group {group}, whose {others[0]} is no configured source"
        yield Finding(2, entry["seq"], f"{text}: {entry['command']}", host=entry["host"])
