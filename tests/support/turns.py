"""Workers of pytest-xdist that take turns: for what a machine has only once."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = Path(tempfile.gettempdir(), "symclone-tests-machine.lock")


@contextmanager
def machine(*, alone: bool) -> Iterator[None]:
    """Wait for it, and keep it.

    :param alone: True: for who counts its devices, mounts and processes; nobody else has it. False: for who
        starts a PostgreSQL, which somebody who is alone would see; any number at a time.
    """
    with _LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
