"""SYMCLI and host commands over SSH, blocking and not.

Built on the SSH provider's connections. Three things are different from the provider's own `run`:

* a time limit is for the whole command, not for its silence;
* no exit status is None, never 0 and never -1: the session was lost or the process was killed, and whether
  the command took effect is not known (:class:`clones.steps.Result`);
* a connection that turns host key checking off is refused.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import socket
import time
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncssh
import paramiko
from airflow.providers.ssh.hooks.ssh import SSHHook, SSHHookAsync
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException

from clones.errors import CloneError, Refused, Unknown
from clones.run_record import TaskRecord
from clones.steps import Command, Finished, Note, Result, Steps, answer

T = TypeVar("T")

logging.getLogger("paramiko.transport").setLevel(logging.WARNING)  # its handshake is no news to an operator

CONNECT_SECONDS = 30
LINGER_SECONDS = 2.0
LOGGED_LINES = 200
"""Lines of one stream that the task's log shows; a device list of hundreds of pairs is longer."""


class SymcliHook(BaseHook):
    """Runs the domain's procedures, with one SSH connection per host, kept until the hook is closed.

    :param record: where every command and note is kept, or None.
    :param level: of the log, at which each command and what came back is written.

    :attr:`under_way` is the command that was sent and has not come back. Use it as a context manager::

        with SymcliHook() as hosts:
            seen = hosts.run(observe(scope, sync))
    """

    def __init__(self, record: TaskRecord | None = None, *, level: int = logging.INFO, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.level = level
        self._hooks: dict[str, SSHHook] = {}
        self.connections = 0
        self.commands = 0
        self.record = record
        self.under_way: Command | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for hook in self._hooks.values():
            if hook.client is not None:
                hook.client.close()
        self.log.info("SSH: %d connections, %d commands", self.connections, self.commands)

    def run(self, steps: Steps[T]) -> T:
        """Drive a procedure to its end, logging each command and note.

        :raises CloneError: the procedure's own errors, and Refused or Unknown when a host cannot be reached.
        """
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                log_note(self.log, asked)
                if self.record:
                    self.record.noted(asked)
                asked = answer(steps)
                continue
            try:
                result = self.execute(asked)
            except CloneError as error:
                asked = answer(steps, error=error)
            else:
                log_result(self.log, result, self.level)
                asked = answer(steps, result)
        return asked.value

    def execute(self, command: Command) -> Result:
        """Run one command.

        :raises Refused: the connection is not defined, not trusted or not allowed in. Nothing was sent.
        :raises Unknown: the host cannot be reached. Nothing was sent.
        """
        client = self._client(command.host)
        self.commands += 1
        if self.record:
            self.record.sent(command)
        self.under_way = command
        result = self._execute(client, command)
        self.under_way = None
        if self.record:
            self.record.came_back(result)
        return result

    def _execute(self, client: paramiko.SSHClient, command: Command) -> Result:
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
                if _drain(channel, stdout, stderr, started + command.timeout):
                    exit_code = channel.recv_exit_status()
                    if exit_code < 0:
                        exit_code, lost = None, "the SSH session was lost or the process was killed"
                else:
                    lost = f"it took longer than {command.timeout:g} s and may still be running there"
        except (paramiko.SSHException, OSError, EOFError) as error:
            lost = f"the SSH session was lost: {error or type(error).__name__}"
        return Result(command, exit_code, _text(stdout), _text(stderr), time.monotonic() - started, lost)

    def _client(self, host: str) -> paramiko.SSHClient:
        if host not in self._hooks:
            try:
                hook = SSHHook(
                    ssh_conn_id=host, cmd_timeout=None, conn_retry_attempts=1, auth_timeout=CONNECT_SECONDS
                )
            except (AirflowException, ValueError) as error:
                raise _not_defined(host, error) from None
            if hook.no_host_key_check or hook.allow_host_key_change:
                raise _unchecked(host)
            hook.conn_timeout = hook.conn_timeout or CONNECT_SECONDS
            self._hooks[host] = hook
        hook = self._hooks[host]
        before = hook.client
        try:
            client = hook.get_conn()
        except paramiko.BadHostKeyException as error:
            raise _other_key(host, str(error)) from None
        except paramiko.AuthenticationException as error:
            raise _not_let_in(host, str(error)) from None
        except paramiko.SSHException as error:
            if "known_hosts" in str(error):
                raise _other_key(host, str(error)) from None
            raise _unreachable(host, str(error)) from None
        except FileNotFoundError as error:  # the key file
            raise _not_defined(host, error) from None
        except (OSError, EOFError) as error:
            raise _unreachable(host, str(error) or type(error).__name__) from None
        if client is not before:
            self.connections += 1
            self.log.info("Connected to %s (%s)", host, hook.remote_host)
            transport = client.get_transport()
            if transport is not None and isinstance(transport.sock, socket.socket):
                # A command is a few small packets each way: held back for more to come, it takes 40 ms more.
                transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client


class SymcliHookAsync(BaseHook):
    """The same for the triggerer: nothing blocks, one connection per host, opened when first needed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._connections: dict[str, asyncssh.SSHClientConnection] = {}

    async def close(self) -> None:
        """Drop all connections; the next command opens new ones."""
        connections, self._connections = list(self._connections.values()), {}
        for connection in connections:
            connection.abort()

    async def run(self, steps: Steps[T]) -> T:
        """Drive a procedure to its end; commands and notes are logged at debug level only.

        :raises CloneError: as :meth:`SymcliHook.run`.
        """
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                log_note(self.log, asked, logging.WARNING if asked.warning else logging.DEBUG)
                asked = answer(steps)
                continue
            try:
                result = await self.execute(asked)
            except CloneError as error:
                asked = answer(steps, error=error)
            else:
                log_result(self.log, result, logging.DEBUG)
                asked = answer(steps, result)
        return asked.value

    async def execute(self, command: Command) -> Result:
        """Run one command; errors as :meth:`SymcliHook.execute`."""
        connection = await self._connection(command.host)
        started = time.monotonic()
        try:
            done = await asyncio.wait_for(
                connection.run(command.line(), check=False, encoding=None, stdin=asyncssh.DEVNULL),
                command.timeout,
            )
        except TimeoutError:
            lost = f"it took longer than {command.timeout:g} s and may still be running there"
            return Result(command, None, seconds=time.monotonic() - started, lost=lost)
        except (asyncssh.Error, OSError) as error:
            await self.close()
            return Result(
                command, None, seconds=time.monotonic() - started, lost=f"the SSH session was lost: {error}"
            )
        exit_code = done.exit_status if done.exit_status is not None and done.exit_status >= 0 else None
        lost = "" if exit_code is not None else "the SSH session was lost or the process was killed"
        if exit_code is None:
            await self.close()
        return Result(
            command, exit_code, _text(done.stdout), _text(done.stderr), time.monotonic() - started, lost
        )

    async def _connection(self, host: str) -> asyncssh.SSHClientConnection:
        if host in self._connections:
            return self._connections[host]
        try:
            hook = SSHHookAsync(ssh_conn_id=host)
            # The provider's own connect ignores `conn_timeout` and would hang for two minutes.
            connection = await asyncio.wait_for(hook.get_conn(), CONNECT_SECONDS)
        except (AirflowException, ValueError) as error:
            raise _not_defined(host, error) from None
        except asyncssh.HostKeyNotVerifiable as error:
            raise _other_key(host, str(error)) from None
        except asyncssh.PermissionDenied as error:
            raise _not_let_in(host, str(error)) from None
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise _unreachable(host, str(error) or type(error).__name__) from None
        if str(hook.known_hosts) == "none":
            connection.abort()
            raise _unchecked(host)
        self._connections[host] = connection
        return connection


def log_note(log: Any, note: Note, level: int | None = None) -> None:
    """Write a note to a task's log; one with lines as a group that opens."""
    level = level if level is not None else logging.WARNING if note.warning else logging.INFO
    log.log(level, "%s", note.title)
    for line in note.lines:
        log.log(level, "    %s", line)


def log_result(log: Any, result: Result, level: int = logging.INFO) -> None:
    """Write a command and what came back to a task's log, as a group that opens."""
    command = result.command
    log.log(
        level,
        "::group::%s$ %s  [%s, %.2f s]",
        command.host,
        command.shown(),
        result.ending(),
        result.seconds,
    )
    log.log(level, "%s", command.line())
    for name, stream in (("stdout", result.stdout), ("stderr", result.stderr)):
        lines = stream.splitlines()
        for line in lines[:LOGGED_LINES]:
            log.log(level, "%s | %s", name, line)
        if len(lines) > LOGGED_LINES:
            log.log(level, "%s | ... %d more lines", name, len(lines) - LOGGED_LINES)
    log.log(level, "::endgroup::")


def _drain(channel: paramiko.Channel, stdout: bytearray, stderr: bytearray, deadline: float) -> bool:
    """Read both streams until the program has ended. False when the deadline came first.

    A program may leave a daemon behind that keeps its output open: the channel then never ends, so after the
    exit status the end of the output is waited for only a little.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        lingering = False
        while True:
            while channel.recv_ready():
                stdout += channel.recv(65536)
            while channel.recv_stderr_ready():
                stderr += channel.recv_stderr(65536)
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


def _text(data: Any) -> str:
    return bytes(data or b"").decode("utf-8", "replace")


def _not_defined(host: str, error: Exception) -> Refused:
    return Refused(
        f"Airflow connection {host} cannot be used: {error}. Nothing was sent.",
        f"define the SSH connection {host}",
    )


def _unchecked(host: str) -> Refused:
    return Refused(
        f"Airflow connection {host} turns host key checking off. Nothing was sent.",
        "remove `no_host_key_check` and `allow_host_key_change` from its extra, and put the host's key in "
        "`host_key`",
    )


def _other_key(host: str, error: str) -> Refused:
    return Refused(
        f"{host} does not show the host key that its Airflow connection expects: {error}. Nothing was sent.",
        "find out why: another machine may answer in its place. Only then put the new key into `host_key` "
        "of the connection",
    )


def _not_let_in(host: str, error: str) -> Refused:
    return Refused(
        f"{host} does not accept the key or login of its Airflow connection: {error}. Nothing was sent.",
        "check `login` and `key_file` of the connection, and the account's authorized keys on the host",
    )


def _unreachable(host: str, error: str) -> Unknown:
    return Unknown(
        f"{host} cannot be reached over SSH: {error}. Nothing was sent.",
        "it is tried again; see that the host and its SSH server run",
    )
