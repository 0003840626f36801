"""How this Airflow is named in the locks; nothing is missing only because it could not be asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, PutVariable, VariableResult

from clones.act.lock import INSTANCE, Owner, installation_mark
from clones.errors import ConfigError, Refused, Unknown
from clones.runs.pools import KNOWN
from hooks.from_airflow import known_pools, variable
from hooks.installation import FILE_NAME, FILE_VARIABLE, VARIABLE
from hooks.symcli import SymcliHook
from operators import newest_try
from operators.newest_try import NewestTryOperator

CONTEXT: Any = {
    "dag_run": SimpleNamespace(dag_id="S", run_id="r"),
    "ti": SimpleNamespace(task_id="t", try_number=1),
}


def name() -> str:
    return newest_try.owner(CONTEXT).installation


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

    monkeypatch.delenv(f"AIRFLOW_VAR_{INSTANCE.upper()}", raising=False)
    monkeypatch.delenv(f"AIRFLOW_VAR_{KNOWN.upper()}")
    return answering


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the id is to stand, of an Airflow whose environment gives none."""
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    return tmp_path / FILE_NAME


def error(kind: ErrorType) -> ErrorResponse:
    return ErrorResponse(error=kind, detail={"message": "timed out"})


def test_it_is_read(monkeypatch: pytest.MonkeyPatch, file: Path, tmp_path: Path) -> None:
    file.write_text("of-its-home\n")
    assert name() == installation_mark("of-its-home")
    (tmp_path / "other").write_text("of-its-file\n")
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "other"))
    assert name() == installation_mark("of-its-file")
    monkeypatch.setenv(VARIABLE, "of-its-environment")
    assert name() == installation_mark("of-its-environment")


def test_a_lock_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "of-its-environment")
    assert "environment" not in str(newest_try.owner(CONTEXT)) and len(name()) == 16


def test_no_two_tries_have_one_name() -> None:
    first, second = newest_try.owner(CONTEXT), newest_try.owner(CONTEXT)
    assert first.run == second.run and first != second


def test_the_first_task_says_that_a_later_one_could_not_be_named() -> None:
    """A lock is a directory: the run would stop at its task with the longest id, in the middle."""
    with DAG("S"):
        first = NewestTryOperator(task_id="t")
        NewestTryOperator(task_id="start.before_start.longer")
        BaseOperator(task_id="not_ours" * 25)
    run = SimpleNamespace(dag_id="S", run_id="r" * 190)
    with pytest.raises(ConfigError, match=r"with its task start\.before_start\.longer has more than 255"):
        newest_try.owner({**CONTEXT, "dag_run": run, "task": first})
    run.run_id = "r" * 180
    assert newest_try.owner({**CONTEXT, "dag_run": run, "task": first}).task_id == "t"


def test_without_one_nothing_is_begun_and_none_is_made(
    airflow: Callable[[Any], list[Any]], file: Path
) -> None:
    asked = airflow(error(ErrorType.VARIABLE_NOT_FOUND))
    with pytest.raises(ConfigError, match=r"run `scripts/pools`") as raised:
        name()
    assert str(file) in str(raised.value) and VARIABLE in str(raised.value)
    assert not file.exists() and not asked, "neither made, nor taken from the metadata database"


@pytest.mark.parametrize("given", ["", "short", "with blanks in it", "a@b@c@d@e", "x" * 129, "zwölf-zeichen"])
def test_what_is_no_id_is_refused(monkeypatch: pytest.MonkeyPatch, file: Path, given: str) -> None:
    file.write_text(given, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"{file} holds no id"):
        name()
    monkeypatch.setenv(VARIABLE, given)
    with pytest.raises(ConfigError, match=f"environment variable {VARIABLE} holds no id"):
        name()


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(ConfigError, match=str(file)):
        name()
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigError, match=f"{file}: Is a directory"):
        name()


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
    assert name() == installation_mark("of-the-tests") and not asked, "it need not be asked for that"
    with pytest.raises(Unknown, match="could not be asked"):
        variable(INSTANCE)
    assert not any(isinstance(request, PutVariable) for request in asked)
    with pytest.raises(Unknown, match="could not be asked"):
        known_pools()
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
    assert newest_try.has_ended(context, Owner("S", "r", "a1b2c3")) is ended
