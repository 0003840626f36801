"""Procedures that only look, side by side: what they ask of one host at the same time is asked in one go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from clones.errors import CloneError
from clones.one_trip import trips
from clones.steps import Command, Finished, Note, Result, Steps, Together, answer, run_together

T = TypeVar("T")


@dataclass
class _Going(Generic[T]):
    """One of the procedures, with what it asks for now and what it wrote for the log.

    :param outcome: what it returned, in a list of one, or the error that it raised; None while it goes on.
    """

    steps: Steps[T]
    asked: Command | None = None
    notes: list[Note] = field(default_factory=list)
    outcome: list[T] | CloneError | None = None

    def go_on(self, result: Result | None = None, error: CloneError | None = None) -> None:
        """Answer it; it goes on to its next command or to its end.

        :raises ValueError: it asks for a change, or for several at once.
        """
        self.asked = None
        try:
            asked = answer(self.steps, result, error)
            while isinstance(asked, Note):
                self.notes.append(asked)
                asked = answer(self.steps)
        except CloneError as raised:
            self.outcome = raised
            return
        if isinstance(asked, Finished):
            self.outcome = [asked.value]
        elif isinstance(asked, Together) or asked.changes:
            raise ValueError(f"not a single look: {asked}")
        else:
            self.asked = asked


def abreast(procedures: Iterable[Steps[T]]) -> Steps[list[T]]:
    """Drive procedures that only look, in rounds; each round asks every host once.

    What they ask for in one round is asked in their order. Notes are written when all have ended, each
    procedure's in one piece.

    :returns: what each returned, in their order.
    :raises CloneError: of the first of them that raised one.
    """
    found = []
    for outcome in (yield from attempts(procedures)):
        if isinstance(outcome, CloneError):
            raise outcome
        found += outcome
    return found


def attempts(procedures: Iterable[Steps[T]]) -> Steps[list[list[T] | CloneError]]:
    """The same, where an error of one is nothing to the others.

    :returns: for each, what it returned, in a list of one, or the error that it raised.
    """
    everyone = [_Going(steps) for steps in procedures]
    for one in everyone:
        one.go_on()
    while asking := [one for one in everyone if one.asked]:
        by_host: dict[str, list[_Going[T]]] = {}
        for one in asking:
            assert one.asked is not None
            by_host.setdefault(one.asked.host, []).append(one)
        for waiting in by_host.values():
            yield from _ask(waiting)
    for one in everyone:
        yield from one.notes
    return [one.outcome for one in everyone if one.outcome is not None]


def _ask(waiting: list[_Going[T]]) -> Steps[None]:
    """Ask one host for all that is waited for there."""
    left = list(waiting)
    for trip in trips([one.asked for one in waiting if one.asked]):
        mine, left = left[: len(trip)], left[len(trip) :]
        try:
            results = yield from run_together(trip)
        except CloneError as error:  # the host cannot be reached
            for one in (*mine, *left):
                one.go_on(error=error)
            return
        for one, result in zip(mine, results, strict=True):
            one.go_on(result)
