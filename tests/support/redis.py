"""A Redis of the tests' own: Debian's program, a folder below /tmp, a free loopback port."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from private_airflow.environment import free_port
from private_airflow.processes import Processes, clean_environment
from tests.support.missing import Missing


@dataclass
class Broker:
    """A Redis that keeps what is queued over a restart, as docker-compose.yaml's does."""

    folder: Path
    port: int
    processes: Processes

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it (again), and wait until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            raise Missing("redis-server", "redis-server")
        words = [program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        # Each write at once: by default a busy disk may put one off, which a kill then loses.
        words += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self.processes.start("redis", words, env=clean_environment(), log=self.folder / "redis.log")
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                self.processes.check()
                assert time.monotonic() < end, "Redis does not answer"
                time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL."""
        self.processes.kill("redis")


@contextmanager
def broker() -> Iterator[Broker]:
    """A new one, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="symclone-redis-"))
    with Processes() as processes:
        running = Broker(folder, free_port(), processes)
        running.start()
        yield running
    shutil.rmtree(folder)
