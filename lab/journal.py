"""The journal: one JSON line a command and one a connection or event, flushed at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

from lab.clock import Clock

# Who acts, when it is not whoever the lab is there for: entries then say so as `actor`.
ACTOR: ContextVar[str | None] = ContextVar("actor", default=None)
# The number of the connection whose command is carried out: events that it brings about say so.
CONNECTION: ContextVar[int | None] = ContextVar("connection", default=None)


class Journal:
    """`entries` is the copy in memory, in the order of `seq`. A line is complete when it is written."""

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self.clock = clock
        self.path = path
        self.entries: list[dict[str, Any]] = []
        self._seq = 0
        self._lock = threading.Lock()
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None

    def write(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Add `seq`, and `at` (lab clock, ISO) and `wall` (epoch seconds) when the entry has none."""
        actor = ACTOR.get()
        if actor is not None:
            entry = {**entry, "actor": actor}
        connection = CONNECTION.get()
        if connection is not None and "connection" not in entry:
            entry = {**entry, "connection": connection}
        with self._lock:
            self._seq += 1
            line = {"seq": self._seq, "at": self.clock.iso(), "wall": round(time.time(), 6), **entry}
            self.entries.append(line)
            if self._file:
                self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
                self._file.flush()
        return line

    def event(self, event: str, **words: Any) -> dict[str, Any]:
        return self.write({"event": event, **words})

    def close(self) -> None:
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None


class Record:
    """One command while it runs: what the journal will say of it."""

    def __init__(self, clock: Clock, **head: Any) -> None:
        self.head = {"at": clock.iso(), "wall": round(time.time(), 6), **head}
        self._began = time.monotonic()
        self.calls: list[dict[str, Any]] = []
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.faults: list[str] = []
        self.pairs: list[str] = []
        self.found: dict[str, str] = {}
        """The host's state before it, and in words what it made of that."""
        self.changed: list[str] = []
        self.lose: Callable[[], None] | None = None
        """Ends the connection that it came over, while it goes on; None: it came over none."""

    @property
    def command(self) -> str:
        return str(self.head.get("command", ""))

    def about(self, pairs: Iterable[str]) -> None:
        """A control action names these pairs, whether or not it comes to act on them."""
        self.pairs += [p for p in pairs if p not in self.pairs]

    def control(self, before: dict[str, str], after: dict[str, str]) -> None:
        """A control action ran: keep the first state before and the last one after of every pair."""
        for key, state in before.items():
            self.before.setdefault(key, state)
        self.after.update(after)

    def entry(self, *, exit: int | None, stdout: str, stderr: str) -> dict[str, Any]:
        entry = {
            "event": "command",
            **self.head,
            "seconds": round(time.monotonic() - self._began, 6),
            "calls": self.calls,
            "exit": exit,
            "stdout": stdout,
            "stderr": stderr,
        }
        if self.pairs:
            entry["pairs"] = self.pairs
        if self.before or self.after:
            entry |= {"before": self.before, "after": self.after}
        if self.changed:
            entry["changed"] = self.changed
        if self.faults:
            entry["faults"] = self.faults
        return entry


def read(path: str | Path) -> list[dict[str, Any]]:
    """All complete lines of a journal file."""
    entries = []
    for line in Path(path).read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n") and line.strip():
            entries.append(json.loads(line))
    return entries
