"""The SYMCLI commands that users are told to run: the lab knows each, and none is only assumed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.symcli import ACTIONS
from lab.symcli.options import SAME
from lab.tools import coverage

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"`((?:" + "|".join(ACTIONS) + r")(?:\s[^`]+)?)`")
# What a text calls a thing, and does not tell anybody to run.
NAMES = {"symcli", "symdg", "symclone"}


def strings(path: Path) -> Iterator[str]:
    """Every text of a Python file but its docstrings; what is filled in stands as `X`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    loose = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    parts = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(v.value) if isinstance(v, ast.Constant) else "X" for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in loose | parts:
            yield node.value


def told() -> list[tuple[str, str]]:
    """(file, command line) of all that is told to users."""
    texts = [(p, text) for p in (ROOT / "plugins").rglob("*.py") for text in strings(p)]
    pages = [ROOT / "README.md", *(ROOT / "docs" / "how-to").glob("*.md"), *(ROOT / "config").rglob("*.yaml")]
    pages += [p for p in (ROOT / "plugins").rglob("*") if p.suffix in (".js", ".html")]
    # A line that says it is assumed tells nobody to rely on it.
    texts += [(p, re.sub(r".*\*\*assumed\*\*.*", "", p.read_text(encoding="utf-8"))) for p in pages]
    found = {
        (str(path.relative_to(ROOT)), " ".join(match[1].split()))
        for path, text in texts
        for match in COMMAND.finditer(text)
    }
    return sorted(found)


def faults(line: str) -> list[str]:
    """What speaks against telling somebody to run this."""
    table = coverage.table()
    command, *words = line.split()
    if not words:
        if command in NAMES:
            return []
        sure = [e.sure for k, e in table.actions.items() if k.split()[0] == command]
        return [] if set(sure) - {"assumed"} else [f"{command} is assumed"]
    action = next((w for w in words if w in ACTIONS[command]), None)
    if action is None:
        if "" not in ACTIONS[command] or not words[0].startswith("-"):
            return [f"the lab's {command} has no action in {line!r}"]
        action = ""
    known = ACTIONS[command][action]
    name = f"{command} {action}".strip()
    wrong = [f"{name} is assumed"] if table.actions[name].sure == "assumed" else []
    for word in words:
        if not word.startswith("-"):
            continue
        option = SAME.get(word.lower(), word.lower())
        if option not in known.flags | known.values:
            wrong.append(f"the lab's {name} has no option {word}")
            continue
        entry = table.options.get(f"{name} {option}") or table.options[f"{command} {option}"]
        wrong += [f"{name} {word} is assumed"] if entry.sure == "assumed" else []
    return wrong


TOLD = told()


def test_the_search_finds_them() -> None:
    lines = {line for _, line in TOLD}
    assert {"symcfg list -lock", "symcfg list -lockn all", "symclone query", "symdev show"} <= lines


@pytest.mark.parametrize(("path", "line"), TOLD, ids=lambda value: str(value))
def test_users_are_told_what_is_known(path: str, line: str) -> None:
    assert faults(line) == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("symcfg list -lockx", "has no option -lockx"),
        ("symcfg unlock", "has no action"),
        ("symld remove DEV001", "symld remove is assumed"),
        ("symclone create -nodiff", "create -nodiff is assumed"),
    ],
)
def test_what_would_be_found(line: str, wrong: str) -> None:
    assert any(wrong in fault for fault in faults(line))
