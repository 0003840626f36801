"""What goes into one question: `cases/pacing.yaml`."""

from __future__ import annotations

from typing import Any

import pytest

from clones.asking.pieces import chunks, pieces
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

TABLE = load_yaml((CASES / "pacing.yaml").read_text())


@pytest.mark.parametrize("case", TABLE["chunks"], ids=str)
def test_chunks(case: dict[str, Any]) -> None:
    assert list(chunks(((size, size) for size in case["sizes"]), 500)) == case["are"]


def test_pieces() -> None:
    assert [list(piece) for piece in pieces([1, 2, 3], 2)] == [[1, 2], [3]]
