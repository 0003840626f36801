"""What of each target set is mounted, on whatever host: at the journal's start, and since."""

from __future__ import annotations

from collections.abc import Iterable

from lab.check.history import Entry
from lab.check.services import Service

Device = tuple[str, int]


class Mounted:
    """`on` is host and directory -> the devices of the file system that is mounted there."""

    def __init__(self) -> None:
        self.on: dict[tuple[str, str], frozenset[Device]] = {}

    def follow(self, entry: Entry) -> frozenset[Device]:
        """Take in what an entry says. Gives the devices of what it has mounted; none when it has not."""
        event = entry.get("event")
        if event == "start":
            for use in entry.get("uses", []):
                self._use(use)
        elif event == "use":
            return self._use(entry)
        elif event == "release":
            self.on.pop((entry["host"], _directory(entry["use"])), None)
        return frozenset()

    def _use(self, entry: Entry) -> frozenset[Device]:
        directory = _directory(entry["use"])
        if not directory:
            return frozenset()
        self.on[entry["host"], directory] = _devices(entry)
        return self.on[entry["host"], directory]

    def of(self, one: Service) -> set[str]:
        """The directories on which something of a set is mounted."""
        return {directory for (_, directory), devices in self.on.items() if devices & one.targets}

    def concerns(self, entry: Entry, sets: Iterable[Service]) -> bool:
        """Whether a use, or the end of one, is of a file system on one of these sets."""
        used = _devices(entry) if _directory(entry["use"]) else frozenset()
        return any(used & one.targets for one in sets)

    def in_use(self, sets: Iterable[Service]) -> list[Service]:
        """Those of which something is mounted."""
        return [one for one in sets if self.of(one)]


def _devices(entry: Entry) -> frozenset[Device]:
    return frozenset((d.split(":")[0], int(d.split(":")[1], 16)) for d in entry["devices"])


def _directory(use: str) -> str:
    """Of `DEVICE mounted on DIRECTORY`; empty for any other use."""
    return use.partition(" mounted on ")[2]
