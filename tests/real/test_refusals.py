"""What the real sudo and doas say when they do not run a command, and that it is read as such."""

from __future__ import annotations

import subprocess

import pytest

from clones.asking.steps import Command, Finished, Result, answer, run
from clones.become import Become
from clones.errors import Refused

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "-i", "LC_ALL=C")
ROOT = ("env", "-i", "LC_ALL=C")


def really(who: tuple[str, ...], kind: str, *words: str, changes: bool) -> Result:
    become = Become.read(kind)
    command = Command("host", become(*words), changes=changes, as_root=become.needs(words))
    done = subprocess.run(
        [*who, *command.words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    steps = run(command)
    answer(steps)
    ended = answer(steps, Result(command, done.returncode, done.stdout, done.stderr))
    assert isinstance(ended, Finished)
    return ended.value


@pytest.mark.parametrize(
    ("who", "kind", "program"),
    [
        (NOBODY, "sudo", "/usr/bin/id"),
        (NOBODY, "doas", "/usr/bin/id"),
        (ROOT, "sudo", "/nonexistent/program"),
    ],
)
def test_what_was_not_run(who: tuple[str, ...], kind: str, program: str) -> None:
    looked = really(who, kind, program, changes=False)
    assert looked.exit_code is None and f"{kind}: " in looked.ending()
    with pytest.raises(Refused, match=f"host does not run .* as root: {kind}: "):
        really(who, kind, program, changes=True)


@pytest.mark.parametrize(("program", "code"), [("/usr/bin/true", 0), ("/usr/bin/false", 1)])
def test_what_was_run_has_its_own_exit_code(program: str, code: int) -> None:
    assert really(ROOT, "sudo", program, changes=False).exit_code == code
