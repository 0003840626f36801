"""SIGKILL to the triggerer, and to the one of two that has the waits: none of them is lost. On PostgreSQL."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import psutil
import pytest

from demo.many_services import CONTROL, ManyServices
from tests.support.shared import SharedAirflow, many_services
from tests.support.site import Site, until

pytestmark = pytest.mark.airflow

MANY = ManyServices(8, tracks=(200_000,))
HALF = MANY.count // 2
"""Each test has services of its own: right after a refresh there is nothing to copy again."""
WAIT = "break.sync1.wait_copied"
TRIGGERERS = ("triggerer", "triggerer-2")


class Waiting:
    """Refreshes of some services, each of them in its wait for a copy that does not end by itself.

    :param run_id: of all their runs.
    """

    def __init__(self, site: Site, run_id: str, names: Sequence[str]) -> None:
        self.site = site
        self.run_id = run_id
        self.since = site.seq()
        site.lab.set_rate(MANY.symid(0), 1)
        for name in names:
            site.rest.trigger(name, {"action": "refresh", "reason": "test"}, dag_run_id=run_id)
        until(lambda: self.kept_by(set()), 240, self.shown, 0.5)

    def tasks(self) -> list[dict[str, Any]]:
        """All of these runs."""
        asked = {"dag_run_ids": [self.run_id], "page_limit": 100}
        path = "/dags/~/dagRuns/~/taskInstances/list"
        found: list[dict[str, Any]] = self.site.rest.request("POST", path, json=asked)["task_instances"]
        failed = [
            f"{ti['dag_id']}.{ti['task_id']}" for ti in found if ti["state"] in ("failed", "up_for_retry")
        ]
        assert not failed, failed
        return found

    def keepers(self) -> Counter[int | None]:
        """Airflow's numbers of the triggerers that have waits, and how many each; None: nobody has them."""
        found = [ti for ti in self.tasks() if ti["task_id"] == WAIT and ti["state"] == "deferred"]
        return Counter((ti["trigger"] or {}).get("triggerer_id") for ti in found)

    def kept_by(self, others: set[int | None]) -> bool:
        """Whether all waits are in triggerers other than these."""
        found = self.keepers()
        return found.total() == HALF and not set(found) & {None, *others}

    def end(self) -> None:
        """Let the copies end; each run does, by its first tries, with each command sent once."""
        site = self.site
        assert self.keepers().total() == HALF, "a wait ended before its copy"
        site.lab.set_rate(MANY.symid(0), 1e9)
        until(lambda: set(self.states("finish")) == {"success"}, 240, self.shown, 0.5)
        assert self.states(WAIT) == ["success"] * HALF
        assert {ti["try_number"] for ti in self.tasks()} == {1}
        assert controls(site, self.since) == {"recreate": HALF, "activate": HALF}

    def states(self, task: str) -> list[str]:
        """Of this task, in every run."""
        return [ti["state"] for ti in self.tasks() if ti["task_id"] == task]

    def shown(self) -> str:
        return f"{Counter((ti['task_id'], ti['state']) for ti in self.tasks())}, {self.keepers()}"


def controls(site: Site, since: int) -> dict[str, int]:
    """How often each control command was sent."""
    sent = [entry["command"].split() for entry in site.lab.commands(since)]
    return Counter(
        w for words in sent if "-noprompt" in words for w in words if w in ("recreate", "activate")
    )


def looks(site: Site, since: int) -> int:
    return sum("symdev" in entry["command"] for entry in site.lab.commands(since))


def connections_made(site: Site, since: int) -> int:
    return sum(entry["event"] == "connect" for entry in site.lab.entries(since))


def connected(site: Site) -> dict[str, int]:
    """For each living triggerer, how many connections to the control host it has."""
    port = site.lab.connections[CONTROL]["port"]
    found = {}
    for name, pid in living(site).items():
        process = psutil.Process(pid)
        sockets = [
            connection
            for one in (process, *process.children(recursive=True))
            for connection in one.net_connections("tcp")
        ]
        found[name] = sum(bool(one.raddr) and one.raddr.port == port for one in sockets)
    return found


def living(site: Site) -> dict[str, int]:
    """Process id of each triggerer that runs."""
    running = site.airflow.processes()
    return {name: running[name] for name in TRIGGERERS if name in running}


def triggerers(site: Site, *wanted: str) -> None:
    """Have just these run, as Airflow sees it too."""
    for name in TRIGGERERS:
        if (name in living(site)) != (name in wanted):
            if name in wanted:
                site.airflow.start_component(name)
            else:
                kill(site, name)
    until(lambda: alive(site) == len(wanted), 90, lambda: f"{alive(site)} triggerers, not {wanted}", 0.5)


def alive(site: Site) -> int:
    """Triggerers that have told Airflow so, lately."""
    return len(
        site.rest.request("GET", "/jobs", params={"job_type": "TriggererJob", "is_alive": True})["jobs"]
    )


def kill(site: Site, name: str) -> None:
    site.airflow.kill(name, signal.SIGKILL, tree=True)
    until(lambda: name not in living(site), 30, f"{name} lives on")


@pytest.fixture(scope="module")
def site(shared_on_postgres: SharedAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a second triggerer, whenever it is started."""
    with many_services(shared_on_postgres, tmp_path_factory.mktemp("site"), MANY) as running:
        first, second = TRIGGERERS
        running.airflow.components[second] = running.airflow.components[first]
        yield running
        triggerers(running, first)
        del running.airflow.components[second]


def test_the_only_triggerer_is_killed_and_started_again(site: Site) -> None:
    triggerers(site, "triggerer")
    waiting = Waiting(site, "only", MANY.names[:HALF])
    before = set(waiting.keepers())
    kill(site, "triggerer")
    since = site.seq()
    site.airflow.start_component("triggerer")
    until(lambda: waiting.kept_by(before), 120, waiting.shown, 0.5)
    until(lambda: looks(site, since) > 1, 120, "nobody looks at the copies", 0.5)
    assert connected(site) == {"triggerer": 1} and connections_made(site, since) == 1
    waiting.end()


def test_of_two_triggerers_the_one_that_has_the_waits_is_killed(site: Site) -> None:
    triggerers(site, "triggerer")
    waiting = Waiting(site, "one_of_two", MANY.names[HALF:])
    before = set(waiting.keepers())
    triggerers(site, *TRIGGERERS)
    assert connected(site) == {"triggerer": 1, "triggerer-2": 0}
    kill(site, "triggerer")
    since = site.seq()
    until(lambda: waiting.kept_by(before), 120, waiting.shown, 0.5)
    until(lambda: looks(site, since) > 1, 120, "nobody looks at the copies", 0.5)
    assert connected(site) == {"triggerer-2": 1} and connections_made(site, since) == 1
    waiting.end()
