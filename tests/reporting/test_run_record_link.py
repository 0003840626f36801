"""Where the button "Run record" leads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reporting import board_link
from reporting.run_records import RunRecordLink

RUN = "manual__2026-11-26T10:00:00+00:00"
QUOTED = "manual__2026-11-26T10%3A00%3A00%2B00%3A00"


@pytest.mark.parametrize("base", ["", "/airflow"])
@pytest.mark.parametrize(
    ("service", "board", "leads"),
    [
        ("s", True, "{base}/plugin/clones{base}/clones/#/service/s/run/s_retire/{run}"),
        ("s", False, "{base}/dags/s_retire/runs/{run}/tasks/finish/xcom"),
        ({"name": "s"}, True, "{base}/dags/s_retire/runs/{run}/tasks/finish/xcom"),
    ],
    ids=["the board", "a site without it", "a service that the board does not know"],
)
def test_where_it_leads(
    monkeypatch: pytest.MonkeyPatch, base: str, service: Any, board: bool, leads: str
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"https://airflow.example.com{base}")
    monkeypatch.setattr(board_link, "find_spec", lambda name: object() if board else None)
    key: Any = SimpleNamespace(dag_id="s_retire", run_id=RUN, task_id="finish")
    link = RunRecordLink().get_link(SimpleNamespace(service=service), ti_key=key)
    assert link == leads.format(base=base, run=QUOTED)
