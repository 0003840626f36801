"""What a refresh by REST costs: tasks and requests, held against `powermax_counts.yaml`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from tests.conftest import connect
from tests.support.powermax import POWERMAX, SERVICES, Runs
from tests.support.tables import load_yaml

FILE = Path(__file__).with_name("powermax_counts.yaml")
WAITS = ("break.data.wait_copied", "break.archivelogs.wait_copied")
MOST = 45
"""Requests of a refresh of two syncs beside the looks of its waits: the project's limit."""


def test_a_refresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab(POWERMAX, directory=tmp_path / "lab", clock="manual", services=SERVICES) as lab:
        connect(monkeypatch, lab.connections)
        runs = Runs(lab, monkeypatch)
        for _ in range(3):  # then a former snapshot is ended, as in every run from then on
            assert runs.run("refresh").result == "done"
            lab.advance(3600)
        found: Counter[str] = Counter()
        task = runs.airflow._task

        def counted(run: Any, one: Any) -> bool:
            before = len(runs.calls())
            done = task(run, one)
            found[one.task_id] += len(runs.calls()) - before
            return done

        monkeypatch.setattr(runs.airflow, "_task", counted)
        run = runs.run("refresh")
        assert run.result == "done"
        waits = {name: found.pop(name) for name in WAITS}
        assert all(waits.values())
        costs = {"tasks": len(run.states), "requests": {name: n for name, n in found.items() if n}}
        assert costs == load_yaml(FILE.read_text())
        assert sum(found.values()) <= MOST
