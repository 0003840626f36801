"""Procedures that only look, side by side: what they ask of one host at the same time is asked in one go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from clones.asking.one_trip import trips
from clones.asking.steps import Command, Finished, Note, Result, Steps, Together, answer, hand_on_together
from clones.errors import CloneError

T = TypeVar("T")
U = TypeVar("U")


def abreast(procedures: Iterable[Steps[T]]) -> Steps[list[T]]:
    """Drive procedures that only look, in rounds; each round asks every host once.

    What they ask for in one round is asked in their order, the same thing once. Notes are written when all
    have ended, each procedure's in one piece.

    :returns: what each returned, in their order.
    :raises CloneError: of the first of them that raised one.
    """
    return [outcome.value() for outcome in (yield from attempts(procedures))]


def both(first: Steps[T], second: Steps[U]) -> Steps[tuple[T, U]]:
    """The same with two, which return different things; what the first asks for comes first."""
    one, other = yield from abreast(cast("list[Steps[T | U]]", [first, second]))
    return cast("T", one), cast("U", other)


@dataclass(frozen=True)
class Ended(Generic[T]):
    """How a procedure ended: with what it returned, or with an error."""

    returned: T | None = None
    error: CloneError | None = None

    def value(self) -> T:
        """What it returned.

        :raises CloneError: what it raised instead.
        """
        if self.error is not None:
            raise self.error
        return cast("T", self.returned)


def attempts(procedures: Iterable[Steps[T]]) -> Steps[list[Ended[T]]]:
    """As :func:`abreast`, where the error of one is nothing to the others."""
    everyone = [_Going(steps) for steps in procedures]
    for one in everyone:
        one.go_on()
    while asking := [one for one in everyone if one.asked]:
        for host in dict.fromkeys(one.asked[0].host for one in asking):
            yield from _ask([one for one in asking if one.asked and one.asked[0].host == host])
    for one in everyone:
        yield from one.notes
    return [one.outcome for one in everyone if one.outcome is not None]


@dataclass
class _Going(Generic[T]):
    """One of the procedures, with what it asks for now and what it wrote for the log."""

    steps: Steps[T]
    asked: tuple[Command, ...] = ()
    together: bool = False
    notes: list[Note] = field(default_factory=list)
    outcome: Ended[T] | None = None

    def go_on(self, results: list[Result] | None = None, error: CloneError | None = None) -> None:
        """Answer it; it goes on to its next command or to its end.

        :raises ValueError: it asks for a change.
        """
        reply = results if results is None or self.together else results[0]
        self.asked = ()
        try:
            asked = answer(self.steps, reply, error)
            while isinstance(asked, Note):
                self.notes.append(asked)
                asked = answer(self.steps)
        except CloneError as raised:
            self.outcome = Ended(error=raised)
            return
        if isinstance(asked, Finished):
            self.outcome = Ended(asked.value)
            return
        self.together = isinstance(asked, Together)
        self.asked = asked.commands if isinstance(asked, Together) else Together((asked,)).commands


def _ask(waiting: list[_Going[T]]) -> Steps[None]:
    """Ask one host for all that is waited for there, each thing once, and let everyone go on."""
    results: dict[Command, Result] = {}
    try:
        for trip in trips(dict.fromkeys(command for one in waiting for command in one.asked)):
            results |= zip(trip, (yield from hand_on_together(trip)), strict=True)
    except CloneError as error:  # the host cannot be reached
        for one in waiting:
            one.go_on(error=error)
        return
    for one in waiting:
        one.go_on([results[command] for command in one.asked])
