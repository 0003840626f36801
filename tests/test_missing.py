"""What a test says when a program that it needs is not on this machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

TESTS = """
import subprocess
from pathlib import Path
import pytest
from tests.support import postgres, redis

def test_postgresql():
    with postgres.cluster():
        pass
def test_redis():
    with redis.broker():
        pass
def test_browser():
    from tests.board import browser
    browser.CHROMIUM = "/nowhere/chromium"
    next(browser.browser.__wrapped__())
def test_sshd(tmp_path):
    from tests.hooks.one_sshd import sshd
    with sshd(tmp_path, [], "", {}):
        pass
def test_keys():
    subprocess.run(["ssh-keygen"])
def test_of_a_file_that_is_missing():
    Path("nowhere").read_text()
"""
HIDE = """
import shutil
from tests.support import postgres
from tests.support.missing import *
postgres.FOLDER = "nowhere"
shutil.which = lambda *words, **options: None
"""
PACKAGES = {
    "test_postgresql": "postgresql",
    "test_redis": "redis-server",
    "test_browser": "chromium",
    "test_sshd": "openssh-server",
    "test_keys": "openssh-client",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("lacking")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(HIDE)
    (folder / "test_it.py").write_text(TESTS)
    paths = f"{ROOT}:{ROOT / 'plugins'}"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    environment = {"PATH": str(folder), "PYTHONPATH": paths, "COLUMNS": "300", "HOME": str(folder)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", PACKAGES)
def test_it_fails_in_one_line_that_names_the_package(said: list[str], name: str) -> None:
    (title,) = [number for number, line in enumerate(said) if line.strip("_ ") == name]
    line, end = said[title + 1 : title + 3]
    assert f"is missing: run `apt-get install {PACKAGES[name]}`" in line
    assert end.startswith(("___", "==="))


def test_any_other_error_is_shown_whole(said: list[str]) -> None:
    assert [line for line in said if "No such file or directory: 'nowhere'" in line and line[0] == "E"]
    assert "6 failed" in said[-1]


def test_every_package_is_one_that_the_script_installs() -> None:
    installs = (ROOT / "scripts/_packages").read_text()
    assert [one for one in PACKAGES.values() if f"({one})" not in installs and one != "openssh-client"] == []
