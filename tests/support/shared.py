"""One Airflow for many tests, one after the other: to each it is empty, with a lab and services of its own.

An Airflow's start takes some 20 s of CPU, what is done here in its place less than one. What tests do to an
Airflow's own processes, beside killing tasks, they do to one of their own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy
import yaml

from clones.runs.pools import KNOWN, pools_of
from demo.many_services import ManyServices
from hooks.configuration import load
from lab import Lab
from private_airflow.instance import LocalAirflow
from tests.conftest import MIGRATED, ROOT, SERVICES
from tests.support.postgres import database
from tests.support.site import (
    HEARTBEAT_TIMEOUT,
    SERVICE,
    SOON,
    Site,
    in_memory,
    quick_services,
    until,
)

USERS = {"admin": "admin", "view": "viewer", "oper": "op", "asker": "op", "boss": "op"}
"""Whom the tests need, with their roles."""


class SharedAirflow:
    """Started at its first use; :meth:`stop` ends it, and the next use starts it again.

    :param home: its folder.
    :param postgres: on PostgreSQL instead of SQLite, which breaks under several runs at once.
    :param env: further variables for all of Airflow.
    :param options: of :class:`LocalAirflow`.
    """

    def __init__(
        self, home: Path, *, postgres: bool = False, env: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        self.home = home
        self.postgres = postgres
        self.options = options
        self.dags = home / "dags"
        self.services = home / "services.yaml"
        self.secrets = {name: home / f"{name}.json" for name in ("connections", "variables")}
        self.env = {
            "SYMCLONE_CONFIG": str(self.services),
            "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
                {f"{name}_file_path": str(path) for name, path in self.secrets.items()}
            ),
            **SOON,
            **(env or {}),
        }
        self._stack = ExitStack()
        self._airflow: LocalAirflow | None = None
        self._filled: set[str] = set()
        """The tables that are not empty in an Airflow which has just started and knows no DAG."""

    @property
    def config(self) -> Path:
        """A folder that all of its processes import from."""
        return self.home / "airflow" / "config"

    def stop(self) -> None:
        """End it, if it runs."""
        self._airflow = None
        self._stack.close()

    def __enter__(self) -> SharedAirflow:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def site(
        self,
        home: Path,
        *,
        sshd: bool = False,
        arrays: dict[str, Any] | None = None,
        services: Path = SERVICES,
        dags: Sequence[Path] = (ROOT / "dags",),
        connections: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
        unpaused: Sequence[str] = (SERVICE,),
    ) -> Iterator[Site]:
        """For one test, or the tests of one file: a new lab, and the services' DAGs unpaused.

        :param home: the lab's.
        :param sshd: the lab behind real OpenSSH servers, instead of its own.
        :param arrays: the lab's configuration; none: the demo's.
        :param services: what to run in place of the example configuration; tried again after a second.
        :param dags: folders of DAG files.
        :param connections: beside those to the lab.
        :param variables: Airflow's.
        :param unpaused: the DAGs that are.
        """
        airflow = self._started()
        self.services.write_text(quick_services(services))
        read = load(self.services)
        airflow.pools = pools_of(read.limits, read.services)
        pools = {KNOWN: " ".join(pool.name for pool in airflow.pools)}
        with (
            airflow.client() as rest,
            Lab(arrays, directory=home / "lab", speed=15, sshd=sshd, services=services) as lab,
        ):
            self.secrets["connections"].write_text(json.dumps({**lab.connections, **(connections or {})}))
            self.secrets["variables"].write_text(json.dumps({**pools, **(variables or {})}))
            site = Site(airflow, rest, lab)
            try:
                self._empty(site)
                airflow.make_pools()
                for folder in dags:
                    shutil.copytree(folder, self.dags, dirs_exist_ok=True)
                for dag in unpaused:
                    site.unpause(dag)
                yield site
            finally:
                self._remove_dags()

    def _started(self) -> LocalAirflow:
        """It, as it runs, with all its components."""
        codes = self._airflow.exit_codes() if self._airflow else {}
        if self._airflow and (ended := {name: code for name, code in codes.items() if code is not None}):
            print(f"Of the Airflow in {self.home} ended, with exit codes: {ended}. They are started again.")
            for component in ended:
                self._airflow.start_component(component)
            self._airflow.wait_healthy(240)
        if self._airflow is None:
            self.config.mkdir(parents=True, exist_ok=True)
            self.dags.mkdir(exist_ok=True)
            self._remove_dags()
            for path in self.secrets.values():
                path.write_text("{}")
            where: dict[str, Any] = (
                {"database_url": self._stack.enter_context(database())}
                if self.postgres
                else {"sqlite": self._stack.enter_context(in_memory()) / "airflow.db", "template": MIGRATED}
            )
            airflow = LocalAirflow(
                self.home / "airflow",
                dags=self.dags,
                plugins=ROOT / "plugins",
                users=USERS,
                env=self.env,
                **where,
                **self.options,
            )
            self._stack.callback(airflow.stop, grace=0)
            airflow.start()
            with self._connected(airflow) as connection:
                self._filled = {name for name in tables(connection) if rows(connection, name)}
            self._airflow = airflow
        return self._airflow

    def _remove_dags(self) -> None:
        for path in self.dags.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._removed = datetime.now(UTC)

    def _empty(self, site: Site) -> None:
        """Of whatever was before nothing goes on, and nothing is known any more.

        The DAG processor looks for files first, forgets those that are gone, and ends what still reads one.
        It says when it begins to look, so it has ended once it says so again. What it has not missed, it
        would not read again.
        """
        for process in site.tasks():
            with suppress(psutil.Error):
                process.kill()
        with self._connected(site.airflow) as connection:
            idle = "the DAG processor looks for no files"
            until(lambda: looked_for_files(connection) > self._removed, 60, idle)
            began = looked_for_files(connection)
            until(lambda: looked_for_files(connection) > began, 60, idle)
            if self.postgres:  # SQLite does not ask whether rows refer to those that go
                connection.execute(sqlalchemy.text("SET LOCAL session_replication_role = replica"))
            for name in tables(connection):
                if name not in self._filled:
                    connection.execute(sqlalchemy.text(f'DELETE FROM "{name}"'))
            connection.execute(sqlalchemy.text("DELETE FROM slot_pool WHERE pool != 'default_pool'"))
            connection.commit()

    @contextmanager
    def _connected(self, airflow: LocalAirflow) -> Iterator[sqlalchemy.Connection]:
        """To Airflow's database."""
        engine = sqlalchemy.create_engine(airflow.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
        with engine.connect() as connection:
            yield connection
        engine.dispose()


def disturbed(home: Path) -> SharedAirflow:
    """One whose tasks can be disturbed by tests/support/policies.py, and are given up when they are silent.

    The ledgers of the policies are the folders `mortal` and `still` in its home.
    """
    env = {
        HEARTBEAT_TIMEOUT: "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
    }
    for name in ("mortal", "still"):
        (home / name).mkdir()
        env[f"{name.upper()}_LEDGER"] = str(home / name)
    made = SharedAirflow(home, env=env)
    made.config.mkdir(parents=True)
    for name in ("mortal_policy", "still_policy"):
        shutil.copy(ROOT / "tests" / "support" / f"{name}.py", made.config)
    shutil.copy(ROOT / "tests" / "support" / "policies.py", made.config / "airflow_local_settings.py")
    return made


@contextmanager
def many_services(shared: SharedAirflow, home: Path, many: ManyServices, **options: Any) -> Iterator[Site]:
    """A site with services alike, all unpaused."""
    services = home / "many.yaml"
    services.write_text(yaml.safe_dump(many.services()))
    with shared.site(home, arrays=many.lab(), services=services, unpaused=many.names, **options) as site:
        yield site


def tables(connection: sqlalchemy.Connection) -> list[str]:
    return sqlalchemy.inspect(connection).get_table_names()


def rows(connection: sqlalchemy.Connection, table: str) -> int:
    return int(connection.execute(sqlalchemy.text(f'SELECT count(*) FROM "{table}"')).scalar_one())


def looked_for_files(connection: sqlalchemy.Connection) -> datetime:
    """When the DAG processor has last begun to do so."""
    connection.rollback()  # else it is what this transaction has seen at first
    began = connection.execute(sqlalchemy.text("SELECT max(last_refreshed) FROM dag_bundle")).scalar_one()
    read = datetime.fromisoformat(str(began)) if began else datetime.min
    return read if read.tzinfo else read.replace(tzinfo=UTC)
