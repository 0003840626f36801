"""Which parts of Airflow give no sign of life: without them a page shows what was, and nothing goes on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from board.runs import written

PARTS = {"SchedulerJob": "scheduler", "TriggererJob": "triggerer", "DagProcessorJob": "dag_processor"}
"""By Airflow's name of their jobs."""
LIMITS = {
    "SchedulerJob": ("scheduler", "scheduler_health_check_threshold"),
    "TriggererJob": ("triggerer", "triggerer_health_check_threshold"),
    "DagProcessorJob": ("dag_processor", "health_check_threshold"),
}
"""Where Airflow's configuration says after how many seconds one counts as dead (`jobs/job.py`, 3.3.2)."""


def silent(beats: Mapping[str, datetime], limits: Mapping[str, float], now: datetime) -> list[dict[str, Any]]:
    """The parts that were not heard of lately, as Airflow's own health page counts it.

    :param beats: by job, the newest heartbeat. Of a scheduler that never ran there is none, which is said; of
        others that never did nothing is said: a scheduler can do without them.
    :param limits: by job, in seconds.
    """
    found = []
    for job, part in PARTS.items():
        last = beats.get(job)
        if last is None and job != "SchedulerJob":
            continue
        if last is None or now - last > timedelta(seconds=limits[job]):
            found.append({"part": part, "since": written(last)})
    return found
