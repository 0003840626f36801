"""Target sets: what is refused, with its line, and what a service is on each: `cases/config/target_sets.yaml`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from clones.config.scope import Scope
from clones.errors import ConfigError
from clones.services_yaml.file import read
from clones.services_yaml.schema import schema_text

FILE = yaml.safe_load((Path(__file__).parents[1] / "cases" / "config" / "target_sets.yaml").read_text())
SERVICES = FILE["services"]


SCHEMA = jsonschema.Draft202012Validator(json.loads(schema_text()))


def mended(case: dict[str, Any]) -> str:
    text: str = SERVICES[case["of"]]
    for old, new in case.get("replace", {}).items():
        assert old in text, f"the case no longer fits: {old}"
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize("case", FILE["cases"], ids=[case["name"] for case in FILE["cases"]])
def test_case(case: dict[str, Any]) -> None:
    text = mended(case)
    if "says" not in case:
        config = read(text, "services.yaml")
        for name, service in config.services.items():
            assert read(text, "services.yaml", only=name).services == {name: service}
            for scope in Scope.each_set(name, service, config.symcli):
                assert Scope.from_plain(scope.to_plain()).service == scope.service
        return
    with pytest.raises(ConfigError) as raised:
        read(text, "services.yaml")
    said = str(raised.value)
    found = [number for number, line in enumerate(text.splitlines(), 1) if case["line"] in line]
    line = found[-1 if case.get("last") else 0] - case.get("above", 0)
    assert said.startswith(f"services.yaml:{line}: "), said
    for fragment in case["says"]:
        assert fragment in said, said
    assert "given: a mapping" not in said


@pytest.mark.parametrize("case", FILE["cases"], ids=[case["name"] for case in FILE["cases"]])
def test_the_schema_refuses_what_it_can_see(case: dict[str, Any]) -> None:
    document = yaml.safe_load(mended(case))
    assert SCHEMA.is_valid(document) == ("schema" not in case)
