"""On which target set a service is to run: the state store of the first sync's asset, key `target_sets`.

Two things stand there that nobody can see on hosts and array (docs/decisions/0036-two-target-sets.md): the
*intent*, from which set to which the service was last taken, written before the first command that stops or
starts anything; and the *good* set, the last one on which the service has started well.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.config.scope import Scope
from clones.errors import Unknown
from reporting.completed import copy_asset

KEY = "target_sets"


def read(context: Context, scope: Scope) -> dict[str, Any]:
    """What is recorded: ``{"intent": {"from", "to", "run", "at"}, "good": {"set", "run", "at"}}``, each only
    once it was recorded; the runs are ``[dag id, run id]``, the times in ISO form with zone.

    :raises Unknown: there is no store, or it did not answer.
    """
    store = _store(context, scope)
    try:
        return dict(store.get(KEY) or {})
    except AirflowRuntimeError as error:
        raise _silent(scope, error) from None


def intend(context: Context, scope: Scope, from_set: str, to_set: str) -> None:
    """Record from which set to which the service is taken; one that is recorded already is left as it is.

    :raises Unknown: it could not be recorded. Nothing may be stopped or started then.
    """
    before = read(context, scope).get("intent") or {}
    if (before.get("from"), before.get("to")) != (from_set, to_set):
        _write(context, scope, "intent", {"from": from_set, "to": to_set})


def started_well(context: Context, scope: Scope) -> None:
    """Record that the service has started well on this set.

    :raises Unknown: it could not be recorded.
    """
    if (read(context, scope).get("good") or {}).get("set") != scope.target_set:
        _write(context, scope, "good", {"set": scope.target_set})


def _write(context: Context, scope: Scope, key: str, value: dict[str, str]) -> None:
    ti, kept = context["ti"], read(context, scope)
    mine = {**value, "run": [ti.dag_id, ti.run_id], "at": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        _store(context, scope).set(KEY, {**kept, key: mine})
    except AirflowRuntimeError as error:
        raise _silent(scope, error) from None


def _store(context: Context, scope: Scope) -> Any:
    asset = copy_asset(scope.name, scope.service.syncs[0].name)
    try:
        return context["asset_state_store"][asset]
    except KeyError:
        raise Unknown(
            f"Service {scope.name}: this task has no inlet {asset.name}, in whose store stands on which target set "
            "the service is to run. Nothing was stopped or started.",
            f"give the task `inlets=[copy_asset({scope.name!r}, {scope.service.syncs[0].name!r})]`",
        ) from None


def _silent(scope: Scope, error: AirflowRuntimeError) -> Unknown:
    return Unknown(
        f"Service {scope.name}: Airflow's store, in which stands on which target set the service is to run, did "
        f"not answer: {error}",
        "check that Airflow's API server runs, and wait for the retry",
    )
