"""Where Celery keeps how tasks ended, as docker-compose.yaml has it: in Redis, behind its password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tests.support.redis import broker

SENDS = """
import json
from celery import Celery
from airflow.providers.celery.executors.celery_executor_utils import BulkStateFetcher
from hooks.celery_options import CELERY_CONFIG
app = Celery("of the test", config_source=CELERY_CONFIG)
sent = [app.send_task("no such task") for _ in range(3)]
channels = len(app.backend.client.pubsub_channels())
app.backend.store_result(sent[0].id, None, "SUCCESS")
states = BulkStateFetcher(1, app).get_many(sent)
print(json.dumps([type(app.backend).__name__, channels, [states[one.id][0] for one in sent]]))
"""


def said_with(broker_url: str, result_backend: str) -> list[object]:
    """What a process says that sends three tasks, of which one is done then."""
    options = {"BROKER_URL": broker_url, "RESULT_BACKEND": result_backend}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
    environment |= {f"AIRFLOW__CELERY__{name}": value for name, value in options.items()}
    words = [sys.executable, "-c", SENDS]
    done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    said: list[object] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.fixture
def redis_url() -> Iterator[str]:
    with broker() as running:
        yield running.url


def test_who_sends_a_task_does_not_listen_for_its_end(redis_url: str) -> None:
    kept = redis_url.replace("/0", "/1")
    assert said_with(redis_url, kept) == ["Results", 0, ["SUCCESS", "PENDING", "PENDING"]]


def test_celerys_own_would_listen_for_each_for_ever(redis_url: str) -> None:
    """The reason for ours. Where this fails, Celery or Airflow no longer does so, and ours can go."""
    kept = "celery.backends.redis:RedisBackend+" + redis_url.replace("/0", "/1")
    assert said_with(redis_url, kept) == ["RedisBackend", 3, ["SUCCESS", "PENDING", "PENDING"]]
