"""How the domain asks for things to be run, without running them.

Every procedure of the domain is a generator of *steps*: it yields a :class:`Command` and is sent the
:class:`Result`, it yields :class:`Together` and is sent a list of them, it yields a :class:`Note` for the log
and is sent nothing. The hooks drive such a generator over SSH, blocking or not; tests drive it with written
results.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from clones.clean import cleaned
from clones.time_limits import SMALL_LOOK

T = TypeVar("T")

PROOF, ESTIMATE = "proof", "estimate"


@dataclass(frozen=True)
class Command:
    """One remote command, as words. Only :func:`shlex.join` ever makes a shell line of them (D10).

    :param host: Airflow connection id of the host that runs it.
    :param words: the program's absolute path and its arguments.
    :param timeout: seconds it may take in all, from sending it to its exit status.
    :param changes: whether it changes anything; such a command is never sent twice unobserved.
    :param because: in a plan, what it follows from; no part of what is sent.
    :param title: what the log shows of it before one opens the line; the whole line when empty.
    :param fenced: a change goes through the host's fence (:mod:`clones.asking.fence`); false only for what
        makes the fence, and for what must always run.
    :param secret: its words hold what must stand in no record: only the title is kept and logged.
    :param of_lock: it changes only the service's lock and tokens, which name the try that did it: a record
        need not stand before it, and shows it with what is kept next.
    :param ahead: changes that follow it, or are expected to: a record that stands before this one tells of
        these, too.
    :param soon: this look and others that come next: whoever sends it may begin them all, so that hosts are
        asked side by side.
    :param before_send: is called once nothing but the sending is left to do; what it returns takes that back
        when the command is not sent after all, or is refused by the host. It may raise: nothing is sent then.
    """

    host: str
    words: tuple[str, ...]
    timeout: float = SMALL_LOOK.seconds
    changes: bool = False
    title: str = ""
    because: str = field(default="", compare=False)
    fenced: bool = True
    secret: bool = False
    of_lock: bool = False
    ahead: tuple[Command, ...] = field(default=(), compare=False)
    soon: tuple[Command, ...] = field(default=(), compare=False)
    before_send: Callable[[], Callable[[], None]] | None = field(default=None, compare=False)

    def line(self) -> str:
        """The command as one shell line."""
        return shlex.join(self.words)

    def shown(self) -> str:
        """The command as a message names it: short, where it has a title."""
        return cleaned(self.title or self.line())

    def kept(self) -> str:
        """The command as logs and records keep it."""
        return cleaned(self.title if self.secret else self.line())


@dataclass(frozen=True)
class Result:
    """What came back.

    :param exit_code: None when no exit status arrived: the session was lost, the process was killed, or
        the time limit ran out. It is then unknown whether the command took effect (D2).
    :param seconds: wall time; of all that were asked together, when there were more.
    :param lost: why there is no exit status, in words.
    :param among: how many commands came back in that time.
    """

    command: Command
    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    lost: str = ""
    among: int = 1

    def ending(self) -> str:
        """How it ended, for a message."""
        return (
            f"exit code {self.exit_code}" if self.exit_code is not None else f"no exit status ({self.lost})"
        )

    def said(self) -> str:
        """The last line with text that it printed, stderr first, for a message."""
        for stream in (self.stderr, self.stdout):
            lines = [line.strip() for line in stream.splitlines() if line.strip()]
            if lines:
                return lines[-1]
        return "(it printed nothing)"


@dataclass(frozen=True)
class Together:
    """Commands that only look at one host and can be asked in one go; they are run in this order.

    :raises ValueError: there is none, they are for more than one host, or one changes something.
    """

    commands: tuple[Command, ...]

    def __post_init__(self) -> None:
        if len({command.host for command in self.commands}) != 1:
            raise ValueError("what is asked together is for one host")
        if any(command.changes for command in self.commands):
            raise ValueError("a command that changes something is sent alone")

    @property
    def host(self) -> str:
        """The connection of the host that is asked."""
        return self.commands[0].host


@dataclass(frozen=True)
class Note:
    """Something for the log: a title, and lines that belong to it.

    :param warning: the operator should look at it.
    :param kind: ``proof`` when the run's record shows it as the proof that something was down; ``estimate``
        when it says how long a copy may take.
    """

    title: str
    lines: tuple[str, ...] = field(default=())
    warning: bool = False
    kind: str = ""


@dataclass(frozen=True)
class Finished(Generic[T]):
    """A procedure's end, with what it returned."""

    value: T


Steps = Generator[Command | Together | Note, Result | list[Result] | None, T]


def answer(
    steps: Steps[T], result: Result | list[Result] | None = None, error: BaseException | None = None
) -> Command | Together | Note | Finished[T]:
    """Send a procedure what it waits for and get what it asks for next, or its end.

    :param error: raised inside the procedure instead of answering it.
    """
    try:
        return steps.throw(error) if error is not None else steps.send(result)
    except StopIteration as end:
        return Finished(end.value)


def run(command: Command) -> Steps[Result]:
    """Run one command: ``result = yield from run(command)``."""
    result = yield command
    assert isinstance(result, Result), "a Command must be answered with its Result"
    return result


def in_a_row(commands: Sequence[Command], later: Sequence[Command] = ()) -> list[Command]:
    """Changes that follow each other without a look between them: the first tells of the others.

    :param later: what is expected to follow them, if the looks between agree.
    """
    ahead = (*commands[1:], *later)
    return [replace(one, ahead=ahead) if one is commands[0] else one for one in commands]


def run_together(commands: Sequence[Command]) -> Steps[list[Result]]:
    """Run commands that only look at one host; a single one as :func:`run` does.

    :returns: a result a command, in their order.
    :raises ValueError: as :class:`Together`.
    """
    if len(commands) == 1:
        return [(yield from run(commands[0]))]
    results = yield Together(tuple(commands))
    assert isinstance(results, list) and len(results) == len(commands), "each must be answered"
    return results


def note(title: str, *lines: str, warning: bool = False, kind: str = "") -> Steps[None]:
    """Write a note to the log: ``yield from note(...)``."""
    yield Note(title, tuple(lines), warning, kind)
