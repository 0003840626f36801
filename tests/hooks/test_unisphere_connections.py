"""What a connection to a management server means, as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clones.errors import Refused
from hooks.unisphere_connection import read
from hooks.without_airflow import Fields
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parent / "cases" / "unisphere_connections.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_what_it_means(case: dict[str, Any]) -> None:
    extra = case.get("extra", {})
    fields = {"conn_type": "http", "host": "unisphere1", "login": "symclone", "password": "secret"}
    fields |= {"extra": extra if isinstance(extra, str) else json.dumps(extra), **case.get("fields", {})}
    if "then" in case:
        server = read("uni", Fields(**fields))
        assert {key: getattr(server, key) for key in case["then"]} == case["then"]
        assert "secret" not in repr(server)
        return
    with pytest.raises(Refused) as raised:
        read("uni", Fields(**fields))
    for words in [case["refused"]] if isinstance(case["refused"], str) else case["refused"]:
        assert words in str(raised.value)
    assert "Airflow connection uni cannot be used" in raised.value.what
    assert "secret" not in str(raised.value)
