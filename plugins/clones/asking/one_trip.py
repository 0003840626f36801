"""Several commands that only look, sent to a host as one, and the answer taken apart again.

What is sent is ``/bin/sh -c SCRIPT together NONCE LINE...``: a text that is always the same, a number that
is another each time, and each command's own line, exactly as it is sent alone. They are quoted once more, so
that the account's login shell, whichever it is, only passes them on.

The script gives each line to a shell of its own, without input, and prints a mark behind what came of it, on
both streams: the number, how many lines were left, and the exit code. It needs nothing but a Bourne shell.

A command whose marks did not come back has no exit code, nor has any behind it (D2). A gate that lets the
trip as a whole not through has let none of them through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, AnyStr

from clones.asking.steps import Command, Request, Result

SCRIPT = (
    "n=$1; shift; while test $# -gt 0; do "
    '/bin/sh -c "$1" </dev/null; s=$?; echo; echo "$n $# $s"; echo >&2; echo "$n $# $s" >&2; shift; done'
)
"""In one line: a csh takes no newline in a word."""
NAME = "together"
LONGEST = 12_000
"""Characters of one such command; systems of these families were delivered with a limit of 20,480 bytes."""

REQUESTS = 5
"""Requests to one server at the same time: none waits in the client."""

_NUMBER, _NUMBER_OF_BYTES = re.compile(r"(\d+)\n"), re.compile(rb"(\d+)\n")
"""The end of a mark."""


def as_one(commands: Sequence[Command], nonce: str) -> Command:
    """All commands as one; its time limit is the sum of theirs, :class:`Turns` has that of each.

    :param commands: of one host, none of which changes anything.
    :param nonce: letters and digits that nobody can foresee.
    """
    return Command(
        commands[0].host,
        ("/bin/sh", "-c", SCRIPT, NAME, nonce, *(command.line() for command in commands)),
        timeout=sum(command.timeout for command in commands),
        title=f"{len(commands)} status commands together",
    )


def trips(commands: Iterable[Command]) -> Iterator[list[Command]]:
    """Commands of one host in their order, in as few lists as their length allows; a few requests each."""
    trip: list[Command] = []
    for command in commands:
        full = len(trip) >= REQUESTS if isinstance(command, Request) else _is_too_long([*trip, command])
        if trip and full:
            yield trip
            trip = []
        trip.append(command)
    if trip:
        yield trip


def _is_too_long(trip: Sequence[Command]) -> bool:
    return len(as_one(trip, "").line()) > LONGEST


def take_apart(commands: Sequence[Command], nonce: str, whole: Result) -> list[Result]:
    """What came of each.

    :param commands: as :func:`as_one` was given them.
    :param whole: the result of what it made of them.
    """
    if whole.kept_out:
        return [replace(whole, command=command, among=len(commands)) for command in commands]
    results: list[Result] = []
    lost = ""
    streams = zip(
        _pieces(whole.stdout, nonce, len(commands)), _pieces(whole.stderr, nonce, len(commands)), strict=True
    )
    for command, ((stdout, said), (stderr, also_said)) in zip(commands, streams, strict=True):
        code: int | None = None
        if lost:
            why = lost
        elif said is None or said != also_said:
            why = whole.lost or f"all ended with {whole.ending()} before it had finished: {whole.said()}"
            lost = f"it was sent after `{command.shown()}`, which did not finish"
        elif 128 < said <= 192 or said > 255:
            why = f"it was killed, or ended with {said} by itself"  # what a shell says of a signal
        else:
            code, why = said, ""
        results.append(Result(command, code, stdout, stderr, whole.seconds, why, len(commands)))
    return results


class Turns:
    """Whose turn it is among commands that were sent as one, by the marks that have come back.

    :param commands: as :func:`as_one` was given them.
    :param nonce: the same; None for one command that was sent as it is.

    :attr:`limit` is the time limit of the one whose turn it is, in seconds from the mark before it.
    """

    def __init__(self, commands: Sequence[Command], nonce: str | None = None) -> None:
        self.commands = tuple(commands)
        self.limit = commands[0].timeout
        self._nonce = nonce
        self._ended = 0
        self._read = 0

    def go_on(self, stdout: bytes | bytearray) -> bool:
        """Whether another turn has begun; behind the last one its limit stays.

        :param stdout: all that has come back so far.
        """
        before = self._ended
        while self._nonce and self._ended < len(self.commands):
            lead = f"\n{self._nonce} {len(self.commands) - self._ended} ".encode()
            found = _mark(stdout, lead, _NUMBER_OF_BYTES, self._read)
            if found is None:
                break
            self._ended, self._read = self._ended + 1, found.end()
        self.limit = self.commands[min(self._ended, len(self.commands) - 1)].timeout
        return self._ended > before


def _pieces(text: str, nonce: str, count: int) -> Iterator[tuple[str, int | None]]:
    """What each command printed on one stream, and its exit code; None from where a mark is missing."""
    for left in range(count, 0, -1):
        lead = f"\n{nonce} {left} "
        found = _mark(text, lead, _NUMBER)
        if found is None:
            yield text, None
            text = ""
        else:
            yield text[: found.start() - len(lead)], int(found[1])
            text = text[found.end() :]


def _mark(text: Any, lead: AnyStr, number: re.Pattern[AnyStr], begin: int = 0) -> re.Match[AnyStr] | None:
    """The number of the first mark, None when there is none.

    By hand: an expression with a nonce in it would have to be compiled for each answer.

    :param lead: what a mark is before its number.
    """
    while (at := text.find(lead, begin)) >= 0:
        if found := number.match(text, at + len(lead)):
            return found
        begin = at + 1
    return None
