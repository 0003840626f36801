"""A whole site for end-to-end tests: one Airflow with one lab. :mod:`tests.support.shared` makes it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy

from clones.act.lock import installation_mark
from lab import Lab
from lab.check import findings
from private_airflow.instance import INSTALLATION, LocalAirflow
from private_airflow.rest import AirflowRest
from tests.conftest import SERVICES, SYMID, control

SERVICE = "aastmphpux"
HEARTBEAT_TIMEOUT = "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"
"""Seconds. Of a killed task Airflow 3.3.2 tells its database nothing: its scheduler learns it from the
executor, once. Where that gets lost, only the missing heartbeat tells, by default after 300 s."""
SOON = {
    HEARTBEAT_TIMEOUT: "60",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    # A DAG file is found at once, and read again when it changes: nothing else that it reads does.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
}
TASK = re.compile("airflow worker -- [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""How a task's own process calls itself."""


@dataclass
class Site:
    """One Airflow with one lab."""

    airflow: LocalAirflow
    rest: AirflowRest
    lab: Lab
    dag: str = SERVICE
    service: str = SERVICE

    def unpause(self, dag: str) -> None:
        """As soon as Airflow has read it."""

        def unread() -> str:
            return f"{dag} was not read: {self.rest.import_errors()}; {self.airflow.log('dag-processor')}"

        until(lambda: has_dag(self.rest, dag), 120, unread)
        self.rest.unpause(dag)

    def trigger(self, action: str = "refresh") -> str:
        run_id = self.rest.trigger(self.dag, {"action": action, "reason": "end-to-end test"})
        self.lab.note("run begins", service=self.service, run=run_id, action=action)
        return run_id

    def clear_failed(self, run_id: str) -> None:
        """What the UI's Clear, Only failed tasks, does."""
        action = self.rest.dag_run(self.dag, run_id)["conf"].get("action", self.dag)
        self.lab.note("run begins", service=self.service, run=run_id, action=action, again=run_id)
        self.rest.clear(self.dag, run_id=run_id, only_failed=True)

    def wait(self, run_id: str, seconds: float = 120) -> str:
        """The run's final state. What it says of its end goes into the journal, to be judged."""
        until(lambda: self.state(run_id) in ("success", "failed"), seconds, self.shown(run_id), every=0.25)
        path = f"/dags/{self.dag}/dagRuns/{run_id}/taskInstances/finish/xcomEntries/result"
        ended = self.rest.request("GET", path)["value"]
        ended = json.loads(ended) if isinstance(ended, str) else ended
        self.lab.note("run ends", service=self.service, run=run_id, result=ended["result"], step=ended["at"])
        return str(self.rest.dag_run(self.dag, run_id)["state"])

    def state(self, run_id: str) -> str:
        """The run's."""
        ((state,),) = self._rows("SELECT state FROM dag_run", run_id)
        return str(state)

    def states(self, run_id: str) -> dict[str, str]:
        """Of its tasks."""
        return {
            task: str(state) for task, state in self._rows("SELECT task_id, state FROM task_instance", run_id)
        }

    def _rows(self, select: str, run_id: str) -> list[Any]:
        """What Airflow's database has of this run.

        Whoever waits looks often: half of an API server's time went into that, while tasks waited for it.
        """
        query = sqlalchemy.text(f"{select} WHERE dag_id = :dag AND run_id = :run")
        with engine(self.airflow.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).connect() as connection:
            return list(connection.execute(query, {"dag": self.dag, "run": run_id}))

    def tries(self, run_id: str) -> dict[str, int]:
        return {
            str(ti["task_id"]): int(ti["try_number"]) for ti in self.rest.task_instances(self.dag, run_id)
        }

    def shown(self, run_id: str) -> Callable[[], str]:
        return lambda: f"{self.states(run_id)}"

    def log(self, run_id: str, task: str, try_number: int = 1) -> str:
        return self.rest.task_log(self.dag, run_id, task, try_number)

    def controls(self, since: int) -> list[str]:
        """The control commands sent since, as `recreate DGCVI`."""
        shorts = (control(entry["command"]) for entry in self.lab.commands(since))
        return [short for short in shorts if short]

    @property
    def installation(self) -> str:
        """How locks name this Airflow."""
        return installation_mark((self.airflow.home / INSTALLATION).read_text())

    def seq(self) -> int:
        return int(self.lab.journal[-1]["seq"])

    def kill_task(self) -> None:
        """SIGKILL to the one task process that there is, and to nothing else.

        Airflow names it after its task instance. Its parent, the executor's worker that supervises it, is
        named `LocalExecutor: ...`: were that one killed, nobody would tell the scheduler before the task's
        heartbeat is missed, and killed while idle it can take the queue's lock with it.
        """
        (task,) = self.tasks()
        os.kill(task.pid, signal.SIGKILL)

    def tasks(self) -> list[psutil.Process]:
        """Those of tasks, without what supervises them."""
        return [process for process in self.processes() if TASK.fullmatch(title(process))]

    def processes(self) -> list[psutil.Process]:
        """All of this Airflow's."""
        assert self.airflow.supervisor_pid
        return psutil.Process(self.airflow.supervisor_pid).children(recursive=True)


@cache
def engine(url: str) -> sqlalchemy.Engine:
    """Of an Airflow's database; it keeps no connection."""
    return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)


def title(process: psutil.Process) -> str:
    """What a process calls itself; nothing when it has ended."""
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""


def until(
    condition: Callable[[], bool], seconds: float, what: Callable[[], str] | str, every: float = 0.2
) -> None:
    """Wait for something that happens in other processes; look `every` so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(every)


def quick_services(services: Path) -> str:
    """The configuration, tried again after a second."""
    return services.read_text().replace("retry_delay: 10", "retry_delay: 1")


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder in memory, where there is such a place: a commit of SQLite waits for its disk three times."""
    shared = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="symclone-", dir=shared if os.access(shared, os.W_OK) else None)
    yield Path(folder)
    shutil.rmtree(folder)


def has_dag(rest: AirflowRest, dag: str = SERVICE) -> bool:
    try:
        return bool(rest.dag(dag)["dag_id"] == dag)
    except Exception:
        return False


def active_runs(site: Site) -> list[dict[str, Any]]:
    runs = site.rest.request("GET", f"/dags/{site.dag}/dagRuns", params={"state": ["running", "queued"]})
    return list(runs["dag_runs"])


def check_refresh(site: Site) -> str:
    """One refresh from the trigger to the service up on fresh copies; the run."""
    began, since = site.lab.now(), site.seq()
    run_id = site.trigger()
    assert site.wait(run_id) == "success", site.states(run_id)
    assert site.controls(since) == [
        "recreate DGCVI",
        "recreate DGCVIARCH",
        "activate DGCVI",
        "activate DGCVIARCH",
    ]
    for source, target in (("1234", "4321"), ("1235", "4322")):
        session = site.lab.session(SYMID, source, target)
        assert session["state"] == "Copied" and session["point_in_time"] is not None
        assert session["point_in_time"] >= began
    assert site.lab.host(SERVICE).mounts() and site.lab.host(SERVICE).addresses()
    assert "Done." in site.log(run_id, "finish")
    assert findings(site.lab.journal, SERVICES) == []
    return run_id
