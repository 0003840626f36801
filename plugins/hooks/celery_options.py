"""Settings for ``[celery] celery_config_options``: Airflow's, and what a worker loads before it forks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.backends.redis import RedisBackend  # type: ignore[import-untyped]

log = logging.getLogger(__name__)


class Results(RedisBackend):  # type: ignore[misc]
    """How tasks ended, in Redis, for a sender that asks for it now and then.

    Celery's own subscribes the sender to a channel of each task that it sends. A scheduler never listens
    there, so they would grow without end (tried: 12 tasks left 12 subscriptions). And while Redis is away, it
    raises, which ends Airflow's scheduler (read in 3.3.2: nothing around its executor's heartbeat).
    """

    def on_task_call(self, producer: object, task_id: str) -> None:
        """Nobody waits for messages about it."""

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept under each key. While Redis is away nothing is known: the scheduler asks again."""
        try:
            return list(super().mget(keys))
        except self.connection_errors as error:
            log.warning("How %d tasks ended cannot be asked: %s", len(keys), error)
            return [None] * len(keys)


def _kept_in_redis(backend: str) -> dict[str, Any]:
    """A worker that cannot tell how a task ended tries for as long as it takes."""
    return {
        "result_backend": f"{__name__}:{Results.__name__}+{backend}",
        "result_backend_always_retry": True,
    }


_BACKEND: str = DEFAULT_CELERY_CONFIG["result_backend"]
CELERY_CONFIG: dict[str, Any] = {
    **DEFAULT_CELERY_CONFIG,
    "imports": ("preload_plugin",),
    **(_kept_in_redis(_BACKEND) if _BACKEND.startswith(("redis://", "rediss://")) else {}),
}
