"""What is shown to Prometheus and sent to StatsD has the names, labels and meanings of the one list."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.observability import stats

from board.database import Stored
from board.fleet import Facts
from board.metrics import exposition
from clones.runs.result import RunResult
from reporting.metric_names import PROMETHEUS, STATSD, STATSD_OF_SWEEP
from reporting.metrics import measure
from tests.conftest import ROOT

NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)


def test_prometheus_reads_these() -> None:
    at = NOW.isoformat()
    sync = {"status": "up", "since": at, "why": "x", "press": "", "point_in_time": at}
    record = {"status": "up", "since": at, "syncs": {"data": sync}}
    store = {"clone_status": Stored({"at": at, "services": ["s"]}, NOW), "s": Stored(record, NOW)}
    text = exposition(Facts(NOW, {"s": None}, 5, store, {}), "")[0].decode()
    shown = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.M))
    assert shown == {metric.name: metric.says for metric in PROMETHEUS}


def test_the_last_task_of_a_run_sends_these(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, tuple[str, ...]] = {}
    for kind in ("incr", "timing", "gauge"):
        monkeypatch.setattr(stats, kind, lambda name, *value, tags: sent.update({name: tuple(tags)}))
    run = SimpleNamespace(dag_id="s", run_id="r", start_date=datetime.now(UTC) - timedelta(minutes=5))
    plan: dict[str, Any] = {"estimates": {"data": {"tracks": 7}}}
    measure({"dag_run": run}, "s", RunResult("done"), plan)  # type: ignore[arg-type]
    assert sent == {metric.name: metric.labels for metric in STATSD}


def test_no_name_stands_anywhere_else() -> None:
    names = re.compile(
        "|".join(re.escape(metric.name) for metric in (*PROMETHEUS, *STATSD, *STATSD_OF_SWEEP))
    )
    used = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "plugins").rglob("*.py"))
        if names.search(path.read_text())
    ]
    assert used == ["plugins/reporting/metric_names.py"]
