"""The fleet as Prometheus reads it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from board.fleet import Facts
from clones.decide.freshness import Status
from clones.observe.own_state import State
from hooks import needs

if TYPE_CHECKING:
    from prometheus_client import Gauge

log = logging.getLogger(__name__)
PER_SYNC = ("service", "sync")


def exposition(facts: Facts, error: str) -> tuple[bytes, str]:
    """The text, and its media type. What is not known has no line: an absent age is no age of 0.

    :raises ConfigError: `prometheus_client` is missing, without which the rest of the board is still shown.
    """
    needs.require("prometheus_client")
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()

    def gauge(name: str, says: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"symclone_{name}", says, labels, registry=registry)

    status = gauge("copy_status", "0 up, 1 warn, 2 down, 3 unknown.", PER_SYNC)
    age = gauge("copy_age_seconds", "Age of the copy: of its oldest pair.", PER_SYNC)
    limit = gauge("copy_limit_seconds", "Age limit: an older copy is too old.", PER_SYNC)
    percent = gauge("copy_percent", "Copied so far, while tracks are copied.", PER_SYNC)
    service = gauge("service_status", "0 up, 1 warn, 2 down, 3 unknown: as its worst copy.", ("service",))
    own = gauge("service_up", "1: the service was up when its last run ended; else 0.", ("service",))
    running = gauge("service_running", "Whether a run of the service is in progress.", ("service",))
    seconds = gauge("last_run_seconds", "How long the last run took.", ("service",))
    ended = gauge("last_run_timestamp_seconds", "When the last run ended.", ("service",))
    result = gauge("last_run_success", "1: the last run did what was asked.", ("service", "dag", "result"))
    readable = gauge("configuration_readable", "Whether services.yaml can be used as it is now.")
    readable.set(0 if error else 1)
    if facts.looks.last is not None:
        looked = gauge("last_look_timestamp_seconds", "When all copies were last checked.")
        looked.set(facts.looks.last.timestamp())
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
        last = facts.last_run(name)
        if last is None:
            return
        if last["seconds"] is not None:
            seconds.labels(name).set(last["seconds"])
        run = facts.ended[last["dag_id"]]
        if run.ended is not None:
            ended.labels(name).set(run.ended.timestamp())
        result.labels(name, last["dag_id"], last["result"]).set(int(last["state"] == "success"))

    for name in facts.services:
        try:
            measure(name)
        except Exception:
            log.exception("Service %s cannot be measured", name)
            service.labels(name).set(Status.UNKNOWN.exit_code)
    return generate_latest(registry), CONTENT_TYPE_LATEST
