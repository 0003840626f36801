"""A triggerer without Airflow's process: its shared streams on a turned clock, and a written array."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncssh
import pytest
from airflow.triggers.base import TriggerEvent
from airflow.triggers.shared_stream import SharedStreamManager

import triggers.symclone
import triggers.watch
from clones.asking.steps import Command, Result
from clones.config import Service, Symcli
from clones.config.scope import Scope
from hooks.symcli_async import SymcliHookAsync
from tests.clones.written_array import SYMID, Array, Copy
from tests.triggers.turned import TurnedLoop
from triggers.symclone import SymcloneStateTrigger

BEGIN = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
HOST = "control"


class Connection:
    """As much of an SSH connection as the hook uses; a command takes a tenth of a second."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    async def create_session(self, factory: Callable[[], Any], line: str, **options: Any) -> Any:
        command = Command(HOST, tuple(shlex.split(line)))
        self.site.commands.append(command)
        await asyncio.sleep(0.1)
        if command.words[0] == "/bin/sh":  # the clock first
            command = Command(HOST, command.words[4:])
        self.site.array.clock = self.site.now().replace(tzinfo=None)
        self.site.move()
        result = self.site.others(command) or self.site.array.result(command)
        talk = factory()
        talk.data_received(result.stdout.encode(), None)
        talk.data_received(result.stderr.encode(), asyncssh.EXTENDED_DATA_STDERR)
        if result.exit_code is not None:
            talk.exit_status_received(result.exit_code)
        talk.connection_lost(None)
        return SimpleNamespace(write_eof=lambda: None, abort=lambda: None), talk


class Hosts(SymcliHookAsync):
    """The hook itself, with connections that lead nowhere."""

    def __init__(self, site: Site) -> None:
        super().__init__(chance=lambda: 1.0)
        self.site = site

    async def _open(self, host: str) -> Any:
        self.site.opened.append(self.site.loop.time())
        error = self.site.down()
        if error:
            raise error
        self.site.connection = Connection(self.site)
        return self.site.connection


class Site:
    """One array behind one control host, and the triggerer's shared streams.

    :attr:`commands` were sent, :attr:`opened` are the times at which a connection was tried. :attr:`others`
    answers in the array's place, :attr:`down` is why no connection can be opened, :attr:`move` lets copies go
    on.
    """

    def __init__(self) -> None:
        self.loop = TurnedLoop()
        self.array = Array(BEGIN.replace(tzinfo=None))
        self.commands: list[Command] = []
        self.opened: list[float] = []
        self.connection: Connection | None = None
        self.others: Callable[[Command], Result | None] = lambda command: None
        self.down: Callable[[], Exception | None] = lambda: None
        self.move: Callable[[], None] = lambda: None
        self.hosts = Hosts(self)
        self.manager = SharedStreamManager()
        self.started: list[SymcloneStateTrigger] = []
        self.keys: dict[int, Any] = {}
        self._numbers = iter(range(1, 100_000))

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.loop.time())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def pair(self, number: int, state: str = "CopyInProg", percent: int | None = None) -> Copy:
        """Add a copy: its source is device 2n, its target 2n+1."""
        copy = Copy(2 * number, 2 * number + 1, state, percent=percent)
        self.array.copies.append(copy)
        self.array.sizes |= {copy.source: 100, copy.target: 100}
        return copy

    def trigger(self, *numbers: int, seconds: float = 36_000, **arguments: Any) -> SymcloneStateTrigger:
        """A wait for these copies, as a triggerer makes it from what is stored."""
        pairs = [f"{2 * n:04X}:{2 * n + 1:04X}" for n in numbers]
        named = {"name": "data", "symid": SYMID, "pairs": pairs, **arguments.pop("options", {})}
        service = Service.model_validate(
            {
                "control_host": HOST,
                "sync_max_delay": 60,
                "resources": [],
                "unattended": True,
                "syncs": [named],
            }
        )
        name = f"service{numbers[0]}"
        made = SymcloneStateTrigger(
            **{
                "scope": Scope(name, service, Symcli()).to_plain(),
                "sync": "data",
                "wanted": "copied",
                "deadline": (self.now() + timedelta(seconds=seconds)).isoformat(),
                "poll_interval": 10.0,
                "poll_max": 10.0,
                "ends_task": True,
                **arguments,
            }
        )
        return SymcloneStateTrigger(**made.serialize()[1])

    async def fire(self, trigger: SymcloneStateTrigger) -> TriggerEvent:
        """What the triggerer does with one trigger (`TriggerRunner.run_trigger`), to its first event."""
        number, key = next(self._numbers), trigger.shared_stream_key()
        stream = self.manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                return event
            raise AssertionError("the trigger ended without an event")
        finally:
            await self.manager.unsubscribe(number, key)
            await trigger.cleanup()

    def start(self, *waits: SymcloneStateTrigger) -> list[asyncio.Task[TriggerEvent]]:
        return [self.loop.create_task(self.fire(trigger)) for trigger in waits]

    def all(self, *waits: SymcloneStateTrigger) -> list[TriggerEvent]:
        """Run these waits to their ends."""

        async def together() -> list[TriggerEvent]:
            return await asyncio.gather(*(self.fire(trigger) for trigger in waits))

        return list(self.run(together()))

    def listed(self) -> list[list[str]]:
        """The devices of each device list that was asked for."""
        return [
            command.words[command.words.index("-devs") + 1].split(",")
            for command in self.commands
            if "-devs" in command.words
        ]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site()
    monkeypatch.setattr(triggers.watch, "shared_hook", lambda: made.hosts)
    monkeypatch.setattr(triggers.symclone, "shared_hook", lambda: made.hosts)
    monkeypatch.setattr(triggers.watch, "time_of_day", made.now)
    yield made
    made.run(asyncio.sleep(0.001))  # generators that nobody reads any more are closed
    pending = asyncio.all_tasks(made.loop)

    async def stop() -> None:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    made.run(stop())
    made.loop.close()
    assert not pending, "something continues that nobody waits for"
