"""A lab inside a test: its servers run in a thread with an event loop of their own."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from lab.array.refused import Refused
from lab.clock import Clock
from lab.config import LabConfig, load
from lab.operations import LabError, Operations
from lab.running import Running

T = TypeVar("T")


class Lab(Operations):
    """`with Lab(config, directory=path, speed=1, clock="manual") as lab: ...`

    `config` is a path, a mapping, or None for the demo. Without `directory` a temporary one is made and
    removed. A manual clock stands still until `advance`. `seed` draws from the `random_faults`.
    `services` says whom the disks are for, for `lab.check`. `sshd` lets real OpenSSH servers answer. With
    `ports=False` nothing listens: whoever is in this process connects by `running.connect`, through `call`.
    """

    def __init__(
        self,
        config: str | Path | dict[str, Any] | LabConfig | None = None,
        *,
        directory: str | Path | None = None,
        speed: float = 1.0,
        clock: Literal["real", "manual"] = "real",
        start: float | None = None,
        rate_factor: float = 1.0,
        seed: int | None = None,
        services: str | Path | dict[str, Any] | None = None,
        sshd: bool = False,
        ports: bool = True,
    ) -> None:
        if clock not in ("real", "manual"):
            raise ValueError(f"clock is 'real' or 'manual', not {clock!r}")
        self.config = load(config)
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="lab-")
        self.directory = Path(directory or self._temporary.name)  # type: ignore[union-attr]
        self._clock = Clock(speed=speed, manual=clock == "manual", start=start)
        self._rate_factor = rate_factor
        self._seed = seed
        self._services = services
        self._sshd = sshd
        self._ports = ports
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab", daemon=True)
        self.running: Running | None = None

    @property
    def journal_path(self) -> Path:
        return self.directory / "journal.jsonl"

    def start(self) -> Lab:
        self._thread.start()

        async def begin() -> Running:
            running = Running(
                self.config, self.directory, self._clock, self._rate_factor,
                services=self._services, sshd=self._sshd, ports=self._ports,
            )  # fmt: skip
            await running.start()
            if self._seed is not None:
                running.world.draw(self._seed)
            return running

        try:
            self.running = asyncio.run_coroutine_threadsafe(begin(), self._loop).result()
        except BaseException:
            self._end_thread()
            raise
        return self

    def stop(self) -> None:
        if self.running:
            asyncio.run_coroutine_threadsafe(self.running.stop(), self._loop).result()
        self._end_thread()
        if self._temporary:
            self._temporary.cleanup()

    def _end_thread(self) -> None:
        async def cancel() -> None:
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin this in the lab's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this in the lab's event loop; what interrupts the wait ends the work, too."""
        future = self.submit(work)
        try:
            return future.result()
        finally:
            future.cancel()

    def ask(self, op: str, **words: Any) -> Any:
        if self.running is None:
            raise LabError("the lab is not started")
        try:
            return asyncio.run_coroutine_threadsafe(self.running.operate(op, words), self._loop).result()
        except (KeyError, ValueError, TypeError, Refused) as error:
            raise LabError(str(error.args[0] if error.args else error)) from error

    def __enter__(self) -> Lab:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
