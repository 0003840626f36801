"""Many at once behind a real OpenSSH server with the limits it comes with: it refuses nobody."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from airflow.providers.ssh.hooks.ssh import SSHHook

from clones.asking.steps import Command
from demo.many_services import CONTROL, ManyServices
from hooks.symcli import SymcliHook
from lab import Lab
from tests.conftest import connect
from tests.support.shared import SharedAirflow, many_services
from tests.support.site import until

AT_ONCE = 24
MANY = ManyServices(8, tracks=(2000,), sshd_limits=True)
REFUSED = ("MaxStartups", "no more sessions")
"""What sshd logs when it drops a connection, and when it refuses a session of one (OpenSSH 9)."""


def refused(lab: Lab) -> list[str]:
    """What sshd logged of those it refused."""
    lines = (lab.directory / "sshd" / "control" / "sshd.log").read_text().splitlines()
    assert any("Accepted publickey" in line for line in lines)
    return [line for line in lines if any(words in line for words in REFUSED)]


@pytest.fixture
def stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with Lab(MANY.lab(), directory=tmp_path / "lab", sshd=True) as running:
        written = (running.directory / "sshd" / "control" / "sshd_config").read_text()
        assert "MaxStartups 10:30:100\nMaxSessions 10\n" in written
        connect(monkeypatch, running.connections)
        yield running


def together(work: Callable[[], None]) -> list[str]:
    """Do it in many threads that begin at one moment; what went wrong."""
    begin = threading.Barrier(AT_ONCE)
    wrong: list[str] = []

    def one() -> None:
        begin.wait()
        try:
            work()
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=one) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_as_many_logins_as_come_are_too_many_for_it(stock: Lab) -> None:
    """That the other tests can fail: the SSH provider's own hook, and nobody who waits for his turn."""

    def one() -> None:
        with SSHHook(ssh_conn_id=CONTROL, conn_retry_attempts=1).get_conn():
            pass

    assert any(together(one) for _ in range(5)), "on a busy machine they do not all come at once"
    assert refused(stock)


def test_tasks_that_begin_together_log_in_a_few_at_a_time(stock: Lab) -> None:
    def one() -> None:
        with SymcliHook() as hosts:
            assert hosts.execute(Command(CONTROL, ["uname"])).exit_code == 0

    assert together(one) == []
    assert refused(stock) == []


@pytest.mark.airflow
def test_services_refreshed_together(
    shared_on_postgres: SharedAirflow, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """40 tasks and 8 waits on one array and control host, with as many tasks at once as Airflow allows."""
    with many_services(shared_on_postgres, tmp_path_factory.mktemp("s"), MANY, sshd=True) as site:
        conf = {"action": "refresh", "reason": "test"}
        runs = {name: site.rest.trigger(name, conf) for name in MANY.names}

        def going_on() -> list[str]:
            states = {name: site.rest.dag_run(name, run)["state"] for name, run in runs.items()}
            return [name for name, state in states.items() if state not in ("success", "failed")]

        until(lambda: not going_on(), 400, lambda: str(going_on()), 1)
        tasks = [ti for name, run in runs.items() for ti in site.rest.task_instances(name, run)]
        ends = Counter((ti["state"], ti["try_number"]) for ti in tasks)
        failed = [(ti["dag_id"], ti["dag_run_id"], ti["task_id"]) for ti in tasks if ti["state"] == "failed"]
        logs = [site.rest.task_log(*one)[-2000:] for one in failed]
        assert ends == {("success", 1): 5 * MANY.count}, "\n".join([f"{ends} {failed}", *logs])
        assert refused(site.lab) == []
