"""How long a run kept a service down, by the commands in its tasks' logs."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TASKS = ("stop.service", "start.service", "start.on_former_set")
CHANGES = ("/usr/sbin/e2fsck", "/usr/bin/mount")
_COMMAND = re.compile(r"::group::\S+\$ (?P<line>.*)  \[.*?, (?P<seconds>\d+\.\d+) s.*\]")
STOPS, STARTS = "/srv/bin/database stop", "/srv/bin/database start"
"""The first command that stops the service, and the last one that starts it."""


@dataclass(frozen=True)
class Down:
    """`begin` is when the first command that stops the service was sent, `end` when the last one that starts
    it had ended: epoch seconds."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


def down(run: Path) -> Down:
    """When a run kept the service down.

    :param run: the folder of the run's task logs.
    :raises LookupError: it has stopped or started nothing.
    """
    stops, starts = list[float](), list[float]()
    for task in TASKS:
        for log in sorted(run.glob(f"task_id={task}/attempt=*.log")):
            for command, seconds, at in _records(log):
                if command == STOPS:
                    stops.append(at - seconds)
                elif command == STARTS:
                    starts.append(at)
    if not stops or not starts:
        raise LookupError(f"no command in {run} stops the service, or none starts it")
    return Down(min(stops), max(starts))


def not_before(run: Path, devices: Collection[str]) -> float:
    """When a run that changed back had changed nothing on the former set's disks yet, right before it did.

    :param run: as for :func:`down`.
    :param devices: their numbers.
    :return: epoch seconds: of what was logged last before the first such command.
    :raises LookupError: it sent none.
    """
    nodes = {f"/srv/array/{number}" for number in devices}
    for log in sorted(run.glob(f"task_id={TASKS[-1]}/attempt=*.log")):
        before = 0.0
        for command, _, at in _records(log):
            program, *words = command.split() or [""]
            if program in CHANGES and nodes & set(words):
                return before
            before = at
    raise LookupError(f"no command in {run} checks or mounts {' or '.join(sorted(nodes))}")


def _records(log: Path) -> list[tuple[str, float, float]]:
    """Of each record the command line, empty of what is none, its seconds, and when it was logged: a command
    is when it has ended."""
    found = []
    for line in log.read_text().splitlines():
        record = json.loads(line)
        at = datetime.fromisoformat(record["timestamp"]).timestamp()
        command = _COMMAND.fullmatch(str(record.get("event", "")))
        found.append((command["line"], float(command["seconds"]), at) if command else ("", 0.0, at))
    return found
