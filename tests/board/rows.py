"""A database of Airflow's, of SQLAlchemy's own making, with as many services as a test wants."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert
from sqlalchemy.orm import Session

NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)


class Rows:
    """Puts rows into the tables that the board reads.

    :param path: of the SQLite file to make.
    """

    def __init__(self, path: Path) -> None:
        from airflow.models import import_all_models
        from airflow.models.base import Base

        import_all_models()  # type: ignore[no-untyped-call]
        self.engine = create_engine(f"sqlite:///{path}")
        Base.metadata.create_all(self.engine)
        self._tables = Base.metadata.tables
        self._ids: dict[str, int] = {}
        self._assets: dict[str, int] = {}
        self.session = Session(self.engine)
        self.add("dag_bundle", name="dags", active=True)
        self.fleet = self._asset("clone_status")

    def add(self, table: str, **columns: Any) -> None:
        self.session.execute(insert(self._tables[table]).values(columns))

    def add_id(self, table: str, **columns: Any) -> int:
        """Add a row with the table's next number."""
        self._ids[table] = self._ids.get(table, 0) + 1
        self.add(table, id=self._ids[table], **columns)
        return self._ids[table]

    def dag(self, dag_id: str, paused: bool = False, next_run: datetime | None = None) -> None:
        self.add(
            "dag",
            dag_id=dag_id,
            is_paused=paused,
            is_stale=False,
            bundle_name="dags",
            max_active_tasks=16,
            max_consecutive_failed_dag_runs=0,
            has_task_concurrency_limits=False,
            next_dagrun_create_after=next_run,
        )

    def run(
        self,
        dag_id: str,
        run_id: str,
        state: str,
        began: datetime | None,
        ended: datetime | None,
        **conf: Any,
    ) -> int:
        return self.add_id(
            "dag_run",
            dag_id=dag_id,
            run_id=run_id,
            state=state,
            run_type="scheduled",
            conf=conf,
            queued_at=began,
            start_date=began,
            end_date=ended,
            run_after=began or NOW,
            span_status="not_started",
        )

    def task(self, dag_id: str, run_id: str, task_id: str, state: str | None, **columns: Any) -> None:
        known = {"pool": "default_pool", "try_number": 1, "max_tries": 4, **columns}
        self.add(
            "task_instance",
            id=uuid.uuid4(),
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            state=state,
            pool_slots=1,
            queue="default",
            span_status="not_started",
            map_index=-1,
            **known,
        )

    def xcom(self, dag_id: str, run_id: str, run: int, task_id: str, key: str, value: Any) -> None:
        ids = {"dag_id": dag_id, "run_id": run_id, "dag_run_id": run, "task_id": task_id}
        self.add("xcom", **ids, key=key, value=value, timestamp=NOW)

    def swept(self, key: str, value: Any, at: datetime = NOW) -> None:
        self.add("asset_state_store", asset_id=self.fleet, key=key, value=json.dumps(value), updated_at=at)

    def event(self, service: str, sync: str, at: datetime, extra: Any) -> None:
        self.add_id("asset_event", asset_id=self._asset(f"{service}/{sync}"), extra=extra, timestamp=at)

    def _asset(self, name: str) -> int:
        if name not in self._assets:
            self._assets[name] = self.add_id("asset", name=name, uri=f"symclone://{name}", group="", extra={})
        return self._assets[name]

    def fill(self, services: int, runs: int = 30) -> dict[str, Any]:
        """A fleet: of each service so many runs that have ended, one that goes on and its copies.

        :returns: the services of a configuration.
        """
        written, configured = NOW.isoformat(), {}
        for number in range(services):
            name = f"svc{number:04}"
            pairs = [f"{2 * number + end:04X}:{2 * number + 0x8000 + end:05X}" for end in (1, 2)]
            configured[name] = {
                "control_host": "ctl",
                "schedule": "30 2 * * *",
                "sync_max_delay": 1620,
                "resources": [],
                "unattended": True,
                "syncs": [
                    {"name": sync, "symid": "000190101234", "pairs": [pair]}
                    for sync, pair in zip(("data", "logs"), pairs, strict=True)
                ],
            }
            for ending in ("", "_provision", "_retire"):
                self.dag(name + ending, next_run=NOW + timedelta(hours=16))
            for ago in range(runs, 0, -1):
                began = NOW - timedelta(days=ago)
                run = self.run(name, f"r{ago}", "success", began, began + timedelta(hours=1))
                self.task(name, f"r{ago}", "finish", "success")
                self.xcom(name, f"r{ago}", run, "finish", "result", {"result": "done", "at": ""})
            run = self.run(name, "going", "running", NOW - timedelta(minutes=5), None)
            waits = "break.data.wait_copied"
            self.task(name, "going", waits, "deferred", start_date=NOW - timedelta(minutes=4))
            self.xcom(name, "going", run, waits, "progress", {"percent": 40, "estimated_end": written})
            syncs = {
                sync: {
                    "status": "up",
                    "since": written,
                    "why": "5 h old",
                    "press": "",
                    "last_action": "2026-11-26T05:00:00",
                    "point_in_time": (NOW - timedelta(hours=5)).isoformat(),
                    "percent": None,
                    "pairs": {"count": 1, "digest": "x"},
                }
                for sync in ("data", "logs")
            }
            self.swept(
                name, {"status": "up", "since": written, "why": "5 h old", "press": "", "syncs": syncs}
            )
            for sync in syncs:
                row = ["0001 -> 8001", "0001", "8001", "Copied", 100, "2026-11-26T05:00:00", ""]
                self.swept(f"pairs/{name}/{sync}/0", [row])
                self.event(name, sync, NOW - timedelta(hours=4), {"point_in_time": written})
        self.swept("clone_status", {"at": written, "services": sorted(configured)})
        self.session.commit()
        return configured


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


class Everybody:
    """An auth manager that lets everybody do everything with some DAGs.

    :param dag_ids: these.
    :param forbids: what it says no to, as ``METHOD ENTITY``.
    """

    def __init__(self, dag_ids: set[str], forbids: tuple[str, ...] = ()) -> None:
        self.dag_ids, self.forbids = dag_ids, forbids

    def get_authorized_dag_ids(self, *, user: Any, method: str, session: Any) -> set[str]:
        return self.dag_ids

    def is_authorized_dag(self, *, method: str, access_entity: Any, details: Any, user: Any) -> bool:
        return details.id in self.dag_ids and f"{method} {access_entity.name}" not in self.forbids


def reader(rows: Rows, config: Any, error: str = "") -> Any:
    """Somebody who asks; whom the auth manager of the test lets see what."""
    from board.access import Access
    from board.configuration import Read
    from board.gather import Reader
    from reporting.links import Links

    configuration = SimpleNamespace(read=lambda: Read(config, error))
    access = Access(SimpleNamespace(name="somebody"), rows.session)
    limits = {"SchedulerJob": 30.0, "TriggererJob": 30.0, "DagProcessorJob": 30.0}
    return Reader(rows.session, access, configuration, Links(), NOW, limits)  # type: ignore[arg-type]
