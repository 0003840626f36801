"""A DAG of yours that tells people when the status of a service's copies changes.

Put it into `dags/`, and unpause it. Each event is one change; its extra has `service`, `status`, `was`,
`since`, `why`, `press` and `text`. Instead of `print`, send it with what your site has: a notifier of
Airflow's providers (SMTP, Slack, PagerDuty), or a hook.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from reporting.last_seen import FLEET

with DAG("tell_status_changes", schedule=[FLEET], catchup=False, default_args={"retries": 5}):

    @task
    def tell(triggering_asset_events: Any = None) -> None:
        for event in triggering_asset_events[FLEET]:
            print(event.extra["text"])

    tell()
