"""2. No control command on a device that the configuration does not name."""

from __future__ import annotations

from collections.abc import Iterator

from lab.check.finding import Finding
from lab.check.history import History, about, controls


def only_configured(history: History) -> Iterator[Finding]:
    """Without services the pairs that had a session at the start are configured, and a session that was
    made later is reported once."""
    named = set(history.pairs)
    for entry, _ in history.commands():
        if not controls(entry):
            continue
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
