"""A private Airflow: its four components on free loopback ports, everything set by environment."""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from clones.runs.pools import KNOWN, Pool
from private_airflow.environment import (
    SQLITE_NAME,
    Secrets,
    connection_variables,
    free_port,
    settings,
    write_private,
)
from private_airflow.processes import Processes, clean_environment, tail
from private_airflow.rest import AirflowRest, RestError

COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
INSTALLATION = "symclone-installation"
"""The file in its home that holds the id by which locks name this Airflow."""
WORKER = ["celery", "worker", "--skip-serve-logs", "--without-mingle", "--without-gossip"]
"""Of the CeleryExecutor; workers write the tasks' logs into the shared home."""
HEARTBEATS = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


class StartError(RuntimeError):
    """Airflow did not come up; the message says which part, and where its log is."""


class LocalAirflow:
    """An Airflow of its own in `home`, with the LocalExecutor, or with Celery's when there is a broker.

    :param home: ``AIRFLOW_HOME``; made when missing. Component logs are in ``home/components``.
    :param dags: the DAG folder.
    :param plugins: the plugins folder; None: an empty one.
    :param connections: connection id -> `conn_type`, `host`, `port`, `login`, `extra`..., by environment.
    :param env: further variables for all components; they win over the settings made here.
    :param port: of the API server and UI, on loopback; None: a free one.
    :param database_url: SQLAlchemy URL (`postgresql+psycopg2://...`), migrated at the start; None: SQLite.
    :param sqlite: the file of the SQLite database; None: in `home`. Airflow waits for the disk at each of its
        many commits; a file in memory (`/dev/shm`) does not let it wait.
    :param template: a migrated SQLite database to start from, made when missing; saves the migration.
    :param fresh: start with an empty database and no logs (SQLite only), whatever an earlier run left.
    :param users: user -> role (`admin`, `op`, `user`, `viewer`); all have the generated :attr:`password`.
    :param parallelism: tasks at the same time; each worker of Celery has as many slots, should one be gone.
    :param broker_url: of Celery (`redis://...`), which needs a `database_url`, too; None: the LocalExecutor.
    :param counts: component -> how many of it, where not one: `scheduler`, `triggerer`, and with a broker
        `worker`. The second is called `scheduler-2`, and so on.
        Airflow's health tells of the one that reported last: :meth:`wait_healthy` waits for one of each.
    :param pools: made at the start, where they are missing.
    """

    def __init__(
        self,
        home: Path,
        *,
        dags: Path,
        plugins: Path | None = None,
        connections: Mapping[str, Mapping[str, Any]] | None = None,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        database_url: str | None = None,
        sqlite: Path | None = None,
        template: Path | None = None,
        fresh: bool = False,
        users: Mapping[str, str] | None = None,
        parallelism: int = 4,
        broker_url: str | None = None,
        counts: Mapping[str, int] | None = None,
        pools: Sequence[Pool] = (),
    ) -> None:
        self.home = home.absolute()
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.users = dict(users or {"admin": "admin"})
        self.sqlite = None if database_url else (sqlite or self.home / SQLITE_NAME).absolute()
        self.template = template.absolute() if template else None
        self.fresh = fresh
        self.pools = pools
        self.home.mkdir(parents=True, exist_ok=True)
        kinds = COMPONENTS | ({"worker": WORKER} if broker_url else {})
        self.components = {
            name: [*argv, "--celery-hostname", f"{name}@%h", "--pid", str(self.home / f"{name}.pid")]
            if kind == "worker"
            else argv
            for kind, argv in kinds.items()
            for name in [kind, *(f"{kind}-{n}" for n in range(2, (counts or {}).get(kind, 1) + 1))]
        }
        self._secrets = Secrets.of(self.home)
        if not (self.home / INSTALLATION).exists():
            write_private(self.home / INSTALLATION, token_hex(16))
        self._processes = Processes()
        self._started: dict[str, datetime] = {}
        self.env = {
            **clean_environment(),
            **settings(
                self.home,
                dags=dags.absolute(),
                plugins=plugins.absolute() if plugins else None,
                port=self.port,
                database_url=database_url or f"sqlite:///{self.sqlite}",
                keys=self._secrets,
                users=self.users,
                parallelism=parallelism,
                broker_url=broker_url,
            ),
            **connection_variables(connections or {}),
            f"AIRFLOW_VAR_{KNOWN.upper()}": " ".join(pool.name for pool in pools),
            **(env or {}),
        }

    @property
    def password(self) -> str:
        """Of every user."""
        return self._secrets.password

    @property
    def supervisor_pid(self) -> int | None:
        """The process below which all of this Airflow runs; None before the start."""
        return self._processes.supervisor_pid

    def log(self, component: str) -> Path:
        """The file with a component's output."""
        return self.home / "components" / f"{component}.log"

    @property
    def task_logs(self) -> Path:
        """The folder of the tasks' logs."""
        return self.home / "logs"

    def task_log(self, dag: str, run_id: str, task: str, try_number: int, map_index: int = -1) -> Path:
        """The file of one try of a task."""
        folder = self.task_logs / f"dag_id={dag}" / f"run_id={run_id}" / f"task_id={task}"
        if map_index >= 0:
            folder /= f"map_index={map_index}"
        return folder / f"attempt={try_number}.log"

    def client(self, user: str | None = None) -> AirflowRest:
        """A REST client, logged in as `user` (default: the first one)."""
        return AirflowRest(self.url, user or next(iter(self.users)), self.password)

    def start(self, timeout: float = 240.0) -> LocalAirflow:
        """Start the components and wait until all have reported since.

        :param timeout: seconds; a machine under load needs several times the usual ten.
        :raises StartError: when a component ends or is not healthy in time. Nothing is left running then.
        """
        try:
            self.prepare()
            for component in self.components:
                self.start_component(component)
            self.wait_healthy(timeout)
            self.make_pools()
        except BaseException:
            self.stop(grace=0.5)
            raise
        return self

    def start_component(self, component: str) -> int:
        """Start one component (again); :meth:`wait_healthy` then waits for it.

        :return: its process id.
        """
        self._started[component] = datetime.now(UTC)
        return self._processes.start(
            component,
            [sys.executable, "-m", "airflow", *self.components[component]],
            env=self.env,
            log=self.log(component),
            cwd=self.home,
        )

    def kill(self, component: str, number: int = signal.SIGKILL, *, tree: bool = False) -> None:
        """Send a signal to a component, with `tree` also to its children (tasks run below the scheduler)."""
        self._processes.kill(component, number, tree=tree)

    def processes(self) -> dict[str, int]:
        """Process id of each component that runs."""
        status = self._processes.status()
        running = {name: state["pid"] for name, state in status.items() if state["exit"] is None}
        return {name: pid for name, pid in running.items() if name in self.components and pid}

    def exit_codes(self) -> dict[str, int | None]:
        """Exit code of each component, None while it runs."""
        status = self._processes.status()
        return {name: status[name]["exit"] for name in self.components if name in status}

    def pids(self) -> dict[str, int]:
        """Process id of each component, as it was last started."""
        status = self._processes.status()
        return {name: status[name]["pid"] or 0 for name in self.components if name in status}

    def wait_healthy(self, timeout: float = 60.0) -> None:
        """Wait until every component has reported since it was (last) started.

        :raises StartError: when one has ended, or `timeout` seconds have passed.
        """
        end = time.monotonic() + timeout
        client = self.client()
        missing = "no answer yet"
        warm = False
        with client:
            while True:
                for name, code in self.exit_codes().items():
                    if code is not None:
                        raise StartError(
                            f"Airflow's {name} ended with exit code {code}. "
                            f"Its log {self.log(name)} ends:\n{tail(self.log(name), 15)}"
                        )
                try:
                    behind = self._behind(client.health())
                    if not warm:
                        client.warm()  # the other components are still starting meanwhile
                        warm = True
                except RestError as error:
                    missing = f"api-server ({error})"
                else:
                    if not behind:
                        return
                    missing = ", ".join(behind)
                if time.monotonic() > end:
                    raise StartError(
                        f"Airflow is not up after {timeout:.0f} s; not healthy: {missing}. "
                        f"The logs are in {self.log('x').parent}."
                    )
                time.sleep(0.1)

    def stop(self, grace: float = 3.0) -> None:
        """End everything; what does not within `grace` seconds is killed. A second call does nothing."""
        self._processes.stop(grace)

    def __enter__(self) -> LocalAirflow:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, *command: str) -> str:
        """Run `airflow COMMAND...` in this Airflow's environment.

        :return: its stdout.
        :raises StartError: when it fails, with the end of its output.
        """
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *command],
            env=self.env,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            output = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            what = " ".join(["airflow", *command])
            raise StartError(f"`{what}` ended with exit code {done.returncode}:\n{output}")
        return done.stdout

    def make_pools(self) -> None:
        """Make :attr:`pools` where they are missing, by the REST API, which needs no process of its own."""
        if not self.pools:
            return
        with self.client() as rest:
            there = {pool["name"] for pool in rest.request("GET", "/pools", params={"limit": 1000})["pools"]}
            for pool in self.pools:
                if pool.name not in there:
                    rest.request("POST", "/pools", json=pool.to_plain())

    def _behind(self, health: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Components that are unhealthy, or have not reported since they were started."""
        behind = [] if health["metadatabase"]["status"] == "healthy" else ["metadatabase"]
        for component, entry in HEARTBEATS.items():
            state = health.get(entry) or {}
            beat = state.get(f"latest_{entry}_heartbeat")
            fresh = beat is not None and datetime.fromisoformat(beat) > self._started[component]
            if state.get("status") != "healthy" or not fresh:
                behind.append(component)
        return behind

    def prepare(self) -> None:
        """Write the password file, and have a migrated database. :meth:`start` does so, too."""
        write_private(self.home / "passwords.json", json.dumps(dict.fromkeys(self.users, self.password)))
        (self.home / "plugins").mkdir(exist_ok=True)
        if self.sqlite is None:
            self._migrate()
            return
        if self.fresh:
            for leftover in self.sqlite.parent.glob(f"{self.sqlite.name}*"):
                leftover.unlink()
            for folder in ("logs", "components"):
                shutil.rmtree(self.home / folder, ignore_errors=True)
        version = importlib.metadata.version("apache-airflow-core")
        stamp = self.home / "migrated"
        if self.sqlite.exists() and stamp.exists() and stamp.read_text() == version:
            return
        if self.template and not self.sqlite.exists():
            self._copy_template(self.template)
        else:
            self._migrate()
        # For good: a commit then waits for the disk once, not three times, and for nobody who reads.
        with closing(sqlite3.connect(self.sqlite)) as database:
            database.execute("PRAGMA journal_mode=WAL")
        stamp.write_text(version)

    def _migrate(self) -> None:
        """`airflow db migrate`, as a process that ends with us."""
        name = "migrate"
        argv = [sys.executable, "-m", "airflow", "db", "migrate"]
        self._processes.start(name, argv, env=self.env, log=self.log(name), cwd=self.home)
        while (code := self._processes.status()[name]["exit"]) is None:
            time.sleep(0.05)
        if code:
            raise StartError(
                f"`airflow db migrate` ended with exit code {code}. "
                f"Its log {self.log(name)} ends:\n{tail(self.log(name), 15)}"
            )

    def _copy_template(self, template: Path) -> None:
        """Copy the template, making it first when it is missing; two processes may want it at once."""
        assert self.sqlite
        template.parent.mkdir(parents=True, exist_ok=True)
        with template.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not template.exists():
                self._migrate()
                _copy_sqlite(self.sqlite, template)
                return
        _copy_sqlite(template, self.sqlite)


def _copy_sqlite(source: Path, target: Path) -> None:
    """A complete copy, the write-ahead log included; `target` appears at once or not at all."""
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(part)) as writer:
        reader.backup(writer)
    part.replace(target)
