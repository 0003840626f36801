"""Several looks in one round trip: what is sent, what a shell does with it, what is made of the answer."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import Any

import pytest

from clones.asking.one_trip import LONGEST, SCRIPT, Turns, as_one, take_apart, trips
from clones.asking.steps import Command, Result, Together
from clones.names import GroupName
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

ROWS: list[dict[str, Any]] = load_yaml((CASES / "one_trip.yaml").read_text())
NONCE = "4f1e"


def look(*words: str, timeout: float = 30) -> Command:
    return Command("host", words, timeout)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_what_is_made_of_an_answer(row: dict[str, Any]) -> None:
    names = ("one", "two", "three")[: len(row["results"])]
    commands = [look(name) for name in names]
    stdout, stderr = (row.get(key, "").replace("N", NONCE) for key in ("stdout", "stderr"))
    whole = Result(
        as_one(commands, NONCE), row.get("exit", 0), stdout, stderr, seconds=2.5, lost=row.get("lost", "")
    )
    found = take_apart(commands, NONCE, whole)
    assert [result.command for result in found] == commands
    for result, expected in zip(found, row["results"], strict=True):
        assert (result.seconds, result.among) == (2.5, len(commands))
        if isinstance(expected, list):
            code, *streams = expected
            assert (result.exit_code, result.lost) == (code, "")
            assert [result.stdout, result.stderr] == [text.replace("N", NONCE) for text in streams]
        else:
            assert result.exit_code is None and expected["lost"] in result.lost, result.lost
            assert result.stdout == expected.get("stdout", "").replace("N", NONCE)
            assert result.stderr == expected.get("stderr", "").replace("N", NONCE)


def by_a_real_shell(*commands: Command, login: str = "/bin/sh") -> list[Result]:
    """As sshd hands it to the account's login shell, with something on stdin."""
    one = as_one(commands, NONCE)
    done = subprocess.run([login, "-c", one.line()], input="stolen\n", capture_output=True, text=True)
    return take_apart(commands, NONCE, Result(one, done.returncode, done.stdout, done.stderr))


def test_a_real_shell_runs_each_as_if_alone() -> None:
    commands = [
        look("/bin/echo", "a b", "$HOME", "`id`", "it's", '"', "*", "!", "x\ny", "\\n"),
        look("/bin/sh", "-c", "echo out; echo err >&2; exit 7"),
        look("printf", "no newline"),
        look("cat"),
        look("/bin/sh", "-c", f"echo; echo '{NONCE} 1 0'; exit 1"),
        look("env", "PATH=/nowhere", "/bin/sh", "-c", "cd /; n=other; exit 3"),
        look("/no/such/program"),
        look("/bin/sh", "-c", "kill -9 $$"),
        look("/bin/echo", "the last"),
    ]
    found = by_a_real_shell(*commands)
    told = [(result.exit_code, result.stdout) for result in found]
    assert told == [
        (0, "a b $HOME `id` it's \" * ! x\ny \\n\n"),
        (7, "out\n"),
        (0, "no newline"),
        (0, ""),
        (1, f"\n{NONCE} 1 0\n"),
        (3, ""),
        (127, ""),
        (None, ""),
        (0, "the last\n"),
    ]
    assert found[1].stderr == "err\n" and "killed" in found[7].lost


def test_what_is_sent() -> None:
    """One line for every login shell, which a gate can take apart again."""
    commands = [look("/bin/echo", "it's"), look("df", timeout=10)]
    one = as_one(commands, NONCE)
    assert shlex.split(one.line()) == [
        "/bin/sh",
        "-c",
        SCRIPT,
        "together",
        NONCE,
        *(c.line() for c in commands),
    ]
    assert one.timeout == 40 and not one.changes and "\n" not in one.line() and "!" not in SCRIPT


def test_how_many_go_together() -> None:
    """As many as the length of a command allows; a longer one goes alone."""
    short, long, longer = look("a" * 100), look("b" * (LONGEST // 2)), look("c" * (LONGEST * 2))
    assert list(trips([short] * 5)) == [[short] * 5]
    assert list(trips([long, long, short, longer, short])) == [[long], [long, short], [longer], [short]]
    assert list(trips([])) == []


@pytest.mark.parametrize(
    "commands",
    [
        (),
        (Command("a", ("x",)), Command("b", ("x",))),
        (Command("a", ("x",)), Command("a", ("x",), changes=True)),
    ],
    ids=["none", "of two hosts", "a change"],
)
def test_what_may_not_be_asked_together(commands: tuple[Command, ...]) -> None:
    with pytest.raises(ValueError):
        Together(commands)


def test_each_has_its_own_time_limit_from_the_mark_before_it() -> None:
    commands = [look("one", timeout=1), look("two", timeout=2), look("three", timeout=3)]
    turns = Turns(commands, NONCE)
    told = []
    arrived = b""
    for more in (
        b"o",
        b"ut\n\n4f1e 3",
        b" 0",
        b"\n",
        b"\n4f1e 2 0 x\n",
        b"\n4f1e 2 0\n\n4f1e 1 7\n",
        b"late",
    ):
        arrived += more
        told.append((turns.go_on(arrived), turns.limit))
    assert told == [(False, 1), (False, 1), (False, 1), (True, 2), (False, 2), (True, 3), (False, 3)]


def test_what_one_command_prints_is_no_turn() -> None:
    turns = Turns([look("one", timeout=1)])
    assert not turns.go_on(b"\n 1 0\n\nNone 1 0\n") and turns.limit == 1


def test_no_expression_is_compiled_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each nonce is another one, and so would be the expression: it would never be used again."""

    def compiles(*_: object) -> None:
        raise AssertionError("an expression was compiled")

    monkeypatch.setattr(re, "_compile", compiles)
    commands = [look("one"), look("two")]
    text = f"\n{NONCE} 2 x\none\n{NONCE} 2 0\ntwo\n{NONCE} 1 3\n"
    first, second = take_apart(commands, NONCE, Result(as_one(commands, NONCE), 0, text, text))
    assert (first.exit_code, first.stdout) == (0, f"\n{NONCE} 2 x\none")
    assert (second.exit_code, second.stdout) == (3, "two")
    assert Turns(commands, NONCE).go_on(text.encode())
    assert GroupName.__metadata__[0].check("DGCVI") == "DGCVI"
