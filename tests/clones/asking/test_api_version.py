"""Which version of the API is spoken, as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clones.asking.api_version import choose
from clones.errors import CloneError, Refused, Unreadable
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parents[1] / "cases" / "unisphere" / "api_versions.yaml").read_text())
KINDS = {"refused": Refused, "unreadable": Unreadable}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_the_version(case: dict[str, Any]) -> None:
    body = case["body"] if isinstance(case["body"], str) else json.dumps(case["body"])
    if isinstance(case["then"], int):
        assert choose("ctl", body, case.get("pinned")) == case["then"]
        return
    ((kind, said),) = case["then"].items()
    with pytest.raises(CloneError) as raised:
        choose("ctl", body, case.get("pinned"))
    assert type(raised.value) is KINDS[kind]
    for words in [said] if isinstance(said, str) else said:
        assert words in str(raised.value)


def test_an_answer_that_is_nested_without_end() -> None:
    with pytest.raises(Unreadable):
        choose("ctl", "[" * 100_000)
