"""Settings for ``[celery] celery_config_options``: Airflow's, and what a worker loads before it forks."""

from __future__ import annotations

from typing import Any

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.backends.redis import RedisBackend  # type: ignore[import-untyped]


class Results(RedisBackend):  # type: ignore[misc]
    """How tasks ended, in Redis, for a sender that asks for it.

    Celery's own subscribes the sender to a channel of each task that it sends. A scheduler never listens
    there, so they would grow without end (tried: 12 tasks left 12 subscriptions).
    """

    def on_task_call(self, producer: object, task_id: str) -> None:
        """Nobody waits for messages about it."""


def _own(backend: str) -> str:
    """The same place, kept by :class:`Results` where it is in Redis."""
    is_redis = backend.startswith(("redis://", "rediss://"))
    return f"{__name__}:{Results.__name__}+{backend}" if is_redis else backend


CELERY_CONFIG: dict[str, Any] = {
    **DEFAULT_CELERY_CONFIG,
    "imports": ("preload_plugin",),
    "result_backend": _own(DEFAULT_CELERY_CONFIG["result_backend"]),
}
