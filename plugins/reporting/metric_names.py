"""Every metric that this project sends or shows: its name, meaning, unit and labels, once.

``docs/reference/metrics.md`` is made of it by ``python -m cli.reference_tables``.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVICE = ("service",)
COPY = ("service", "sync")
SET = ("service", "set")
COPY_ON_SET = ("service", "set", "sync")
RUN = ("service", "dag", "result")
STATUSES = "0 up, 1 warn, 2 down, 3 unknown"


@dataclass(frozen=True)
class Metric:
    """One metric.

    :param says: what it means, as a sentence.
    :param unit: of its value; empty for a plain number.
    :param labels: Prometheus' labels, or StatsD's tags.
    """

    name: str
    says: str
    unit: str = ""
    labels: tuple[str, ...] = ()


COPY_STATUS = Metric("symclone_copy_status", f"{STATUSES}.", labels=COPY)
COPY_AGE = Metric("symclone_copy_age_seconds", "Age of the copy: of its oldest pair.", "seconds", COPY)
COPY_LIMIT = Metric("symclone_copy_limit_seconds", "Age limit: an older copy is too old.", "seconds", COPY)
COPY_PERCENT = Metric("symclone_copy_percent", "Copied so far, while tracks are copied.", "percent", COPY)
SET_IN_USE = Metric(
    "symclone_set_in_use", "1: the service uses this target set, or starts on it; else 0.", labels=SET
)
SET_READY = Metric(
    "symclone_set_ready", "1: the set is fully active at one point in time: a rewind may use it.", labels=SET
)
SET_STATUS = Metric(
    "symclone_set_copy_status", f"{STATUSES}, of each target set. A spare is not too old.", labels=COPY_ON_SET
)
SET_AGE = Metric(
    "symclone_set_copy_age_seconds", "Age of the copy on each target set.", "seconds", COPY_ON_SET
)
SET_POINT = Metric(
    "symclone_set_copy_timestamp_seconds", "Its point in time.", "seconds since 1970", COPY_ON_SET
)
SERVICE_STATUS = Metric("symclone_service_status", f"{STATUSES}: as its worst copy.", labels=SERVICE)
SERVICE_UP = Metric(
    "symclone_service_up", "1: the service was up when its last run ended; else 0.", labels=SERVICE
)
SERVICE_RUNNING = Metric(
    "symclone_service_running", "Whether a run of the service is in progress.", labels=SERVICE
)
LAST_RUN_SECONDS = Metric("symclone_last_run_seconds", "How long the last run took.", "seconds", SERVICE)
LAST_RUN_ENDED = Metric(
    "symclone_last_run_timestamp_seconds", "When the last run ended.", "seconds since 1970", SERVICE
)
LAST_RUN_SUCCESS = Metric("symclone_last_run_success", "1: the last run did what was asked.", labels=RUN)
READABLE = Metric("symclone_configuration_readable", "Whether services.yaml can be used as it is now.")
LAST_LOOK = Metric(
    "symclone_last_look_timestamp_seconds", "When all copies were last checked.", "seconds since 1970"
)

ON_SETS = (SET_IN_USE, SET_READY, SET_STATUS, SET_AGE, SET_POINT)
"""Of each target set of a service that has some."""
PROMETHEUS = (
    COPY_STATUS,
    COPY_AGE,
    COPY_LIMIT,
    COPY_PERCENT,
    *ON_SETS,
    SERVICE_STATUS,
    SERVICE_UP,
    SERVICE_RUNNING,
    LAST_RUN_SECONDS,
    LAST_RUN_ENDED,
    LAST_RUN_SUCCESS,
    READABLE,
    LAST_LOOK,
)
"""Gauges of `/clones/metrics`, where the board is."""

RUN_ENDED = Metric("symclone.run_ended", "Counts the runs that ended.", labels=RUN)
RUN_DURATION = Metric("symclone.run_duration", "How long a run took.", "milliseconds", RUN)
RUN_TRACKS = Metric(
    "symclone.run_tracks", "Tracks of a sync that differed when the run began, if shown.", "tracks", COPY
)

STATSD = (RUN_ENDED, RUN_DURATION, RUN_TRACKS)
"""What the last task of a run sends, where Airflow sends metrics: a counter, a timer and a gauge. Airflow
puts its own prefix before them."""

SWEEP_STATUS = Metric("symclone.copy_status", f"{STATUSES}.", labels=COPY)
SWEEP_AGE = Metric("symclone.copy_age", "Age of the copy: of its oldest pair.", "seconds", COPY)

STATSD_OF_SWEEP = (SWEEP_STATUS, SWEEP_AGE)
"""Gauges that each sweep (DAG `clone_status`) sends, likewise."""
