"""SYMCLI and host commands over SSH, blocking; :mod:`hooks.symcli_async` is the same for the triggerer.

Three things are different from the `run` of Airflow's SSH provider:

* a time limit is for the whole command, not for its silence;
* no exit status is None, never 0 and never -1: the session was lost or the process was killed, and whether
  the command took effect is not known (:class:`clones.asking.steps.Result`);
* a connection that turns host key checking off is refused.

Connections are read and opened as the triggerer's are (:mod:`hooks.connection`, :mod:`hooks.ssh`).

Two things more (D15): a changing command goes through the host's fence, and
is not sent on a look that is too old.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from secrets import token_hex
from threading import Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import asyncssh

from clones.asking.fence import Fence
from clones.asking.one_trip import Turns, as_one, take_apart
from clones.asking.steps import ESTIMATE, Command, Finished, Note, Result, Steps, Together, answer
from clones.asking.steps import run as as_steps
from clones.clean import without_marks
from clones.errors import CloneError, Refused, Stale
from clones.runs.record import TaskRecord
from hooks import clock as clocks
from hooks.connection import Login, read
from hooks.early import Early
from hooks.logins import logging_in
from hooks.ssh import Background, Talk, ended, hang_up, log_in, lost
from hooks.ssh_options import prepare
from hooks.without_airflow import base_hook

if TYPE_CHECKING:
    from airflow.sdk import BaseHook
else:
    BaseHook = base_hook()

T = TypeVar("T")

NONCE_BYTES = 8
LOGGED_LINES = 200
"""Lines of one stream that the task's log shows; a device list of hundreds of pairs is longer."""


class SymcliHook(BaseHook):
    """Runs commands over SSH, with one SSH session per host, kept until the hook is closed.

    By itself, for one host, also in a task of your own (:meth:`run_command`)::

        with SymcliHook("symcli_demo") as hook:
            result = hook.run_command(["/usr/symcli/bin/symcfg", "list"], timeout=120)

    For a procedure of the domain, whose commands name their hosts themselves (:meth:`run`)::

        with SymcliHook() as hosts:
            seen = hosts.run(observe(scope, sync))

    :param connection: Airflow connection id (SSH) of the host on which :meth:`run_command` runs; None: this
        hook only runs procedures.
    :param record: where every command and note is kept, or None.
    :param level: of the log, at which each command, what came back and notes are written; not warnings and
        estimates.
    :param look_limit: seconds after which a look is too old to change anything on it; None: never.
    :param must_fence: send nothing that changes anything but through :attr:`fence`.
    :param clock: tells seconds, also those of a suspended machine; None: :func:`hooks.clock.awake`.
    :param logger_name: of the log, as Airflow's hooks have it; None: the hook's own.

    :attr:`fence` is the token of the try that this hook works for; without one, commands are sent as they
    are.
    :attr:`under_way` are the commands that were sent and have not come back.
    """

    def __init__(
        self,
        connection: str | None = None,
        *,
        record: TaskRecord | None = None,
        level: int = logging.INFO,
        look_limit: float | None = None,
        must_fence: bool = False,
        clock: Callable[[], float] | None = None,
        logger_name: str | None = None,
    ) -> None:
        super().__init__(logger_name)
        self.connection = connection
        self.level = level
        self.look_limit = look_limit
        self.must_fence = must_fence
        self.clock = clock or clocks.awake
        self.fence: Fence | None = None
        self._oldest_look: float | None = None
        self._acted = False
        self._background: Background | None = None
        self._early: Early | None = None
        self._counting = Lock()
        self._logins: dict[str, Login] = {}
        self._clients: dict[str, asyncssh.SSHClientConnection] = {}
        self._coming: dict[str, Future[asyncssh.SSHClientConnection]] = {}
        self.connections = 0
        self.commands = 0
        self.record = record
        self.trips = 0
        self.under_way: tuple[Command, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._early is not None:
            self._early.stop()
        if self._background is not None:
            for host, coming in self._coming.items():
                if coming.done() and not coming.exception():  # nobody has asked for it
                    self._clients[host] = coming.result()
            self._coming.clear()
            self._hang_up()
            if self._early is not None:
                self._early.close()
                self._hang_up()  # who was logging in meanwhile
                self._early = None
            self._background.close()
            self._background = None
        self.log.log(
            self.level,
            "SSH: %d connections, %d commands in %d round trips",
            self.connections,
            self.commands,
            self.trips,
        )

    def _hang_up(self) -> None:
        while self._clients:
            self._call(hang_up(self._clients.popitem()[1]))

    def _begin(self, commands: Sequence[Command]) -> None:
        """Begin looks that come soon. One whose connection is not well says so in its turn."""
        self._background = self._background or Background()
        self._early = self._early or Early(
            lambda one: self._execute(self._client(one.host), one, Turns((one,)))
        )
        known = {}
        for host in dict.fromkeys(command.host for command in commands):
            with suppress(CloneError):
                known[host] = self._login(host)  # here: only this thread asks Airflow
        self._early.begin([command for command in commands if command.host in known])

    def expect(self, hosts: Sequence[str]) -> None:
        """Begin to log in to these hosts, by connection id, while others are asked.

        What goes wrong is raised when the host is first asked.
        """
        for host in {*hosts} - self._clients.keys() - self._coming.keys():
            try:
                login = self._login(host)
            except CloneError:
                continue  # said when it is asked
            self._background = self._background or Background()
            self._coming[host] = Future()
            Thread(target=self._fulfil, args=(self._coming[host], host, login), daemon=True).start()

    def _fulfil(self, coming: Future[asyncssh.SSHClientConnection], host: str, login: Login) -> None:
        try:
            coming.set_result(self._connect(host, login))
        except BaseException as error:  # raised where it is waited for
            coming.set_exception(error)

    def run_command(self, words: Sequence[str], *, timeout: float = 60.0) -> Result:
        """Run one command on the host of :attr:`connection`, and log it with what came back.

        No shell takes the words apart: each arrives as it is. For a pipe give
        ``["/bin/sh", "-c", "one | other"]``.

        Best for commands that only look. One that changes something is your own affair: it takes no lock of a
        service, and no fence keeps it back when Airflow has given this try up and started another. Never send
        it again before you have looked what became of it.

        :param words: the program's absolute path, and its arguments.
        :param timeout: seconds it may take in all, from sending it to its exit code. What still runs then
            goes on there.
        :returns: ``exit_code``, ``stdout`` and ``stderr``, and how many ``seconds`` it took. ``exit_code`` is
            None when none arrived; ``lost`` then says why, and whether the command took effect is not known.
            Characters that act on a terminal are written out (``\\x1b``).
        :raises ValueError: the hook has no connection, `words` is no list of texts, or `timeout` is not
            above 0.
        :raises clones.errors.Refused: the connection is not defined, not trusted or not allowed in. Nothing
            was sent.
        :raises clones.errors.Unknown: the host cannot be reached. Nothing was sent.
        """
        if self.connection is None:
            raise ValueError("This hook has no connection. Give it one: SymcliHook('symcli_demo')")
        if isinstance(words, str) or not words or not all(isinstance(word, str) for word in words):
            raise ValueError(f"{words!r} is no list of texts. Write it like ['/bin/ls', '-l']")
        if not timeout > 0:
            raise ValueError(f"timeout={timeout} is not above 0. Give seconds")
        command = Command(self.connection, tuple(words), timeout)
        return self.run(as_steps(command))

    def run(self, steps: Steps[T]) -> T:
        """Drive a procedure to its end, logging each command and note.

        :raises CloneError: the procedure's own errors; Refused or Unknown when a host cannot be reached;
            Fenced when a newer try works there; Stale when what a change rests on was seen too long ago.
        """
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                log_note(self.log, asked, self._level_of(asked))
                if self.record:
                    self.record.noted(asked)
                asked = answer(steps)
                continue
            try:
                if isinstance(asked, Together):
                    results = self.execute_together(asked.commands)
                else:
                    results = [self.execute(asked)]
                if self.record:
                    self.record.came_back(*results)
                for result in results:
                    log_result(self.log, result, self.level)
                    if self.fence and result.command.changes:
                        self.fence.refuse_if_over(result)
            except CloneError as error:
                asked = answer(steps, error=error)
                continue
            asked = answer(steps, results if isinstance(asked, Together) else results[0])
        return asked.value

    def _level_of(self, note: Note) -> int:
        if note.warning:
            return logging.WARNING
        return logging.INFO if note.kind == ESTIMATE else self.level

    def execute_together(self, commands: tuple[Command, ...]) -> list[Result]:
        """Run commands that only look at one host, in one round trip (:mod:`clones.asking.one_trip`).

        :returns: a result a command; errors as :meth:`execute`.
        """
        nonce = token_hex(NONCE_BYTES)
        return take_apart(commands, nonce, self.execute(as_one(commands, nonce), Turns(commands, nonce)))

    def execute(self, command: Command, turns: Turns | None = None) -> Result:
        """Run one command.

        :param turns: the commands that it is made of, each with its own time limit.
        :raises Refused: the connection is not defined, not trusted or not allowed in. Nothing was sent.
        :raises Unknown: the host cannot be reached. Nothing was sent.
        :raises Stale: it changes something, and rests on a look that is too old. Nothing was sent.
        """
        if command.soon and self.look_limit is None:
            self._begin(command.soon)
        early = self._early.result(command) if self._early and turns is None else None
        if early is not None:
            self.commands += 1
            self.trips += 1
            if self.record:
                self.record.sent(command)
            return early
        client = self._client(command.host)
        turns = turns or Turns((command,))
        acts = command.changes and command.fenced
        sent = self._behind_fence(command) if acts else command
        if acts:
            self._refuse_old_looks(command)
        elif self._oldest_look is None or self._acted:
            self._oldest_look, self._acted = self.clock(), False
        if self.record:
            self.record.sent(*turns.commands)
        take_back = None
        try:
            take_back = command.before_send() if command.before_send else None
            if acts:
                self._refuse_old_looks(command)  # to keep the record may have taken long
        except CloneError:
            if take_back:
                take_back()
            if self.record:
                self.record.not_sent()
            raise
        self.commands += len(turns.commands)
        self.trips += 1
        self.under_way = turns.commands
        result = replace(self._execute(client, sent, turns), command=command)
        self.under_way = ()
        if acts:
            # Where no look stands between two changes, the second rests on the end of the first.
            self._oldest_look, self._acted = self.clock(), True
        if take_back and self.fence and self.fence.has_refused(result):
            take_back()
        return result

    def _behind_fence(self, command: Command) -> Command:
        """:raises Refused: it may only go through a fence, and there is none."""
        if self.fence is not None:
            return self.fence.around(command)
        if self.must_fence:
            raise Refused(
                f"`{command.shown()}` is not sent to {command.host}: it would change something, and this "
                "task does not hold the service's lock.",
                "leave `hold_lock` of the operator at its default, true",
            )
        return command

    def _refuse_old_looks(self, command: Command) -> None:
        """:raises Stale: the oldest look since the last change, or its end, is longer ago than the limit."""
        if self.look_limit is None or self._oldest_look is None:
            return
        age = self.clock() - self._oldest_look
        if age > self.look_limit:
            self._oldest_look = None
            raise Stale(
                f"`{command.shown()}` was not sent to {command.host}: its last check was {age:.0f} s ago "
                f"and may be outdated (allowed: {self.look_limit:.0f} s).",
                "do nothing: everything is checked again. If it stays so, find out what makes the checks "
                "slow, or raise Airflow's `[scheduler] task_instance_heartbeat_timeout`: half of it "
                "counts",
            )

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        self._background = self._background or Background()
        return self._background.call(work)

    def _execute(self, client: asyncssh.SSHClientConnection, command: Command, turns: Turns) -> Result:
        began = time.monotonic()
        try:
            talk = self._call(Talk.begin(client, command.line()))
        except (asyncssh.Error, OSError) as error:
            return lost(command, error, began)
        return ended(talk, command, turns, _drain(self._call, talk, turns))

    def _client(self, host: str) -> asyncssh.SSHClientConnection:
        before = self._clients.get(host)
        if before is not None and not before.is_closed():
            return before
        login = self._login(host)
        coming = self._coming.pop(host, None)
        client = self._clients[host] = coming.result() if coming else self._connect(host, login)
        with self._counting:
            self.connections += 1
        self.log.log(self.level, "Connected to %s (%s)", host, login.host)
        return client

    def _login(self, host: str) -> Login:
        """What the connection says."""
        if host not in self._logins:
            try:
                known = self.get_connection(host)
            except Exception as error:
                from hooks.from_airflow import no_connection  # loads Airflow, which was asked

                no_connection(host, error)
                raise
            self._logins[host] = read(host, known)
        return self._logins[host]

    def _connect(self, host: str, login: Login) -> asyncssh.SSHClientConnection:
        ready = prepare(login)  # here: this thread waits anyway, and another one would have to be started
        with logging_in(host):
            return self._call(log_in(login, ready))


def log_note(log: Any, note: Note, level: int | None = None) -> None:
    """Write a note to a task's log, as one record: each costs two processes a part of a millisecond."""
    level = level if level is not None else logging.WARNING if note.warning else logging.INFO
    log.log(level, "%s", without_marks("\n    ".join([note.title, *note.lines])))


def log_result(log: Any, result: Result, level: int = logging.INFO) -> None:
    """Write a command and what came back to a task's log, as a group that opens on one record."""
    if not log.isEnabledFor(level):  # a long answer is not cut into lines for nothing
        return
    command = result.command
    log.log(
        level,
        "::group::%s$ %s  [%s, %.2f s%s]",
        command.host,
        command.shown(),
        result.ending(),
        result.seconds,
        f" for {result.among} together" if result.among > 1 else "",
    )
    said = [command.kept()]
    for name, stream in (("stdout", result.stdout), ("stderr", result.stderr)):
        lines = stream.splitlines()
        said += [f"{name} | {line}" for line in lines[:LOGGED_LINES]]
        if len(lines) > LOGGED_LINES:
            said.append(f"{name} | ... {len(lines) - LOGGED_LINES} more lines")
    log.log(level, "%s", without_marks("\n".join(said)))
    log.log(level, "::endgroup::")


def _drain(call: Callable[[Coroutine[Any, Any, bool]], bool], talk: Talk, turns: Turns) -> bool:
    """Wait for what was sent, as :meth:`hooks.ssh.Talk.heard`."""
    return call(talk.heard(turns))
