"""What a run tells Airflow's metrics at its end, where Airflow sends any."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context
from airflow.sdk.observability import stats

from clones.runs.result import RunResult
from reporting.metric_names import RUN_DURATION, RUN_ENDED, RUN_TRACKS


def measure(context: Context, service: str, result: RunResult, plan: Mapping[str, Any] | None = None) -> None:
    """Send :data:`reporting.metric_names.STATSD`; of tracks only what was shown.

    :param plan: XCom `plan` of the run.
    """
    run = context["dag_run"]
    tags = {"service": service, "dag": run.dag_id, "result": result.result.replace(" ", "_")}
    stats.incr(RUN_ENDED.name, tags=tags)
    if getattr(run, "start_date", None) is not None:
        stats.timing(RUN_DURATION.name, datetime.now(UTC) - run.start_date, tags=tags)
    for sync, guess in (plan or {}).get("estimates", {}).items():
        if guess["tracks"] is not None:
            stats.gauge(RUN_TRACKS.name, guess["tracks"], tags={"service": service, "sync": sync})
