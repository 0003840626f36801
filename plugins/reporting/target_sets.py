"""On which target set a service is to run: the state store of the first sync's asset, key `target_sets`.

What stands there is :class:`clones.decide.target_sets.Recorded`. A task of a service with target sets that
reads or writes it has the assets of the service's copies as inlets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.config.scope import Scope
from clones.decide import target_sets as decide
from clones.decide.target_sets import Recorded
from clones.errors import Unknown
from clones.runs.result import PLAN
from reporting.completed import copy_asset

KEY = "target_sets"


def recorded(context: Context, scope: Scope) -> Recorded:
    """What runs have recorded; nothing for a service without target sets.

    :raises Unknown: the task has no inlet of the store, or that did not answer.
    """
    if not scope.target_set:
        return Recorded()
    store = _store(context, scope)
    with _or_unknown(scope):
        kept: Any = store.get(KEY)
    return Recorded.from_plain(kept)


def refuse_moved(context: Context, scope: Scope) -> None:
    """Go on only if no other run has stopped or started the service since this run's plan.

    :raises Refused: another run has.
    :raises Unknown: the store did not answer.
    """
    plan = context["ti"].xcom_pull(task_ids=PLAN, key="plan") or {}
    decide.refuse_moved(scope, plan, recorded(context, scope), _run(context))


def intend(context: Context, scope: Scope, from_set: str, to_set: str) -> None:
    """Record from which set to which the service is taken, before the first command that stops or starts.

    What this run has recorded already is left as it is.

    :raises Unknown: it could not be recorded: nothing may be stopped or started.
    """
    before, run = recorded(context, scope), _run(context)
    was = before.intent
    if was is None or (was.from_set, was.to_set, was.run) != (from_set, to_set, run):
        _keep(context, scope, before.intends(from_set, to_set, run, datetime.now(UTC)))


def started_well(context: Context, scope: Scope) -> None:
    """Record that the service has started well on this set, with its probes.

    What says so already is left as it is.

    :raises Unknown: it could not be recorded.
    """
    before = recorded(context, scope)
    if before.interrupted or not has_ended_well(context, before, scope.target_set):
        _keep(context, scope, before.started(scope.target_set, _run(context), datetime.now(UTC)))


def has_begun(context: Context, kept: Recorded) -> bool:
    """Whether this run has recorded an intent: it may have stopped the service since.

    :param kept: of :func:`recorded`.
    """
    return kept.intent is not None and kept.intent.run == _run(context)


def has_ended_well(context: Context, kept: Recorded, name: str) -> bool:
    """Whether this run itself has recorded that the service started well on that set.

    :param kept: of :func:`recorded`.
    """
    return kept.good is not None and (kept.good.set, kept.good.run) == (name, _run(context))


def _run(context: Context) -> tuple[str, str]:
    ti = context["ti"]
    return ti.dag_id, ti.run_id


def _keep(context: Context, scope: Scope, value: Recorded) -> None:
    store = _store(context, scope)
    with _or_unknown(scope):
        store.set(KEY, value.to_plain())


def _store(context: Context, scope: Scope) -> Any:
    asset = copy_asset(scope.name, scope.service.syncs[0].name)
    try:
        return context["asset_state_store"][asset]
    except KeyError:
        raise Unknown(
            f"Service {scope.name}: this task has no inlet {asset.name}, whose store says on which target "
            "set the service is to run. Nothing was sent.",
            f"give the task `inlets=[copy_asset({scope.name!r}, {scope.service.syncs[0].name!r})]`",
        ) from None


@contextmanager
def _or_unknown(scope: Scope) -> Iterator[None]:
    try:
        yield
    except AirflowRuntimeError as error:
        raise Unknown(
            f"Service {scope.name}: Airflow's store, which says on which target set the service is to run, "
            f"did not answer: {error}",
            "check that Airflow's API server runs, and wait for the retry",
        ) from None
