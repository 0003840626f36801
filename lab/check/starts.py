"""5. A service is never started on a sync that is not wholly active, or torn."""

from __future__ import annotations

from collections.abc import Iterator

from lab import states
from lab.check.finding import Finding
from lab.check.history import CALLS, USABLE, Entry, History, accepted, relinks
from lab.check.services import Pair, Service


def on_whole_syncs(history: History) -> Iterator[Finding]:
    """With services, all syncs of the one that is started are looked at; the same thing is said once."""
    activated: dict[Pair, object] = {}
    said: set[tuple[str, str]] = set()
    for entry, known in history.walk():
        event = entry.get("event")
        if event in CALLS:
            done = accepted(entry, "activate")
            activated |= {p: entry["seq"] for p in done}
            linked = relinks(entry)
            activated |= {p: f"snapid {snapid}" for p, snapid in linked.items()}
            if linked:
                said.clear()
            if done or accepted(entry, "recreate"):
                said.clear()
        if entry.get("actor"):
            continue
        if event == "torn":
            place = (entry["host"], entry["volume"])
            if place not in said and not entry["reason"].startswith("out of order"):
                said.add(place)
                text = f"{entry['during']} of {entry['volume']}, which is torn: {entry['reason']}"
                yield Finding(5, entry["seq"], text, host=entry["host"])
        if event == "use":
            yield from _used(history, entry, known, activated, said)


def _used(
    history: History, entry: Entry, known: dict[Pair, str], activated: dict[Pair, object],
    said: set[tuple[str, str]],
) -> Iterator[Finding]:  # fmt: skip
    for key, state in entry.get("states", {}).items():
        if state not in USABLE:
            yield Finding(5, entry["seq"], f"{entry['use']} on {key}, {state}", host=entry["host"], pair=key)
    devices = {(d.split(":")[0], int(d.split(":")[1], 16)) for d in entry["devices"]}
    for service in history.services:
        if devices & service.targets:
            for what in _unwhole(service, known, activated):
                if (service.shown, what) not in said:
                    said.add((service.shown, what))
                    text = f"{service.shown} started ({entry['use']}) while {what}"
                    yield Finding(5, entry["seq"], text, host=entry["host"])


def _unwhole(service: Service, known: dict[Pair, str], activated: dict[Pair, object]) -> Iterator[str]:
    for sync in service.syncs:
        idle = [known[p] for p in sync.pairs if p in known and known[p] not in USABLE - {states.NONE}]
        if idle:
            yield f"{sync.name} is not wholly active: {', '.join(sorted(set(idle)))}"
        elif len({activated.get(p) for p in sync.pairs}) > 1:
            yield f"{sync.name} is torn: its pairs were activated by different commands"
