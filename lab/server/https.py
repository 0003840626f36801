"""The HTTPS side: one port and one certificate a Unisphere, loopback only.

It is h11 on a stream, no web framework: faults cut connections before, within and after an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from typing import Any

import h11

from lab.server.certificates import Authority
from lab.server.exchange import Exchange, Gone, Reply, Request
from lab.server.unisphere_port import UnispherePort
from lab.unisphere.unisphere import Unisphere

MOST = 65_536


class Connection(Gone):
    """One connection: it reads ahead, so that it is known at once when the client goes away."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(number)
        self.writer = writer
        self.http = h11.Connection(h11.SERVER)
        self._reader = reader
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self.reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        data = b"-"
        while data:
            data = b""
            with contextlib.suppress(OSError, ssl.SSLError):
                data = await self._reader.read(MOST)
            if not data:
                self.gone.set()
            self._arrived.put_nowait(data)

    def abort(self) -> None:
        super().abort()
        self.writer.transport.abort()

    async def request(self) -> Request | None:
        """The next one; None when there is none."""
        head: h11.Request | None = None
        body = b""
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                if self.http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self.writer.write(self.http.send(go_on) or b"")
                self.http.receive_data(await self._arrived.get())
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode(): value.decode() for name, value in head.headers}
                return Request(head.method.decode(), head.target.decode(), headers, body)
            else:
                return None

    async def send(self, reply: Reply) -> bool:
        """False: nothing more goes over this connection."""
        headers = list(reply.headers.items())
        data = self.http.send(h11.Response(status_code=reply.status, headers=headers)) or b""
        content = self.http.send(h11.Data(data=reply.body)) or b""
        if reply.cut is not None:
            self.writer.write(data + content[: reply.cut])
            await self.writer.drain()
            return False
        self.writer.write(data + content + (self.http.send(h11.EndOfMessage()) or b""))
        await self.writer.drain()
        if self.http.our_state is not h11.DONE or self.http.their_state is not h11.DONE:
            return False
        self.http.start_next_cycle()
        return True


class UnisphereServer(UnispherePort):
    """:param authority: whose certificate it shows.
    :param other: the one whose certificate it shows while a fault says so.
    """

    def __init__(
        self, unisphere: Unisphere, authority: Authority, other: Authority, numbers: itertools.count[int],
        address: str,
    ) -> None:  # fmt: skip
        super().__init__(unisphere)
        self.authority, self.other = authority, other
        self.address = address
        self.live: set[Connection] = set()
        self._numbers = numbers
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def show(self, *, other: bool) -> None:
        """Connections that are there end."""
        authority = self.other if other else self.authority
        self._context.load_cert_chain(authority.issue(self.unisphere.name, self.address))
        for connection in list(self.live):
            connection.abort()

    async def open_port(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, self.address, self.port, ssl=self._context, backlog=1024
            )
            self.port = self._server.sockets[0].getsockname()[1]

    def close_port(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def drop(self) -> None:
        self.close_port()
        for connection in list(self.live):
            connection.abort()

    async def stop(self) -> None:
        await super().stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = Connection(next(self._numbers), reader, writer)
        self.live.add(connection)
        self.event("connect", connection.number or 0)
        try:
            await self._talk(connection)
        except (OSError, ssl.SSLError, h11.ProtocolError, asyncio.CancelledError):
            pass  # nobody is there to be told
        finally:
            connection.reading.cancel()
            self.live.discard(connection)
            self._tasks.discard(task)
            writer.close()
            self.event("disconnect", connection.number or 0)

    async def _talk(self, connection: Connection) -> None:
        while (request := await connection.request()) is not None:
            exchange = Exchange(self.unisphere, connection, request, self.outage.begin)
            reply = await exchange.run()
            if reply is None or connection.gone.is_set() or not await connection.send(reply):
                return
