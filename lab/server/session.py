"""What a command asks of the way it came: a session, its connection, and the server that took it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from lab.faults import Fault
from lab.shell.streams import Input
from lab.world import AnyHost, World


class Stream(Protocol):
    """Where output of a session goes."""

    def write(self, text: str, /) -> Any: ...

    async def drain(self) -> None:
        """Wait until what was written is on its way."""


class Session(Protocol):
    @property
    def stdin(self) -> Input: ...
    @property
    def stdout(self) -> Stream: ...
    @property
    def stderr(self) -> Stream: ...

    def exit(self, status: int, /) -> None:
        """Tell the client the exit code, and end."""


class Line(Protocol):
    """The connection of a session; `number` is the journal's, `user` the login that came over it."""

    number: int
    user: str
    gone: asyncio.Event
    """Set when nobody is at its other end any more."""

    def abort(self) -> None:
        """Drop it now."""


class Server(Protocol):
    world: World

    @property
    def host(self) -> AnyHost: ...

    def go_down(self, fault: Fault) -> None:
        """The host is away for as long as the fault says: its port closes, its connections drop."""


@dataclass
class NoPort:
    """A server whose port is not the lab's: nothing can be closed, only the command's session is lost."""

    world: World
    host: AnyHost

    def go_down(self, fault: Fault) -> None:
        pass
