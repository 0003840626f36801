"""The lab's time. Everything that moves is computed from it when it is read; nothing ticks."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime


class Clock:
    """Seconds since the epoch, lab time: real (speed 1), scaled, or turned by hand.

    `speed` is lab seconds per real second. A manual clock stands still between calls of `advance`; while
    `jumping` is set it also goes on by itself, at once, to where a command wants to sleep until.
    All methods but `now` belong to the lab's event loop.
    """

    def __init__(self, *, speed: float = 1.0, manual: bool = False, start: float | None = None) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self.manual = manual
        self.jumping = False
        self._start = time.time() if start is None else start
        self._zero = time.monotonic()
        self._turned = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """Lab time in seconds since the epoch."""
        if self.manual:
            return self._start + self._turned
        return self._start + self._turned + (time.monotonic() - self._zero) * self.speed

    def iso(self, at: float | None = None) -> str:
        moment = datetime.fromtimestamp(self.now() if at is None else at, UTC)
        return moment.isoformat(timespec="milliseconds")

    async def sleep(self, seconds: float, *, alone: bool = False) -> None:
        """Sleep for lab seconds; under a manual clock until somebody turned it that far.

        :param alone: nobody waits for it, so a clock that jumps does not go on for its sake.
        """
        deadline = self.now() + max(0.0, seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        if self.manual and self.jumping and not alone:
            await self.advance(max(0.0, deadline - self.now()))
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (deadline, next(self._order), future))
        if self.manual:
            await future
            return
        # A scaled clock can also be turned by hand, so the wait ends by whichever comes first.
        while not future.done() and self.now() < deadline:
            await asyncio.wait([future], timeout=(deadline - self.now()) / self.speed)
        if not future.done():
            future.cancel()

    async def advance(self, seconds: float) -> float:
        """Turn the clock by lab seconds, stopping at every sleeper on the way. Returns the new time."""
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        left = seconds
        while True:
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if not self._sleepers or self._sleepers[0][0] > self.now() + left:
                break
            deadline, _, future = heapq.heappop(self._sleepers)
            step = max(0.0, deadline - self.now())
            self._turned += step
            left -= step
            if not future.done():
                future.set_result(None)
            # Woken commands may look, decide and sleep again: let them, before time goes on.
            for _ in range(10):
                await asyncio.sleep(0)
        self._turned += max(0.0, left)
        for _ in range(10):
            await asyncio.sleep(0)
        return self.now()
