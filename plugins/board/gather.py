"""What a page needs, put together: the configuration, the sweep's store and Airflow's runs, as far as its
reader may see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from board import database
from board.access import Access
from board.configuration import Configuration
from board.fleet import Facts
from board.health import PARTS, silent
from clones.actions import dags_of
from clones.config import Service
from clones.fleet.changes import SWEEP
from reporting.links import Links

HIDDEN_ERROR = "The configuration cannot be used as it is now: whoever may read all its DAGs sees why."


@dataclass(frozen=True)
class Reader:
    """A request: who asks, of what, and when."""

    session: Session
    access: Access
    configuration: Configuration
    links: Links
    now: datetime
    limits: Mapping[str, float]
    """As :func:`board.health.silent` wants them."""


def facts(reader: Reader, only: str | None = None) -> tuple[Facts, str]:
    """What is known of all services that the reader may see, or of one; and what the configuration lacks.

    A service is seen by who may read the DAG of its name. Without a configuration the services are those that
    the sweep has seen last.
    """
    session, access = reader.session, reader.access
    read = reader.configuration.read()
    swept = database.swept(session, of=only)
    known: dict[str, Service | None] = dict(read.config.services) if read.config else {}
    if not read.config and SWEEP in swept:
        known = dict.fromkeys(swept[SWEEP].value["services"])
    seen = {name: service for name, service in known.items() if access.reads(name)}
    error = read.error if len(seen) == len(known) else (read.error and HIDDEN_ERROR)
    if only is not None:
        seen = {name: service for name, service in seen.items() if name == only}
    every = read.config.status.every_minutes if read.config else None
    sees_runs, sees_records = access.runs_seen(list(seen))
    dags = database.dags(
        session, [dag_id for name in seen for dag_id in dags_of(name) if access.reads(dag_id)]
    )
    going = database.going(session, sees_runs)
    ended = database.last_ended(session, sees_runs)
    tasks = database.tasks(session, going, unfinished=True)
    told = [run for run in (*going, *ended.values()) if run.dag_id in sees_records]
    left = database.left(session, told, ("result", "progress"))
    retried = [
        run
        for run in going
        if run.dag_id in sees_records and any(t.state == "up_for_retry" for t in tasks.get(run.key, ()))
    ]
    left |= database.left(session, retried, ("record",))
    waiting = [task.waits_for_turn for found in tasks.values() for task in found if task.waits_for_turn]
    return (
        Facts(
            now=reader.now,
            services=seen,
            every_minutes=every,
            swept=swept,
            dags=dags,
            going=going,
            tasks=tasks,
            ended=ended,
            left=left,
            turns=database.turns(session, waiting),
            triggers=frozenset(dag_id for dag_id in dags if access.triggers(dag_id)),
            told=frozenset(sees_records),
            links=reader.links,
            silent=silent(database.beats(session, PARTS), reader.limits, reader.now),
        ),
        error,
    )
