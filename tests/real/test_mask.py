"""docs/examples/mask-postgres.sh on a real PostgreSQL that was copied while it ran."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from private_airflow.environment import free_port
from tests.conftest import ROOT
from tests.support.postgres import programs

SCRIPT = ROOT / "docs" / "examples" / "mask-postgres.sh"
BECOME = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []


class Site:
    """A server that runs, and a copy of its folder; each has a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, programs()
        self.original, self.data = folder / "original" / "data", folder / "copy" / "data"
        self.ports = {self.original: free_port(), self.data: free_port()}
        self.script = folder / "mask"
        for one in (folder, self.original.parent, self.data.parent):
            one.mkdir(exist_ok=True)
            if BECOME:
                shutil.chown(one, "postgres", "postgres")
        self.run(self.bin / "initdb", "-D", self.original, "--auth=trust", "--no-sync", "--encoding=UTF8")
        self.start(self.original)
        self.sql(self.original, "CREATE DATABASE shop", "postgres")
        self.sql(self.original, "CREATE TABLE customer (id int, name text, mail text)")
        some = "SELECT n, 'Ada ' || n, 'ada@shop.example' FROM generate_series(1, 50) n"
        self.sql(self.original, f"INSERT INTO customer {some}")
        self.sql(self.original, "CHECKPOINT")

    def copy(self) -> None:
        """A new copy, and the script as it is in the docs."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.run("cp", "-a", self.original, self.data.parent)
        text = SCRIPT.read_text().replace("/usr/lib/postgresql/15/bin", str(self.bin))
        self.script.write_text(text.replace("5432", str(self.ports[self.data])))

    def run(self, *words: object) -> str:
        done = subprocess.run(
            [*BECOME, *map(str, words)], cwd=self.folder, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, data: Path) -> None:
        options = f"-p {self.ports[data]} -c listen_addresses= -c unix_socket_directories={self.folder} -F"
        self.run(self.bin / "pg_ctl", "-D", data, "-w", "-l", f"{data}.log", "-o", options, "start")

    def stop(self, data: Path) -> None:
        self.run(self.bin / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")

    def sql(self, data: Path, text: str, database: str = "shop") -> str:
        words = ("-XqAt", "-h", self.folder, "-p", self.ports[data], "-d", database, "-c", text)
        return self.run(self.bin / "psql", *words).strip()

    def mask(self, **instead: str) -> subprocess.CompletedProcess[str]:
        """:param instead: what the script has in place of what, once."""
        text = self.script.read_text()
        if instead:
            assert text.count(instead["of"]) == 1
            text = text.replace(instead["of"], instead["it"])
        words = [*BECOME, "/bin/sh", "-c", text, "mask", str(self.data)]
        return subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=60)

    def mails(self, data: Path) -> str:
        return self.sql(
            data, "SELECT string_agg(DISTINCT mail, ',' ORDER BY mail) FROM customer WHERE id < 3"
        )

    def server_is_down(self) -> bool:
        return not (self.data / "postmaster.pid").exists()


@pytest.fixture(scope="module")
def original() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="symclone-mask-") as folder:
        site = Site(Path(folder))
        yield site
        for data in (site.original, site.data):
            if (data / "postmaster.pid").exists():
                site.stop(data)


@pytest.fixture
def site(original: Site) -> Site:
    original.copy()
    return original


def test_nobody_is_left_and_the_original_goes_on(site: Site) -> None:
    for _ in range(2):
        done = site.mask()
        assert done.returncode == 0, done.stderr
        assert site.server_is_down()
    assert site.mails(site.original) == "ada@shop.example"
    site.start(site.data)
    assert site.mails(site.data) == "1@example.invalid,2@example.invalid"
    site.stop(site.data)


@pytest.mark.parametrize(
    ("of", "it", "says"),
    [
        ("mail = id || '@example.invalid'", "mail = mail", "50 customers are not masked"),
        ("UPDATE customer", "UPDATE client", 'relation "client" does not exist'),
        ("listen_addresses=", "listen_adresses=", ""),
    ],
)
def test_it_fails_when_somebody_may_be_left(site: Site, of: str, it: str, says: str) -> None:
    done = site.mask(of=of, it=it)
    assert done.returncode != 0 and says in done.stderr
    assert site.server_is_down()


def test_it_goes_on_after_a_try_that_was_killed(site: Site) -> None:
    killed = site.mask(of="BEGIN;\n", it="BEGIN;\n\\! kill -9 `ps -o ppid= $PPID`\n")
    assert killed.returncode == -9 and not site.server_is_down(), "that one's server still runs in the copy"
    done = site.mask()
    assert done.returncode == 0 and site.server_is_down(), done.stderr
    site.start(site.data)
    assert site.mails(site.data).endswith("@example.invalid")
    site.stop(site.data)
