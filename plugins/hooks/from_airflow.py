"""What Airflow keeps for tasks: whether it is not there, or could not be asked for.

Airflow's own ``Variable.get`` and ``get_connection`` say "not found" for both: while the API server is
restarted nothing is defined (Airflow 3.3.2, ``sdk/execution_time/secrets/execution_api.py``; tried).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Variable
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowNotFoundException,
    AirflowRuntimeError,
    ErrorType,
)
from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection, GetVariable

from clones.errors import Unknown
from clones.runs.pools import KNOWN
from hooks.refusals import not_defined

_ABSENT = (ErrorType.VARIABLE_NOT_FOUND, ErrorType.CONNECTION_NOT_FOUND)


def variable(key: str) -> str | None:
    """A variable, None when there is none.

    :raises Unknown: Airflow's API server could not be asked.
    """
    known = Variable.get(key, default=None)
    if known is not None:
        return str(known)
    refuse_to_guess(GetVariable(key=key), f"Airflow's variable {key}")
    return None


def known_pools() -> list[str] | None:
    """The pools that are known to exist in this Airflow, None when nobody has said.

    :raises Unknown: it could not be read.
    """
    known = variable(KNOWN)
    return None if known is None else known.split()


def no_connection(conn_id: str, error: Exception, kind: str = "SSH") -> None:
    """Say what it means that Airflow gave no connection.

    :param conn_id: Airflow connection id.
    :param error: with which it gave none; where that is none of Airflow's, nothing is said.
    :param kind: of the connection, for the remedy.
    :raises Refused: it is not defined, or cannot be read.
    :raises Unknown: it may well be there.
    """
    if isinstance(error, AirflowNotFoundException):
        refuse_to_guess(GetConnection(conn_id=conn_id), f"Airflow's connection {conn_id}")
    if isinstance(error, AirflowException | ValueError):
        raise not_defined(conn_id, error, kind) from None


def refuse_to_guess(request: GetVariable | GetConnection, what: str) -> None:
    """What was not found is not there, unless the API server cannot be asked or has it after all.

    :raises Unknown: it may well be there.
    """
    try:
        # Only a process of a task has this; elsewhere the secrets back ends were asked themselves.
        from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS
    except ImportError:
        return
    try:
        reply = SUPERVISOR_COMMS.send(request)
    except Exception as error:
        raise _not_asked(what, error) from None
    if not (isinstance(reply, ErrorResponse) and reply.error in _ABSENT):
        raise _not_asked(what, reply.detail if isinstance(reply, ErrorResponse) else "it is there now")


def says_not_found(error: AirflowRuntimeError) -> bool:
    """Whether Airflow's API itself said so: a proxy that has lost its API server may answer 404, too."""
    said: Any = error.error.detail or {}
    for key in ("detail", "detail", "reason"):
        said = said.get(key) if isinstance(said, dict) else None
    return said == "not_found"


def _not_asked(what: str, why: object) -> Unknown:
    return Unknown(
        f"{what} could not be read, for Airflow's API server could not be asked: {why}. Nothing was changed.",
        "wait for the retry; check that the API server runs",
    )
