"""Settings for ``[celery] celery_config_options``: Airflow's, and what a worker loads before it forks."""

from __future__ import annotations

from typing import Any

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG

CELERY_CONFIG: dict[str, Any] = {**DEFAULT_CELERY_CONFIG, "imports": ("preload_plugin",)}
