"""The control port: JSON lines over TCP on loopback.

`{"op": "advance", "seconds": 60}` is answered by `{"ok": true, "result": ...}` or
`{"ok": false, "error": TEXT}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from lab.array.refused import Refused

LIMIT = 64 * 1024 * 1024


class ControlPort:
    def __init__(self, operate: Callable[[str, dict[str, Any]], Awaitable[Any]], address: str) -> None:
        """:param operate: does an operation, given by its name and its words.
        :param address: of this machine, to listen on.
        """
        self.operate = operate
        self.address = address
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.address, 0, limit=LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write((json.dumps(await self._answer(line)) + "\n").encode())
                await writer.drain()
        self._tasks.discard(task)
        writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            words = json.loads(line)
            if not isinstance(words, dict) or "op" not in words:
                raise ValueError('expected {"op": NAME, ...}')
            return {"ok": True, "result": await self.operate(words.pop("op"), words)}
        except (ValueError, KeyError, TypeError, Refused) as error:
            reason = error.args[0] if error.args else type(error).__name__
            return {"ok": False, "error": str(reason)}
