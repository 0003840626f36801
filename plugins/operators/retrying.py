"""When a task is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from clones.config import Service
from clones.errors import RETRIES

RETRY_POLICY = ExceptionRetryPolicy(
    [
        RetryRule(
            f"{rule.kind.__module__}.{rule.kind.__name__}",
            RetryAction.RETRY if rule.again else RetryAction.FAIL,
            reason=rule.why,
        )
        for rule in RETRIES
    ]
)
""":data:`clones.errors.RETRIES`, as Airflow wants it: by the errors' full names."""


def retries(service: Service) -> dict[str, Any]:
    """How often and when a task is tried again, as a DAG's default arguments."""
    return {
        "retries": service.retries,
        "retry_delay": timedelta(seconds=service.retry_delay),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(hours=1),
    }
