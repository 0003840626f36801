"""The same service, refreshed once by each back end: the same tasks, record, board and status.

Only what names the way may differ: commands, requests, snapshots, and times of another clock.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from clones.fleet import status
from hooks.whole_site import look_at_copies
from lab import Lab
from tests.support.powermax import POWERMAX, SERVICES, Runs
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

SYMID = "000297600001"
OF_THE_WAY = {"started_on", "snapshots", "kept", "intent", "digest", "age"}
"""Keys that only one back end has, or that hold what it goes by."""
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*([+]00:00)?")


def by_symclone(arrays: Any, services: Any) -> None:
    """The same devices with clone sessions, by a control host, in place of links."""
    (array,) = arrays["arrays"]
    for key in ("snapshots", "links"):
        del array[key]
    del arrays["unispheres"]
    arrays["hosts"][0] |= {"family": "control", "arrays": [SYMID]}
    ages = {"00A10": 26, "00A11": 26, "00A12": 25.9, "00A20": 5}
    array["sessions"] = [
        {"source": source, "target": source.replace("A", "B"), "age_hours": hours}
        for source, hours in ages.items()
    ]
    for service in services["services"].values():
        del service["unisphere"]
        for sync in service["syncs"]:
            for key in ("backend", "source_group", "target_group", "copy"):
                sync.pop(key, None)


def refreshed(way: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What one refresh leaves for people."""
    arrays, services = load_yaml(POWERMAX.read_text()), load_yaml(SERVICES.read_text())
    if way == "symclone":
        by_symclone(arrays, services)
    place.mkdir()
    for name, plain in (("arrays.yaml", arrays), ("services.yaml", services)):
        (place / name).write_text(yaml.safe_dump(plain, sort_keys=False))
    file = place / "services.yaml"
    with Lab(
        place / "arrays.yaml", directory=place / "lab", clock="manual", services=file, ports=False
    ) as lab:
        connect_directly(monkeypatch, lab)
        runs = Runs(lab, monkeypatch, file)
        run = runs.run()
        shown = [status.to_plain(one) for one in look_at_copies(str(file), "pmapp")]
        kept = {str(key): dict(store) for key, store in runs.airflow.asset_stores.items()}
        record = dict(run.xcom["finish", "run_record"])
        record["tasks"] = {task: len(tries) for task, tries in record["tasks"].items()}  # without commands
        return {"states": run.states, "record": record, "status": shown, "left": kept}


def without_the_way(value: Any) -> Any:
    """Without commands, snapshots and times."""
    if isinstance(value, dict):
        return {
            TIME.sub("T", key): without_the_way(one) for key, one in value.items() if key not in OF_THE_WAY
        }
    if isinstance(value, list | tuple):
        return [without_the_way(one) for one in value]
    return re.sub(r"\d+ s old", "N s old", TIME.sub("T", value)) if isinstance(value, str) else value


def test_a_refresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {way: refreshed(way, tmp_path / way, monkeypatch) for way in ("symclone", "snapvx")}
    one, other = (without_the_way(found[way]) for way in ("symclone", "snapvx"))
    assert one["states"]["finish"] == "success"
    # Proven down right before what overwrites the targets: a recreate, or a link.
    proofs = [left["record"].pop("proof") for left in (one, other)]
    assert [proof["task"].split(".")[0] for proof in proofs[0]] == ["resync"] * len(proofs[0])
    assert [proof["task"].split(".")[0] for proof in proofs[1]] == ["break"] * len(proofs[1])
    assert one == other
