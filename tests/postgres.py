"""A PostgreSQL cluster of the tests' own: Debian's programs, a folder below /tmp, a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]

from demo.airflow_environment import free_port
from demo.processes import Processes, clean_environment


@contextmanager
def database() -> Iterator[str]:
    """An empty database, gone at the end. Yields its SQLAlchemy URL.

    PostgreSQL does not run as root: started by root, it runs as the package's user `postgres`.
    """
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
    with Processes() as processes:
        start = [*become, str(programs() / "postgres"), "-D", str(data), *options]
        processes.start(
            "postgres", start, env=clean_environment(), log=folder.with_suffix(".log"), cwd=folder
        )
        url = f"{user}@127.0.0.1:{port}/postgres"
        end = time.monotonic() + 30
        while True:
            try:
                psycopg2.connect(f"postgresql://{url}").close()
                break
            except psycopg2.OperationalError:
                processes.check()
                assert time.monotonic() < end, "PostgreSQL does not answer"
                time.sleep(0.05)
        yield f"postgresql+psycopg2://{url}"
    shutil.rmtree(folder)
    folder.with_suffix(".log").unlink()


def programs() -> Path:
    """The folder of the newest PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    assert found, "PostgreSQL is not installed: `apt-get install postgresql` (scripts/test does it as root)"
    return found[-1].parent
