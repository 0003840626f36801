"""SYMCLI and host commands over SSH, blocking; :mod:`hooks.symcli_async` is the same for the triggerer.

Three things are different from the `run` of Airflow's SSH provider:

* a time limit is for the whole command, not for its silence;
* no exit status is None, never 0 and never -1: the session was lost or the process was killed, and whether
  the command took effect is not known (:class:`clones.asking.steps.Result`);
* a connection that turns host key checking off is refused.

Connections are read and opened as the triggerer's are (:mod:`hooks.connection`, :mod:`hooks.ssh`). What has
to be so before anything is changed is in :mod:`hooks.driver`. Requests to an array's management server go by
:mod:`hooks.servers`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncssh

from clones.asking.one_trip import Turns
from clones.asking.steps import Command, Request, Result
from clones.asking.steps import run as as_steps
from clones.errors import CloneError
from clones.runs.record import TaskRecord
from hooks.beside import beside
from hooks.connection import Login, read
from hooks.driver import Driver
from hooks.early import Early
from hooks.logins import logging_in
from hooks.servers import Servers
from hooks.ssh import Background, Talk, ended, hang_up, log_in, lost
from hooks.ssh_options import prepare

T = TypeVar("T")


class SymcliHook(Driver):
    """Runs commands over SSH, with one SSH session per host, kept until the hook is closed; and requests.

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
        super().__init__(
            record=record,
            level=level,
            look_limit=look_limit,
            must_fence=must_fence,
            clock=clock,
            logger_name=logger_name,
        )
        self.connection = connection
        self.servers = Servers(self._call, lambda name: self._known(name, "HTTP"))
        self._background: Background | None = None
        self._counting = Lock()
        self._logins: dict[str, Login] = {}
        self._clients: dict[str, asyncssh.SSHClientConnection] = {}
        self._coming: dict[str, Future[asyncssh.SSHClientConnection]] = {}
        self.connections = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.give_back_slots()
        if self._early is not None:
            self._early.stop()
        if self._background is not None:
            for host, coming in self._coming.items():
                if coming.done() and not coming.exception():  # nobody has asked for it
                    self._clients[host] = coming.result()
            self._coming.clear()
            self._hang_up()
            self.servers.close()
            if self._early is not None:
                self._early.close()
                self._hang_up()  # who was logging in meanwhile
                self._early = None
            self._background.close()
            self._background = None
        self.log.log(
            self.level,
            "SSH: %d connections, %d commands in %d round trips%s",
            self.connections,
            self.commands,
            self.trips,
            f"; REST: {self.requests} requests" if self.requests else "",
        )

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self.servers.requests

    def _hang_up(self) -> None:
        while self._clients:
            self._call(hang_up(self._clients.popitem()[1]))

    def _begin(self, commands: Sequence[Command]) -> None:
        """Begin looks that come soon. One whose connection is not well says so in its turn."""
        self._background = self._background or Background()
        self._early = self._early or Early(self._ask_early)
        known = set()
        for command in commands:  # here: only this thread asks Airflow
            with suppress(CloneError):
                if isinstance(command, Request):
                    self.servers.of(command.host)
                else:
                    self._login(command.host)
                known.add(command.host)
        self._early.begin([command for command in commands if command.host in known])

    def _ask_early(self, command: Command) -> Result:
        if isinstance(command, Request):
            return self.servers.answers([command])[0]
        return self._execute(self._client(command.host), command, Turns((command,)))

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
            self._coming[host] = beside(partial(self._connect, host, login))

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
            self._logins[host] = read(host, self._known(host))
        return self._logins[host]

    def _known(self, name: str, kind: str = "SSH") -> Any:
        """Airflow's connection of that id.

        :raises Refused: it is not defined.
        :raises Unknown: Airflow could not be asked.
        """
        try:
            return self.get_connection(name)
        except Exception as error:
            from hooks.from_airflow import no_connection  # loads Airflow, which was asked

            no_connection(name, error, kind)
            raise

    def _connect(self, host: str, login: Login) -> asyncssh.SSHClientConnection:
        ready = prepare(login)  # here: this thread waits anyway, and another one would have to be started
        with logging_in(host):
            return self._call(log_in(login, ready))


def _drain(call: Callable[[Coroutine[Any, Any, bool]], bool], talk: Talk, turns: Turns) -> bool:
    """Wait for what was sent, as :meth:`hooks.ssh.Talk.heard`."""
    return call(talk.heard(turns))
