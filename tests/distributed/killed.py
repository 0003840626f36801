"""SIGKILL to every part of a deployment in turn, while its services refresh at once.

What was killed is started again. Every run then ends done, or stopped at a named step from where *Clear, Only
failed tasks* finishes it; each copy is re-established and split once; the lab's journal shows nothing that
must not be.
`--services 20` is the full size (scripts/test-distributed).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.distributed import fleet
from tests.distributed.conftest import MEASURED
from tests.distributed.deployment import RESTART, SPEED, Deployment, deployment
from tests.support.postgres import Cluster
from tests.support.redis import Broker

pytestmark = pytest.mark.airflow

HEARTBEAT = "[scheduler] task_instance_heartbeat_timeout 15"


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    count = request.config.getoption("--services", default=3)
    with deployment(tmp_path_factory.mktemp("deployment"), count) as running:
        yield running


@contextmanager
def refreshes(site: Deployment, request: pytest.FixtureRequest, what: str, setting: str) -> Iterator[None]:
    """All services refresh, are disturbed by the block, and end as they must."""
    site.begin()
    began = time.monotonic()
    yield
    site.ended()
    seconds = time.monotonic() - began
    again = site.judge()
    more = f"; {again} run again" if again else ""
    request.config.stash[MEASURED].append((what, seconds, setting + more))


def hold(site: Deployment, pattern: str, host: str | None = None) -> int:
    """The next command like this is under way until the fault is cleared."""
    where = {"host": host} if host else {}
    return site.lab.fault("delay", match=pattern, seconds=600, count=1, **where)


def test_undisturbed(site: Deployment, request: pytest.FixtureRequest) -> None:
    with refreshes(site, request, "nothing", ""):
        pass


@pytest.mark.parametrize(
    ("action", "task", "pattern", "on_control_host"),
    [
        ("recreate", "resync.data.recreate", fleet.control(0, 0, "recreate"), True),
        ("start", "start.service", r"\bmount -t", False),
    ],
    ids=["recreate", "start"],
)
def test_a_worker_in_the_middle_of(
    site: Deployment,
    request: pytest.FixtureRequest,
    action: str,
    task: str,
    pattern: str,
    on_control_host: bool,
) -> None:
    service = site.services[0]
    host = None if on_control_host else service
    fault = hold(site, pattern, host)
    with refreshes(site, request, f"a worker, in the middle of {action}", HEARTBEAT):
        site.until(lambda: site.sent(pattern, host), f"the command of {action} is not sent")
        worker = site.holder("worker", site.runs_task(service, task))
        site.kill(worker)
        site.lab.clear_faults(fault)
        site.restart(worker)
    assert site.tries(service, task) > 1


def test_the_triggerer_that_holds_the_waits(site: Deployment, request: pytest.FixtureRequest) -> None:
    setting = "[triggerer] triggerer_health_check_threshold 15"
    with (
        refreshes(site, request, "the triggerer that holds the waits", setting),
        copies_that_stand_still(site),
    ):
        site.until(lambda: all("deferred" in site.states(one).values() for one in site.services), "no waits")
        triggerer = site.holder("triggerer", site.connected(fleet.CONTROL_HOST))
        site.kill(triggerer)
        site.restart(triggerer)


@contextmanager
def copies_that_stand_still(site: Deployment) -> Iterator[None]:
    """As good as; so that a wait lasts until the end of the block."""
    site.lab.set_rate(fleet.SYMID, 0.01)
    try:
        yield
    finally:
        site.lab.set_rate(fleet.SYMID, fleet.RATE)


def until_some_are_recreated(site: Deployment) -> None:
    """The refreshes are then in their midst, each at another place."""
    site.until(lambda: len(site.sent(" recreate")) > len(site.services) / 2, "nothing is recreated")


def kill_and_restart(server: Broker | Cluster) -> None:
    """As a supervisor would, a little later."""
    server.kill()
    time.sleep(RESTART)
    server.start()


@pytest.mark.parametrize(
    ("component", "setting"),
    [
        ("scheduler", "[scheduler] orphaned_tasks_check_interval 5, scheduler_health_check_threshold 15"),
        ("dag-processor", "none: a refresh does not need it"),
        ("api-server", "[workers] max_failed_heartbeats 12"),
    ],
    ids=["scheduler", "dag-processor", "api-server"],
)
def test_a_component(site: Deployment, request: pytest.FixtureRequest, component: str, setting: str) -> None:
    with refreshes(site, request, f"the {component}", setting):
        until_some_are_recreated(site)
        site.kill(component)
        site.restart(component)


def test_redis(site: Deployment, request: pytest.FixtureRequest) -> None:
    with refreshes(site, request, "Redis", "appendonly yes; Celery connects again by itself"):
        until_some_are_recreated(site)
        kill_and_restart(site.broker)


def test_postgresql(site: Deployment, request: pytest.FixtureRequest) -> None:
    with refreshes(site, request, "PostgreSQL", "restart of what ends without it"):
        until_some_are_recreated(site)
        kill_and_restart(site.database)
        restarted = restart_what_ends(site, 30)
        assert not [one for one in restarted if one.startswith("worker")], restarted


def restart_what_ends(site: Deployment, seconds: float) -> list[str]:
    """As a supervisor would: a component that cannot do without its database ends, and is started again."""
    restarted = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, code in site.airflow.exit_codes().items():
            if code is not None:
                restarted.append(name)
                site.restart(name)
        time.sleep(0.5)
    return restarted


def test_the_sshd_of_the_control_host(site: Deployment, request: pytest.FixtureRequest) -> None:
    with refreshes(site, request, "sshd of the control host, for 5 s", "retries, retry_delay of the service"):
        until_some_are_recreated(site)
        site.lab.fault("down", host="symcli01", seconds=5 * SPEED)


def test_the_network(site: Deployment, request: pytest.FixtureRequest) -> None:
    with refreshes(site, request, "the network, for 60 s", "SSH keepalive, retries of the service"):
        until_some_are_recreated(site)
        site.network.drop()
        time.sleep(60)
        site.network.mend()
