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
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import asyncssh
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException

from clones.asking.one_trip import Turns, as_one, take_apart
from clones.asking.steps import (
    Command,
    Finished,
    Note,
    Pause,
    Request,
    Result,
    Steps,
    Together,
    answer,
)
from clones.errors import CloneError
from hooks.connection import read
from hooks.driver import NONCE_BYTES
from hooks.lines import Line
from hooks.refusals import not_defined, unreachable
from hooks.ssh import carry_out, log_in
from hooks.task_log import log_note, log_result

if TYPE_CHECKING:
    from hooks.unisphere_async import Servers

T = TypeVar("T")

SESSIONS = 8
"""Commands at once on one connection; a stock sshd refuses the eleventh (MaxSessions 10, documented)."""
LONG_ANSWER = 20_000
"""Characters from which an answer is read in a thread: 500 devices take a twentieth of a second and more."""
READER = ThreadPoolExecutor(1, thread_name_prefix="symclone-reader")
"""One for all: several would only take turns, and each keep the memory that its largest answer took."""


class SymcliHookAsync(BaseHook):
    """Runs the domain's procedures, with one SSH connection per host, opened when first needed.

    It belongs to the event loop in which it is used.

    :param chance: 0 to 1, drawn for each pause after a failure.
    """

    def __init__(self, *, chance: Callable[[], float] = random.random, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lines: dict[str, Line[asyncssh.SSHClientConnection]] = {}
        self._sessions: dict[str, asyncio.Semaphore] = {}
        self._chance = chance
        self._servers: Servers | None = None

    @property
    def servers(self) -> Servers:
        """Whom it sends requests to."""
        if self._servers is None:
            # It loads httpx, which a triggerer that waits for no such array never needs.
            from hooks.unisphere_async import Servers

            self._servers = Servers(lambda name: self._known(name, "HTTP"), self._chance)
        return self._servers

    @asynccontextmanager
    async def using(self, host: str) -> AsyncIterator[None]:
        """Keep the host's connection, once it is opened, until the last user has left."""
        with self._line(host).used():
            yield

    async def close(self) -> None:
        """Drop all connections; the next command opens new ones."""
        for line in self._lines.values():
            line.end()
        if self._servers is not None:
            await self._servers.close()

    async def run(self, steps: Steps[T]) -> T:
        """Drive a procedure to its end; commands and notes are logged at debug level only.

        :raises CloneError: as :meth:`hooks.symcli.SymcliHook.run`.
        """
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                log_note(self.log, asked, logging.WARNING if asked.warning else logging.DEBUG)
                if isinstance(asked, Pause):
                    await asyncio.sleep(asked.seconds)
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
        requests = [one for one in commands if isinstance(one, Request)]
        if requests:
            return await self.servers.answers(requests)
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
        if isinstance(command, Request):
            (result,) = await self.servers.answers([command])
            return result
        line = self._line(command.host)
        async with self._sessions.setdefault(command.host, asyncio.Semaphore(SESSIONS)):
            connection = await self.connect(command.host)
            result = await carry_out(connection, command, turns or Turns((command,)))
            if result.exit_code is None and line.connection is connection:
                # What still runs there would go on to count as one of the connection's sessions.
                line.end()
        return result

    async def connect(self, host: str) -> asyncssh.SSHClientConnection:
        """The host's connection, opened if need be.

        After a failure nothing is tried before a pause is over: the same error is raised again.

        :raises Refused: the connection is not defined, not trusted or not allowed in.
        :raises Unknown: the host cannot be reached.
        """
        return await self._line(host).opened(
            lambda connection: connection.is_closed(), lambda: self._open(host), self._chance
        )

    async def _open(self, host: str) -> asyncssh.SSHClientConnection:
        return await log_in(read(host, await self._known(host)))

    async def _known(self, name: str, kind: str = "SSH") -> Any:
        """Airflow's connection of that id.

        :raises Refused: it is not defined.
        :raises Unknown: Airflow could not be asked.
        """
        try:
            return await self.aget_connection(name)
        except (AirflowException, ValueError) as error:
            raise not_defined(name, error, kind) from None
        except Exception as error:  # what Airflow's own lookup of the connection may raise
            raise unreachable(name, str(error) or type(error).__name__) from None

    def _line(self, host: str) -> Line[asyncssh.SSHClientConnection]:
        return self._lines.setdefault(host, Line(lambda connection: connection.abort()))


_HOOKS: WeakKeyDictionary[asyncio.AbstractEventLoop, SymcliHookAsync] = WeakKeyDictionary()


def shared_hook() -> SymcliHookAsync:
    """The one hook of the running event loop, of which a triggerer has one."""
    return _HOOKS.setdefault(asyncio.get_running_loop(), SymcliHookAsync())
