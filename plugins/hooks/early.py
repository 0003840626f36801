"""Looks that are begun before they are asked for, so that hosts are asked side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from clones.asking.steps import Command, Result
from clones.errors import CloneError

HOSTS = 8
"""Asked at the same time."""


class Early:
    """The looks that were begun; each is given out once.

    A host is asked one thing after the other.

    :param ask: asks a host for one command.
    """

    def __init__(self, ask: Callable[[Command], Result]) -> None:
        self._ask = ask
        self._begun: dict[Command, Future[Result]] = {}
        self._pool = ThreadPoolExecutor(HOSTS, "symclone-early")

    def begin(self, commands: Sequence[Command]) -> None:
        """Begin to ask for these.

        :raises ValueError: one of them changes something.
        """
        if any(command.changes for command in commands):
            raise ValueError("what changes something is not begun before its turn")
        hosts: dict[str, dict[Command, Future[Result]]] = {}
        for command in commands:
            hosts.setdefault(command.host, {})[command] = self._begun[command] = Future()
        for waiting in hosts.values():
            self._pool.submit(self._answer, waiting)

    def result(self, command: Command) -> Result | None:
        """What came back, None for what was not begun.

        :raises CloneError: the host cannot be reached.
        """
        begun = self._begun.pop(command, None)
        return begun.result() if begun else None

    def stop(self) -> None:
        """Begin nothing more. What is under way ends with its connection, or by itself: :meth:`close`."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for begun in self._begun.values():
            begun.cancel()

    def close(self) -> None:
        """Wait until nothing is under way."""
        self._pool.shutdown()

    def _answer(self, waiting: dict[Command, Future[Result]]) -> None:
        lost: CloneError | None = None
        for command, begun in waiting.items():
            if not begun.set_running_or_notify_cancel():
                continue
            try:
                if lost:
                    raise lost
                begun.set_result(self._ask(command))
            except CloneError as error:  # nothing more is sent to a host that cannot be reached
                lost = error
                begun.set_exception(error)
            except BaseException as error:  # raised where it is waited for
                begun.set_exception(error)
