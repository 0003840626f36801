"""Numbered transactions on production, all the time, and whether they are all in a copy."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import psycopg2  # type: ignore[import-untyped]

from lab.operations import Operations

TABLE = "CREATE TABLE ledger (n bigint PRIMARY KEY, written text NOT NULL)"
PAUSE = 0.005
"""Seconds between two transactions."""


def database(lab: Operations, host: str) -> str:
    """How to reach the PostgreSQL of a real host: by the socket inside, for it listens on no network."""
    return f"host=/proc/{lab.host(host).describe()['pid']}/root/srv/run user=postgres dbname=postgres"


class Writer:
    """Commits transaction 1, 2, 3... and remembers when each commit had returned, in epoch seconds."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, name="writer", daemon=True)
        self.committed: list[float] = []
        """When transaction n + 1 had been committed."""
        self.error: Exception | None = None

    def __enter__(self) -> Writer:
        connection = psycopg2.connect(self._database)
        with connection, connection.cursor() as cursor:
            cursor.execute(TABLE)
        connection.close()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        try:
            connection = psycopg2.connect(self._database)
            cursor = connection.cursor()
            while not self._stop.wait(PAUSE):
                number = len(self.committed) + 1
                cursor.execute("INSERT INTO ledger VALUES (%s, repeat(md5(%s), 4))", (number, str(number)))
                connection.commit()
                self.committed.append(time.time())
            connection.close()
        except Exception as error:
            self.error = error

    def before(self, moment: float) -> int:
        """How many commits had returned before a moment, in epoch seconds."""
        # The list grows meanwhile, and is in order.
        return sum(1 for at in list(self.committed) if at < moment)


@dataclass(frozen=True)
class Found:
    """What a copy holds: how many transactions, the last one, those missing before it, those spoilt."""

    count: int
    last: int
    gaps: list[int]
    spoilt: int

    def lost(self, promised: int) -> int:
        """How many of the first `promised` transactions it does not hold whole."""
        return sum(1 for n in self.gaps if n <= promised) + max(0, promised - self.last) + self.spoilt


def read(database: str) -> Found:
    """Read all of a copy.

    :raises psycopg2.Error: it does not answer, or its table can not be read.
    """
    connection = psycopg2.connect(database, connect_timeout=10)
    try:
        with connection, connection.cursor() as cursor:
            # By the table itself and, for the order, not by its index: both are to be whole.
            cursor.execute(
                "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off"
            )
            cursor.execute("SELECT n, written = repeat(md5(n::text), 4) FROM ledger")
            rows = cursor.fetchall()
            cursor.execute("RESET ALL; SET enable_seqscan = off")
            cursor.execute("SELECT count(*) FROM ledger WHERE n > 0")
            by_index = cursor.fetchone()
    finally:
        connection.close()
    numbers = {n for n, _ in rows}
    last = max(numbers, default=0)
    spoilt = sum(1 for _, whole in rows if not whole) + len(rows) - len(numbers)
    spoilt += abs(by_index[0] - len(rows)) if by_index else 0
    return Found(len(rows), last, sorted(set(range(1, last + 1)) - numbers), spoilt)
