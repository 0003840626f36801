"""Something works while the array is locked, on a lab's clock that the test turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

STEP = 10
"""Lab seconds by which the clock is turned at once."""


def under_lock(
    lab: Any, work: Callable[[], Any], seconds: int, meanwhile: Callable[[], Any] = lambda: None
) -> tuple[BaseException | None, int]:
    """Work, and turn the clock for as long as it waits, up to so many seconds.

    :param meanwhile: is called once it waits.
    :returns: how it failed, None where it did not; and how long it waited.
    """
    failed: list[BaseException] = []

    def job() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    met = _met(lab)
    thread = threading.Thread(target=job)
    thread.start()
    until = time.monotonic() + 60
    while thread.is_alive() and _met(lab) == met:
        assert time.monotonic() < until, "it did not come to the lock"
        time.sleep(0.01)
    meanwhile()
    waited = 0
    while thread.is_alive() and waited < seconds:
        lab.advance(STEP)
        waited += STEP
        thread.join(0.3)
    thread.join(60)
    assert not thread.is_alive(), f"it still waits after {waited} s"
    return (failed[0] if failed else None), waited


def _met(lab: Any) -> int:
    return sum(one.get("event") == "fault" and one.get("kind") == "lock" for one in lab.journal)
