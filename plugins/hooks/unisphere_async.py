"""Requests to management servers, for the triggerer: only looks, and nothing blocks its event loop.

One server has one :class:`hooks.unisphere.Unisphere` for everybody in the triggerer. When it cannot be
reached, or does not let its user in, it is left alone for ever longer pauses: a user whose password is wrong
would be locked out by one login a look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from clones.asking.steps import Request, Result
from hooks.lines import Line
from hooks.unisphere import Unisphere
from hooks.unisphere_connection import read

NOT_LET_IN = 401
"""HTTP status of a login that is not taken."""


class Servers:
    """They are asked by the domain's procedures, by Airflow connection id.

    It belongs to the event loop in which it is used.

    :param known: Airflow's connection of an id; errors as of :meth:`connect`.
    :param chance: 0 to 1, drawn for each pause after a failure.
    """

    def __init__(self, known: Callable[[str], Awaitable[Any]], chance: Callable[[], float]) -> None:
        self._known = known
        self._chance = chance
        self._lines: dict[str, Line[Unisphere]] = {}
        self._ending: dict[asyncio.Task[None], Unisphere] = {}

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[None]:
        """Keep the server's connections until the last user has left."""
        with self._line(name).used():
            yield

    async def close(self) -> None:
        """End all connections, and wait for that; what is under way is cut off."""
        for line in self._lines.values():
            line.end()
        for server in list(self._ending.values()):
            await server.close()
        await asyncio.gather(*self._ending)

    async def connect(self, name: str) -> Unisphere:
        """The server, of which it is known that it can be reached and lets its user in.

        :raises Refused: the connection is not defined, the server is not trusted, or does not let its user
            in.
        :raises Unknown: it cannot be reached, or does not answer as it should.
        """
        return await self._line(name).opened(lambda one: False, lambda: self._open(name), self._chance)

    async def answers(self, requests: Sequence[Request]) -> list[Result]:
        """Ask one server for these side by side; errors as :meth:`connect`.

        :raises ValueError: one changes something.
        """
        line = self._line(requests[0].host)
        server = await self.connect(requests[0].host)
        try:
            results = await server.answers(requests)
        except BaseException:
            self._begin_anew(line, server)
            raise
        if any(result.exit_code in (None, NOT_LET_IN) for result in results):
            self._begin_anew(line, server)
        return results

    @staticmethod
    def _begin_anew(line: Line[Unisphere], server: Unisphere) -> None:
        """It may have been updated, or have another user: the next look asks for its version first."""
        if line.connection is server:
            line.end()

    async def _open(self, name: str) -> Unisphere:
        server = Unisphere(read(name, await self._known(name)))
        try:
            await server.connect()
        except BaseException:
            await server.close()
            raise
        return server

    def _line(self, name: str) -> Line[Unisphere]:
        return self._lines.setdefault(name, Line(self._end))

    def _end(self, server: Unisphere) -> None:
        task = asyncio.get_running_loop().create_task(server.close_when_idle())
        self._ending[task] = server
        task.add_done_callback(self._ending.pop)
