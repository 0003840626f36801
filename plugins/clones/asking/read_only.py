"""Looking at many things in one go: no host is asked the same twice, and none that could not be reached."""

from __future__ import annotations

from typing import TypeVar

from clones.asking.steps import (
    Command,
    Finished,
    Note,
    Result,
    Steps,
    Together,
    answer,
    hand_on,
    hand_on_together,
)
from clones.errors import CloneError, Refused

T = TypeVar("T")


class Eyes:
    """Lets a procedure look, and only look."""

    def __init__(self) -> None:
        self.lost: dict[str, CloneError] = {}
        """Hosts that could not be reached, each with why: nothing more is sent there."""
        self._results: dict[Command, Result] = {}

    def through(self, steps: Steps[T]) -> Steps[T]:
        """Drive a procedure; what was asked before is answered from memory."""
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                yield asked
                asked = answer(steps)
            elif isinstance(asked, Together):
                asked = yield from self._several(steps, asked)
            elif asked.changes:
                asked = answer(steps, error=Refused(f"`{asked.line()}` is not read-only. It was not sent."))
            elif asked.host in self.lost:
                asked = answer(steps, error=self.lost[asked.host])
            elif asked in self._results:
                asked = answer(steps, self._results[asked])
            else:
                try:
                    self._results[asked] = yield from hand_on(asked)
                except CloneError as error:
                    self.lost[asked.host] = error
        return asked.value

    def _several(self, steps: Steps[T], asked: Together) -> Steps[Command | Together | Note | Finished[T]]:
        """Answer what is asked together; only what was not asked before is sent."""
        new = [command for command in asked.commands if command not in self._results]
        if new and asked.host not in self.lost:
            try:
                results = yield from hand_on_together(new)
                self._results.update(zip(new, results, strict=True))
            except CloneError as error:
                self.lost[asked.host] = error
        if asked.host in self.lost:
            return answer(steps, error=self.lost[asked.host])
        return answer(steps, [self._results[command] for command in asked.commands])
