"""Which runs are no longer needed (D8), from `cases/superseded.yaml`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clones.actions import ACTIONS
from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.runs import superseded
from clones.runs.superseded import Asked, asked_since
from hooks.configuration import load
from tests.clones.seeing import seen
from tests.conftest import SERVICES
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parents[1] / "cases" / "superseded.yaml").read_text())
SYNCS = ("data", "archivelogs")


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-24T{clock}:00+00:00")


def record(written: Any, shown: Any) -> Any:
    if written == "none":
        return None
    run, action, point = written
    return superseded.leave(run, ACTIONS[action], shown, at(point))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(SERVICES)
    scope = Scope("aastmphpux", config.services["aastmphpux"], config.symcli)
    shown = {name: seen("Copied", name=name) for name in SYNCS}
    mute = {name: seen("Copied", name=name, times=[None]) for name in SYNCS}
    silent = case.get("silent", [])
    left = mute if "then" in silent else shown
    records = [record(case["records"][name], left[name]) for name in SYNCS]
    shown = mute if "now" in silent else shown
    if "changed" in case:
        shown[case["changed"]] = seen(
            "Copied", name=case["changed"], times=[datetime(2026, 11, 23, 11, 0, 0)]
        )

    def observe(scope: Scope, sync: Any) -> Steps[Any]:
        return shown[sync.name]
        yield

    monkeypatch.setattr(superseded, "observe", observe)
    asked = Asked("r0", ACTIONS[case["action"]], None if case["asks"] == "none" else at(case["asks"]))
    completed = {run: "2026-11-24 03:05:00" for run in case.get("completed", [])}
    with pytest.raises(StopIteration) as ended:
        next(superseded.still_needed(scope, asked, completed, records))
    judgement = ended.value.value
    assert judgement.needed == ("needed" in case), judgement.why
    assert judgement.by == case.get("by", "")
    assert case.get("needed", "") in judgement.why


@pytest.mark.parametrize(
    ("run_type", "cleared", "since"),
    [
        ("scheduled", 0, "01:00"),
        ("backfill", 3, "01:00"),
        ("manual", 0, None),
        ("manual", 1, "05:00"),
        ("asset_triggered", 0, None),
    ],
)
def test_from_when_on_a_copy_serves_a_run(run_type: str, cleared: int, since: str | None) -> None:
    assert asked_since(run_type, at("01:00"), at("05:00"), cleared) == (at(since) if since else None)


def test_a_run_for_a_date_without_an_interval_is_served_from_when_it_was_due() -> None:
    assert asked_since("scheduled", None, at("05:00"), 0) == at("05:00")


def test_only_so_many_completed_runs_are_remembered() -> None:
    runs: dict[str, str] = {}
    for number in range(superseded.REMEMBERED_RUNS + 5):
        runs = superseded.remember(runs, f"r{number}", datetime(2026, 11, 24, tzinfo=UTC))
    assert len(runs) == superseded.REMEMBERED_RUNS and next(iter(runs)) == "r5"


def test_a_run_with_the_id_of_a_deleted_one_is_another_run() -> None:
    """Deleted, and triggered again with the same id after the first was completed."""
    completed = {"r0": "2026-11-24 03:05:00+00:00", "r1": "2026-11-24 02:00:00+00:00"}
    for begins, known in (("02:30", True), ("03:05", True), ("03:06", False)):
        left = superseded.without_namesake(completed, "r0", at(begins))
        assert ("r0" in left) is known and "r1" in left
        judged = superseded.judge(Asked("r0", ACTIONS["refresh"], None), left, [None])
        assert judged.needed is not known
    whole = superseded.remember({}, "r0", datetime(2026, 11, 24, 3, 5, 0, 900, tzinfo=UTC))
    assert superseded.without_namesake(whole, "r0", datetime(2026, 11, 24, 3, 5, 0, 100, tzinfo=UTC)) == whole
