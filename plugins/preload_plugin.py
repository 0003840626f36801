"""Loads what every task of ours needs, once, in the processes whose forks the tasks are.

Each task is a fork that reads its DAG file; what its parent has loaded already costs it nothing. A scheduler
with the LocalExecutor and the DAG processor load all plugins, and so this file; Celery's workers load it by
:mod:`hooks.celery_options`.
"""

# ruff: noqa: F401 (loaded, not used)
from __future__ import annotations

import hooks.symcli
import operators.alerts
import operators.approval
import operators.completed
import operators.each_service
import operators.merge_back
import operators.preflight
import operators.run
import operators.seen
import operators.service
import operators.source
import operators.status
import operators.symclone
import sensors.symclone
import triggers.symclone
