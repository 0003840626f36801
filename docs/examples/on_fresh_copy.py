"""A DAG of yours that runs on fresh copies of service `aastmphpux`: put it into `dags/`, and unpause it.

It runs once a completed run has made both copies. With `schedule=(DATA | ARCHIVELOGS)` either would do.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from reporting.completed import copy_asset

DATA = copy_asset("aastmphpux", "data")
ARCHIVELOGS = copy_asset("aastmphpux", "archivelogs")

with DAG("report_on_fresh_copy", schedule=[DATA, ARCHIVELOGS], catchup=False, max_active_runs=1):

    @task
    def report(triggering_asset_events: Any = None) -> None:
        # Events that came while this DAG was paused are among them, in no set order: take the newest.
        copy = max(triggering_asset_events[DATA], key=lambda event: event.timestamp).extra
        print(f"Reporting on the data of {copy['point_in_time']}, copied by run {copy['run_id']}")

    report()
