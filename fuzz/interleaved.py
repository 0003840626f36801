"""Two who act by turns: a worker that stood still goes on in the middle of what others do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Interleaved:
    """What others do, in a thread of its own; only ever one of the two threads runs.

    :param act: what they do.
    :param after: how many commands they send until the first goes on.
    """

    def __init__(self, act: Callable[[], None], after: int) -> None:
        self._act, self._left = act, after
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._go_on, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._ended = False
        self._error: BaseException | None = None

    def begin(self) -> None:
        """Until they have sent so many commands, or have come to their end."""
        self._thread.start()
        self._stands.acquire()

    def sends(self) -> None:
        """Whoever acts is about to send a command: if it is they, it may be the first one's turn."""
        if threading.current_thread() is not self._thread:
            return
        self._left -= 1
        if self._left == 0:
            self._stands.release()
            self._go_on.acquire()

    def finish(self) -> None:
        """The first has come to its end: they go on to theirs.

        :raises BaseException: what went wrong there.
        """
        if threading.current_thread() is self._thread:
            return  # one of theirs that was taken over in its turn
        if not self._ended:
            self._go_on.release()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._act()
        except BaseException as error:  # it is raised where they are waited for
            self._error = error
        finally:
            self._ended = True
            self._stands.release()
