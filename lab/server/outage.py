"""A host that is down for a time: no listener, and its connections drop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from lab.faults import Fault
from lab.world import World


class Reached(Protocol):
    """Whose port it is: a host, or a Unisphere."""

    refusing: bool

    @property
    def names(self) -> tuple[str, str]:
        """The two names that faults know it by."""


class Port(Protocol):
    """The port of a host, as an outage closes and opens it."""

    world: World

    @property
    def host(self) -> Reached: ...

    def event(self, event: str, number: int, **words: Any) -> None:
        """Write it into the journal; `number` is the connection's, 0 for none."""

    def drop(self) -> None:
        """Close it, and end every connection."""

    async def open_port(self) -> None:
        """Listen again."""


class Outage:
    """Watches the faults of one host's server for `down`."""

    def __init__(self, server: Port) -> None:
        self.server = server
        self._by: dict[int, asyncio.Task[None] | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references

    def told(self, fault: Fault, there: bool) -> None:
        """A fault was set or cleared. One without `match` takes effect at once."""
        if fault.config.kind != "down" or fault.config.host not in self.server.host.names:
            return
        if there and fault.config.match is None:
            self.begin(fault)
        elif not there and fault.id in self._by:
            task = self._by.pop(fault.id)
            if task is not None:
                task.cancel()
            self._task(self._up())

    def standing(self) -> None:
        """Begin what was set before the server was started."""
        for fault in self.server.world.faults.standing("down", self.server.host.names):
            self.told(fault, True)

    def begin(self, fault: Fault) -> None:
        """The port closes now, and every connection of the host drops."""
        self.server.event("down", 0, seconds=fault.config.seconds)
        self.server.drop()
        timed = fault.config.seconds is not None
        self._by[fault.id] = self._task(self._wait(fault)) if timed else None

    async def _wait(self, fault: Fault) -> None:
        await self.server.world.clock.sleep(fault.config.seconds or 0)
        self._by.pop(fault.id, None)
        await self._up()

    async def _up(self) -> None:
        """Listen again, unless something else keeps the host away."""
        if not self._by and not self.server.host.refusing:
            await self.server.open_port()
            self.server.event("up", 0)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @property
    def lasting(self) -> bool:
        return bool(self._by)

    async def stop(self) -> None:
        """Nothing of it opens the port any more."""
        self._by.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
