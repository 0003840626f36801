"""Work that goes on in a thread of its own, and ends with the process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def beside(work: Callable[[], T]) -> Future[T]:
    """Begin this now. Its outcome, or what it has raised, is there where it is waited for."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # raised where it is waited for
            outcome.set_exception(error)

    Thread(target=run, name="symclone-beside", daemon=True).start()
    return outcome
