"""What one task did, over its tries: the XCom `record`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowSkipException,
    DownstreamTasksSkipped,
)

from clones.clean import cleaned
from clones.errors import CloneError, MustWait, NotMyTurn, kind_of
from clones.runs.record import TaskRecord

log = logging.getLogger(__name__)


@contextmanager
def recorded(context: Context, *, resumed: bool) -> Iterator[TaskRecord]:
    """Keep what the task does, over its tries, for the run's record (XCom `record`).

    What a try has done that succeeds is kept as XCom only: nobody goes on from it. Nor as XCom where the task
    has placed it elsewhere.

    :param resumed: this try has begun before, and goes on after a wait.
    """
    ti, store = context["ti"], context.get("task_state_store")
    first = ti.try_number == 1 and not resumed  # nothing was left by anyone yet
    earlier: Any = store.get("record", []) if store is not None and not first else []
    record = TaskRecord(
        earlier,
        ti.try_number,
        lambda: datetime.now(UTC),
        lambda tries: store.set("record", tries) if store is not None else None,  # type: ignore[arg-type]
    )
    error = kind = ""
    over = False
    try:
        yield record
        over = True
    except (AirflowSkipException, DownstreamTasksSkipped):
        over = True
        raise
    except (MustWait, NotMyTurn):
        raise
    except Exception as raised:
        known = isinstance(raised, CloneError | AirflowException)
        error = cleaned(str(raised) if known else f"{type(raised).__name__}: {raised}")
        kind = kind_of(raised)
        raise
    finally:
        record.ended(error, kind)
        if not over:
            record.keep()
        if not over or not record.is_placed:
            ti.xcom_push(key="record", value=record.tries)


def leave_word(context: Context, error: Exception) -> None:
    """Keep why a try ends that has nothing else to record: the run's last task and the board say it."""
    try:
        with recorded(context, resumed=True):
            raise error
    except Exception as raised:
        if raised is not error:  # Airflow did not take it; the error itself is what counts
            log.warning("Why this try ends could not be kept: %s", raised)
