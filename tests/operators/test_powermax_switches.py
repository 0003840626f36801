"""Runs under each setting of what is assumed of a Unisphere and of snapshots: done, or refused by name."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from lab.config.snapvx import SnapvxSwitches
from lab.config.unisphere import UnisphereSwitches
from tests.support.powermax import POWERMAX, SERVICES, Runs
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

pytestmark = pytest.mark.same_for_hosts
MORE: dict[str, list[Any]] = {
    "lag_s": [0, 15], "job_seconds": [20, 200], "page_size": [1], "iterator_seconds": [0.5],
    "define_seconds_per_gb": [1], "change_seconds": [5], "snapshots_a_source": [4],
    "job_states": [["UNKNOWN"], ["VALIDATING", "VALIDATED"], ["UNSCHEDULED"], ["RETRIEVING_PICTURE"]],
}  # fmt: skip
REFUSED = {
    ("linked_list", "missing"): "it does not show to what",
    ("snapshots_a_source", "4"): "as many snapshots and links as it can have",
}
"""Where a run is refused, with what it says."""


def settings(model: Any) -> Iterator[tuple[str, Any]]:
    """Every setting that is not the usual one."""
    usual = model()
    for name, field in model.model_fields.items():
        kind = field.annotation
        literal = typing.get_origin(kind) is typing.Literal
        values = typing.get_args(kind) if literal else (True, False) if kind is bool else MORE[name]
        yield from ((name, value) for value in values if value != getattr(usual, name))


@pytest.mark.parametrize(
    ("of", "name", "value"),
    [
        *(("unisphere", *one) for one in settings(UnisphereSwitches)),
        *(("array", *one) for one in settings(SnapvxSwitches)),
    ],
    ids=str,
)
def test_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str, name: str, value: Any) -> None:
    config = load_yaml(POWERMAX.read_text())
    if of == "unisphere":
        config["unispheres"][0]["switches"][name] = value
    else:
        config["arrays"][0].setdefault("snapvx", {})[name] = value
    with Lab(config, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        runs = Runs(lab, monkeypatch)
        said = ""
        for action in ("refresh", "refresh", "rewind"):
            run = runs.run(action)
            said += " ".join(run.errors.values()) if run.result != "done" else ""
            lab.advance(3600)
        expected = REFUSED.get((name, str(value)))
        assert expected in said if expected else not said, said
        assert lab.host("lnxpm01").mounts()
