"""Those who work on the test instance all the time: how long they had no answer, and what they wrote."""

from __future__ import annotations

import contextlib
import threading
import time
from itertools import pairwise

import psycopg2  # type: ignore[import-untyped]

TABLE = "CREATE TABLE IF NOT EXISTS tested (at double precision PRIMARY KEY)"
PAUSE = 0.02
"""Seconds between two rows, and between two tries to log in."""


class Testers:
    """Commit a row again and again, on whichever copy the instance runs."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="testers", daemon=True)
        self.committed: list[float] = []
        """The rows: each is the moment before its commit, in epoch seconds."""

    def __enter__(self) -> Testers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(PAUSE):
            # There is no server, or it goes down.
            with contextlib.suppress(psycopg2.Error):
                connection = psycopg2.connect(self._database, connect_timeout=10)
                try:
                    self._write(connection)
                finally:
                    connection.close()

    def _write(self, connection: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute(TABLE)
        while not self._stop.wait(PAUSE):
            at = time.time()
            cursor.execute("INSERT INTO tested VALUES (%s)", (at,))
            connection.commit()  # type: ignore[attr-defined]
            self.committed.append(at)

    def between(self, begin: float, end: float) -> list[float]:
        """The rows whose commit began in between, epoch seconds."""
        return [at for at in list(self.committed) if begin <= at < end]

    def longest_gap(self, begin: float, end: float) -> float:
        """The longest time without a commit, seconds; 0 where there were fewer than two."""
        rows = self.between(begin, end)
        return max((after - before for before, after in pairwise(rows)), default=0.0)


def rows_of(database: str) -> set[float]:
    """What a copy holds of their rows.

    :raises psycopg2.Error: it does not answer, or they have never worked on it.
    """
    connection = psycopg2.connect(database, connect_timeout=10)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT at FROM tested")
            return {at for (at,) in cursor.fetchall()}
    finally:
        connection.close()
