"""What is left to do about a sync's copies beside the copies themselves."""

from __future__ import annotations

from dataclasses import dataclass

from clones.asking.steps import Command


@dataclass(frozen=True)
class Todo:
    """One thing to do: what is then so, and the command."""

    what: str
    command: Command
