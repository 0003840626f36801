"""Where a command reads and writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from lab.filesystem import FileSystem


class Output(Protocol):
    def write(self, text: str) -> None: ...


class Input(Protocol):
    async def read(self) -> str: ...
    async def readline(self) -> str: ...


class Buffer:
    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def keep(self, size: int) -> None:
        """Only the first `size` bytes; a character of several bytes stays whole or not at all."""
        kept = self.text.encode(errors="surrogateescape")[:size]
        self.parts = [kept.decode(errors="ignore")]


class FileOutput:
    def __init__(self, files: FileSystem, path: str) -> None:
        self.files = files
        self.path = path

    def write(self, text: str) -> None:
        self.files.write(self.path, text)


class TextInput:
    """Fixed text, then end of file."""

    def __init__(self, text: str = "") -> None:
        self._left = text

    async def read(self) -> str:
        text, self._left = self._left, ""
        return text

    async def readline(self) -> str:
        line, newline, self._left = self._left.partition("\n")
        return line + newline


class LiveInput:
    """What the client sends; everything printed so far goes out first, so that a prompt is seen."""

    def __init__(
        self,
        read: Callable[[], Awaitable[str]],
        readline: Callable[[], Awaitable[str]],
        flush: Callable[[], None],
    ) -> None:
        self._read, self._readline, self._flush = read, readline, flush

    async def read(self) -> str:
        self._flush()
        return await self._read()

    async def readline(self) -> str:
        self._flush()
        return await self._readline()
