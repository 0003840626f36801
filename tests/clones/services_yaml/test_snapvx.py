"""SnapVX syncs in services.yaml, from `cases/config/snapvx.yaml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from clones.config.scope import Scope
from clones.errors import ConfigError
from clones.services_yaml.file import read
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parents[1] / "cases" / "config" / "snapvx.yaml").read_text())
SYNC = {
    "name": "data",
    "backend": "snapvx",
    "symid": "000120000099",
    "source_group": "prod_data",
    "target_group": "pp_data",
    "time_to_live": 7,
    "pairs": ["01234:04321"],
}
SERVICE = {
    "control_host": "lock1",
    "unisphere": "unisphere_prod",
    "sync_max_delay": 1440,
    "resources": [],
    "unattended": True,
}


def over(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**base, **more}.items() if value is not None}


def service(case: dict[str, Any]) -> dict[str, Any]:
    sync = over(SYNC, case.get("sync", {}))
    if sync["backend"] == "symclone":
        del sync["time_to_live"]
    return over({**SERVICE, "syncs": [sync]}, case.get("service", {}))


def written(case: dict[str, Any]) -> str:
    services = {"one": service(case)}
    if "second" in case:
        services["two"] = service(case["second"])
    return yaml.safe_dump({"services": services}, sort_keys=False, width=1000)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_service(case: dict[str, Any]) -> None:
    text = written(case)
    if "says" not in case:
        read(text, "services.yaml")
        return
    with pytest.raises(ConfigError) as raised:
        read(text, "services.yaml")
    message = str(raised.value)
    lines = [n for n, line in enumerate(text.splitlines(), 1) if case["line"] in line]
    assert any(f"services.yaml:{line}:" in message for line in lines), message
    for fragment in case["says"]:
        assert re.search(fragment, message), message
    assert "What to do:" in message


def test_a_trigger_gets_what_a_look_takes() -> None:
    """What is handed to the triggerer is read back there, with the server and without a complaint."""
    config = read(written({"sync": {"copy": False}, "service": {"run_deadline": 60}}), "services.yaml")
    scope = Scope.of("one", config.services["one"], config.symcli)
    part = scope.of_one_sync(scope.service.syncs[0])
    again = Scope.from_plain(part.to_plain())
    assert again.unisphere == "unisphere_prod" and again.service.syncs == scope.service.syncs
    assert not again.service.syncs[0].copy_link
