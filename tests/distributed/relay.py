"""A network between Airflow and the lab that can be dropped: what was sent then arrives later or never."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any


class Relay:
    """Passes connections on, each from a port of its own; while dropped, nothing gets through either way.

    As with lost packets, neither side is told: no connection is closed, and a new one gets no answer.
    """

    def __init__(self, connections: Mapping[str, Mapping[str, Any]]) -> None:
        self.connections: dict[str, Any] = {name: deepcopy(dict(one)) for name, one in connections.items()}
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def drop(self) -> None:
        """From now on nothing gets through."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._open.set)

    def close(self) -> None:
        async def cancel() -> None:
            for server in self._servers:
                server.close()
            tasks = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        self._open.set()
        for one in self.connections.values():
            target = one["host"], one["port"]

            async def serve(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int] = target
            ) -> None:
                await self._pass_on(reader, writer, target)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self._servers.append(server)
            one["host"], one["port"] = server.sockets[0].getsockname()[:2]

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int]
    ) -> None:
        await self._open.wait()
        try:
            there, back = await asyncio.open_connection(*target)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self._one_way(reader, back), self._one_way(there, writer))

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()


@contextlib.contextmanager
def relay(connections: Mapping[str, Mapping[str, Any]]) -> Iterator[Relay]:
    between = Relay(connections)
    try:
        yield between
    finally:
        between.close()
