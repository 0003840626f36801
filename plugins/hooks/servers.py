"""The management servers that one task asks, each by its Airflow connection: the REST side of its hook."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from clones.asking.steps import Request, Result
from hooks.unisphere_connection import read

if TYPE_CHECKING:
    from hooks.unisphere import Opened, Unisphere

T = TypeVar("T")


class Call(Protocol):
    """Does work in the event loop of a hook, and waits for its end."""

    def __call__(self, work: Coroutine[Any, Any, T]) -> T: ...


class Servers:
    """Each is read and opened when it is first asked.

    :param call: does work in the hook's event loop.
    :param connection: Airflow's connection of an id; errors as of :meth:`hooks.driver.Driver.execute`.

    :attr:`hints` are the versions of the API, by connection id, that were known before.
    """

    def __init__(self, call: Call, connection: Callable[[str], Any]) -> None:
        self._call = call
        self._connection = connection
        self._servers: dict[str, Unisphere] = {}
        self.hints: dict[str, int] = {}

    @property
    def requests(self) -> int:
        """How many were sent."""
        return sum(server.requests for server in self._servers.values())

    @property
    def versions(self) -> dict[str, int]:
        """The versions of the API that are spoken, by connection id: hints for another hook."""
        return {name: server.version for name, server in self._servers.items() if server.version}

    def of(self, name: str) -> Unisphere:
        """The server of an Airflow connection.

        :raises Refused: the connection is not defined, or cannot be used.
        """
        if name not in self._servers:
            # It loads httpx, which a task without such a server never needs.
            from hooks.unisphere import Unisphere

            server = read(name, self._connection(name))
            self._servers[name] = Unisphere(server, self.hints.get(name))
        return self._servers[name]

    def answer_seconds(self, request: Request) -> float:
        """How long its answer may take."""
        return self.of(request.host).server.answer_seconds or request.timeout

    def answers(self, requests: Sequence[Request]) -> list[Result]:
        """As :meth:`hooks.unisphere.Unisphere.answers`."""
        return self._call(self.of(requests[0].host).answers(requests))

    def open(self, request: Request, still: Callable[[], None]) -> Opened:
        """As :meth:`hooks.unisphere.Unisphere.open`."""
        return self._call(self.of(request.host).open(request, still))

    def send(self, opened: Opened) -> Result:
        """As :meth:`hooks.unisphere.Opened.send`."""
        return self._call(opened.send())

    def drop(self, opened: Opened) -> None:
        """As :meth:`hooks.unisphere.Opened.drop`."""
        self._call(opened.drop())

    def close(self) -> None:
        """End all connections."""
        for server in self._servers.values():
            self._call(server.close())
