"""A shell as a process: what it is made with, what it keeps, and what its commands may ask of it."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from lab.filesystem import FileError
from lab.journal import Record
from lab.shell.streams import Input, Output

Lines = Callable[["ShellProcess", str], Awaitable[int]]
"""Runs a command line in the shell that was made for it, and gives its exit code."""


class ExitShell(Exception):
    """The shell ends with this exit code."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ShellProcess(ABC):
    """`fds` maps 0, 1, 2 to an input and two outputs; `host` is a `lab.hosts.host.Host`."""

    def __init__(
        self,
        host: Any,
        login: str,
        record: Record,
        stdin: Input,
        stdout: Output,
        stderr: Output,
        *,
        env: dict[str, str] | None = None,
        name: str = "sh",
        depth: int = 0,
    ) -> None:
        self.host = host
        self.login = login
        self.record = record
        self.fds: dict[int, Any] = {0: stdin, 1: stdout, 2: stderr}
        self.variables: dict[str, str] = dict(env or {})
        self.exported: set[str] = set(self.variables)
        self.parameters: list[str] = []
        self.name = name
        self.options: set[str] = set()
        self.cwd = self.variables.get("HOME", "/")
        self.umask = 0o022
        self.status = 0
        self.depth = depth
        self.pid = host.next_pid()
        self.process: int | None = None
        """The process that it is, as a list shows it; None for the login's own."""
        self.lines: Lines | None = None
        """Runs what this shell gives to `sh -c`; None when that is nothing special."""
        self.lines_of_scripts: Lines | None = None
        """The `lines` of the shells that this one starts with `sh -c`."""

    @abstractmethod
    async def run(self, text: str) -> int:
        """Run a whole text and give its exit code; a syntax error runs nothing of it and is exit 2."""

    @abstractmethod
    async def program(
        self,
        argv: list[str],
        extra: dict[str, str],
        env: dict[str, str] | None = None,
        *,
        becomes: int | None = None,
    ) -> int:
        """Run a program of the host, found by its path or through PATH, and give its exit code.

        :param extra: variables beside the environment.
        :param env: the environment; None: what the shell exports.
        :param becomes: the process that becomes this program and ends with it (`exec`); None: a new one.
        """

    @abstractmethod
    def child(self, name: str, env: dict[str, str], stdout: Output | None = None) -> ShellProcess:
        """A new process: it inherits environment, directory, umask and streams."""

    def environment(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """What it exports, with `extra`."""
        env = {n: v for n, v in self.variables.items() if n in self.exported}
        env.update(extra or {})
        return env

    def complain(self, text: str) -> None:
        """Say it on standard error, unless that is the full disk too."""
        with contextlib.suppress(FileError):
            self.fds[2].write(text)
