"""The Unix socket over which the launchers behind a real `sshd` reach the lab.

Every command, whichever way it came, is run by this one process: that is how the state is shared safely.
Both sides send JSON lines: the launcher what it was called with, then `{"in": TEXT}` and `{"eof": true}`;
the lab `{"out": TEXT}`, `{"err": TEXT}` and at last `{"exit": N}`, or `{"lost": true}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shlex
from pathlib import Path
from typing import Any

from lab.hosts.control import FOLDERS
from lab.server.execution import Execution
from lab.server.session import NoPort
from lab.world import AnyHost, World

LIMIT = 64 * 1024 * 1024
GOODBYE_SECONDS = 5.0


class _Input:
    """What the launcher reads from its standard input."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._text = ""
        self._ended = False

    async def _more(self) -> None:
        line = await self._reader.readline()
        words = json.loads(line) if line else {"eof": True}
        self._text += words.get("in", "")
        self._ended = self._ended or "eof" in words

    async def read(self) -> str:
        while not self._ended:
            await self._more()
        text, self._text = self._text, ""
        return text

    async def readline(self) -> str:
        while "\n" not in self._text and not self._ended:
            await self._more()
        line, newline, self._text = self._text.partition("\n")
        return line + newline


class _Stream:
    def __init__(self, process: _Process, key: str) -> None:
        self._process, self._key = process, key

    def write(self, text: str) -> None:
        self._process.send({self._key: text})

    async def drain(self) -> None:
        """What was written is with the launcher soon."""


class _Process:
    """One launcher, with as much of a session and of its connection as `lab.server.session` asks for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self._writer = writer
        self.stdin = _Input(reader)
        self.stdout, self.stderr = _Stream(self, "out"), _Stream(self, "err")
        self.number = number
        self.user = ""
        self.gone = asyncio.Event()

    def send(self, words: dict[str, Any]) -> None:
        if not self._writer.is_closing():
            self._writer.write((json.dumps(words) + "\n").encode())

    def exit(self, status: int) -> None:
        self.send({"exit": status})

    def abort(self) -> None:
        self.send({"lost": True})


class CommandSocket:
    def __init__(self, world: World, path: Path, numbers: itertools.count[int]) -> None:
        self.world = world
        self.path = path
        self.numbers = numbers
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=LIMIT, backlog=1024)
        os.chmod(self.path, 0o600)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        process = _Process(reader, writer, next(self.numbers))
        with contextlib.suppress(ConnectionError, asyncio.CancelledError, ValueError, KeyError):
            words = json.loads(await reader.readline())
            host = self.world.host(words["host"])
            process.user = host.login
            await self._run(host, process, words)
            await writer.drain()
        process.gone.set()
        # A Unix socket that is closed with input unread resets the other side, which then never sees the
        # exit status that was sent before: the launcher closes first.
        with contextlib.suppress(ConnectionError, TimeoutError, asyncio.CancelledError, ValueError):
            while await asyncio.wait_for(reader.read(65536), GOODBYE_SECONDS):
                pass
        self._tasks.discard(task)
        writer.close()

    async def _run(self, host: AnyHost, process: _Process, words: dict[str, Any]) -> None:
        for path, text in words.get("files", {}).items():
            host.files.put(path, text, host.login)
        server = NoPort(self.world, host)
        if "name" in words:
            settings = [f"{k}={v}" for k, v in words["env"].items()]
            program = [f"{FOLDERS[0]}/{words['name']}", *words["words"]]
            command: str | None = shlex.join(["env", *settings, *program] if settings else program)
        else:
            command = words["command"]
        if command is not None:
            await Execution(server, process, process, command).run()
            return
        while line := await process.stdin.readline():
            if line.strip() in ("exit", "logout"):
                break
            if line.strip():
                await Execution(server, process, process, line.strip(), interactive=True).run()
        process.exit(0)
