"""How commands, requests and notes stand in a task's log."""

from __future__ import annotations

import logging
from typing import Any

from clones.asking.steps import Note, Result
from clones.clean import without_marks

LOGGED_LINES = 200
"""Lines of one stream that are shown; a device list of hundreds of pairs is longer."""


def log_note(log: Any, note: Note, level: int | None = None) -> None:
    """Write a note to a task's log, as one record: each costs two processes a part of a millisecond."""
    level = level if level is not None else logging.WARNING if note.warning else logging.INFO
    log.log(level, "%s", without_marks("\n    ".join([note.title, *note.lines])))


def log_result(log: Any, result: Result, level: int = logging.INFO) -> None:
    """Write a command and what came back to a task's log, as a group that opens on one record."""
    if not log.isEnabledFor(level):  # a long answer is not cut into lines for nothing
        return
    command = result.command
    log.log(
        level,
        "::group::%s$ %s  [%s, %.2f s%s]",
        command.host,
        command.shown(),
        result.ending(),
        result.seconds,
        f" for {result.among} together" if result.among > 1 else "",
    )
    said = [command.kept()]
    for name, stream in (("stdout", result.stdout), ("stderr", result.stderr)):
        lines = stream.splitlines()
        said += [f"{name} | {line}" for line in lines[:LOGGED_LINES]]
        if len(lines) > LOGGED_LINES:
            said.append(f"{name} | ... {len(lines) - LOGGED_LINES} more lines")
    log.log(level, "%s", without_marks("\n".join(said)))
    log.log(level, "::endgroup::")
