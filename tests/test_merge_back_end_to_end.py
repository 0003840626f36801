"""A merge-back in a real Airflow: asked for by one user, approved over REST by another, killed half-way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from demo.rest import AirflowRest, RestError
from lab.check import findings
from lab.config import load
from tests.conftest import line_of
from tests.production import services, with_production
from tests.site import SERVICE, Site, running_site, until
from tests.test_end_to_end import moment_seen

DAG = f"{SERVICE}_merge_back"
USERS = {"asker": "op", "boss": "op", "admin": "admin"}


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


def test_two_persons_and_a_kill(tmp_path: Path) -> None:
    config = services(tmp_path / "with-production.yaml")
    arrays = with_production(load().model_dump())
    with running_site(tmp_path, arrays=arrays, services=config, users=USERS) as stopping:
        assert stopping.wait(stopping.trigger("stop")) == "success"
        stopping.rest.unpause(DAG)
        site = replace(stopping, dag=DAG)
        since = site.seq()
        with pytest.raises(RestError, match="reason"):
            site.rest.trigger(DAG)
        run_id = site.rest.trigger(DAG, {"reason": "end-to-end test"})
        begin(site, run_id)
        assert "DEV001 <- CLONE001 (1234 <- 4321)" in answer(site, site.rest, run_id)
        assert site.wait(run_id) == "failed"
        assert "two persons are needed" in site.log(run_id, "approve")

        site.rest.clear(DAG, run_id=run_id, tasks=["plan"], include_downstream=True)
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
