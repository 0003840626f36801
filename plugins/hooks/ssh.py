"""The SSH client of tasks and waits: one login, and one way to run a command.

Both use asyncssh: a wait in the triggerer's event loop, a task by :class:`Background`. So both take the same
keys, lines of known_hosts and algorithms, and say the same of what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import asyncssh
from asyncssh.packet import PacketDecodeError, SSHPacket

from clones.asking.one_trip import Turns
from clones.asking.steps import Command, Result
from clones.clean import one_line
from clones.errors import CloneError
from clones.time_limits import CLOSE, LINGER
from hooks.connection import CONNECT_SECONDS, Login
from hooks.refusals import (
    no_algorithm,
    no_way_through,
    not_let_in,
    other_key,
    text,
    unknown_key,
    unreachable,
)
from hooks.ssh_options import Prepared, prepare

T = TypeVar("T")

asyncssh.set_log_level(logging.WARNING)  # at its own it writes each command, with its hundreds of devices

HOST_KEY = "kind of host key"
KINDS = (
    ("key exchange", "_kex_algs"),
    (HOST_KEY, "_server_host_key_algs"),
    ("cipher", "_enc_algs"),
    ("cipher", "_enc_algs"),
    ("MAC", "_mac_algs"),
)
"""The first lists with which a host begins, in order (RFC 4253, 7.1), and where asyncssh has ours."""
LINGER_SECONDS = LINGER.seconds


class _Seen(asyncssh.SSHClient):
    """What was seen of a host while a connection was opened.

    :attr:`called` is whether it came so far as to speak to the host itself, and not to one on the way to it.
    """

    _connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    @property
    def called(self) -> bool:
        return self._connection is not None

    def without_match(self) -> tuple[str, list[str]]:
        """The first kind of algorithm for which the host has none that we take, and those that it has.

        asyncssh tells it only where the host has not hung up first, so this looks at what came in.
        """
        offered = getattr(self._connection, "_server_kexinit", b"")
        packet = SSHPacket(offered[17:])  # after the kind of message and the cookie
        try:
            for kind, ours in KINDS if offered else ():
                theirs = packet.get_namelist()
                both = [name for name in getattr(self._connection, ours, theirs) if name in theirs]
                if not both:
                    return kind, [name.decode("ascii", "replace") for name in theirs]
                if kind == "cipher" and (b"gcm" in both[0] or b"poly1305" in both[0]):
                    break  # it needs no MAC
        except PacketDecodeError:
            pass
        return "", []


async def log_in(login: Login, ready: Prepared | None = None) -> asyncssh.SSHClientConnection:
    """Open a connection.

    :param ready: what :func:`hooks.ssh_options.prepare` has read for it; None: it is read here, in a thread.
    :raises Refused: the connection's fields, keys or algorithms do not fit the host. Nothing was sent.
    :raises Unknown: the host cannot be reached, or not in time.
    """
    # To decrypt a key takes a tenth of a second and more.
    ready = ready or await asyncio.to_thread(prepare, login)
    seen = _Seen()
    try:
        return await asyncssh.connect(
            login.host,
            login.port,
            connect_timeout=login.seconds,
            client_factory=lambda: seen,
            **ready.options,
        )
    except Exception as error:  # also what the libraries below it raise of what a host sends
        raise _told(login, ready, seen, error) from None


def _told(login: Login, ready: Prepared, seen: _Seen, error: Exception) -> CloneError:
    """What is wrong, in words."""
    name = login.name
    reason = getattr(error, "reason", "") or str(error) or type(error).__name__
    if ready.jump and not seen.called:
        final = isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.PermissionDenied)
        return no_way_through(name, ready.jump, reason, final=final)
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return other_key(name, reason) if ready.hosts.matched else unknown_key(name, ready.hosts.where)
    if isinstance(error, asyncssh.PermissionDenied) or "authentication failures" in reason:
        return not_let_in(name, login.user, ready.shown, reason)
    kind, has = seen.without_match()  # also where the host has hung up first
    if kind == HOST_KEY and ready.hosts.matched:
        return other_key(name, f"it has {' and '.join(has)} only")
    if kind:
        return no_algorithm(name, kind, has)
    if isinstance(error, TimeoutError):
        reason = f"it did not accept the login within {login.seconds:g} s"
    return unreachable(name, reason)


class Talk(asyncssh.SSHClientSession[bytes]):
    """One command under way: what it has printed so far, and how it ended.

    :attr:`status` is its exit code, None while there is none.
    """

    def __init__(self) -> None:
        self.stdout, self.stderr = bytearray(), bytearray()
        self.status: int | None = None
        self.began = time.monotonic()
        self._eof = self._closed = False
        self._news = asyncio.Event()
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    @classmethod
    async def begin(cls, connection: asyncssh.SSHClientConnection, line: str) -> Talk:
        """Send a command.

        :raises asyncssh.Error, OSError: the session was lost; whether the command was sent is not known.
        """
        async with asyncio.timeout(CONNECT_SECONDS):
            channel, talk = await connection.create_session(cls, line, encoding=None)
        channel.write_eof()
        talk._channel = channel
        return talk

    async def heard(self, turns: Turns) -> bool:
        """Listen until the program has ended. False when the time limit of one turn came first.

        A program may leave a daemon behind that keeps its output open: the channel then never ends, so after
        the exit status the end of the output is waited for only a little.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + turns.limit
        lingering = False
        try:
            while True:
                self._news.clear()
                if turns.go_on(self.stdout) and not lingering:
                    deadline = clock() + turns.limit
                ended = self.status is not None
                if self._closed or (ended and self._eof):
                    return True
                if ended and not lingering:
                    deadline, lingering = min(deadline, clock() + LINGER_SECONDS), True
                left = deadline - clock()
                if left <= 0:
                    return ended
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), left)
        finally:
            if self._channel is not None:
                self._channel.abort()

    def result(self, command: Command, lost: str = "") -> Result:
        """What came of it.

        :param lost: why there is no exit code, when it is known better than from here.
        """
        if self.status is None and not lost:
            lost = "the SSH session was lost or the process was killed"
        code = None if lost else self.status
        seconds = time.monotonic() - self.began
        return Result(command, code, text(self.stdout), text(self.stderr), seconds, lost)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """More output."""
        stream = self.stderr if datatype == asyncssh.EXTENDED_DATA_STDERR else self.stdout
        stream += data
        self._news.set()

    def eof_received(self) -> bool:
        """No more output; the exit code may still come."""
        self._eof = True
        self._news.set()
        return True

    def exit_status_received(self, status: int) -> None:
        """The program has ended by itself."""
        self.status = status
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed."""
        self._closed = True
        self._news.set()


def lost(command: Command, error: Exception, began: float) -> Result:
    """The result when a command could not be sent, or not be told to have been.

    :param began: on :func:`time.monotonic`.
    """
    why = f"the SSH session was lost: {one_line(str(error)) or type(error).__name__}"
    return Result(command, None, "", "", time.monotonic() - began, why)


def ended(talk: Talk, command: Command, turns: Turns, heard: bool) -> Result:
    """The result of a command that was listened to.

    :param heard: as :meth:`Talk.heard` said.
    """
    late = f"it took longer than {turns.limit:g} s and may still be running there"
    return talk.result(command, "" if heard else late)


async def carry_out(connection: asyncssh.SSHClientConnection, command: Command, turns: Turns) -> Result:
    """Run one command; nothing is raised for what happens to it."""
    began = time.monotonic()
    try:
        talk = await Talk.begin(connection, command.line())
    except (asyncssh.Error, OSError) as error:
        return lost(command, error, began)
    return ended(talk, command, turns, await talk.heard(turns))


class Background:
    """An event loop in a thread of its own, for code that blocks.

    The connections stay alive while that code does something else.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="symclone-ssh", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this there and wait for its end; what interrupts the wait ends the work, too."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def close(self) -> None:
        """End the thread, and with it what is still under way."""
        self.call(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # what they have closed is closed by the loop's next turn
    await asyncio.sleep(0)


async def hang_up(connection: asyncssh.SSHClientConnection) -> None:
    """Say goodbye, and wait for it only a little."""
    connection.close()
    with suppress(TimeoutError, OSError, asyncssh.Error):
        await asyncio.wait_for(connection.wait_closed(), CLOSE.seconds)
