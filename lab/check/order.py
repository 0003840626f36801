"""4. Archived logs are never activated before their data, nor resynced after the data failed.

More generally: of a service's syncs, in their order, each only after the ones before it.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab import states
from lab.check.finding import Finding
from lab.check.history import CALLS, PREPARED, Entry, History, about, accepted, controls, states_of
from lab.check.services import Pair, Service

BAD = frozenset({states.FAILED, states.INVALID})
Place = tuple[Service, int]
"""A sync of a service, by its number."""


def kept(history: History) -> Iterator[Finding]:
    failed: dict[Place, int] = {}
    activated: dict[Place, int] = {}
    for entry, known in history.walk():
        if entry.get("event") == "torn" and not entry.get("actor"):
            if entry["reason"].startswith("out of order"):
                yield Finding(4, entry["seq"], f"{entry['volume']}: {entry['reason']}", host=entry["host"])
        elif entry.get("event") == "use" and not entry.get("actor"):
            yield from _started(history, entry, activated)
        if entry.get("event") == "set":  # with a point in time of its own
            active = {p: ("", s) for p, s in states_of(entry["pairs"]).items() if s in states.ACTIVE}
            activated |= {place: int(entry["seq"]) for place in _places(history, active)}
        if entry.get("event") not in CALLS:
            continue
        for action in ("activate", "link", "relink"):
            for place in _places(history, accepted(entry, action)):
                activated[place] = entry["seq"]
        if not entry.get("actor"):
            yield from _activated(history, entry, known)
            yield from _resynced(history, entry, known, failed)
            yield from _snapshot(history, entry, failed)


def _places(history: History, pairs: dict[Pair, tuple[str, str]]) -> set[Place]:
    return {place for p in pairs for place in history.syncs(p)}


def _activated(history: History, entry: Entry, known: dict[Pair, str]) -> Iterator[Finding]:
    done = {p: after for p, (_, after) in accepted(entry, "activate").items() if after in states.ACTIVE}
    now = {**known, **done}
    names = about(entry)
    for pair in done:
        for service, index in history.syncs(pair):
            for earlier in service.syncs[:index]:
                idle = [p for p in earlier.pairs if now.get(p, states.COPIED) not in states.ACTIVE]
                if idle:
                    text = f"{service.syncs[index].name} activated before {earlier.name}: {entry['command']}"
                    yield Finding(4, entry["seq"], text, host=entry["host"], pair=names[pair])


def _resynced(
    history: History, entry: Entry, known: dict[Pair, str], failed: dict[Place, int]
) -> Iterator[Finding]:
    calls = [call for action, call in controls(entry) if action == "recreate"]
    if not calls:
        return
    names = about(entry)
    done = accepted(entry, "recreate")
    for pair in done:
        for service, index in history.syncs(pair):
            for at in range(index):
                where = _failed_at(service, at, known, failed)
                if where is not None:
                    what = f"{service.syncs[index].name} resynced after {service.syncs[at].name} failed"
                    text = f"{what}{where}: {entry['command']}"
                    yield Finding(4, entry["seq"], text, host=entry["host"], pair=names[pair])
    now = {**known, **{p: after for p, (_, after) in done.items()}}
    for place in {place for p in names for place in history.syncs(p)}:
        sync = place[0].syncs[place[1]]
        if all(now.get(p) in PREPARED for p in sync.pairs):
            failed.pop(place, None)
        elif any(call["exit"] for call in calls):
            failed[place] = entry["seq"]


def _snapshot(history: History, entry: Entry, failed: dict[Place, int]) -> Iterator[Finding]:
    """A snapshot of a sync is its resync."""
    calls = [call for verb, call in controls(entry) if verb == "snapshot"]
    if not calls or entry.get("answered") == 202:
        return
    for service, index in {place for p in history.of_group(entry) for place in history.syncs(p)}:
        if calls[0]["exit"]:
            failed[service, index] = entry["seq"]
            continue
        failed.pop((service, index), None)
        for at in range(index):
            if (service, at) in failed:
                what = f"{service.syncs[index].name} resynced after {service.syncs[at].name} failed"
                text = f"{what} in line {failed[service, at]}: {entry['command']}"
                yield Finding(4, entry["seq"], text, host=entry["host"])


def _failed_at(service: Service, at: int, known: dict[Pair, str], failed: dict[Place, int]) -> str | None:
    if (service, at) in failed:
        return f" in line {failed[service, at]}"
    return "" if any(known.get(p) in BAD for p in service.syncs[at].pairs) else None


def _started(history: History, entry: Entry, activated: dict[Place, int]) -> Iterator[Finding]:
    devices = {(d.split(":")[0], int(d.split(":")[1], 16)) for d in entry["devices"]}
    for service in history.services:
        if not devices & service.targets:
            continue
        for index, later in enumerate(service.syncs):
            for at, earlier in enumerate(service.syncs[:index]):
                first, second = activated.get((service, at)), activated.get((service, index))
                if first is not None and (second is None or second < first):
                    # Said once: it is forgotten until the next activation.
                    del activated[service, at]
                    text = f"{entry['use']}, but {earlier.name} was activated after {later.name}"
                    yield Finding(4, entry["seq"], text, host=entry["host"])
                    break
