"""The page about what a stolen part can do: each claim names a test that is there, or says why none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "reference" / "security.md"
WORDS = ("by construction", "not shown")
"""What a claim without a test begins with."""
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def claims(text: str) -> Iterator[tuple[str, str]]:
    """What stands in the first and in the last column of each table whose last column is `Shown by`."""
    shown = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            shown = False
        elif cells[-1] == "Shown by":
            shown = True
        elif shown and not set("".join(cells)) <= set("-: "):
            yield cells[0], cells[-1]


@lru_cache
def names_in(path: str) -> frozenset[str]:
    """The tests of a file, without running it; empty if there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, functions) and node.name.startswith("test_")
    )


def unshown(text: str) -> list[str]:
    """Claims whose tests are not there, or that say neither a test nor why none."""
    found = []
    for claim, by in claims(text):
        named = _TEST.findall(by)
        if not named and not by.startswith(WORDS):
            found.append(f"{claim}: neither a test nor {' nor '.join(WORDS)}")
        for path, name in named:
            if not (names_in(path) if not name else name in names_in(path)):
                found.append(f"{claim}: no test {path}::{name}")
    return found


def test_each_claim_is_shown_or_says_why_not() -> None:
    text = PAGE.read_text()
    assert unshown(text) == []
    assert len(list(claims(text))) > 30


@pytest.mark.parametrize("part", ["Airflow", "key", "control-host account", "services.yaml"])
def test_each_part_that_can_be_stolen_has_its_claims(part: str) -> None:
    parts = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    assert any(part in one.splitlines()[0] and list(claims(one)) for one in parts[1:]), part


def test_a_claim_that_nothing_shows_is_found() -> None:
    own = "tests/docs/test_security.py"
    table = f"""
| Claim | Shown by |
|---|---|
| a | `{own}::test_a_claim_that_nothing_shows_is_found` |
| b | `{own}::test_none` |
| c | `tests/docs/test_none.py::test_none` |
| d | by construction: so |
| e | everybody knows |
| f | |

| Other | Table |
|---|---|
| g | h |
"""
    assert [one.split(":")[0] for one in unshown(table)] == ["b", "c", "e", "f"]
