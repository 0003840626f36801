"""scripts/test in several processes: what stays together, what begins first, and how it is shown."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPT = (ROOT / "scripts/test").read_text()
HOOKS = "from tests.support.workers import *\n"
SHARED = """
import pytest
@pytest.fixture(scope="module")
def site():
    return object()
@pytest.mark.parametrize("number", range(6))
def test_in_it(site, number):
    pass
@pytest.mark.xdist_group("one")
def test_of_two_files():
    pass
"""
LOOSE = """
import pytest
@pytest.mark.parametrize("number", range(41))
def test_alone(number):
    assert number != 3
@pytest.mark.airflow
def test_of_an_airflow():
    pass
@pytest.mark.xdist_group("one")
def test_of_two_files():
    pass
"""
ENDS = """
import os
def test_that_ends_its_process():
    os._exit(1)
"""


def run(folder: Path, code: int, **files: str) -> list[str]:
    """What two workers say of these files, by lines."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  airflow: one\n")
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(ROOT)
    (options,) = re.findall(r"^WORKERS=\((.*)\)$", SCRIPT, re.MULTILINE)
    words = [*shlex.split(options), "--numprocesses", "2", "--verbose", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("tried")
    return run(folder, 1, conftest=HOOKS, test_a_shared=SHARED, test_b_loose=LOOSE)


def workers(said: list[str], name: str) -> list[str]:
    """The worker of each test of this name."""
    return [found[1] for line in said if (found := re.match(rf"\[(gw\d+)\].* \S+::{name}(?:\[| |$)", line))]


@pytest.mark.parametrize(("name", "count"), [("test_in_it", 6), ("test_of_two_files", 2)])
def test_what_shares_a_fixture_or_a_group_stays_in_one_worker(said: list[str], name: str, count: int) -> None:
    assert len(workers(said, name)) == count
    assert len(set(workers(said, name))) == 1


def test_other_tests_of_one_file_are_shared_out(said: list[str]) -> None:
    assert len(set(workers(said, "test_alone"))) == 2


def test_what_starts_an_airflow_begins_first(said: list[str]) -> None:
    (worker,) = workers(said, "test_of_an_airflow")
    ended = [line for line in said if line.startswith(f"[{worker}]") and "::" in line]
    assert "test_of_an_airflow" in ended[0]


def test_a_name_that_is_shown_can_be_run_again(said: list[str]) -> None:
    failed = [line.split(" - ")[0] for line in said if line.startswith("FAILED")]
    assert failed == ["FAILED test_b_loose.py::test_alone[3]"]
    assert "1 failed, 49 passed" in said[-1]


def test_a_worker_that_crashes_is_said_and_ends_the_run(tmp_path: Path) -> None:
    said = run(tmp_path, 1, conftest=HOOKS, test_a_shared=SHARED, test_c_ends=ENDS)
    assert [line for line in said if re.search("crashed while running .*test_that_ends_its_process", line)]
    assert [line for line in said if "crashed and worker restarting disabled" in line]


def test_every_folder_of_the_fast_part_is_there() -> None:
    (fast,) = re.findall(r"^FAST=\((.*?)\)$", SCRIPT, re.MULTILINE | re.DOTALL)
    assert len(fast.split()) > 5
    assert [path for path in fast.split() if not (ROOT / path).exists()] == []
