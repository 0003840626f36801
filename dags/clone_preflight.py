"""DAG `clone_preflight`: what a new site runs first. It only looks, and says what does not fit.

Where a package is missing, this file alone is Airflow's import error, and says which; all other DAGs load.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from hooks import needs
from hooks.configuration import CONFIG, load
from operators.preflight import ALL, PreflightOperator

needs.require()

with DAG(
    dag_id="clone_preflight",
    description="Check the configuration against the real hosts and arrays; changes nothing",
    schedule=None,
    catchup=False,
    tags=["symclone"],
    params={
        "service": Param(
            ALL,
            type="string",
            enum=[ALL, *sorted(load(CONFIG).services)],
            title="Service",
            description_md="Only this service with its hosts, or `all` of the configuration.",
        )
    },
) as dag:
    PreflightOperator(task_id="check", service="{{ params.service }}", config=CONFIG)
