"""Where Celery keeps how tasks ended, as docker-compose.yaml has it: in Redis, behind its password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT
from tests.support.redis import Broker, broker
from tests.support.site import until

SENDS = """
import json, sys
from celery import Celery
from airflow.providers.celery.executors.celery_executor_utils import BulkStateFetcher
from hooks.celery_options import CELERY_CONFIG
app = Celery("of the test", config_source=CELERY_CONFIG)
sent = [app.send_task("no such task") for _ in range(3)]
app.backend.store_result(sent[0].id, None, "SUCCESS")
print(json.dumps(["sent", type(app.backend).__name__, len(app.backend.client.pubsub_channels())]), flush=True)
for line in sys.stdin:
    states = BulkStateFetcher(1, app).get_many(sent)
    print(json.dumps(["states", *(states[one.id][0] for one in sent)]), flush=True)
"""


class Sender:
    """A process that sends three tasks, of which one is done then, and asks for their states."""

    def __init__(self, broker_url: str, result_backend: str) -> None:
        options = {"BROKER_URL": broker_url, "RESULT_BACKEND": result_backend}
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
        environment |= {f"AIRFLOW__CELERY__{name}": value for name, value in options.items()}
        words = [sys.executable, "-c", SENDS]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            words, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True, bufsize=1
        )

    def said(self, what: str) -> list[object]:
        """The rest of its next line that begins so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(f'["{what}"'):
                rest: list[object] = json.loads(line)[1:]
                return rest
        raise AssertionError(f"it ended with exit code {self.process.wait()}")

    def states(self) -> list[object]:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        return self.said("states")

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def redis() -> Iterator[Broker]:
    with broker() as running:
        yield running


def kept(redis: Broker) -> str:
    """Where the results are."""
    return redis.url.removesuffix("/0") + "/1"


def test_who_sends_a_task_does_not_listen_for_its_end(redis: Broker) -> None:
    with Sender(redis.url, kept(redis)) as sender:
        assert sender.said("sent") == ["Results", 0]
        assert sender.states() == ["SUCCESS", "PENDING", "PENDING"]


def test_a_scheduler_outlives_a_redis_that_is_away(redis: Broker) -> None:
    with Sender(redis.url, kept(redis)) as sender:
        sender.said("sent")
        redis.kill()
        assert sender.states() == ["PENDING"] * 3
        redis.start()
        until(lambda: sender.states() == ["SUCCESS", "PENDING", "PENDING"], 60, "it does not ask again")


def test_celerys_own_would_listen_for_ever_and_end_it(redis: Broker) -> None:
    """The reasons for ours. Where this fails, Celery does neither any more, and ours can go."""
    with Sender(redis.url, "celery.backends.redis:RedisBackend+" + kept(redis)) as sender:
        assert sender.said("sent") == ["RedisBackend", 3]
        redis.kill()
        with pytest.raises(AssertionError, match="it ended with exit code 1"):
            sender.states()
