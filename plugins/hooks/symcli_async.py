"""SYMCLI and host commands over SSH, for the triggerer: nothing blocks its event loop.

One connection a host serves everybody in the triggerer. It is opened by one at a time, carries fewer commands
at once than a stock sshd allows, and comes back after ever longer pauses when it cannot be opened.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import asyncssh
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException

from clones.asking.one_trip import Turns, as_one, take_apart
from clones.asking.steps import Command, Finished, Note, Result, Steps, Together, answer
from clones.errors import CloneError
from clones.observe.next_look import Bounds, backoff
from hooks.connection import read
from hooks.driver import NONCE_BYTES, log_note, log_result
from hooks.refusals import not_defined, unreachable
from hooks.ssh import carry_out, log_in

T = TypeVar("T")

SESSIONS = 8
"""Commands at once on one connection; a stock sshd refuses the eleventh (MaxSessions 10, documented)."""
RECONNECT = Bounds(2, 300)
"""Seconds between two tries to open a connection."""
LONG_ANSWER = 20_000
"""Characters from which an answer is read in a thread: 500 devices take a twentieth of a second and more."""
READER = ThreadPoolExecutor(1, thread_name_prefix="symclone-reader")
"""One for all: several would only take turns, and each keep the memory that its largest answer took."""


@dataclass
class _Line:
    """One host: its connection, and how it went so far. ``not_before`` is on the event loop's clock."""

    users: int = 0
    connection: asyncssh.SSHClientConnection | None = None
    failures: int = 0
    not_before: float = 0.0
    error: CloneError | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    sessions: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SESSIONS))

    def drop(self) -> None:
        """End the connection; the next command opens a new one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.abort()


class SymcliHookAsync(BaseHook):
    """Runs the domain's procedures, with one SSH connection per host, opened when first needed.

    It belongs to the event loop in which it is used.

    :param chance: 0 to 1, drawn for each pause after a failure.
    """

    def __init__(self, *, chance: Callable[[], float] = random.random, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lines: dict[str, _Line] = {}
        self._chance = chance

    @asynccontextmanager
    async def using(self, host: str) -> AsyncIterator[None]:
        """Keep the host's connection, once it is opened, until the last user has left."""
        line = self._line(host)
        line.users += 1
        try:
            yield
        finally:
            line.users -= 1
            if not line.users:
                line.drop()

    async def close(self) -> None:
        """Drop all connections; the next command opens new ones."""
        for line in self._lines.values():
            line.drop()

    async def run(self, steps: Steps[T]) -> T:
        """Drive a procedure to its end; commands and notes are logged at debug level only.

        :raises CloneError: as :meth:`hooks.symcli.SymcliHook.run`.
        """
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                log_note(self.log, asked, logging.WARNING if asked.warning else logging.DEBUG)
                asked = answer(steps)
                continue
            try:
                if isinstance(asked, Together):
                    results = await self.execute_together(asked.commands)
                else:
                    results = [await self.execute(asked)]
            except CloneError as error:
                asked = answer(steps, error=error)
                continue
            for result in results:
                log_result(self.log, result, logging.DEBUG)
            reply = results if isinstance(asked, Together) else results[0]
            if sum(len(result.stdout) for result in results) < LONG_ANSWER:
                asked = answer(steps, reply)
            else:
                asked = await asyncio.get_running_loop().run_in_executor(READER, answer, steps, reply)
        return asked.value

    async def execute_together(self, commands: tuple[Command, ...]) -> list[Result]:
        """As :meth:`hooks.symcli.SymcliHook.execute_together`."""
        nonce = token_hex(NONCE_BYTES)
        return take_apart(
            commands, nonce, await self.execute(as_one(commands, nonce), Turns(commands, nonce))
        )

    async def execute(self, command: Command, turns: Turns | None = None) -> Result:
        """Run one command; errors as :meth:`hooks.symcli.SymcliHook.execute`.

        :param turns: the commands that it is made of, each with its own time limit.
        :raises ValueError: it changes something; no fence stands before it here.
        """
        if command.changes:
            raise ValueError(f"the triggerer only reads: it does not send {command.shown()}")
        line = self._line(command.host)
        async with line.sessions:
            connection = await self.connect(command.host)
            result = await carry_out(connection, command, turns or Turns((command,)))
            if result.exit_code is None and line.connection is connection:
                # What still runs there would go on to count as one of the connection's sessions.
                line.drop()
        return result

    async def connect(self, host: str) -> asyncssh.SSHClientConnection:
        """The host's connection, opened if need be.

        After a failure nothing is tried before a pause is over: the same error is raised again.

        :raises Refused: the connection is not defined, not trusted or not allowed in.
        :raises Unknown: the host cannot be reached.
        """
        line = self._line(host)
        async with line.opening:
            if line.connection is not None and not line.connection.is_closed():
                return line.connection
            now = asyncio.get_running_loop().time()
            if line.error is not None and now < line.not_before:
                raise type(line.error)(line.error.what, line.error.remedy)
            try:
                line.connection = await self._open(host)
            except CloneError as error:
                line.failures += 1
                now = asyncio.get_running_loop().time()
                line.not_before = now + backoff(line.failures, RECONNECT, self._chance())
                line.error = error
                raise
            line.failures, line.error = 0, None
            return line.connection

    async def _open(self, host: str) -> asyncssh.SSHClientConnection:
        try:
            known = await self.aget_connection(host)
        except (AirflowException, ValueError) as error:
            raise not_defined(host, error) from None
        except Exception as error:  # what Airflow's own lookup of the connection may raise
            raise unreachable(host, str(error) or type(error).__name__) from None
        return await log_in(read(host, known))

    def _line(self, host: str) -> _Line:
        return self._lines.setdefault(host, _Line())


_HOOKS: WeakKeyDictionary[asyncio.AbstractEventLoop, SymcliHookAsync] = WeakKeyDictionary()


def shared_hook() -> SymcliHookAsync:
    """The one hook of the running event loop, of which a triggerer has one."""
    return _HOOKS.setdefault(asyncio.get_running_loop(), SymcliHookAsync())
