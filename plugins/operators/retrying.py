"""When a task is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from clones.config import Service

RETRY_POLICY = ExceptionRetryPolicy(
    [
        RetryRule("clones.errors.TornForNow", RetryAction.RETRY, reason="the next try mends it"),
        RetryRule("clones.errors.Refused", RetryAction.FAIL, reason="refused: trying again cannot help"),
        RetryRule("clones.errors.ConfigError", RetryAction.FAIL, reason="the configuration must be mended"),
        RetryRule("clones.errors.TryAgain", RetryAction.RETRY, reason="it may pass by itself"),
    ]
)
"""Refusals fail at once; locks, lost sessions and the like are tried again, as often as `retries` allows."""


def retries(service: Service) -> dict[str, Any]:
    """How often and when a task is tried again, as a DAG's default arguments."""
    return {
        "retries": service.retries,
        "retry_delay": timedelta(seconds=service.retry_delay),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(hours=1),
    }
