"""The page for the night: what it says of gate and `become` is what a task's log says."""

from __future__ import annotations

import re

import pytest

from clones.asking import gate
from clones.asking.steps import Command, Result, Steps, answer, run
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
        return answer(steps, Result(command, exit_code, "", stderr)).value  # type: ignore[union-attr, return-value]
    except Refused as error:
        return error


def row(text: str) -> str:
    """The message of the row that has this text, up to what is left out of it."""
    (found,) = [one for one in ROWS if text in one]
    return found


@pytest.mark.parametrize(
    "why",
    [
        "nothing that this policy has",
        "no change of service S that this policy has",
        "a change of service S that is not behind its fence",
        "a change among looks",
        "its rule held until TIME",
        "the policy cannot be used",
    ],
)
def test_a_refusal_of_a_gate_is_in_it(why: str) -> None:
    said = f"symclone-gate: refused: {why}: ...; policy of TIME (d1): copy it"
    error = answered(True, gate.REFUSED, said)
    assert isinstance(error, Refused)
    parts = re.findall(r"`([^`]+)`", next(one for one in ROWS if any(p in why for p in re.findall(r"`([^`]+)`", one))))
    assert any(part in str(error) for part in parts)
    program = (ROOT / "gate" / "symclone-gate").read_text()
    assert all(word in program for word in re.split(r" S | TIME", why))


def test_the_row_of_an_old_policy_reads_as_the_log() -> None:
    error = str(answered(True, gate.REFUSED, "symclone-gate: refused: nothing that this policy has: x; policy of TIME (d): y"))
    before, after = row("The gate of H").strip("`").split("...")
    assert error.startswith(before) and after.strip() in error


def test_what_sudo_refuses_is_in_it() -> None:
    before, after = re.findall(r"`([^`]+)`", row("does not run"))[0].split("...")
    change = answered(True, 1, "sudo: a password is required")
    assert isinstance(change, Refused) and str(change).startswith(before) and after in str(change)
    look = answered(False, 1, "sudo: a password is required")
    assert isinstance(look, Result) and look.exit_code is None
    assert row("not the command's own").strip("`").removesuffix("...") in look.lost
