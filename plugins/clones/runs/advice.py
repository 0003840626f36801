"""What to do, for others than the task that failed: its errors say it as they stand in its own log.

There it is tried again, and *this task* is the one that one looks at. Who reads the end of a run, an alert or
the board is told of what has failed for good; who has typed a command is told of commands.
"""

from __future__ import annotations

import re

_PRESS = "What to do: "
_RETRIED = re.compile(r"^(?:wait for the retry|wait: the task is retried until)[^.;]*[.;]?\s*")
_RETRIED_LAST = re.compile(
    r"(?:, and wait for the retry(?:, which[^.;]*)?|\. The retry of this task checks again)\.?$"
)
_THIS_TASK = re.compile(
    r"clear this task(?: to (?:continue|wait on)(?: from here)?| if it is not retried)?", re.IGNORECASE
)
_AGAIN = "run this command again"
_GOES_ON = "do nothing: this task continues once that run has ended"


def once_failed(remedy: str) -> str:
    """A remedy without that it is tried again, which it was; empty when nothing is left of it."""
    return _RETRIED_LAST.sub("", _RETRIED.sub("", remedy)).strip()


def at_command_line(remedy: str) -> str:
    """A remedy for who has typed a command: nothing tries it again, and there is no task to clear."""
    if not remedy:
        return ""
    said = remedy.replace(_GOES_ON, f"{_AGAIN} once that run has ended")
    rest = _THIS_TASK.sub(_AGAIN, once_failed(said))
    if _RETRIED.match(said):
        return f"{_AGAIN}; {rest}" if rest else _AGAIN
    return rest


def text_at_command_line(text: str) -> str:
    """The same for each remedy of an error's whole text."""
    lines = text.splitlines()
    return "\n".join(
        _PRESS + at_command_line(line.removeprefix(_PRESS)) if line.startswith(_PRESS) else line
        for line in lines
    )


def taken_apart(text: str) -> tuple[str, str]:
    """What an error says, and its remedy: of several the last, which is that of all."""
    what, found, remedy = text.rpartition(f"\n{_PRESS}")
    return (what, remedy.strip()) if found else (text, "")
