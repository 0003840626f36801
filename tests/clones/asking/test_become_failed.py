"""What `sudo` and the like say is no answer of the command (tests/clones/cases/become_failed.yaml)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clones.asking.steps import Command, Finished, Result, Together, answer, run, run_together
from clones.become import Become
from clones.errors import Refused
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

ROWS: list[dict[str, Any]] = load_yaml((CASES / "become_failed.yaml").read_text())
CHECK = ("/opt/pp/check",)


def sent(row: dict[str, Any], *, changes: bool) -> Command:
    become = Become.read(row["by"])
    words = become(*CHECK)
    if row.get("sent") == "text":
        words = (
            "/bin/sh",
            "-c",
            "become=$1; $become /opt/pp/check; $become /opt/pp/check",
            "text",
            become.text,
        )
    return Command("pp_host", words, changes=changes, as_root=(CHECK,) if become else ())


def came_back(command: Command, row: dict[str, Any]) -> Result:
    return Result(command, row["exit"], row.get("stdout", ""), row.get("stderr", ""))


def read(command: Command, row: dict[str, Any]) -> Result:
    steps = run(command)
    assert answer(steps) == command
    done = answer(steps, came_back(command, row))
    assert isinstance(done, Finished)
    return done.value


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['by']} {row['exit']} {row.get('stderr', '')}")
def test_what_a_look_has_answered(row: dict[str, Any]) -> None:
    command = sent(row, changes=False)
    result = read(command, row)
    if row["says"] == "own":
        assert result == came_back(command, row)
    else:
        assert result.exit_code is None and "run `scripts/privileges pp_host`" in result.ending()
        assert (result.stdout, result.stderr) == (row.get("stdout", ""), row.get("stderr", ""))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['by']} {row['exit']} {row.get('stderr', '')}")
def test_a_change_that_was_not_run_is_refused(row: dict[str, Any]) -> None:
    command = sent(row, changes=True)
    if row["says"] == "refused":
        with pytest.raises(Refused, match=r"`scripts/privileges pp_host`") as caught:
            read(command, row)
        assert "pp_host does not run" in caught.value.what
    else:
        assert (read(command, row).exit_code is None) == (row["says"] == "unclear" or row["exit"] is None)


def test_of_several_looks_each_is_judged() -> None:
    row = ROWS[0]
    commands = [
        sent(row, changes=False),
        replace(sent(row, changes=False), words=("/usr/bin/id",), as_root=()),
    ]
    steps = run_together(commands)
    assert answer(steps) == Together(tuple(commands))
    done = answer(steps, [came_back(command, row) for command in commands])
    assert isinstance(done, Finished) and [result.exit_code for result in done.value] == [None, 1]
