"""The scripts that tell a copy's PostgreSQL from the original's, whose number the copied postmaster.pid has.

``pg_ctl`` is played by a script that does as the real one: it goes by the number in the file alone.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PG_CTL = """#!/bin/sh
pid=$(head -n 1 "$2/postmaster.pid")
case " $* " in
*" stop "*) kill "$pid" ;;
*" start "*) echo started >"$2/started" ;;
*) kill -0 "$pid" ;;
esac
"""


class Site:
    """Two folders of one server, and a process that works in one of them."""

    def __init__(self, folder: Path) -> None:
        self.original, self.copy = folder / "original" / "pg", folder / "copy" / "pg"
        self.pg_ctl = folder / "bin" / "pg_ctl"
        for one in (self.original, self.copy, self.pg_ctl.parent):
            one.mkdir(parents=True)
        (self.copy / "PG_VERSION").write_text("15\n")
        self.pg_ctl.write_text(PG_CTL)
        self.pg_ctl.chmod(0o755)
        docs = (ROOT / "docs" / "how-to" / "your-site.md").read_text()
        (of_docs,) = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", docs, re.DOTALL)
        demo = (ROOT / "demo" / "real" / "instance.sh").read_text()
        self.texts = {
            "docs": of_docs.replace("/srv/copy/data", str(self.copy)).replace(
                "/usr/lib/postgresql/15/bin/pg_ctl", str(self.pg_ctl)
            ),
            "demo": f"BIN={self.pg_ctl.parent} LVM=\n"
            + demo.replace("/srv/test/data", str(self.copy.parent)).replace(
                "setpriv --reuid=postgres --regid=postgres --clear-groups --", ""
            ),
        }
        self.server: subprocess.Popen[bytes] | None = None

    def runs_in(self, folder: Path) -> None:
        self.server = subprocess.Popen(["sleep", "60"], cwd=folder)
        (self.copy / "postmaster.pid").write_text(f"{self.server.pid}\n{folder}\n")

    def run(self, which: str, action: str) -> int:
        return subprocess.run(
            ["/bin/sh", "-c", self.texts[which], which, action], capture_output=True
        ).returncode

    def alive(self) -> bool:
        assert self.server is not None
        return self.server.poll() is None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    if made.server is not None:
        made.server.kill()
        made.server.wait()


@pytest.mark.parametrize("which", ["docs", "demo"])
def test_the_originals_server_is_neither_taken_for_the_copys_nor_stopped(site: Site, which: str) -> None:
    site.runs_in(site.original)
    by_number = subprocess.run([site.pg_ctl, "-D", site.copy, "status"])
    assert by_number.returncode == 0, "this is what pg_ctl says"
    assert site.run(which, "check") != 0
    site.run(which, "stop")
    assert site.alive()


@pytest.mark.parametrize("which", ["docs", "demo"])
def test_the_copys_own_server_is_seen_and_stopped(site: Site, which: str) -> None:
    site.runs_in(site.copy)
    assert site.run(which, "check") == 0
    assert site.run(which, "stop") == 0
    assert site.server is not None and site.server.wait(10) != 0


def test_the_docs_script_by_itself(site: Site) -> None:
    """3 without a server, also when the number is nobody's; unknown where the file holds none; a start."""
    assert site.run("docs", "check") == 3
    (site.copy / "postmaster.pid").write_text("999999999\n")
    assert site.run("docs", "check") == 3
    (site.copy / "postmaster.pid").write_text("\n")
    assert site.run("docs", "check") == 2
    assert site.run("docs", "stop") == 2
    site.runs_in(site.original)
    assert site.run("docs", "start") == 0
    assert (site.copy / "started").exists() and not (site.copy / "postmaster.pid").exists()
    assert site.alive()
