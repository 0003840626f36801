"""A lab that commands are handed to without SSH: no server, no key, no file, and a clock that jumps.

Everything behind the SSH port is the same: faults, shell, programs, journal. A lab is made in a millisecond
and runs a command in less, for whoever wants to try ten thousand cases.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.array.refused import Refused
from lab.clock import Clock
from lab.config import LabConfig
from lab.faults import Fault
from lab.operations import LabError, Operations
from lab.running import Running
from lab.server.exchange import Exchange, Gone, Request
from lab.server.exchange import Reply as RestReply
from lab.server.execution import Execution, second_administrator
from lab.server.session import NoPort
from lab.unisphere.unisphere import Unisphere
from lab.world import AnyHost, World

PATIENCE = 30.0
"""Seconds within which a command ends or is lost: nothing that it waits for takes real time."""


@dataclass(frozen=True)
class Reply:
    """What comes back of a command; `exit` is None when the connection was lost before its end."""

    exit: int | None
    stdout: str
    stderr: str


class DirectLab(Operations):
    """`lab = DirectLab(config, services=...)`, `lab.execute(host, line, connection=1)`, `lab.close()`.

    One command runs at a time. What was cut off (`cut_running`, `stall`) goes on when the clock was turned
    that far. Several threads may use it, one after the other.
    """

    def __init__(
        self,
        config: LabConfig,
        *,
        services: str | Path | dict[str, Any] | None = None,
        start: float | None = None,
    ) -> None:
        clock = Clock(manual=True, start=start)
        clock.jumping = True
        self.running = Running(config, None, clock, services=services)
        self.running.world.started(self.running.services)
        self._loop = asyncio.new_event_loop()

    def execute(self, host: str, line: str, connection: int) -> Reply:
        """Run a command line as the login shell of the host's account does.

        :param host: its name or connection id.
        :param connection: the number that the journal shows.
        :raises LabError: it neither ends nor is lost, which is a fault of the lab.
        """
        world = self.running.world
        return self._loop.run_until_complete(_reply(world, world.host(host), line, connection))

    def rest(self, unisphere: str, request: Request, connection: int) -> RestReply | None:
        """Call a Unisphere by its name or connection id; None when the connection was lost before the answer.

        :raises LabError: it neither ends nor is lost, which is a fault of the lab.
        """
        return self._loop.run_until_complete(_call(self.running.unisphere(unisphere), request, connection))

    def as_administrator(self, host: str, line: str) -> None:
        """Somebody else's command, journaled as that."""
        self._loop.run_until_complete(second_administrator(self.running.world, host, line))

    def ask(self, op: str, **words: Any) -> Any:
        try:
            return self._loop.run_until_complete(self.running.operate(op, words))
        except (KeyError, ValueError, TypeError, Refused) as error:
            raise LabError(str(error.args[0] if error.args else error)) from error

    def close(self) -> None:
        """What still runs is given up."""

        async def cancel() -> None:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        self._loop.run_until_complete(cancel())
        self._loop.close()


async def _call(unisphere: Unisphere, request: Request, connection: int) -> RestReply | None:
    def down(fault: Fault) -> None:
        """Nothing listens: only the call's connection is lost."""

    exchange = Exchange(unisphere, Gone(connection), request, down)
    try:
        reply = await asyncio.wait_for(exchange.run(), PATIENCE)
    except TimeoutError:
        raise LabError(f"after {PATIENCE:.0f} s there is no end of {exchange.text}") from None
    return None if reply is None or reply.cut is not None else reply


async def _reply(world: World, host: AnyHost, line: str, connection: int) -> Reply:
    session = _Session(host.login, connection)
    task = asyncio.ensure_future(Execution(NoPort(world, host), session, session, line).run())
    task.add_done_callback(lambda _: session.ended.set())
    try:
        await asyncio.wait_for(session.ended.wait(), PATIENCE)
    except TimeoutError:
        raise LabError(f"after {PATIENCE:.0f} s there is no end on {host.name} of {line}") from None
    if task.done():
        task.result()
    return Reply(session.status, "".join(session.stdout.parts), "".join(session.stderr.parts))


class _Stream:
    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    async def drain(self) -> None:
        """What was written is there."""


class _Session:
    """As much of a session and its connection as `lab.server.session` asks for; nothing comes in."""

    def __init__(self, user: str, number: int) -> None:
        self.user, self.number = user, number
        self.stdin, self.stdout, self.stderr = self, _Stream(), _Stream()
        self.gone, self.ended = asyncio.Event(), asyncio.Event()
        self.status: int | None = None

    async def read(self) -> str:
        return ""

    async def readline(self) -> str:
        return ""

    def exit(self, status: int) -> None:
        if not self.gone.is_set():
            self.status = status
        self.ended.set()

    def abort(self) -> None:
        self.gone.set()
        self.ended.set()
