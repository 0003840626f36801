"""A procedure as it is without round trips: what it asks together it asks one after the other."""

from __future__ import annotations

from clones.asking.steps import Finished, Note, Steps, T, Together, answer, run
from clones.errors import CloneError


def one_by_one(steps: Steps[T]) -> Steps[T]:
    """For tests that answer each command by itself."""
    asked = answer(steps)
    while not isinstance(asked, Finished):
        if isinstance(asked, Note):
            yield asked
            asked = answer(steps)
            continue
        results = []
        try:
            for command in asked.commands if isinstance(asked, Together) else (asked,):
                results.append((yield from run(command)))
        except CloneError as error:
            asked = answer(steps, error=error)
        else:
            asked = answer(steps, results if isinstance(asked, Together) else results[0])
    return asked.value
