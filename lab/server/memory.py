"""A host's port without a network: connections and sessions as asyncssh's client has them.

Everything happens in the lab's own event loop. Nobody's key is looked at; who logs in under another name than
the host's account is turned away.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import asyncssh

from lab.server.execution import Execution
from lab.server.ssh import HostServer, Login
from lab.world import AnyHost, World


class _Open:
    """Stands for the listening socket."""

    def close(self) -> None:
        """Nothing is to be closed."""


class MemoryServer(HostServer):
    """:param port: told apart from those of the other hosts; nothing listens there."""

    def __init__(
        self, world: World, host: AnyHost, key: asyncssh.SSHKey, client_key: asyncssh.SSHKey,
        numbers: itertools.count[int], port: int,
    ) -> None:  # fmt: skip
        super().__init__(world, host, key, client_key, numbers)
        self.port = port

    async def _listen(self) -> None:
        self._acceptor = _Open()  # type: ignore[assignment]

    def connect(self, user: str) -> Connection:
        """:raises OSError: the port is closed.
        :raises asyncssh.PermissionDenied: it is another account.
        """
        if self._acceptor is None:
            raise ConnectionRefusedError(111, "Connection refused")
        connection = Connection(self, user)
        if user != self.host.login:
            connection.abort()
            raise asyncssh.PermissionDenied(f"Permission denied for user {user}")
        return connection


class Connection:
    """As much of `asyncssh.SSHClientConnection` as a client of commands uses."""

    def __init__(self, server: MemoryServer, user: str) -> None:
        self._server = server
        self._sessions: set[_Session] = set()
        self._closed = False
        self._login = Login(server)
        self._login.connection_made(self)  # type: ignore[arg-type]
        self._login.begin_auth(user)

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._end(None)

    async def wait_closed(self) -> None:
        """It is closed at once."""

    def abort(self) -> None:
        self._end(asyncssh.ConnectionLost("Connection lost"))

    def _end(self, error: Exception | None) -> None:
        if self._closed:
            return
        self._closed = True
        for session in list(self._sessions):
            session.end(error)
        self._login.connection_lost(error)

    async def create_session(
        self, factory: Callable[[], Any], command: str, *, encoding: None = None
    ) -> tuple[_Session, Any]:
        """Begin a command; its output comes to the session that the factory makes, as bytes."""
        if self._closed:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "SSH connection closed")
        talk = factory()
        session = _Session(talk, self._sessions.discard)
        self._sessions.add(session)
        talk.connection_made(session)
        session.task = asyncio.ensure_future(self._run(session, command))
        return session, talk

    async def _run(self, session: _Session, command: str) -> None:
        try:
            await Execution(self._server, self._login, session, command).run()
        except Exception:  # a fault of the lab's own: nobody waits for its end for ever
            self.abort()
            raise


class _Stream:
    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def write(self, text: str) -> None:
        self._write(text.encode("utf-8", "surrogateescape"))

    async def drain(self) -> None:
        """What was written is there."""


class _Session:
    """Both ends of a session: the client's channel, and the process of the server; nothing comes in."""

    def __init__(self, talk: Any, forget: Callable[[_Session], None]) -> None:
        self._talk = talk
        self._forget = forget
        self._ended = False
        self.task: asyncio.Task[None] | None = None
        self.stdin = self
        self.stdout = _Stream(lambda data: self._deliver(data, None))
        self.stderr = _Stream(lambda data: self._deliver(data, asyncssh.EXTENDED_DATA_STDERR))

    def _deliver(self, data: bytes, kind: int | None) -> None:
        if self._ended:
            raise BrokenPipeError(32, "Broken pipe")
        self._talk.data_received(data, kind)

    def end(self, error: Exception | None) -> None:
        """No more comes to the client."""
        if not self._ended:
            self._ended = True
            self._forget(self)
            self._talk.connection_lost(error)

    # the server's process

    async def read(self) -> str:
        return ""

    async def readline(self) -> str:
        return ""

    def exit(self, status: int) -> None:
        if not self._ended:
            self._talk.exit_status_received(status)
            self._talk.eof_received()
            self.end(None)

    # the client's channel

    def write_eof(self) -> None:
        """Nothing was to come in anyway."""

    def abort(self) -> None:
        self.end(None)
