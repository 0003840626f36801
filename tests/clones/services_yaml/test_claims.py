"""What one host has once is claimed by one service: the cases of `cases/config/claims.yaml`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clones.errors import ConfigError
from clones.services_yaml.file import read
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parents[1] / "cases" / "config" / "claims.yaml").read_text())


def hosts(case: dict[str, Any], names: list[str]) -> str:
    return json.dumps([{"connection": name, "family": case.get("family", "linux")} for name in names])


def lines(case: dict[str, Any]) -> Iterator[str]:
    """services.yaml, a line a resource."""
    yield "services:"
    for number, name in enumerate(("one", "two")):
        if name not in case:
            continue
        yield f"  {name}:"
        yield "    control_host: ctl\n    sync_max_delay: 60"
        yield f"    hosts: {hosts(case, case.get('hosts', {}).get(name, ['h1']))}"
        yield "    resources:"
        yield from (f"      - {flow(one)}" for one in case[name])
        yield f'    syncs: [{{name: s, symid: "000190101234", pairs: ["10{number}0:20{number}0"]}}]'
        for host, resources in case.get("production", {}).get(name, {}).items():
            yield f"    production:\n      hosts: {hosts(case, [host])}\n      resources:"
            yield from (f"        - {flow(one)}" for one in resources)


def flow(resource: Any) -> str:
    return yaml.safe_dump(resource, default_flow_style=True, width=1000, sort_keys=False).strip()[1:-1]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_claims(case: dict[str, Any]) -> None:
    text = "\n".join(lines(case)) + "\n"
    if "says" not in case:
        assert len(read(text, "services.yaml").services) == len({"one", "two"} & set(case))
        return
    with pytest.raises(ConfigError) as raised:
        read(text, "services.yaml")
    said = str(raised.value)
    assert case["says"] in said and "give each its own" in said
    if "line" in case:
        numbered = list(enumerate(text.splitlines(), 1))
        last = [number for number, line in numbered if case["line"] in line][-1]
        assert said.startswith(f"services.yaml:{last}: "), said
