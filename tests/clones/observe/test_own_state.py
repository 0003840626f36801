"""In which state a service is called by what its resources say, from `cases/own_state.yaml`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from clones.errors import Unknown
from clones.observe.own_state import judge, look
from clones.observe.proof_down import Row
from clones.resources.base import Probe, Use
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml


@pytest.mark.parametrize(
    "case",
    [pytest.param(one, id=one["name"]) for one in load_yaml((CASES / "own_state.yaml").read_text())],
)
def test_states(case: dict[str, Any]) -> None:
    rows = []
    for said in case["said"]:
        host, label, use, *at = said.split(", ")
        driver: Any = SimpleNamespace(label=label, started="active")
        rows.append(Row(host, label, Probe(Use(use), at[0] if at else "active", "it says so"), driver))
    found = judge(rows)
    assert (found.state, found.why) == (case["state"], case.get("why", ""))


def test_what_cannot_be_asked_is_unknown_and_no_error() -> None:
    from clones.config.scope import Scope
    from hooks.configuration import load
    from tests.conftest import SERVICES

    config = load(str(SERVICES))
    steps = look(Scope("aastmphpux", config.services["aastmphpux"], config.symcli))
    next(steps)
    with pytest.raises(StopIteration) as ended:
        steps.throw(Unknown("aastmphpux cannot be reached over SSH"))
    assert (ended.value.value.state, ended.value.value.why) == (
        "unknown",
        "aastmphpux cannot be reached over SSH",
    )
    alone = look(Scope("reporting_copies", config.services["reporting_copies"], config.symcli))
    with pytest.raises(StopIteration) as ended:
        next(alone)
    assert ended.value.value is None, "it has no resources"
