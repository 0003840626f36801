"""The check of an array by its Unisphere: what is said of what it shows, as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clones.asking.steps import Finished, Note, Request, Result, Steps, answer
from clones.backends.snapvx.preflight import checks
from clones.config import Symcli
from clones.config.scope import Scope
from clones.errors import CloneError
from clones.observe.findings import Finding, Level, from_error
from clones.services_yaml.file import read
from tests.conftest import POWERMAX
from tests.support.tables import load_yaml

SYMID = "000297600001"
CASES = load_yaml(Path(__file__).parents[1].joinpath("cases/preflight/unisphere.yaml").read_text())


def told(steps: Steps[list[Finding]], case: dict[str, Any]) -> list[Finding]:
    """What a check finds, its server answering as the case says."""
    try:
        asked = answer(steps)
        while not isinstance(asked, Finished):
            assert isinstance(asked, Request | Note) and not getattr(asked, "changes", False)
            asked = answer(steps, None if isinstance(asked, Note) else shown(asked, case))
        return asked.value
    except CloneError as error:
        return [from_error("host uni", error)]


def shown(request: Request, case: dict[str, Any]) -> Result:
    if request.path.endswith(f"/symmetrix/{SYMID}"):
        if case["array"] is None:
            return Result(request, 404, '{"message": "Symmetrix cannot be found"}')
        return Result(request, 200, json.dumps({"symmetrixId": SYMID, **case["array"]}))
    row = {"symmetrixId": SYMID, "snapVxCapable": case["capable"]}
    return Result(request, 200, json.dumps({"symmetrixCapability": [row]}))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_array(case: dict[str, Any]) -> None:
    scope = Scope.of("pm", read(POWERMAX.read_text(), "it").services["pm"], Symcli())
    _, *arrays = checks(Symcli(), "uni", [(scope, sync) for sync in scope.service.syncs])
    found = [finding for check in arrays for finding in told(check, case)]
    assert [finding.level for finding in found] == case["levels"]
    bad = [finding for finding in found if finding.level is not Level.OK]
    for finding, says, remedy in zip(bad, case.get("says", []), case.get("remedy", []), strict=True):
        assert says in finding.what and remedy in finding.remedy
