"""What a task begins while Airflow prepares it: logins only, and nothing that it would not ask for anyway."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder
from jinja2 import Environment

from clones.errors import ConfigError, Refused
from operators.ahead import aside
from operators.service import ServiceStopOperator
from sensors.symclone import SymcloneStateSensor
from tests.conftest import ONE_ARRAY


def events(lab: Any, kind: str) -> list[str]:
    return [entry["host"] for entry in lab.journal if entry["event"] == kind]


def prepared(task: Any, context: dict[str, Any]) -> Any:
    """As Airflow does it right before its own requests, and once the logins are done."""
    task.render_template_fields(context, Environment())
    for coming in [*task._known[1]._coming.values()]:
        coming.exception()
    return task


@ONE_ARRAY
@pytest.mark.over_ssh
def test_a_task_logs_in_once_and_before_it_works(lab: Any, context: dict[str, Any]) -> None:
    task = prepared(ServiceStopOperator(task_id="stop", service="aastmphpux"), context)
    assert sorted(events(lab, "connect")) == ["aastmphpux", "symcli01"]
    assert not lab.commands()
    task.execute(context)
    assert len(events(lab, "connect")) == 2


@ONE_ARRAY
@pytest.mark.over_ssh
def test_a_wait_that_may_be_over_logs_in_when_it_looks(lab: Any, context: dict[str, Any]) -> None:
    wait = SymcloneStateSensor(task_id="wait", service="aastmphpux", sync="data", wanted="none")
    wait.render_template_fields(context, Environment())
    assert wait._known is None
    wait.resume(context, {"status": "reached", "message": "", "seen": {}})
    assert not events(lab, "connect")


@ONE_ARRAY
def test_what_is_wrong_is_said_by_the_task(lab: Any, context: dict[str, Any]) -> None:
    task = ServiceStopOperator(task_id="stop", service="nobody")
    task.render_template_fields(context, Environment())
    with pytest.raises(ConfigError, match="nobody"):
        task.execute(context)


@ONE_ARRAY
def test_a_connection_that_is_not_checked_is_refused_by_the_task(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    unchecked = '{"conn_type": "ssh", "host": "h", "login": "u", "extra": {"no_host_key_check": true}}'
    monkeypatch.setenv("AIRFLOW_CONN_SYMCLI_DEMO", unchecked)
    task = prepared(ServiceStopOperator(task_id="stop", service="aastmphpux"), context)
    with pytest.raises(Refused, match="host key checking off"):
        task.execute(context)
    assert not lab.commands()


class TestAside:
    @pytest.fixture
    def in_a_process_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        decoder = CommsDecoder(socket=None)  # type: ignore[arg-type]
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", decoder, raising=False)
        yield

    @pytest.mark.usefixtures("in_a_process_of_its_own")
    def test_asks_at_once_and_beside(self) -> None:
        asked, go_on = threading.Event(), threading.Event()

        def ask() -> int:
            asked.set()
            assert go_on.wait(60)
            return threading.get_ident()

        answer = aside(ask)
        assert asked.wait(60)
        go_on.set()
        assert answer() == answer() != threading.get_ident()

    @pytest.mark.usefixtures("in_a_process_of_its_own")
    def test_raises_where_it_is_waited_for(self) -> None:
        answer = aside(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            answer()

    def test_without_a_process_of_its_own_it_is_asked_once_when_it_is_needed(self) -> None:
        asked: list[int] = []

        def ask() -> int:
            asked.append(threading.get_ident())
            return len(asked)

        answer = aside(ask)
        assert not asked
        assert answer() == answer() == 1
        assert asked == [threading.get_ident()]
