"""12. Of a service with target sets the last copy on which it has started well is kept, until it has started
well on another one; and the run that changes over does not overwrite the set that it has left.

It has started well once all its file systems are mounted from one set, and since then each of its checks and
probes has ended with 0. At the journal's start it is well on the set from which all of them are mounted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.check.finding import Finding
from lab.check.history import OVERWRITES, Entry, History, about, accepted
from lab.check.mounted import Mounted
from lab.check.services import Service


@dataclass
class Course:
    """How it went with one service.

    `well` are the sets on whose copies it has started well, since these were made; `last` is the newest of
    them. `left` is since when it has been well on another set than that one.
    """

    sets: list[Service]
    well: set[str] = field(default_factory=set)
    last: str = ""
    left: dict[str, int] = field(default_factory=dict)
    answered: set[tuple[str, ...]] = field(default_factory=set)
    """The checks and probes that have ended with 0 since something of it was mounted or unmounted."""

    def forbids(self, target_set: str, since: int | None) -> str:
        """Why a run that has begun so may not overwrite a set; empty when it may."""
        if self.well == {target_set}:
            return f"has started well on no other copy than that of set {target_set}"
        if since is not None and since < self.left.get(target_set, 0):
            return f"has just left set {target_set} in the same run"
        return ""

    def follow(self, entry: Entry, mounted: Mounted) -> None:
        if entry.get("event") in ("use", "release") and mounted.concerns(entry, self.sets):
            self.answered.clear()
        for call in entry.get("calls", []) if entry.get("event") == "command" else []:
            words = tuple(call["words"])
            self.answered = self.answered | {words} if not call["exit"] else self.answered - {words}
        used = mounted.in_use(self.sets)
        if len(used) != 1 or not used[0].directories or used[0].directories - mounted.of(used[0]):
            return
        name = used[0].target_set
        if entry.get("event") == "start" or used[0].answers <= self.answered:
            if self.last not in ("", name):
                self.left[self.last] = entry["seq"]
            self.well.add(name)
            self.last = name


def last_one_kept(history: History) -> Iterator[Finding]:
    courses = {name: Course(sets) for name, sets in history.rotating().items()}
    if not courses:
        return
    mounted = Mounted()
    senders = {entry["seq"]: sender for entry, sender in history.sent()}
    begun: dict[tuple[str, str], int] = {}
    for entry in history.entries:
        if entry.get("event") == "note" and entry.get("note") == "run begins":
            begun[str(entry.get("service")), str(entry["run"])] = entry["seq"]
        mounted.follow(entry)
        names = about(entry)
        overwritten = {p for action in OVERWRITES for p in accepted(entry, action)}
        on_sets = [(p, one) for p in sorted(overwritten) for one, _ in history.syncs(p) if one.target_set]
        for pair, service in on_sets if entry["seq"] in senders else ():
            since = begun.get((service.name, senders[entry["seq"]].run))
            said = courses[service.name].forbids(service.target_set, since)
            if said:
                text = f"{service.name} {said}, and {names[pair]} is overwritten: {entry['command']}"
                yield Finding(12, entry["seq"], text, host=entry["host"], pair=names[pair])
        for _, service in on_sets:
            courses[service.name].well.discard(service.target_set)
        for course in courses.values():
            course.follow(entry, mounted)
