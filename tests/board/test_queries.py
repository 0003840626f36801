"""What a page costs the database: as much for a thousand services as for one; and what it hides from whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clones.config import Config
from tests.board.rows import NOW, Everybody, Rows, counted, reader

FLEET_QUERIES = 7
SERVICE_QUERIES = 13


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    made = Rows(tmp_path / "airflow.db")
    yield made
    made.session.close()
    made.engine.dispose()


def may(monkeypatch: pytest.MonkeyPatch, dag_ids: set[str], *forbids: str) -> None:
    from board import access

    monkeypatch.setattr(access, "get_auth_manager", lambda: Everybody(dag_ids, forbids))


def all_dags(configured: dict[str, Any]) -> set[str]:
    return {name + ending for name in configured for ending in ("", "_provision", "_retire")}


@pytest.mark.parametrize("services", [1, 40])
def test_queries(rows: Rows, monkeypatch: pytest.MonkeyPatch, services: int) -> None:
    from board.app import detail
    from board.fleet import fleet
    from board.gather import facts

    configured = rows.fill(services, runs=3)
    may(monkeypatch, all_dags(configured))
    ask = reader(rows, Config(services=configured))
    with counted(rows.engine) as sent:
        found, error = facts(ask)
        page = fleet(found, error)
    assert len(page["services"]) == services and json.dumps(page)
    assert len(sent) == FLEET_QUERIES, "\n".join(sent)
    assert page["services"][0]["syncs"][0]["percent"] == 40
    assert page["services"][0]["last_run"]["run_id"] == "r1"
    assert page["services"][0]["running"]["task"] == "break.data.wait_copied"
    with counted(rows.engine) as sent:
        one, _ = facts(ask, only="svc0000")
        view = detail(ask, one, "svc0000")
    assert len(sent) == SERVICE_QUERIES, "\n".join(sent)
    assert [run["run_id"] for run in view["runs"]] == ["going", "r1", "r2", "r3"]
    assert len(view["pairs"]) == 2 and view["pairs_seen"] == NOW.isoformat(timespec="milliseconds")


@pytest.mark.parametrize("entity", ["RUN", "TASK_INSTANCE"])
def test_who_may_not_see_runs_sees_the_copies_only(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, entity: str
) -> None:
    from board.app import detail
    from board.fleet import fleet
    from board.gather import facts

    configured = rows.fill(1, runs=1)
    may(monkeypatch, all_dags(configured), f"GET {entity}")
    ask = reader(rows, Config(services=configured))
    found, _ = facts(ask, only="svc0000")
    (row,) = fleet(found, "")["services"]
    assert row["status"] == "up" and row["running"] is None and row["last_run"] is None
    view = detail(ask, found, "svc0000")
    assert view["pairs"] and not view["runs"] and not view["records"]


def test_who_may_not_see_xcoms_sees_no_results_and_records(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from board.app import detail
    from board.fleet import fleet
    from board.gather import facts

    configured = rows.fill(1, runs=1)
    may(monkeypatch, all_dags(configured), "GET XCOM")
    ask = reader(rows, Config(services=configured))
    found, _ = facts(ask, only="svc0000")
    (row,) = fleet(found, "")["services"]
    assert row["last_run"]["state"] == "success" and row["last_run"]["result"] == ""
    assert row["syncs"][0]["percent"] is None
    assert not detail(ask, found, "svc0000")["records"]


def test_what_is_wrong_with_the_configuration_may_name_others(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from board.gather import HIDDEN_ERROR, facts

    configured = rows.fill(2, runs=1)
    said = "services.yaml:3: service svc0001, syncs: is missing; add it"
    for config in (Config(services=configured), None):
        may(monkeypatch, all_dags(configured))
        found, error = facts(reader(rows, config, said))
        assert error == said and set(found.services) == set(configured)
        may(monkeypatch, {"svc0000"})
        found, error = facts(reader(rows, config, said))
        assert error == HIDDEN_ERROR and set(found.services) == {"svc0000"}
        assert [sync.name for sync in found.shown("svc0000").syncs] == ["data", "logs"]


def test_the_newest_run_that_ended_counts(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    from board.gather import facts

    configured = rows.fill(1, runs=2)
    failed = NOW - timedelta(hours=1)
    rows.run("svc0000_merge_back", "m1", "failed", failed, failed + timedelta(minutes=1))
    may(monkeypatch, {*all_dags(configured), "svc0000_merge_back"})
    found, _ = facts(reader(rows, Config(services=configured)))
    last = found.last_run("svc0000")
    assert last is not None
    assert [last[key] for key in ("dag_id", "action", "state", "seconds")] == [
        *("svc0000_merge_back", "merge_back", "failed", 60)
    ]


@pytest.mark.parametrize("finish", ["skipped", None])
def test_a_run_without_its_last_task_is_never_done(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, finish: str | None
) -> None:
    """Green in Airflow, with what an earlier try of its last task has left."""
    from board.app import detail
    from board.fleet import fleet
    from board.gather import facts

    configured = rows.fill(1, runs=1)
    began = NOW - timedelta(hours=1)
    run = rows.run("svc0000_retire", "outside", "success", began, NOW)
    rows.task("svc0000_retire", "outside", "plan", "success")
    rows.task("svc0000_retire", "outside", "finish", finish)
    rows.xcom("svc0000_retire", "outside", run, "finish", "result", {"result": "done", "at": ""})
    may(monkeypatch, all_dags(configured))
    ask = reader(rows, Config(services=configured))
    found, _ = facts(ask)
    (row,) = fleet(found, "")["services"]
    last = row["last_run"]
    assert (last["run_id"], last["state"], last["result"]) == ("outside", "failed", "ended without finish")
    one, _ = facts(ask, only="svc0000")
    (shown,) = [run for run in detail(ask, one, "svc0000")["runs"] if run["run_id"] == "outside"]
    assert (shown["state"], shown["result"]) == ("failed", "ended without finish")


@pytest.mark.parametrize("part", ["SchedulerJob", "TriggererJob", "DagProcessorJob"])
@pytest.mark.parametrize(("ago", "silent"), [(5, False), (29, False), (31, True), (None, None)])
def test_a_part_of_airflow_that_is_dead_is_said(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, part: str, ago: int | None, silent: bool | None
) -> None:
    """Of several schedulers the one that was heard of last counts; one that never ran is dead, too."""
    from board.fleet import fleet
    from board.gather import facts

    configured = rows.fill(1, runs=1)
    may(monkeypatch, all_dags(configured))
    for job in ("SchedulerJob", "TriggererJob", "DagProcessorJob"):
        beat = NOW - timedelta(seconds=ago or 0)
        for seconds in [900, 0] if job == part and ago is not None else [0] if job != part else []:
            at = (beat if job == part else NOW) - timedelta(seconds=seconds)
            rows.add_id("job", job_type=job, state="running", latest_heartbeat=at)
    found, error = facts(reader(rows, Config(services=configured)))
    names = [one["part"] for one in fleet(found, error)["silent"]]
    name = {"SchedulerJob": "scheduler", "TriggererJob": "triggerer", "DagProcessorJob": "dag_processor"}[
        part
    ]
    assert names == ([name] if (silent if silent is not None else part == "SchedulerJob") else [])
