"""What a run tells Airflow's metrics at its end, where Airflow sends any."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context
from airflow.sdk.observability import stats

from clones.runs.result import RunResult


def measure(context: Context, service: str, result: RunResult, plan: Mapping[str, Any] | None = None) -> None:
    """``symclone.run_ended`` counts by result, ``symclone.run_duration`` is how long it took,
    ``symclone.run_tracks`` how many tracks of each sync differed at its beginning, where that was shown.

    :param plan: XCom `plan` of the run.
    """
    run = context["dag_run"]
    tags = {"service": service, "dag": run.dag_id, "result": result.result.replace(" ", "_")}
    stats.incr("symclone.run_ended", tags=tags)
    if getattr(run, "start_date", None) is not None:
        stats.timing("symclone.run_duration", datetime.now(UTC) - run.start_date, tags=tags)
    for sync, guess in (plan or {}).get("estimates", {}).items():
        if guess["tracks"] is not None:
            stats.gauge("symclone.run_tracks", guess["tracks"], tags={"service": service, "sync": sync})
