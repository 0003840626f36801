"""How this Airflow is named in the locks; nothing is missing only because it could not be asked for."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, PutVariable, VariableResult

from clones.errors import Refused, Unknown
from clones.lock import INSTANCE, Owner
from clones.pools import KNOWN
from hooks.symcli import SymcliHook
from operators import base

VARIABLE = f"AIRFLOW_VAR_{INSTANCE.upper()}"
CONTEXT: Any = {"dag_run": SimpleNamespace(dag_id="S", run_id="r")}


def name() -> str:
    return base.owner(CONTEXT).installation


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[Any]]:
    """As in a process of a task, whose supervisor answers everything so. Gives what it was asked."""

    def answering(reply: Any) -> list[Any]:
        asked: list[Any] = []

        def send(request: Any) -> Any:
            asked.append(request)
            if isinstance(reply, Exception):
                raise reply
            return reply

        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
        return asked

    monkeypatch.delenv(VARIABLE)
    monkeypatch.delenv(f"AIRFLOW_VAR_{KNOWN.upper()}")
    return answering


def error(kind: ErrorType) -> ErrorResponse:
    return ErrorResponse(error=kind, detail={"message": "timed out"})


def test_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "a1b2c3")
    assert name() == "a1b2c3"


def test_without_one_nothing_is_begun_and_none_is_made(airflow: Callable[[Any], list[Any]]) -> None:
    asked = airflow(error(ErrorType.VARIABLE_NOT_FOUND))
    with pytest.raises(Refused, match="run `scripts/pools` once"):
        name()
    assert not any(isinstance(request, PutVariable) for request in asked)


@pytest.mark.parametrize(
    "reply",
    [
        error(ErrorType.API_SERVER_ERROR),
        error(ErrorType.GENERIC_ERROR),
        VariableResult(key=INSTANCE, value=None),
        OSError("broken pipe"),
    ],
    ids=["restarted", "odd", "back again", "supervisor gone"],
)
def test_an_api_server_that_is_not_there_has_said_nothing(
    airflow: Callable[[Any], list[Any]], reply: Any
) -> None:
    asked = airflow(reply)
    with pytest.raises(Unknown, match="could not be asked"):
        name()
    assert not any(isinstance(request, PutVariable) for request in asked)
    with pytest.raises(Unknown, match="could not be asked"):
        base.known_pools()
    with SymcliHook() as hosts, pytest.raises(Unknown, match="connection nowhere could not be read"):
        hosts._client("nowhere")


def test_a_connection_that_is_not_defined_is_refused(airflow: Callable[[Any], list[Any]]) -> None:
    airflow(error(ErrorType.CONNECTION_NOT_FOUND))
    with SymcliHook() as hosts, pytest.raises(Refused, match="define the SSH connection nowhere"):
        hosts._client("nowhere")


@pytest.mark.parametrize(
    ("detail", "ended"),
    [
        (
            {"status_code": 404, "detail": {"detail": {"reason": "not_found", "message": "was not found"}}},
            True,
        ),
        (
            {"status_code": None, "message": "Client error '404 Not Found' for url", "exception_type": "E"},
            None,
        ),
        ({"status_code": 404, "message": "not found", "detail": {"detail": "Not Found"}}, None),
        ({"status_code": 404, "detail": None}, None),
        ({"status_code": 404, "detail": "404 page not found"}, None),
        ({"status_code": None, "message": "timed out", "exception_type": "ReadTimeout"}, None),
        (None, None),
    ],
)
def test_another_run_is_gone_only_when_airflow_says_so(detail: Any, ended: bool | None) -> None:
    """Its lock is taken then."""

    def state(dag_id: str, run_id: str) -> str:
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))

    context: Any = {"ti": SimpleNamespace(get_dagrun_state=state)}
    assert base._has_ended(context, Owner("S", "r", "a1b2c3")) is ended
