"""Whom a triggerer talks to: one connection for everybody, and ever longer pauses when it cannot be had."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from clones.errors import CloneError
from clones.observe.next_look import Bounds, backoff

C = TypeVar("C")

RECONNECT = Bounds(2, 300)
"""Seconds between two tries to open a connection."""


@dataclass
class Line(Generic[C]):
    """One host or server: its connection, and how it went so far.

    :param drop: ends a connection.
    :param not_before: on the event loop's clock.
    """

    drop: Callable[[C], None]
    users: int = 0
    connection: C | None = None
    failures: int = 0
    not_before: float = 0.0
    error: CloneError | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep the connection, once it is opened, until the last user has left."""
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1
            if not self.users:
                self.end()

    def end(self) -> None:
        """End the connection; who needs one next opens another."""
        connection, self.connection = self.connection, None
        if connection is not None:
            self.drop(connection)

    async def opened(
        self, is_closed: Callable[[C], bool], make: Callable[[], Awaitable[C]], chance: Callable[[], float]
    ) -> C:
        """The connection, opened by one at a time.

        After a failure nothing is tried before a pause is over: the same error is raised again.

        :param chance: 0 to 1, drawn for each pause.
        :raises CloneError: what `make` raised.
        """
        async with self.opening:
            if self.connection is not None and not is_closed(self.connection):
                return self.connection
            if self.error is not None and asyncio.get_running_loop().time() < self.not_before:
                raise type(self.error)(self.error.what, self.error.remedy)
            try:
                self.connection = await make()
            except CloneError as error:
                self.failures += 1
                now = asyncio.get_running_loop().time()
                self.not_before = now + backoff(self.failures, RECONNECT, chance())
                self.error = error
                raise
            self.failures, self.error = 0, None
            return self.connection
