"""The places of those who log in to one host. With a real sshd: tests/end_to_end/test_many_openssh.py."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from hooks import logins

HOLD = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from hooks.logins import LOGINS, _place
assert None not in [_place("control") for _ in range(LOGINS)]
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(logins, "PATIENCE_SECONDS", 0.0)
    return tmp_path


def test_a_place_is_one_of_a_few_for_each_host() -> None:
    with ExitStack() as held:
        for _ in range(logins.LOGINS):
            held.enter_context(logins.logging_in("control"))
        assert logins._place("control") is None
        assert logins._place("another") is not None
        with logins.logging_in("control"):
            pass  # goes on without, once it has waited long enough
    assert logins._place("control") is not None


def test_the_places_of_a_killed_process_are_free(folder: Path) -> None:
    plugins = str(Path(logins.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": plugins},
    )
    assert process.stdin and process.stdout
    assert process.stdout.readline() == b"held\n"
    assert logins._place("control") is None
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert logins._place("control") is not None


def test_without_a_folder_for_them_there_are_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "file"))
    assert logins._place("control") is None
    with logins.logging_in("control"):
        pass
