"""One call of a program: its words and everything it can reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from lab.filesystem import FileSystem
from lab.journal import Record
from lab.shell.process import ShellProcess
from lab.shell.streams import Input, Output


@dataclass
class Call:
    """`argv[0]` is the name as it was called; `host` is the simulated host (`lab.hosts.host.Host`); `pid` is
    the process that it runs as, None within a shell's own."""

    argv: list[str]
    env: dict[str, str]
    stdin: Input
    stdout: Output
    stderr: Output
    shell: ShellProcess
    host: Any
    record: Record
    pid: int | None = None

    @property
    def words(self) -> list[str]:
        return self.argv[1:]

    @property
    def name(self) -> str:
        return self.argv[0].rsplit("/", 1)[-1]

    @property
    def files(self) -> FileSystem:
        files: FileSystem = self.host.files
        return files

    @property
    def login(self) -> str:
        return self.shell.login

    @property
    def as_root(self) -> bool:
        """Whether it may do everything on its host."""
        return bool(self.host.account.may_all(self.login))

    def path(self, name: str) -> str:
        return self.files.resolve(name, self.shell.cwd)

    def out(self, text: str) -> None:
        self.stdout.write(text)

    def err(self, text: str) -> None:
        self.stderr.write(text)

    def line(self, text: str = "") -> None:
        self.stdout.write(text + "\n")

    def fail(self, text: str, exit: int = 1) -> int:
        """Print a line on stderr and give the exit code back."""
        self.stderr.write(text + "\n")
        return exit


Program = Callable[[Call], "int | Awaitable[int]"]
