"""Looking into running containers: what their processes are started with, and what can be done from there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.compose.project import Project

TOKEN = """
import sys
from airflow.api_fastapi.app import get_auth_manager_cls
from airflow.api_fastapi.auth.tokens import JWTGenerator
signer = get_auth_manager_cls()._get_token_signer(expiration_time_in_seconds=300)
print("token", signer.generate({"sub": sys.argv[1]}))
"""
"""Makes a user's token as Airflow does, with the key that this container has; without one it makes one up."""
SQL = """
import os, sys
import psycopg2
url = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
with psycopg2.connect(url) as connection, connection.cursor() as cursor:
    try:
        cursor.execute(sys.argv[1])
        print(cursor.rowcount)
    except psycopg2.errors.InsufficientPrivilege:
        print("refused")
    except psycopg2.Error as error:
        print("allowed, but wrong:", error.pgcode)
    connection.rollback()
"""
PING = """
import os, sys
import redis
url = os.environ["AIRFLOW__CELERY__BROKER_URL"]
try:
    redis.Redis.from_url(url if sys.argv[1] == "with" else "redis://redis:6379/0").ping()
    print("answered")
except redis.AuthenticationError:
    print("refused")
"""
SHOWN = """
import glob, json
def read(kind):
    found = []
    for name in glob.glob(f"/proc/[0-9]*/{kind}"):
        try:
            found.append(open(name, "rb").read().decode(errors="replace"))
        except OSError:
            pass
    return found
print(json.dumps({kind: read(kind) for kind in ("environ", "cmdline")}))
"""


def run(project: Project, service: str, code: str, *words: str) -> str:
    """Python in a service's container: the last line that it prints."""
    return project.compose("exec", "-T", service, "python3", "-c", code, *words).splitlines()[-1]


def held(project: Project, texts: list[str]) -> set[str]:
    """The variables of .env whose values stand in these texts."""
    return {name for name, value in project.secrets.items() if any(value in text for text in texts)}


def processes(project: Project, service: str) -> Mapping[str, list[str]]:
    """`environ` and `cmdline` of all processes of a container that its own user can read."""
    if service in ("postgres", "redis"):  # these images have no Python
        shown = {}
        for kind in ("environ", "cmdline"):
            look = f"cat /proc/[0-9]*/{kind} 2>/dev/null | tr '\\000' '\\n' || true"
            shown[kind] = [project.compose("exec", "-T", service, "sh", "-c", look)]
        return shown
    return json.loads(run(project, service, SHOWN))  # type: ignore[no-any-return]


def sql(project: Project, service: str, statement: str) -> str:
    """How many rows a statement is about, with the database user that a container has, or `refused`."""
    return run(project, service, SQL, statement)


@contextmanager
def command_lines(project: Project) -> Iterator[set[str]]:
    """The variables of .env whose values stood on a command line of this machine meanwhile, however short."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.update(held(project, [path.read_bytes().decode(errors="replace")]))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
