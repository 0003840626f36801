"""SYMCLI and host commands over SSH, blocking; :mod:`hooks.symcli_async` is the same for the triggerer.

Built on the SSH provider's connections. Three things are different from the provider's own `run`:

* a time limit is for the whole command, not for its silence;
* no exit status is None, never 0 and never -1: the session was lost or the process was killed, and whether
  the command took effect is not known (:class:`clones.steps.Result`);
* a connection that turns host key checking off is refused.

And two more than a connection alone would give (D15): a changing command goes through the host's fence, and
is not sent on a look that is too old.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from secrets import token_hex
from types import TracebackType
from typing import Any, Self, TypeVar

import paramiko
from airflow.providers.ssh.hooks.ssh import SSHHook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException
from airflow.sdk.execution_time.comms import GetConnection

from clones.errors import CloneError, Refused, Stale
from clones.fence import Fence
from clones.one_trip import Turns, as_one, take_apart
from clones.run_record import TaskRecord
from clones.steps import ESTIMATE, Command, Finished, Note, Result, Steps, Together, answer
from hooks.from_airflow import refuse_to_guess
from hooks.logins import logging_in
from hooks.refusals import not_defined, not_let_in, other_key, text, unchecked, unreachable

T = TypeVar("T")

logging.getLogger("paramiko.transport").setLevel(logging.WARNING)  # its handshake is no news to an operator

CONNECT_SECONDS = 30
LINGER_SECONDS = 2.0
NONCE_BYTES = 8
LOGGED_LINES = 200
"""Lines of one stream that the task's log shows; a device list of hundreds of pairs is longer."""


def awake() -> float:
    """Seconds on a clock that goes on while the machine is suspended, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class _Connection(SSHHook):
    """The provider's hook, on a socket that sends every packet at once.

    The handshake and each command are a few small packets each way. Held back for more to come, as TCP does
    by default, a connection takes 40 to 70 ms more, and a command 40 ms.
    """

    @property
    def host_proxy(self) -> Any:
        """What the connection goes over, a new one each time: the configured proxy command, or the socket."""
        if self.host_proxy_cmd:
            return paramiko.ProxyCommand(self.host_proxy_cmd)
        sock = socket.create_connection((self.remote_host, self.port), self.conn_timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


class SymcliHook(BaseHook):
    """Runs the domain's procedures, with one SSH connection per host, kept until the hook is closed.

    :param record: where every command and note is kept, or None.
    :param level: of the log, at which each command, what came back and notes are written; not warnings and
        estimates.
    :param look_limit: seconds after which a look is too old to change anything on it; None: never.
    :param must_fence: send nothing that changes anything but through :attr:`fence`.
    :param clock: tells seconds, also those for which the machine was suspended; None: :func:`awake`.

    :attr:`fence` is the token of the try that this hook works for; without one, commands are sent as they
    are.
    :attr:`under_way` are the commands that were sent and have not come back. Use it as a context manager::

        with SymcliHook() as hosts:
            seen = hosts.run(observe(scope, sync))
    """

    def __init__(
        self,
        record: TaskRecord | None = None,
        *,
        level: int = logging.INFO,
        look_limit: float | None = None,
        must_fence: bool = False,
        clock: Callable[[], float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.level = level
        self.look_limit = look_limit
        self.must_fence = must_fence
        self.clock = clock or awake
        self.fence: Fence | None = None
        self._oldest_look: float | None = None
        self._acted = False
        self._hooks: dict[str, _Connection] = {}
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
        for hook in self._hooks.values():
            if hook.client is not None:
                hook.client.close()
        self.log.log(
            self.level,
            "SSH: %d connections, %d commands in %d round trips",
            self.connections,
            self.commands,
            self.trips,
        )

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
        """Run commands that only look at one host, in one round trip (:mod:`clones.one_trip`).

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
                f"`{command.shown()}` was not sent to {command.host}: what it rests on was seen {age:.0f} s "
                f"ago, and may hold no more ({self.look_limit:.0f} s are allowed).",
                "do nothing: everything is looked at again. If it stays so, find out what makes the looks "
                "slow, or raise Airflow's `[scheduler] task_instance_heartbeat_timeout`: half of it counts",
            )

    def _execute(self, client: paramiko.SSHClient, command: Command, turns: Turns) -> Result:
        started = time.monotonic()
        exit_code, lost = None, ""
        stdout, stderr = bytearray(), bytearray()
        try:
            transport = client.get_transport()
            assert transport is not None
            channel = transport.open_session(timeout=CONNECT_SECONDS)
            with channel:
                channel.exec_command(command.line())
                channel.shutdown_write()
                if _drain(channel, stdout, stderr, turns):
                    exit_code = channel.recv_exit_status()
                    if exit_code < 0:
                        exit_code, lost = None, "the SSH session was lost or the process was killed"
                else:
                    lost = f"it took longer than {turns.limit:g} s and may still be running there"
        except (paramiko.SSHException, OSError, EOFError) as error:
            lost = f"the SSH session was lost: {error or type(error).__name__}"
        return Result(command, exit_code, text(stdout), text(stderr), time.monotonic() - started, lost)

    def _client(self, host: str) -> paramiko.SSHClient:
        if host not in self._hooks:
            try:
                hook = _Connection(
                    ssh_conn_id=host, cmd_timeout=None, conn_retry_attempts=1, auth_timeout=CONNECT_SECONDS
                )
            except (AirflowException, ValueError) as error:
                if isinstance(error, AirflowNotFoundException):
                    refuse_to_guess(GetConnection(conn_id=host), f"Airflow's connection {host}")
                raise not_defined(host, error) from None
            if hook.no_host_key_check or hook.allow_host_key_change:
                raise unchecked(host)
            hook.conn_timeout = hook.conn_timeout or CONNECT_SECONDS
            self._hooks[host] = hook
        hook = self._hooks[host]
        before = hook.client
        transport = before.get_transport() if before is not None else None
        alive = transport is not None and transport.is_active()
        try:
            with nullcontext() if alive else logging_in(host):
                client = hook.get_conn()
        except paramiko.BadHostKeyException as error:
            raise other_key(host, str(error)) from None
        except paramiko.AuthenticationException as error:
            raise not_let_in(host, str(error)) from None
        except paramiko.SSHException as error:
            if "known_hosts" in str(error):
                raise other_key(host, str(error)) from None
            raise unreachable(host, str(error)) from None
        except FileNotFoundError as error:  # the key file
            raise not_defined(host, error) from None
        except (OSError, EOFError) as error:
            raise unreachable(host, str(error) or type(error).__name__) from None
        if client is not before:
            self.connections += 1
            self.log.log(self.level, "Connected to %s (%s)", host, hook.remote_host)
        return client


def log_note(log: Any, note: Note, level: int | None = None) -> None:
    """Write a note to a task's log; one with lines as a group that opens."""
    level = level if level is not None else logging.WARNING if note.warning else logging.INFO
    log.log(level, "%s", note.title)
    for line in note.lines:
        log.log(level, "    %s", line)


def log_result(log: Any, result: Result, level: int = logging.INFO) -> None:
    """Write a command and what came back to a task's log, as a group that opens."""
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
    log.log(level, "%s", command.kept())
    for name, stream in (("stdout", result.stdout), ("stderr", result.stderr)):
        lines = stream.splitlines()
        for line in lines[:LOGGED_LINES]:
            log.log(level, "%s | %s", name, line)
        if len(lines) > LOGGED_LINES:
            log.log(level, "%s | ... %d more lines", name, len(lines) - LOGGED_LINES)
    log.log(level, "::endgroup::")


def _drain(channel: paramiko.Channel, stdout: bytearray, stderr: bytearray, turns: Turns) -> bool:
    """Read both streams until the program has ended. False when the time limit of one turn came first.

    A program may leave a daemon behind that keeps its output open: the channel then never ends, so after the
    exit status the end of the output is waited for only a little.
    """
    deadline = time.monotonic() + turns.limit
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        lingering = False
        while True:
            while channel.recv_ready():
                stdout += channel.recv(65536)
            while channel.recv_stderr_ready():
                stderr += channel.recv_stderr(65536)
            if turns.go_on(stdout) and not lingering:
                deadline = time.monotonic() + turns.limit
            ended = channel.exit_status_ready()
            if channel.closed or (ended and channel.eof_received):
                if not (channel.recv_ready() or channel.recv_stderr_ready()):
                    return True
                continue
            if ended and not lingering:
                deadline, lingering = min(deadline, time.monotonic() + LINGER_SECONDS), True
            left = deadline - time.monotonic()
            if left <= 0:
                return ended
            # The pipe behind the channel wakes for data and end, not for every close: look again each second.
            selector.select(min(left, 1.0))
