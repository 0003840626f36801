"""A worker that dies between two of its round trips."""

from __future__ import annotations

from clones.asking.steps import Command, Result
from hooks.symcli import SymcliHook


class Killed(BaseException):
    """The worker's end, as sudden as SIGKILL: nothing below may catch it and go on."""


class MortalHook(SymcliHook):
    """Dies when it is to go on one round trip more than it has left."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def execute(self, command: Command, stands_for: tuple[Command, ...] = ()) -> Result:
        if self.left == 0:
            raise Killed
        self.left -= 1
        return super().execute(command, stands_for)
