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
from datetime import datetime
from typing import Generic, TypeVar

from clones.asking import gate
from clones.asking.become_failed import own_words
from clones.clean import cleaned
from clones.errors import Refused
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
    :param as_root: the commands in it that the host's `become` runs, as the words behind that; for what the
        host must allow (:mod:`clones.become`).
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
    as_root: tuple[tuple[str, ...], ...] = field(default=(), compare=False)
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
class Request(Command):
    """One request to the API of an array's management server, made by :meth:`to`.

    :param host: Airflow connection id (HTTP) of that server.
    :param words: method, path with its query, and the body, as logs and records show them.
    :param method: GET, POST, PUT or DELETE.
    :param path: below the API's root; ``{version}`` stands for the version that both sides know.
    :param query: names and values, not encoded.
    :param body: JSON text; empty for none.
    :param fence_host: the SSH host on which the token of the try, and the slots, are checked right before a
        change is sent: its server cannot be fenced.
    :param slots: the places that a change takes on that host until it has ended, by name, and how many tries
        may have one at the same time.
    :param holder: of a look, the look at what holds the thing that it asks for: a server that does not know
        the whole array answers 404, too. Where that is there, :func:`run` asks for the thing once more.
    :param told: of a change, is told the seconds that its answer may take, before `before_send` is called.
    """

    method: str = "GET"
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()
    body: str = ""
    fence_host: str = ""
    slots: tuple[tuple[str, int], ...] = ()
    holder: Request | None = field(default=None, compare=False)
    told: Callable[[float], None] | None = field(default=None, compare=False)

    @classmethod
    def to(
        cls,
        host: str,
        method: str,
        path: str,
        *,
        query: tuple[tuple[str, str], ...] = (),
        body: str = "",
        timeout: float = SMALL_LOOK.seconds,
        changes: bool = False,
        fence_host: str = "",
        slots: tuple[tuple[str, int], ...] = (),
        holder: Request | None = None,
    ) -> Request:
        """Parameters as of the class.

        :raises ValueError: a change without a host on which it is checked, or a look that is no GET.
        """
        if changes is (method == "GET") or (changes and not fence_host):
            raise ValueError(f"{method} {path}: a look is a GET, and a change has a host that checks its try")
        shown = path + ("?" + "&".join(f"{name}={value}" for name, value in query) if query else "")
        words = (method, shown, body) if body else (method, shown)
        return cls(
            host, words, timeout, changes, title=f"{method} {shown}", method=method, path=path, query=query,
            body=body, fence_host=fence_host, slots=slots, holder=holder,
        )  # fmt: skip

    def line(self) -> str:
        """The request as logs and records show it; it is no line for a shell."""
        return " ".join(self.words)


@dataclass(frozen=True)
class Result:
    """What came back.

    :param exit_code: of a :class:`Request` the HTTP status. None when no exit status arrived: the session
        was lost, the process was killed, or the time limit ran out. It is then unknown whether the command
        took effect (D2).
    :param seconds: wall time; of all that were asked together, when there were more.
    :param lost: why there is no exit status, in words.
    :param among: how many commands came back in that time.
    :param clock: of a request, the server's own time as it says it, in UTC with its zone; None when it does
        not.
    :param holder_there: of a look that was answered 404: its holder was there, and it was asked once more.
    """

    command: Command
    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    lost: str = ""
    among: int = 1
    clock: datetime | None = None
    holder_there: bool = False

    def ending(self) -> str:
        """How it ended, for a message."""
        if self.exit_code is None:
            return f"no exit status ({self.lost})"
        kind = "HTTP status" if isinstance(self.command, Request) else "exit code"
        return f"{kind} {self.exit_code}"

    @property
    def kept_out(self) -> bool:
        """Whether a gate on the host has kept the command from being run (:mod:`clones.asking.gate`)."""
        return gate.has_refused(self.exit_code, self.stderr)

    def let_through(self) -> Result:
        """Itself, of a command that was run, or may have been.

        :raises Refused: a gate on the host has not let it through; TryAgain, when it has no policy.
        """
        if self.kept_out:
            raise gate.refusal(self.command.host, self.command.shown(), self.stderr)
        return self

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
class Pause(Note):
    """A moment to wait before the next look, written to the log like any other note.

    It is for what takes seconds: what takes longer is waited for by another task, or tried again.

    :param seconds: from now; whoever drives the procedure lets them pass.
    """

    seconds: float = 0.0


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


def hand_on(command: Command) -> Steps[Result]:
    """Run one command for another procedure, which reads the result as :func:`run` gives it."""
    result = yield command
    assert isinstance(result, Result), "a Command must be answered with its Result"
    return result


def _of_the_command(result: Result) -> Result:
    """The result, if it is the command's own and no word of the host's `become`.

    :raises Refused: as :func:`run`.
    """
    command = result.command
    found = own_words(command.words, command.as_root, result.exit_code, result.stdout, result.stderr)
    if found is None:
        return result
    remedy = f"run `scripts/privileges {command.host}`, and let the host allow what it prints"
    if command.changes and found.certain:
        raise Refused(f"{command.host} does not run `{command.shown()}` as root: {found.line}", remedy)
    lost = f"what it ended with is not the command's own: {found.line}; {remedy}"
    return replace(result, exit_code=None, lost=lost)


def run(command: Command) -> Steps[Result]:
    """Run one command: ``result = yield from run(command)``.

    :raises Refused: a gate on the host has not let it through; or it is a change, and the host's `become`
        has not run it. A look has no exit code then.
    """
    return (yield from _asked_again(_of_the_command((yield from hand_on(command)).let_through())))


def _asked_again(result: Result) -> Steps[Result]:
    """A look that was answered 404 is made once more behind one at its holder, if that is there."""
    request = result.command
    if not isinstance(request, Request) or request.holder is None or result.exit_code != 404:
        return result
    if (yield from hand_on(request.holder)).exit_code != 200:
        return result
    return replace((yield from hand_on(request)), holder_there=True)


def in_a_row(commands: Sequence[Command], later: Sequence[Command] = ()) -> list[Command]:
    """Changes that follow each other without a look between them: the first tells of the others.

    :param later: what is expected to follow them, if the looks between agree.
    """
    ahead = (*commands[1:], *later)
    return [replace(one, ahead=ahead) if one is commands[0] else one for one in commands]


def hand_on_together(commands: Sequence[Command]) -> Steps[list[Result]]:
    """Run commands that only look at one host for other procedures; a single one as :func:`hand_on` does.

    :returns: a result a command, in their order.
    :raises ValueError: as :class:`Together`.
    """
    if len(commands) == 1:
        return [(yield from hand_on(commands[0]))]
    results = yield Together(tuple(commands))
    assert isinstance(results, list) and len(results) == len(commands), "each must be answered"
    return results


def run_together(commands: Sequence[Command]) -> Steps[list[Result]]:
    """Run commands that only look at one host.

    :returns: a result a command, in their order.
    :raises ValueError: as :class:`Together`.
    :raises Refused: a gate on the host has not let one of them through.
    """
    results = [_of_the_command(one.let_through()) for one in (yield from hand_on_together(commands))]
    found = []
    for one in results:
        found.append((yield from _asked_again(one)))
    return found


def pause(seconds: float, title: str) -> Steps[None]:
    """Wait a moment: ``yield from pause(2, "until it shows")``."""
    yield Pause(title, seconds=seconds)


def note(title: str, *lines: str, warning: bool = False, kind: str = "") -> Steps[None]:
    """Write a note to the log: ``yield from note(...)``."""
    yield Note(title, tuple(lines), warning, kind)
