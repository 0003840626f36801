"""How long a run kept a service down, by the commands in its tasks' logs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TASKS = ("stop.service", "start.service", "start.on_former_set")
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
            for line, begin, end in _commands(log):
                if line == STOPS:
                    stops.append(begin)
                elif line == STARTS:
                    starts.append(end)
    if not stops or not starts:
        raise LookupError(f"no command in {run} stops the service, or none starts it")
    return Down(min(stops), max(starts))


def _commands(log: Path) -> list[tuple[str, float, float]]:
    """Command line, begin and end in epoch seconds. A command is logged when it has ended."""
    found = []
    for line in log.read_text().splitlines():
        record = json.loads(line)
        if command := _COMMAND.fullmatch(str(record.get("event", ""))):
            end = datetime.fromisoformat(record["timestamp"]).timestamp()
            found.append((command["line"], end - float(command["seconds"]), end))
    return found
