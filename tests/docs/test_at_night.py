"""The page for the night: what it says of gate and `become` is what a task's log says."""

from __future__ import annotations

import re

import pytest

from clones.asking import gate
from clones.asking.steps import Command, Finished, Result, Steps, answer, run
from clones.errors import Refused
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "how-to" / "at-night.md").read_text()
ROWS = [line.split("|")[1].strip() for line in PAGE.splitlines() if line.startswith("|")]
COMMAND = ("/usr/bin/sudo", "-n", "/usr/bin/umount", "/pp/data")


def answered(changes: bool, exit_code: int, stderr: str) -> Result | Refused:
    """What becomes of a command with this answer."""
    command = Command("H", COMMAND, changes=changes, as_root=(COMMAND[2:],))

    def procedure() -> Steps[Result]:
        return (yield from run(command))

    steps = procedure()
    answer(steps)
    try:
        ended = answer(steps, Result(command, exit_code, "", stderr))
    except Refused as error:
        return error
    assert isinstance(ended, Finished)
    return ended.value


def row(text: str) -> str:
    """What the only row with this text quotes first."""
    (found,) = [one for one in ROWS if text in one]
    return str(re.findall(r"`([^`]+)`", found)[0])


@pytest.mark.parametrize(
    "why",
    [
        "nothing that this policy has",
        "no change of service S that this policy has",
        "that is not behind its fence",
        "a change among looks",
        "its rule held until TIME",
        "the policy cannot be used",
    ],
)
def test_each_refusal_is_the_gates(why: str) -> None:
    assert any(why in one for one in ROWS)
    program = (ROOT / "gate" / "symclone-gate").read_text()
    assert all(word in program for word in re.split(r" S | TIME", why))


def test_the_row_of_an_old_policy_reads_as_the_log() -> None:
    error = answered(
        True, gate.REFUSED, "symclone-gate: refused: nothing that this policy has: x; policy of TIME (d): y"
    )
    before, after = row("The gate of H").split("...")
    assert isinstance(error, Refused) and str(error).startswith(before) and after.strip() in str(error)


def test_what_sudo_refuses_reads_as_the_log() -> None:
    before, after = row("H does not run").split("...")
    change = answered(True, 1, "sudo: a password is required")
    assert isinstance(change, Refused) and str(change).startswith(before) and after in str(change)
    look = answered(False, 1, "sudo: a password is required")
    assert isinstance(look, Result) and look.exit_code is None
    assert row("not the command's own").removesuffix("...") in look.lost
