"""A PostgreSQL cluster of the tests' own: Debian's programs, a folder below /tmp, a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]

from private_airflow.environment import free_port
from private_airflow.processes import Processes, clean_environment
from tests.support.missing import Missing
from tests.support.turns import machine

FOLDER = "/usr/lib/postgresql"
"""Where Debian installs its programs, by version."""


@dataclass
class Cluster:
    """A running one."""

    url: str
    """SQLAlchemy URL of its database."""
    processes: Processes
    start: Callable[[], None]
    """Start it (again), and wait until it answers."""

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        self.processes.kill("postgres", tree=True)


@contextmanager
def database() -> Iterator[str]:
    """An empty database, gone at the end. Yields its SQLAlchemy URL."""
    with cluster() as running:
        yield running.url


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new cluster with an empty database, gone at the end.

    PostgreSQL does not run as root: started by root, it runs as the package's user `postgres`.
    """
    programs()
    folder = Path(tempfile.mkdtemp(prefix="symclone-postgres-"))
    user = pwd.getpwuid(os.getuid()).pw_name
    become: list[str] = []
    if os.getuid() == 0:
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")
        user = "postgres"
    port, data = free_port(), folder / "data"
    make = [programs() / "initdb", "-D", data, "-U", user, "--auth=trust", "--no-sync", "--encoding=UTF8"]
    subprocess.run([*become, *map(str, make)], check=True, capture_output=True, cwd=folder)
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    url = f"{user}@127.0.0.1:{port}/postgres"
    with machine(alone=False), Processes() as processes:

        def start() -> None:
            words = [*become, str(programs() / "postgres"), "-D", str(data), *options]
            log = folder.with_suffix(".log")
            processes.start("postgres", words, env=clean_environment(), log=log, cwd=folder)
            end = time.monotonic() + 60
            while True:
                try:
                    psycopg2.connect(f"postgresql://{url}").close()
                    break
                except psycopg2.OperationalError:
                    processes.check()
                    assert time.monotonic() < end, "PostgreSQL does not answer"
                    time.sleep(0.05)

        start()
        yield Cluster(f"postgresql+psycopg2://{url}", processes, start)
    shutil.rmtree(folder)
    folder.with_suffix(".log").unlink()


def programs() -> Path:
    """The folder of the newest PostgreSQL's programs."""
    found = sorted(Path(FOLDER).glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if not found:
        raise Missing("PostgreSQL", "postgresql")
    return found[-1].parent
