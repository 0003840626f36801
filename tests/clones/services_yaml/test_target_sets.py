"""Target sets: what is refused, with its line, and what a service is on each of them."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from clones.config.scope import Scope
from clones.errors import ConfigError
from clones.services_yaml.file import read
from clones.services_yaml.schema import schema_text
from tests.clones.hostile import put
from tests.clones.services_yaml.test_file import STRANGE, everywhere
from tests.support.tables import load_yaml

FILE = load_yaml((Path(__file__).parents[1] / "cases" / "config" / "target_sets.yaml").read_text())
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
                again = Scope.from_plain(scope.to_plain()).service
                assert again.model_dump() == scope.service.model_dump()
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
    document = load_yaml(mended(case))
    assert SCHEMA.is_valid(document) == ("schema" not in case)


def _labels(of: str, replace: dict[str, str], name: str) -> tuple[list[str], list[str]]:
    """The own and the shared resources of a set, by what shows which one it is."""
    (service, *_) = read(mended({"of": of, "replace": replace}), "services.yaml").services.values()

    def shown(entry: Any) -> str:
        one = entry.resource
        return str(getattr(one, "dev", "") or getattr(one, "ipname", "") or one.name)

    parts = (service.own_of(name), service.shared_on(name))
    return [shown(entry) for entry in parts[0].resources], [shown(entry) for entry in parts[1].resources]


def test_beside_another_set_what_differs_is_its_own() -> None:
    assert _labels("one_host", {}, "b") == (["vg_pp_b", "/dev/vg_pp_b/lv"], ["192.168.40.17", "pp"])


def test_on_a_host_of_its_own_a_set_has_all_but_addresses_and_applications() -> None:
    assert _labels("host_each", {}, "b") == (["pool", "pool/data"], ["192.168.40.18", "cvi"])


def test_a_set_on_a_shared_host_has_identifiers_of_its_own_there() -> None:
    service = read(SERVICES["one_host"], "services.yaml").services["pp"]
    assert [entry.vg.same_host_as_source for entry in service.on("a").resources if entry.vg] == [True]
    split = {
        "family: linux}": "family: linux, sets: [a]}\n      - {connection: h2, family: linux, sets: [b]}"
    }
    service = read(mended({"of": "one_host", "replace": split}), "services.yaml").services["pp"]
    assert [entry.vg.same_host_as_source for entry in service.on("a").resources if entry.vg] == [False]
    assert [host.connection for host in service.on("b").hosts] == ["h2"]


def test_a_value_of_another_kind_is_told_in_the_words_of_the_file() -> None:
    """Each value of what sets add in turn becomes a list, a mapping, a word and nothing."""
    told = set()
    for of in ("one_host", "host_each", "command"):
        example = load_yaml(SERVICES[of])
        for place in everywhere(example):
            if not {"by_set", "targets", "sets"} & set(place):
                continue
            for other in ([["x"]], {"x": {}}, "x", None):
                document = deepcopy(example)
                put(document, place, other)
                try:
                    read(yaml.safe_dump(document), "services.yaml")
                except ConfigError as error:
                    told |= set(str(error).splitlines())
    strange = [one for one in told if re.search(STRANGE, one)]
    assert len(told) > 50 and not strange, strange[:5]
