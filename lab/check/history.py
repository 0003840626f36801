"""The journal as the invariants read it: entries in order, with what is known of the copies at each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from lab import states
from lab.check.services import Pair, Service, pair_of, read_services, whole

Entry = dict[str, Any]
CONTROLS = frozenset({"create", "recreate", "activate", "establish", "restore", "split", "terminate"})
LOOKS = frozenset({"verify", "query", "list"})
TAKES_VALUE = frozenset({"-g", "-f", "-file", "-sid", "-i", "-c"})
CALLS = frozenset({"command", "request", "job"})
"""What does something: a command, a REST call, and what a REST call has begun."""
OVERWRITES = ("create", "recreate", "establish", "link", "relink")
"""The actions that take away what is on a target."""
PREPARED = frozenset({*states.PREPARED, states.CREATE_IN_PROG})
# A target with its own data: what a service may be started on.
USABLE = frozenset({*states.ACTIVE, states.LINKED, states.SPLIT, states.RESTORED, states.NONE})


LINKED = ("linked_before", "linked_after")
"""Of a REST call: to which snapid each pair was linked before and after."""
FENCED = re.compile(r"(?:.*/)?fences/([^/]+)/*")
"""The folder of a fence, which every changing command names; its last part is the service."""


@dataclass(frozen=True)
class Sender:
    """Whose command it is, as far as the journal knows. `over` is the note that says its try is over."""

    service: str = ""
    run: str = ""
    task: str = ""
    over: Entry | None = None


class History:
    """`pairs` are the configured ones: those of the services, else those that the start event names."""

    def __init__(self, entries: list[Entry], services: Any = None) -> None:
        self.entries = entries
        groups: dict[str, dict[str, str]] = {}
        started: set[Pair] = set()
        self.storage_groups: dict[str, dict[str, list[str]]] = {}
        """Array -> storage group -> its devices."""
        self.links: set[Pair] = set()
        """The pairs that are or were linked to a snapshot."""
        for entry in entries:
            self.links |= {pair_of(k) for part in LINKED for k in entry.get(part) or ()}
            if entry.get("event") == "start":
                groups |= entry.get("groups", {})
                started |= {pair_of(k) for k in entry.get("pairs", {})}
                self.storage_groups |= entry.get("storage_groups", {})
                services = entry.get("services") if services is None else services
        self.services: list[Service] = read_services(services, groups, self.storage_groups)
        self.pairs: set[Pair] = {p for s in self.services for p in s.pairs} if self.services else started

    def walk(self) -> Iterator[tuple[Entry, dict[Pair, str]]]:
        """Every entry with the states just before it; those after it are taken in when it goes on."""
        known: dict[Pair, str] = {}
        for entry in self.entries:
            known |= states_of(entry.get("before"))
            yield entry, known
            for part in ("pairs", "states", "after"):
                if isinstance(entry.get(part), dict):
                    known |= states_of(entry[part])

    def calls(self) -> Iterator[Entry]:
        """The commands and REST calls, but for those of somebody else."""
        for entry in self.entries:
            if entry.get("event") in CALLS and not entry.get("actor"):
                yield entry

    def sent(self) -> Iterator[tuple[Entry, Sender]]:
        """The commands and REST calls, but for those of somebody else, with who sent them: by the notes about
        tries, else by the fence that the command names."""
        tries: dict[int, Sender] = {}
        for entry in self.entries:
            connection = entry.get("connection")
            if entry.get("event") == "note" and connection is not None:
                known = tries.get(connection, Sender())
                if entry["note"] == "try begins":
                    service, run, task = (str(entry.get(n, "")) for n in ("service", "run", "task"))
                    tries[connection] = Sender(service, run, task)
                elif entry["note"] == "try over":
                    tries[connection] = replace(known, over=known.over or entry)
            if entry.get("event") in CALLS and not entry.get("actor"):
                yield entry, tries.get(connection) or Sender(fenced(entry))  # type: ignore[arg-type]

    def of_group(self, entry: Entry) -> set[Pair]:
        """The configured pairs of whose sources a REST call makes or ends a snapshot."""
        change = entry.get("change", {})
        symid = str(change.get("symid"))
        devices = self.storage_groups.get(symid, {}).get(str(change.get("group")), [])
        sources = {(symid, int(device, 16)) for device in devices}
        return {p for p in self.pairs if p[:2] in sources}

    def named(self, name: str) -> Service | None:
        """With all its target sets."""
        return whole(self.services, name)

    def rotating(self) -> dict[str, list[Service]]:
        """The services with target sets, by name: each on every one of its sets."""
        names = dict.fromkeys(one.name for one in self.services if one.target_set)
        return {name: [one for one in self.services if one.name == name] for name in names}

    def syncs(self, pair: Pair) -> Iterator[tuple[Service, int]]:
        """Where a pair is configured: the service, on the pair's target set, and which of its syncs."""
        for service in self.services:
            for index, sync in enumerate(service.syncs):
                if pair in sync.pairs:
                    yield service, index


def fenced(entry: Entry) -> str:
    """The service whose fence a command names; empty when it names none."""
    words = [str(word) for word in entry.get("words", [])]
    for word, after in pairwise(words):
        found = FENCED.fullmatch(after) if word == "fence" else None
        if found:
            return found[1]
    return ""


def states_of(given: dict[str, str] | None) -> dict[Pair, str]:
    return {pair_of(k): str(v) for k, v in (given or {}).items()}


def controls(entry: Entry) -> list[tuple[str, dict[str, Any]]]:
    """(action, call) of every symclone control of a command. Of a REST call what it is for, such as `relink`,
    and as its exit code whether it was done."""
    if "change" in entry:
        answered = entry.get("answered") or 500
        done = entry.get("end") == "SUCCEEDED" or (200 <= answered < 300 and answered != 202)
        call = {"words": [], "exit": int(not done)}
        verb = str(entry["change"]["action"]).lower()
        return [("snapshot" if verb == "establish" else verb, call)]
    found = []
    for call in entry.get("calls", []):
        words = call["words"]
        if words[0].rpartition("/")[2] != "symclone":
            continue
        plain, skip = [], False
        for word in words[1:]:
            if not skip and not word.startswith("-"):
                plain.append(word.lower())
            skip = word.lower() in TAKES_VALUE
        action = _action(plain[0]) if plain else None
        if action in CONTROLS:
            found.append((action, call))
    return found


def _action(word: str) -> str | None:
    """Written out, or shortened so that it can only be the one: `est`."""
    meant = [a for a in CONTROLS | LOOKS if a == word or (len(word) >= 3 and a.startswith(word))]
    return meant[0] if len(meant) == 1 else None


def about(entry: Entry) -> dict[Pair, str]:
    """The pairs of a control command, each with the journal's own name for it."""
    keys = [*entry.get("pairs", []), *entry.get("before", {}), *entry.get("after", {})]
    return {pair_of(k): k for k in keys}


def changed(entry: Entry) -> dict[Pair, tuple[str, str]]:
    """(before, after) of the pairs that were brought into another state, or linked to another snapshot."""
    before, after = states_of(entry.get("before")), states_of(entry.get("after"))
    relinked = relinks(entry)
    return {p: (before[p], s) for p, s in after.items() if p in before and (before[p] != s or p in relinked)}


def made(entry: Entry) -> str:
    """The snapshot that a REST call has made or ended, in words; empty when it has not."""
    change = entry.get("change", {})
    done = [verb for verb, call in controls(entry) if verb in ("snapshot", "terminate") and not call["exit"]]
    return f"{change['action']} of snapshot {change.get('name')}" if done and change else ""


def relinks(entry: Entry) -> dict[Pair, int]:
    """The snapid that each pair is linked to now, of those that a REST call linked to another snapshot."""
    before, after = ({pair_of(k): v for k, v in (entry.get(part) or {}).items()} for part in LINKED)
    return {p: snapid for p, snapid in after.items() if before.get(p) != snapid}


def accepted(entry: Entry, action: str) -> dict[Pair, tuple[str, str]]:
    """What a command changed by that action; nothing when it holds no such action."""
    return changed(entry) if action in [a for a, _ in controls(entry)] else {}
