"""What every driver needs to turn a result into a probe, and a configuration into commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clones.asking.steps import Command, Result
from clones.asking.whole_answers import whole, without_end
from clones.config import Host
from clones.resources.base import Failure, Probe, Use
from clones.time_limits import PROBE

EVIDENCE_LENGTH = 200

BECOME = "become=$1; shift; "
"""What a fixed text begins with that runs something as root: as ``$become PROGRAM ...``, unquoted."""
Roots = Sequence[Sequence[str]]
"""Commands, each as its words behind `become`: the program's absolute path and its arguments."""

ELSEWHERE = "elsewhere"
"""`Probe.at` of what is in use, but not the way it is configured. `start` and `stop` have nothing to send
then: whatever is there was not put there by them, so the caller fails with the evidence instead."""


def one_line(text: str) -> str:
    """The text as one printable line of at most :data:`EVIDENCE_LENGTH` characters."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(printable.split())
    return line if len(line) <= EVIDENCE_LENGTH else line[: EVIDENCE_LENGTH - 3] + "..."


def up(at: str, evidence: str) -> Probe:
    """The resource is in use."""
    return Probe(Use.UP, at, one_line(evidence))


def down(at: str, evidence: str) -> Probe:
    """The resource is proven not to be in use."""
    return Probe(Use.DOWN, at, one_line(evidence))


def unknown(evidence: str) -> Probe:
    """It cannot be told (D2)."""
    return Probe(Use.UNKNOWN, "unknown", one_line(evidence))


def how_it_ended(result: Result) -> str:
    """The ending and the last words of a command, for evidence."""
    return f"{result.ending()}: {result.said()}"


def broken(result: Result) -> str | None:
    """Why a table that :meth:`OnHost.look` asked for proves nothing: the command failed, or it is cut off."""
    if result.exit_code != 0:
        return how_it_ended(result)
    if without_end(result.stdout) is None:
        printed = lines(result.stdout)
        return f"its answer is cut off after: {printed[-1] if printed else '(nothing)'}"
    return None


def lines(text: str) -> list[str]:
    """The lines that hold text, without the one that shows that the answer is whole."""
    printed = without_end(text)
    return [line for line in (text if printed is None else printed).split("\n") if line.strip()]


class OnHost:
    """A resource on one host: builds its commands, and takes exit code 0 alone for success.

    :param timeout: seconds that each command which changes the resource may take.
    """

    started: str
    stopped: str
    prepared: str | None = None

    def __init__(self, label: str, host: Host, timeout: float) -> None:
        self.label = label
        self.host = host.connection
        self.become = host.root
        self.timeout = timeout

    def look(self, *words: str, root: bool = False) -> Command:
        """A command that only looks, in the one language whose messages are known here, to its end.

        :param root: only root may look so: through the host's `become`.
        """
        sent = self.become(*words) if root else words
        as_root = self._needed([words] if root else [])
        return Command(self.host, whole(*sent), PROBE.seconds, title=" ".join(words), as_root=as_root)

    def look_with(
        self, text: str, program: str, *arguments: str, title: str, as_root: Roots | None = None
    ) -> Command:
        """Several looks that belong together, as a fixed text for the shell: ``$0`` is the program.

        :param as_root: as of :meth:`script`.
        """
        words = ("/bin/sh", "-c", text, program, *self._first(as_root), *arguments)
        needed = self._needed(as_root or ())
        return Command(self.host, whole(*words), PROBE.seconds, title=title, as_root=needed)

    def read(self, result: Result) -> Probe:
        """The reading of what :meth:`look` asked for: no answer that is not whole is ever read (D2)."""
        reason = broken(result)
        if reason:
            return unknown(reason)
        return self.read_whole(replace(result, stdout=without_end(result.stdout) or ""))

    def read_whole(self, result: Result) -> Probe:
        """The reading of a whole answer, as the program printed it."""
        raise NotImplementedError

    def change(self, *words: str, root: bool = False) -> Command:
        """A command that changes the resource.

        :param root: only root may do so: through the host's `become`.
        """
        sent = self.become(*words) if root else words
        as_root = self._needed([words] if root else [])
        return Command(self.host, sent, timeout=self.timeout, changes=True, as_root=as_root)

    def script(self, text: str, name: str, *arguments: str, as_root: Roots | None = None) -> Command:
        """A fixed text for the shell; what is configured is only ever an argument of it (D10).

        :param as_root: the commands in it that only root may run. The text then begins with :data:`BECOME`,
            and calls each as ``$become PROGRAM ...``. None: it has none, and does not begin so.
        """
        title = f"{name} {' '.join(arguments)}"
        words = ("/bin/sh", "-c", text, name, *self._first(as_root), *arguments)
        needed = self._needed(as_root or ())
        return Command(self.host, words, timeout=self.timeout, changes=True, title=title, as_root=needed)

    def program_of(self, command: Command) -> str:
        """The path of what one of its own commands runs, behind the host's `become`."""
        own = self.become.words
        return command.words[len(own) if own and command.words[: len(own)] == own else 0]

    def _first(self, as_root: Roots | None) -> tuple[str, ...]:
        """What stands before a text's own parameters."""
        return () if as_root is None else (self.become.text,)

    def _needed(self, commands: Roots) -> tuple[tuple[str, ...], ...]:
        """What the host's rules must allow: nothing where the account needs nobody's rights but its own."""
        return tuple(tuple(words) for words in commands) if self.become else ()

    def prepare(self, at: str) -> list[Command]:
        """Nothing, unless a driver says so."""
        return []

    def failure(self, command: Command, result: Result) -> Failure | None:
        """Why a command did not do its work; what it prints does not matter, unless a driver says so."""
        if result.exit_code in self.succeeds(command):
            return None
        return Failure(
            f"ended with {how_it_ended(result)}",
            "wait for the retry; if it keeps failing, fix what the command says and clear this task",
        )

    def succeeds(self, command: Command) -> tuple[int, ...]:
        """The exit codes that mean success."""
        return (0,)


class GroupOnHost(OnHost):
    """A group of disks: it can be active while nothing uses it, and that is how it is prepared."""

    def start(self, at: str) -> list[Command]:
        raise NotImplementedError

    def prepare(self, at: str) -> list[Command]:
        return self.start(at)
