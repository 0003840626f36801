"""A Unisphere's port without a network: calls are made in the lab's own event loop."""

from __future__ import annotations

import itertools
import ssl

from lab.server.exchange import Exchange, Gone, Reply, Request
from lab.server.unisphere_port import UnispherePort
from lab.unisphere.unisphere import Unisphere


class MemoryUnisphere(UnispherePort):
    """:param port: told apart from those of the others; nothing listens there."""

    def __init__(self, unisphere: Unisphere, numbers: itertools.count[int], port: int) -> None:
        super().__init__(unisphere)
        self.port = port
        self._numbers = numbers
        self._open = False
        self._other = False

    async def open_port(self) -> None:
        self._open = True

    def close_port(self) -> None:
        self._open = False

    def drop(self) -> None:
        self._open = False

    def show(self, *, other: bool) -> None:
        self._other = other

    def connected(self) -> None:
        """:raises OSError: as :meth:`call`, where no connection is made."""
        if not self._open:
            raise ConnectionRefusedError(111, "Connection refused")
        if self._other:
            raise ssl.SSLCertVerificationError(1, "certificate verify failed: unknown authority")

    async def call(self, request: Request, number: int | None = None) -> Reply:
        """:param number: of the connection, as the journal shows it; None: a new one.
        :raises OSError: the port is closed, or the connection was lost.
        :raises ssl.SSLCertVerificationError: it shows a certificate of another CA.
        """
        self.connected()
        client = Gone(next(self._numbers) if number is None else number)
        reply = await Exchange(self.unisphere, client, request, self.outage.begin).run()
        if reply is None or reply.cut is not None:
            raise ConnectionResetError(104, "Connection reset by peer")
        return reply
