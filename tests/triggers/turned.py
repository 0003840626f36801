"""An event loop whose clock is turned: where all sleep, it is at once as late as the first one wakes."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Any


class TurnedLoop(asyncio.SelectorEventLoop):
    """``time()`` begins at 0. Threads are not waited for, but run in the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.turned = 0.0

    def time(self) -> float:
        return self.turned

    def _run_once(self) -> None:
        scheduled: list[Any] = self._scheduled  # type: ignore[attr-defined]
        while scheduled and scheduled[0].cancelled():
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
            heapq.heappop(scheduled)._scheduled = False
        if not self._ready:  # type: ignore[attr-defined]
            if not scheduled:
                raise RuntimeError("everybody waits, and nothing will ever happen")
            self.turned = max(self.turned, scheduled[0].when())
        super()._run_once()  # type: ignore[misc]

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:
            done.set_exception(error)
        return done
