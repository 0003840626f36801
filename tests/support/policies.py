"""Airflow's place for a site's policies (`airflow_local_settings`): those of tests that disturb tasks.

It is copied into the `config` folder of an Airflow that tests share, beside the policies themselves, and no
test imports it. A policy does nothing while nothing stands in its ledger.
"""

import still_policy  # type: ignore[import-not-found]
from mortal_policy import task_policy  # type: ignore[import-not-found]

__all__ = ["still_policy", "task_policy"]
