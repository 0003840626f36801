"""Where a run's time went: copying on the array, commands over SSH, Airflow's own. All times in seconds."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo.progress import align

Interval = tuple[float, float]
NOUNS = frozenset({"version", "symmetrix", "storagegroup", "volume", "snapshot", "snapid", "job"})
WRAPPERS = frozenset({"env", "timeout", "nice"})


def union(intervals: Iterable[Interval]) -> float:
    """How long at least one of the intervals held."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def program(command: str) -> str:
    """The name of what a command runs: ``env A=1 /usr/bin/symclone -g X query`` is `symclone query`."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command[:20]
    while words and (words[0] in WRAPPERS or posixpath.basename(words[0]) in WRAPPERS or "=" in words[0]):
        words.pop(0)
        while words and re.fullmatch(r"-\w+|\d+[smh]?", words[0]):
            words.pop(0)
    if not words:
        return command[:20]
    name = posixpath.basename(words[0])
    if name == "sh" and len(words) > 3 and words[1] == "-c":
        # `sh -c TEXT NAME WORD...`: the text runs the words, but for those that it takes away, or is known by
        # its name.
        if '"$0"' in words[2]:
            return program(words[3])
        taken = re.search(r"\bshift (\d+)", words[2])
        runs = words[4 + (int(taken[1]) if taken else 0) :]
        goes_through = re.search(r'\bin "\$@"', words[2])  # a loop over its words, none of which it runs
        return program(shlex.join(runs)) if '"$@"' in words[2] and not goes_through else words[3]
    if name.startswith("sym"):
        actions = [word for word in words[1:] if re.fullmatch(r"[a-z]{4,}", word)]
        return f"{name} {actions[0]}" if actions else name
    return name


def call(method: str, path: str) -> str:
    """What a request is about: ``PUT snapid`` of a path with names and numbers."""
    words = [word for word in path.split("?")[0].split("/") if word in NOUNS]
    return f"{method} {words[-1] if words else path}"


@dataclass
class Sampler:
    """The intervals in which something held, from looks at it; as exact as the looks are frequent."""

    intervals: list[Interval] = field(default_factory=list)
    _last: tuple[float, bool] | None = None

    def look(self, now: float, holds: bool) -> None:
        if self._last and self._last[1]:
            self.intervals.append((self._last[0], now))
        self._last = (now, holds)


@dataclass(frozen=True)
class Account:
    """`total` from the trigger to the end of the run; `overhead` is neither copying nor a command."""

    total: float
    copying: float
    commands: float
    overhead: float
    connections: int
    by_program: Mapping[str, Sequence[float]]
    requests: int = 0

    def lines(self) -> list[str]:
        count = sum(len(seconds) for seconds in self.by_program.values()) - self.requests
        over, asked = "commands over SSH", ""
        if self.requests:
            over, asked = "commands over SSH, requests over HTTPS", f"{self.requests} requests; "
        rows = [
            ("from the trigger to the end of the run", f"{self.total:.1f} s", ""),
            ("the array copies", f"{self.copying:.1f} s", ""),
            (
                over,
                f"{self.commands:.1f} s",
                f"{asked}{count} commands, {self.connections} connections; also while the array copies",
            ),
            ("the rest: Airflow and opening connections", f"{self.overhead:.1f} s", ""),
        ]
        slowest = sorted(self.by_program.items(), key=lambda item: -sum(item[1]))
        programs = [("command" if not self.requests else "command or request", "times", "seconds", "longest")]
        for name, seconds in slowest:
            programs.append((name, str(len(seconds)), f"{sum(seconds):.2f}", f"{max(seconds):.2f}"))
        return [*align(rows, right={1}), "", *align(programs, right={1, 2, 3})]


def account(
    journal: Iterable[Mapping[str, Any]], copying: Sequence[Interval], start: float, end: float
) -> Account:
    """Split the time between `start` and `end` (seconds since the epoch).

    :param journal: the lab's journal: commands have `wall`, `seconds` and `command`, requests `method` and
        `path`.
    :param copying: when the array copied.
    """
    commands: list[Interval] = []
    by_program: dict[str, list[float]] = defaultdict(list)
    connections = requests = 0
    for entry in journal:
        if not start <= entry["wall"] <= end:
            continue
        if entry["event"] == "command":
            commands.append((entry["wall"], min(end, entry["wall"] + entry["seconds"])))
            by_program[program(entry["command"])].append(entry["seconds"])
        elif entry["event"] == "request":
            requests += 1
            commands.append((entry["wall"], min(end, entry["wall"] + entry["seconds"])))
            by_program[call(entry["method"], entry["path"])].append(entry["seconds"])
        elif entry["event"] == "connect":
            connections += 1
    inside = [(max(start, a), min(end, b)) for a, b in copying if b > start and a < end]
    return Account(
        total=end - start,
        copying=union(inside),
        commands=union(commands),
        overhead=max(0.0, end - start - union([*inside, *commands])),
        connections=connections,
        by_program=dict(by_program),
        requests=requests,
    )
