"""A DAG of yours that refreshes a pair which is not in `services.yaml`: put it into `dags/`, and unpause it.

The service is given as a mapping, with the keys of `services.yaml` (docs/reference/services-yaml.md).
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from operators.run_end import RunEndOperator
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from sensors.symclone import SymcloneStateSensor

# Each task gets the same mapping: the lock is of its `name`.
PAIR = {
    "name": "report_copy",
    "control_host": "symcli_demo",  # an Airflow connection (SSH) to the host with SYMCLI
    "sync_max_delay": 1440,
    # Nothing that this Airflow reaches uses the copy. Whoever runs the DAG answers for it; with `down_checks`
    # a command on the server that uses it does.
    "resources": [],
    "unattended": True,
    "syncs": [{"name": "report", "symid": "000190101234", "pairs": ["1237:4324"]}],
}
STEP = {"service": PAIR, "sync": "report"}

with DAG(
    "refresh_report_copy",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    # What may pass by itself, like a lock of the array, is tried again; a refusal is not.
    default_args={"retries": 4, "retry_delay": timedelta(minutes=1)},
):
    recreate = SymcloneRecreateOperator(task_id="recreate", **STEP)
    activate = SymcloneActivateOperator(task_id="activate", **STEP)
    # The copy can be read from the activation on; whoever wants all its tracks copied waits for that.
    copied = SymcloneStateSensor(task_id="copied", wanted="copied", timeout=6 * 3600, **STEP)
    # It gives the lock back whatever happened before, and fails when a task before it did.
    finish = RunEndOperator(task_id="finish", service=PAIR, trigger_rule="all_done")
    recreate >> activate >> copied >> finish
