"""10. Each service's run touches its own pairs only: judged service by service, not over the union of all."""

from __future__ import annotations

from collections.abc import Iterator

from lab.check.finding import Finding
from lab.check.history import Entry, History, about, controls
from lab.check.services import Service

Place = tuple[str, int]


def pairs_only(history: History) -> Iterator[Finding]:
    """Of a command of which nobody knows for which service it was sent there is nothing to judge."""
    uses: dict[Place, list[Entry]] = {}
    senders = {entry["seq"]: sender for entry, sender in history.sent()}
    for entry in history.entries:
        place = (str(entry.get("host")), entry.get("connection") or 0)
        if entry.get("event") == "use" and not entry.get("actor"):
            uses.setdefault(place, []).append(entry)  # it comes before the command that brought it about
        if entry["seq"] not in senders:
            continue
        service = history.named(senders[entry["seq"]].service)
        used = uses.pop(place, [])
        if service is None:
            continue
        names = about(entry) if controls(entry) else {}
        for pair in names.keys() - service.pairs:
            text = f"a run of {service.name} controls {names[pair]}, which is not its own: {entry['command']}"
            yield Finding(10, entry["seq"], text, host=entry["host"], pair=names[pair])
        change = entry.get("change", {})
        devices = history.storage_groups.get(str(change.get("symid")), {}).get(str(change.get("group")), [])
        if {int(d, 16) for d in devices} - {source for _, source, _ in service.pairs}:
            text = f"a run of {service.name} changes snapshots of {change['group']}, which is not its own"
            yield Finding(10, entry["seq"], f"{text}: {entry['command']}", host=entry["host"])
        for use in used:
            yield from _used(service, use, entry)


def _used(service: Service, use: Entry, command: Entry) -> Iterator[Finding]:
    for device in use["devices"]:
        symid, _, number = device.partition(":")
        if (symid, int(number, 16)) not in service.targets:
            text = f"a run of {service.name} uses {device}, which is not its own ({use['use']})"
            yield Finding(10, use["seq"], f"{text}: {command['command']}", host=use["host"], pair=device)
