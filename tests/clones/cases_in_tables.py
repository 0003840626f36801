"""Tables in case files: ``columns``, and ``rows`` of what was seen with one decision a column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.tables import load_yaml

CASES = Path(__file__).parent / "cases"


def cells(path: Path) -> Iterator[tuple[Any, str, str, dict[str, Any]]]:
    """Every decision of a table.

    :returns: what was seen, the column's name, its cell, and the whole row by its columns' names.
    """
    table = load_yaml(path.read_text())
    for seen, *row in table["rows"]:
        named = dict(zip(table["columns"], row, strict=True))
        for column, cell in named.items():
            yield seen, column, cell, named


def spoken(seen: Any) -> str:
    """What was seen, as a test's name."""
    if isinstance(seen, list):
        return ", ".join(spoken(one) for one in seen)
    return str(seen) or "(no text)"
