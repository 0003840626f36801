"""Loads what every task of ours needs, once, in the processes whose forks the tasks are.

Each task is a fork that reads its DAG file; what its parent has loaded already costs it nothing. A scheduler
with the LocalExecutor and the DAG processor load all plugins, and so this file; Celery's workers load it by
:mod:`hooks.celery_options`.
"""

# ruff: noqa: F401 (loaded, not used)
from __future__ import annotations

import logging

import operators.approval
import operators.change_over
import operators.each_service
import operators.merge_back
import operators.preflight
import operators.provision
import operators.retire
import operators.run_end
import operators.run_plan
import operators.service
import operators.source_hooks
import operators.status
import operators.symclone
import reporting.alerts
import reporting.completed
import reporting.last_seen
import sensors.symclone
from clones.errors import ConfigError
from hooks import needs

try:
    needs.require()
    import defusedxml.ElementTree

    import hooks.ssh_options
    import hooks.symcli
    import triggers.symclone

    hooks.ssh_options.first_use()
except (ConfigError, ImportError) as error:
    # A worker or scheduler that does not start would say less than its tasks do.
    logging.getLogger(__name__).error("No service can be worked on here. %s", error)
