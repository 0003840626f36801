"""A merge-back in a real Airflow: asked for by one user, approved over REST by another, killed half-way; and
what one person alone can clear, and not thereby merge back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.check import findings
from lab.config import load
from private_airflow.rest import AirflowRest, RestError
from tests.conftest import line_of
from tests.end_to_end.test_whole_runs import moment_seen
from tests.support.production import services, with_production
from tests.support.shared import SharedAirflow
from tests.support.site import SERVICE, Site, until

pytestmark = pytest.mark.airflow

DAG = f"{SERVICE}_merge_back"


def begin(site: Site, run_id: str, again: bool = False) -> None:
    words = {"again": run_id} if again else {}
    site.lab.note("run begins", service=SERVICE, run=run_id, action=DAG, **words)


def let_the_scheduler_see(site: Site) -> None:
    """Wait for two of its heartbeats. It fails a task whose answer comes before it has seen that the process
    which asked has ended; no person is that quick."""
    for _ in range(2):
        before = site.rest.health()["scheduler"]
        until(lambda: site.rest.health()["scheduler"] != before, 60, "no heartbeat")  # noqa: B023


def answer(site: Site, rest: AirflowRest, run_id: str) -> str:
    """Wait until somebody is asked, approve, and give what was shown."""
    until(lambda: site.states(run_id)["approve"] == "awaiting_input", 60, site.shown(run_id))
    let_the_scheduler_see(site)
    path = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    shown = rest.request("GET", path)
    rest.request("PATCH", path, json={"chosen_options": shown["options"][:1], "params_input": {}})
    return str(shown["body"])


def logs(site: Site, run_id: str, task: str) -> str:
    """How the run stands, and all that one of its tasks has logged."""
    tries = range(1, site.tries(run_id)[task] + 1)
    return "\n".join([str(site.states(run_id)), *(site.log(run_id, task, number) for number in tries)])


Clear = Callable[[AirflowRest, str], object]


def tasks(*names: str, **options: Any) -> Clear:
    """`clearTaskInstances`, as the UI's Clear of these tasks."""
    return lambda rest, run_id: rest.clear(DAG, run_id=run_id, tasks=names, **options)


def whole_run(**options: Any) -> Clear:
    """`dagRuns/{id}/clear`, as the UI's Clear of the run."""

    def clear(rest: AirflowRest, run_id: str) -> object:
        path = f"/dags/{DAG}/dagRuns/{run_id}/clear"
        return rest.request("POST", path, json={"dry_run": False, **options})

    return clear


QUIETLY = {"reset_dag_runs": False}
"""Airflow does not count such a clear in the run."""


def begun_again(task: str) -> Clear:
    """Clear it with what follows, which no run counts, then have the ended run begin again."""

    def clear(rest: AirflowRest, run_id: str) -> object:
        rest.clear(DAG, run_id=run_id, tasks=[task], include_downstream=True, **QUIETLY)
        return rest.request("PATCH", f"/dags/{DAG}/dagRuns/{run_id}", json={"state": "queued"})

    return clear


WHILE_IT_WAITS: dict[str, Clear] = {
    "the run": whole_run(),
    "plan, quietly": tasks("plan", **QUIETLY),
    "plan and what follows": tasks("plan", include_downstream=True),
    "approve, quietly": tasks("approve", **QUIETLY),
    "restore": tasks("restore.data.restore"),
}
AFTER_IT_ENDED: dict[str, Clear] = {
    "the run, only failed": whole_run(only_failed=True),
    "plan and what follows, quietly": begun_again("plan"),
    "approve": tasks("approve"),
}


def approve_if_asked(site: Site, rest: AirflowRest, run_id: str) -> None:
    """Approve whenever somebody is asked, until the run has ended."""

    def ended_or_asked() -> bool:
        state = site.state(run_id)
        return state in ("success", "failed") or site.states(run_id)["approve"] == "awaiting_input"

    until(ended_or_asked, 60, site.shown(run_id))
    if site.states(run_id)["approve"] == "awaiting_input":
        with suppress(RestError):  # cleared meanwhile, or answered
            answer(site, rest, run_id)


def refused(site: Site, run_id: str, since: int) -> None:
    """It ends without a restore, and says that it was cleared."""
    until(lambda: site.state(run_id) in ("success", "failed"), 60, site.shown(run_id))
    assert site.state(run_id) == "failed", site.states(run_id)
    assert site.controls(since) == []
    said = "\n".join(logs(site, run_id, task) for task in ("plan", "approve"))
    assert "was cleared, or begun again, after" in said, said


def test_one_person_cannot_play_both(shared: SharedAirflow, tmp_path: Path) -> None:
    """`asker` triggers; `boss` clears, in every way, and approves."""
    config = services(tmp_path / "with-production.yaml")
    arrays = with_production(load().model_dump())
    with shared.site(tmp_path, arrays=arrays, services=config) as stopping:
        assert stopping.wait(stopping.trigger("stop")) == "success"
        stopping.unpause(DAG)
        site = replace(stopping, dag=DAG)
        since = site.seq()
        with site.airflow.client("asker") as asker, site.airflow.client("boss") as boss:

            def asked() -> str:
                run_id = asker.trigger(DAG, {"reason": "end-to-end test"})
                until(lambda: site.states(run_id)["approve"] == "awaiting_input", 60, site.shown(run_id))
                return run_id

            for clear in WHILE_IT_WAITS.values():
                run_id = asked()
                clear(boss, run_id)
                approve_if_asked(site, boss, run_id)
                refused(site, run_id, since)
            for clear in AFTER_IT_ENDED.values():
                run_id = asked()
                let_the_scheduler_see(site)
                path = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
                boss.request("PATCH", path, json={"chosen_options": ["Reject"], "params_input": {}})
                assert site.wait(run_id) == "failed" and "Rejected" in logs(site, run_id, "approve")
                clear(boss, run_id)
                approve_if_asked(site, boss, run_id)
                refused(site, run_id, since)

            # Withdrawn before anybody was asked, and begun again without a trace of a clear.
            run_id = asker.trigger(DAG, {"reason": "end-to-end test"})
            until(lambda: site.states(run_id)["plan"] == "success", 60, site.shown(run_id), every=0.02)
            asker.request("PATCH", f"/dags/{DAG}/dagRuns/{run_id}", json={"state": "failed"})
            begun_again("approve")(boss, run_id)
            approve_if_asked(site, boss, run_id)
            refused(site, run_id, since)
        assert findings(site.lab.journal) == []


def test_two_persons_and_a_kill(shared: SharedAirflow, tmp_path: Path) -> None:
    config = services(tmp_path / "with-production.yaml")
    arrays = with_production(load().model_dump())
    with shared.site(tmp_path, arrays=arrays, services=config) as stopping:
        assert stopping.wait(stopping.trigger("stop")) == "success"
        stopping.unpause(DAG)
        site = replace(stopping, dag=DAG)
        since = site.seq()
        with pytest.raises(RestError, match="reason"):
            site.rest.trigger(DAG)
        run_id = site.rest.trigger(DAG, {"reason": "end-to-end test"})
        begin(site, run_id)
        assert "DEV001 <- CLONE001 (1234 <- 4321)" in answer(site, site.rest, run_id)
        assert site.wait(run_id) == "failed"
        assert "two persons are needed" in site.log(run_id, "approve")

        run_id = site.rest.trigger(DAG, {"reason": "end-to-end test"})
        begin(site, run_id)
        moment = line_of("restore DGCVI")
        fault = site.lab.fault("delay", match=moment, seconds=300, count=1)
        site.lab.note("approval", service=SERVICE)
        with site.airflow.client("boss") as boss:
            answer(site, boss, run_id)
        until(lambda: moment_seen(site, since, moment), 90, lambda: logs(site, run_id, "approve"))
        site.kill_task()
        site.lab.clear_faults(fault)
        assert site.wait(run_id) == "failed"
        assert site.states(run_id)["restore.data.restore"] == "failed"
        assert "Production may be overwritten" in site.log(run_id, "finish", site.tries(run_id)["finish"])

        site.rest.clear(DAG, run_id=run_id, only_failed=True)
        begin(site, run_id, again=True)
        assert site.wait(run_id) == "success", site.states(run_id)
        assert site.controls(since) == [
            f"{action} {group}" for group in ("DGCVI", "DGCVIARCH") for action in ("restore", "terminate")
        ]
        assert "this run's restore is under way or done" in site.log(
            run_id, "restore.data.restore", site.tries(run_id)["restore.data.restore"]
        )
        assert findings(site.lab.journal) == []
