"""Advice for who does not look at the task that failed: nothing is tried again, no task is this one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from clones.runs.advice import at_command_line, once_failed, taken_apart, text_at_command_line
from tests.conftest import ROOT


def written() -> Iterator[str]:
    """Every text in a call that speaks of this task, or says that it is tried again."""
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call | ast.Return | ast.Assign) or path.name == "advice.py":
                continue
            given = call.args if isinstance(call, ast.Call) else [call.value]
            for text in map(said, filter(None, given)):
                if "lear this task" in text or "is retried" in text or "the retry" in text:
                    yield text


def said(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "x" for one in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


REMEDIES = sorted({text for text in written() if " tries failed" not in text})


def test_there_are_some() -> None:
    assert len(REMEDIES) > 20


@pytest.mark.parametrize("remedy", REMEDIES)
def test_every_remedy_that_is_written_for_a_task(remedy: str) -> None:
    """One that is worded in a new way is to be known here, too."""
    shown = at_command_line(remedy)
    assert "this task" not in shown.lower() and "the retry" not in shown and "retried" not in shown, shown
    assert "the retry" not in once_failed(remedy) and " is retried" not in once_failed(remedy)
    assert "run this command again" in shown or "lear this task" not in remedy


@pytest.mark.parametrize(
    ("remedy", "failed", "typed"),
    [
        ("", "", ""),
        ("check that it runs", "check that it runs", "check that it runs"),
        (
            "wait for the retry; if it stays, find out who has it",
            "if it stays, find out who has it",
            "run this command again; if it stays, find out who has it",
        ),
        ("wait for the retry, which checks the array first", "", "run this command again"),
        ("check that it runs, and wait for the retry", "check that it runs", "check that it runs"),
        ("fix it, then clear this task to continue from here", None, "fix it, then run this command again"),
    ],
)
def test_advice(remedy: str, failed: str | None, typed: str) -> None:
    assert once_failed(remedy) == (remedy if failed is None else failed)
    assert at_command_line(remedy) == typed


def test_a_whole_error() -> None:
    text = "one.\nWhat to do: clear this task\ntwo.\nWhat to do: fix both"
    assert taken_apart(text) == ("one.\nWhat to do: clear this task\ntwo.", "fix both")
    assert taken_apart("one") == ("one", "")
    assert text_at_command_line(text).splitlines() == [
        "one.",
        "What to do: run this command again",
        "two.",
        "What to do: fix both",
    ]
