"""The fleet as Prometheus reads it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from board.fleet import Facts
from clones.decide.freshness import Status
from clones.fleet.between_looks import SetShown
from clones.fleet.set_in_use import Role
from clones.observe.own_state import State
from hooks import needs
from reporting import metric_names as names
from reporting.metric_names import Metric

if TYPE_CHECKING:
    from prometheus_client import Gauge

log = logging.getLogger(__name__)


def exposition(facts: Facts, error: str) -> tuple[bytes, str]:
    """The text, and its media type. What is not known has no line: an absent age is no age of 0.

    :raises ConfigError: `prometheus_client` is missing, without which the rest of the board is still shown.
    """
    needs.require("prometheus_client")
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(metric: Metric) -> Gauge:
        return Gauge(metric.name, metric.says, metric.labels, registry=registry)

    status, age = gauge(names.COPY_STATUS), gauge(names.COPY_AGE)
    limit, percent = gauge(names.COPY_LIMIT), gauge(names.COPY_PERCENT)
    on_sets = {metric: gauge(metric) for metric in names.ON_SETS}
    service, own = gauge(names.SERVICE_STATUS), gauge(names.SERVICE_UP)
    running = gauge(names.SERVICE_RUNNING)
    seconds, ended = gauge(names.LAST_RUN_SECONDS), gauge(names.LAST_RUN_ENDED)
    result = gauge(names.LAST_RUN_SUCCESS)
    gauge(names.READABLE).set(0 if error else 1)
    if facts.looks.last is not None:
        gauge(names.LAST_LOOK).set(facts.looks.last.timestamp())
    busy = {run.dag_id for run in facts.going if run.state == "running"}

    def measure(name: str) -> None:
        shown = facts.shown(name)
        service.labels(name).set(shown.status.exit_code)
        running.labels(name).set(int(name in busy))
        seen = facts.own(name)
        if seen is not None and seen["state"] != State.UNKNOWN:
            own.labels(name).set(int(seen["state"] == State.UP))
        for sync in shown.syncs:
            status.labels(name, sync.name).set(sync.status.exit_code)
            if sync.limit is not None:
                limit.labels(name, sync.name).set(sync.limit.total_seconds())
            if sync.point_in_time is not None:
                age.labels(name, sync.name).set(max(0.0, (facts.now - sync.point_in_time).total_seconds()))
            if sync.percent is not None:
                percent.labels(name, sync.name).set(sync.percent)
        for one in shown.sets:
            measure_set(name, one)
        last = facts.last_run(name)
        if last is None:
            return
        if last["seconds"] is not None:
            seconds.labels(name).set(last["seconds"])
        run = facts.ended[last["dag_id"]]
        if run.ended is not None:
            ended.labels(name).set(run.ended.timestamp())
        result.labels(name, last["dag_id"], last["result"]).set(int(last["state"] == "success"))

    def measure_set(name: str, one: SetShown) -> None:
        if one.role is not Role.UNKNOWN:
            on_sets[names.SET_IN_USE].labels(name, one.name).set(int(one.role is not Role.SPARE))
        if Status.UNKNOWN not in [sync.status for sync in one.syncs]:
            on_sets[names.SET_READY].labels(name, one.name).set(int(not one.unready))
        for sync in one.syncs:
            labels = (name, one.name, sync.name)
            on_sets[names.SET_STATUS].labels(*labels).set(sync.status.exit_code)
            if sync.point_in_time is not None:
                point = sync.point_in_time
                on_sets[names.SET_POINT].labels(*labels).set(point.timestamp())
                on_sets[names.SET_AGE].labels(*labels).set(max(0.0, (facts.now - point).total_seconds()))

    for name in facts.services:
        try:
            measure(name)
        except Exception:
            log.exception("Service %s cannot be measured", name)
            service.labels(name).set(Status.UNKNOWN.exit_code)
    return generate_latest(registry), CONTENT_TYPE_LATEST
