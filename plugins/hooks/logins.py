"""How many tasks of one machine log in to one host at the same time.

A stock sshd drops connections at random from the tenth that has not logged in yet (MaxStartups 10:30:100,
documented). Tasks are processes of their own and share no connection; dozens may start within a second.
"""

from __future__ import annotations

import fcntl
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clones.time_limits import LOGIN_TURN

LOGINS = 4
"""At the same time on one host: so two machines with workers stay below ten."""
PATIENCE_SECONDS = LOGIN_TURN.seconds
"""For so long a place is waited for. Then it is tried without: others may be hung at a host that is ill."""
LOOK_SECONDS = 0.05


@contextmanager
def logging_in(host: str) -> Iterator[None]:
    """Have one of the places while a connection to this host is opened.

    A place is a lock on a file below the folder for temporary files, which ends with its process.

    :param host: Airflow connection id.
    """
    place = _place(host)
    try:
        yield
    finally:
        if place is not None:
            os.close(place)


def _place(host: str) -> int | None:
    """The open file of a place; None when there was none for too long, or no folder for them."""
    try:
        folder = _folder()
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            for number in range(LOGINS):
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                place = os.open(folder / f"{host}.{number}", flags, 0o600)
                try:
                    fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return place
                except BlockingIOError:
                    os.close(place)
            if time.monotonic() >= end:
                return None
            time.sleep(LOOK_SECONDS * (0.5 + random.random()))
    except OSError:  # a place is a courtesy to the host; without one the connection is opened all the same
        return None


def _folder() -> Path:
    """Ours alone."""
    folder = Path(tempfile.gettempdir()) / f"symclone-logins-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is another user's")
    return folder
