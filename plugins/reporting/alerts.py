"""Telling people of a run: Airflow's callbacks call the notifier that `alerts` of services.yaml names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from airflow.sdk import Context, DeadlineAlert, DeadlineReference, SyncCallback
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from clones.config import Service
from clones.errors import ConfigError
from clones.runs import alerts
from clones.runs.alerts import Alert
from clones.runs.pool_waits import Stuck
from hooks.configuration import load
from reporting.links import Links

log = logging.getLogger(__name__)


class MistypedRun(AirflowFailException):
    """A run did nothing, because its form said what cannot be meant. Whoever triggered it sees that."""


def run_failed(context: Context) -> None:
    """`on_failure_callback` of a run's last task, which fails when the run did not do what was asked.

    It is called after the task's work is over: the lock was given back. Of a run that its author mistyped
    nobody else is told.
    """
    if isinstance(context.get("exception"), MistypedRun):
        log.info("Not reported: the user who triggered this run sees what is missing")
        return
    task: Any = context["task"]
    run = context["dag_run"]
    service = task.service if isinstance(task.service, str) else task.service.get("name", run.dag_id)
    said = str(context.get("exception") or "")
    alert = alerts.failed(service, run.dag_id, run.run_id, said, _url(run.dag_id, run.run_id))
    _tell(alert, task.config, context)


def run_is_late(context: Mapping[str, Any], service: str, minutes: int, config: str) -> None:
    """What Airflow calls when a run's deadline has passed. Its context has the run and no more."""
    run = context["dag_run"]
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    _tell(alerts.late(service, dag_id, run_id, minutes, _url(dag_id, run_id)), config, context)


def pool_gives_no_place(stuck: Stuck, at: datetime, config: str, context: Context) -> None:
    """What the sweep calls when tasks wait for a pool that lets none run."""
    minutes = int((at - stuck.since).total_seconds() // 60)
    dag_ids = [place.dag_id for place in stuck.dags]
    _tell(alerts.waiting(stuck.pool, stuck.dags[0].service, dag_ids, minutes), config, context)


def run_without_finish(
    context: Mapping[str, Any], service: str, dag_id: str, run_id: str, config: str, *, silent: bool = False
) -> None:
    """What the sweep calls for a run that has ended without its last task. The context is the sweep's own.

    :param silent: that task has failed, and left no result.
    """
    alert = (alerts.silent if silent else alerts.without_finish)(
        service, dag_id, run_id, _url(dag_id, run_id)
    )
    _tell(alert, config, context)


def run_is_paused(context: Mapping[str, Any], service: str, dag_id: str, run_id: str, config: str) -> None:
    """What the sweep calls for a run whose DAG is paused. The context is the sweep's own."""
    _tell(alerts.paused(service, dag_id, run_id, _url(dag_id, run_id)), config, context)


def deadline(name: str, service: Service, config: str) -> DeadlineAlert | None:
    """Of a service's DAG, None when it has none."""
    if service.run_deadline is None:
        return None
    kwargs = {"service": name, "minutes": service.run_deadline, "config": config}
    return DeadlineAlert(
        name="run_deadline",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=service.run_deadline),
        callback=SyncCallback(run_is_late, kwargs=kwargs),
    )


def _tell(alert: Alert, config: str, context: Mapping[str, Any]) -> None:
    """Log it, and call the notifier, if there is one.

    :raises Exception: what the notifier raises; Airflow logs it, and the run stays as it is.
    """
    log.warning("%s", alert.text)
    try:
        wanted = load(config, only=alert.service).alerts
    except ConfigError as error:
        log.error("Not reported: %s", error)
        return
    if wanted.notifier is None:
        return
    module, _, name = wanted.notifier.rpartition(".")
    notifier = getattr(import_module(module), name)(**wanted.arguments)
    notifier({**context, "alert": alert.to_plain()})
    log.info("Reported by %s", wanted.notifier)


def _url(dag_id: str, run_id: str) -> str:
    base = conf.get("api", "base_url", fallback="")
    return Links(base.rstrip("/")).run(dag_id, run_id) if base else ""
