"""A deployment as a site runs it, as plain processes: two of most, and the lab behind a network."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import yaml

from lab import Lab
from lab.check import findings
from private_airflow.instance import LocalAirflow
from private_airflow.rest import AirflowRest, RestError
from tests.conftest import ROOT
from tests.distributed import fleet
from tests.distributed.relay import Relay, relay
from tests.support.postgres import Cluster, cluster
from tests.support.redis import Broker, broker
from tests.support.site import has_dag, title

T = TypeVar("T")
SPEED = 15
"""Seconds of the lab in one second."""
SETTINGS = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "12",
}
"""Seconds, and a count of heartbeats: less of it saves waiting. docker-compose.yaml sets two to twelve times
as much, or leaves Airflow's: 10 s between looks for lost tasks, 30 s for a scheduler and a triggerer."""
RESTART = 2.0
"""Seconds after which what was killed is started again, as systemd or an engine would."""


@dataclass
class Deployment:
    """Everything that can be killed. `services` refresh at once."""

    airflow: LocalAirflow
    rest: AirflowRest
    lab: Lab
    network: Relay
    database: Cluster
    broker: Broker
    services: list[str]
    since: int = 0
    runs: dict[str, str] = field(default_factory=dict)

    def ask(self, question: Callable[[], T], seconds: float = 120) -> T:
        """An answer of the API server, however often it must be asked: it may be what was killed."""
        end = time.monotonic() + seconds
        while True:
            try:
                return question()
            except RestError as error:
                if (error.status is not None and error.status < 500) or time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def begin(self) -> None:
        """Every service begins a refresh."""
        self.since = int(self.lab.journal[-1]["seq"])
        self.runs = {}
        for service in self.services:
            conf = {"action": "refresh", "reason": "to be disturbed"}
            run_id = self.ask(lambda: self.rest.trigger(service, conf))  # noqa: B023
            self.runs[service] = run_id
            self.lab.note("run begins", service=service, run=run_id, action="refresh")

    def sent(self, pattern: str, host: str | None = None) -> list[dict[str, Any]]:
        """The commands of this wave that match."""
        return [
            entry
            for entry in self.lab.commands(self.since)
            if re.search(pattern, entry["command"]) and host in (None, entry["host"])
        ]

    def until(self, condition: Callable[[], object], what: str, seconds: float = 600) -> None:
        """Wait for something that happens in other processes."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {what}; {self.shown()}"
            time.sleep(0.2)

    def shown(self) -> str:
        """How the runs stand."""
        return str({service: self.states(service) for service in self.runs})

    def states(self, service: str) -> dict[str, str]:
        found = self.ask(lambda: self.rest.task_instances(service, self.runs[service]))
        return {one["task_id"]: str(one["state"]) for one in found if one["state"] not in ("success", None)}

    def tries(self, service: str, task: str) -> int:
        """How often a task was tried."""
        found = self.ask(lambda: self.rest.task_instances(service, self.runs[service]))
        return max(int(one["try_number"]) for one in found if one["task_id"] == task)

    def ended(self, seconds: float = 1200) -> dict[str, str]:
        """Wait until every run has ended: service -> state. Each end goes into the journal."""
        states: dict[str, str] = {}
        end = time.monotonic() + seconds
        while len(states) < len(self.runs):
            assert time.monotonic() < end, f"not ended within {seconds} s: {self.shown()}"
            for service, run_id in self.runs.items():
                if service in states:
                    continue
                state = self.ask(lambda: self.rest.dag_run(service, run_id)["state"])  # noqa: B023
                if state in ("success", "failed"):
                    states[service] = str(state)
                    self._note_end(service, run_id)
            time.sleep(0.5)
        return states

    def _note_end(self, service: str, run_id: str) -> None:
        path = f"/dags/{service}/dagRuns/{run_id}/taskInstances/finish/xcomEntries/result"
        ended = self.ask(lambda: self.rest.request("GET", path)["value"])
        ended = json.loads(ended) if isinstance(ended, str) else ended
        self.lab.note("run ends", service=service, run=run_id, result=ended["result"], step=ended["at"])

    def judge(self) -> int:
        """Every run has ended as it must, or does so when its failed tasks are cleared.

        :return: how many had to be run again.
        """
        stopped = [service for service, state in self.ended().items() if state == "failed"]
        for service in stopped:
            run_id = self.runs[service]
            self.lab.note("run begins", service=service, run=run_id, action="refresh", again=run_id)
            self.ask(lambda: self.rest.clear(service, run_id=run_id, only_failed=True))  # noqa: B023
        assert set(self.ended().values()) == {"success"}, self.shown()
        for number, service in enumerate(self.services):
            host = self.lab.host(service)
            assert len(host.mounts()) == len(fleet.SYNCS), service
            for sync in range(len(fleet.SYNCS)):
                for action in ("recreate", "activate"):
                    sent = self.sent(fleet.control(number, sync, action))
                    done = [one for one in sent if one.get("exit") == 0]
                    assert len(done) == 1, (service, action, [one["command"] for one in done])
        assert findings(self.lab.journal, fleet.services(len(self.services))) == []
        return len(stopped)

    def kill(self, component: str) -> None:
        """SIGKILL to a component and all that it started, as when its container or unit dies."""
        self.airflow.kill(component, tree=True)

    def restart(self, component: str) -> None:
        """As a supervisor would, a little later."""
        time.sleep(RESTART)
        self.airflow.start_component(component)

    def holder(self, kind: str, holds: Callable[[psutil.Process], bool]) -> str:
        """The component of this kind below which a process is that holds something, as soon as one does."""
        found: list[str] = []

        def held() -> bool:
            status = self.airflow.processes()
            for name in self.airflow.components:
                if name.startswith(kind) and status.get(name):
                    top = psutil.Process(status[name])
                    if any(holds(one) for one in [top, *top.children(recursive=True)]):
                        found.append(name)
            return bool(found)

        self.until(held, f"no {kind} holds it", 60)
        return found[0]

    def connected(self, connection: str) -> Callable[[psutil.Process], bool]:
        """Whether a process has an SSH connection to this host."""
        port = self.network.connections[connection]["port"]

        def holds(process: psutil.Process) -> bool:
            try:
                return any(one.raddr and one.raddr.port == port for one in process.net_connections("tcp"))
            except psutil.Error:
                return False

        return holds

    def runs_task(self, service: str, task: str) -> Callable[[psutil.Process], bool]:
        """Whether a process is the one of this task."""
        found = self.rest.task_instances(service, self.runs[service])
        (identity,) = [one["id"] for one in found if one["task_id"] == task]
        return lambda process: identity in title(process)


@contextmanager
def deployment(home: Path, count: int) -> Iterator[Deployment]:
    """Start it all; `count` services are unpaused."""
    config = home / "services.yaml"
    services: Mapping[str, Any] = fleet.services(count)
    config.write_text(yaml.safe_dump(services, sort_keys=False))
    with ExitStack() as stack:
        database, redis = stack.enter_context(cluster()), stack.enter_context(broker())
        lab = stack.enter_context(
            Lab(fleet.lab(count), directory=home / "lab", speed=SPEED, services=dict(services))
        )
        network = stack.enter_context(relay(lab.connections))
        airflow = LocalAirflow(
            home / "airflow",
            dags=ROOT / "dags",
            plugins=ROOT / "plugins",
            connections=network.connections,
            env={"SYMCLONE_CONFIG": str(config), **SETTINGS},
            database_url=database.url,
            broker_url=redis.url,
            counts={"scheduler": 2, "triggerer": 2, "worker": 2},
            parallelism=8,
        )
        stack.callback(airflow.stop)
        airflow.start(timeout=240)
        rest = stack.enter_context(airflow.client())
        running = Deployment(airflow, rest, lab, network, database, redis, fleet.names(count))
        for service in running.services:
            running.until(lambda: has_dag(rest, service), "the DAGs were not parsed")  # noqa: B023
            rest.unpause(service)
        yield running
