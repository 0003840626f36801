"""A DAG of yours that copies two syncs of service `aastmphpux` in order: put it into `dags/`, and unpause it.

The second is only touched once the first is copied, so that one of the two can always be used.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from airflow.sdk.bases.operator import chain

from operators.run_end import RunEndOperator
from operators.service import ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from reporting.completed import copy_asset
from sensors.symclone import SymcloneStateSensor

SERVICE = "aastmphpux"  # as in services.yaml
SYNCS = ("data", "archivelogs")

with DAG(
    "copy_in_order",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 4, "retry_delay": timedelta(minutes=1)},
):
    # A recreate is refused while anything of the service is up.
    steps = [ServiceStopOperator(task_id="stop", service=SERVICE)]
    for sync in SYNCS:
        about = {"service": SERVICE, "sync": sync}
        steps += [
            SymcloneRecreateOperator(task_id=f"recreate_{sync}", **about),
            SymcloneActivateOperator(task_id=f"activate_{sync}", **about),
            # It waits in the triggerer and holds no worker.
            SymcloneStateSensor(task_id=f"copied_{sync}", wanted="copied", timeout=6 * 3600, **about),
        ]
    steps += [
        # By what was kept of the copies it knows their order, also where two arrays show their times.
        ServiceStartOperator(
            task_id="start", service=SERVICE, inlets=[copy_asset(SERVICE, sync) for sync in SYNCS]
        ),
        # It gives the lock back whatever happened before, and fails when a task before it did.
        RunEndOperator(task_id="finish", service=SERVICE, trigger_rule="all_done"),
    ]
    chain(*steps)
