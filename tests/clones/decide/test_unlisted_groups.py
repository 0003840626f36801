"""File systems whose group nobody proves down, from a case file."""

from __future__ import annotations

from typing import Any

import pytest

from clones.config import Production
from clones.decide.unlisted_groups import unlisted_groups
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

ROWS = load_yaml((CASES / "unlisted_groups.yaml").read_text())


@pytest.mark.parametrize("case", [pytest.param(row, id=row["name"]) for row in ROWS])
def test_unlisted_groups(case: dict[str, Any]) -> None:
    hosts = [{"connection": "h1", "family": case["family"]}]
    what = Production.model_validate({"hosts": hosts, "resources": case["resources"]})
    found = unlisted_groups(what)
    assert [said.split(" is not listed")[0] for said in found] == case.get("unlisted", [])
