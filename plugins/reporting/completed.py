"""What completed runs leave in Airflow's asset state store (D13): an asset a service and sync."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from airflow.sdk import Asset, AssetAlias, Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.actions import BREAK, RESYNC
from clones.config import Service, Sync
from clones.config.scope import Scope
from clones.decide.identity import Activation, Ledger
from clones.errors import Unknown
from clones.observe import estimates
from clones.observe.estimates import Pace
from clones.runs import superseded
from clones.runs.fresh_copies import Copy, announcement, is_news, known_copies, last_action
from clones.states import SyncSeen

LAST = "last_completed"
RUNS = "completed_runs"
PACE = "pace"
ANNOUNCED = "announced"
ACTIVATION = "activation"
"""The newest activation of this sync that any run has sent."""

log = logging.getLogger(__name__)


def copy_asset(service: str, sync: str) -> Asset:
    """The asset that stands for one sync's copy: give it as a DAG's ``schedule``.

    Its events are those of runs of the service's own DAG (:func:`reporting.completed.announce`). Their
    ``extra`` is ``{"service", "sync", "point_in_time", "last_action", "run_id"}``; the point in time is in
    UTC, in ISO form.

    :param service: name of the service.
    :param sync: name of the sync, within it.
    """
    return Asset(name=f"{service}/{sync}", uri=f"symclone://{service}/{sync}")


def copy_assets(name: str, service: Service) -> list[Asset]:
    """Of all syncs, in order. A task that reads or writes their records has them as `inlets`."""
    return [copy_asset(name, sync.name) for sync in service.syncs]


def fresh_copies(name: str) -> AssetAlias:
    """The outlet of the last task of a service's runs.

    Of an alias Airflow makes an event only when the task asks for one; with the assets themselves as outlets
    every run that succeeds, also one that only stopped the service, would be an event of all of them.
    """
    return AssetAlias(f"{name} fresh copies")


def read(context: Context, scope: Scope) -> tuple[dict[str, str], list[dict[str, Any] | None]]:
    """The service's completed runs, and each sync's record; nothing where there is no store or no answer."""
    stores = context.get("asset_state_store")
    if stores is None:
        return {}, [None for _ in scope.service.syncs]
    assets = copy_assets(scope.name, scope.service)
    try:
        runs = cast("dict[str, str]", stores[assets[0]].get(RUNS, {}))
        return runs, [cast("dict[str, Any] | None", stores[asset].get(LAST)) for asset in assets]
    except AirflowRuntimeError as error:
        log.warning("What earlier runs completed could not be read, and is taken for nothing: %s", error)
        return {}, [None for _ in assets]


def ledger(context: Context, scope: Scope, sync: Sync) -> Ledger:
    """What is kept of a sync's activations; this run may add its own.

    :raises Unknown: the store did not answer.
    """
    ti, store = context["ti"], _store(context, scope, sync.name)

    def keep(activation: dict[str, Any]) -> None:
        if store is not None:
            with _or_unknown(scope, sync.name):
                store.set(ACTIVATION, activation)

    def kept() -> Any:
        with _or_unknown(scope, sync.name):
            return store.get(ACTIVATION) if store is not None else None

    return Ledger((ti.dag_id, ti.run_id), lambda: datetime.now(UTC), keep, kept)


def activations(context: Context, scope: Scope) -> dict[str, Activation]:
    """By sync, the newest activation that was kept.

    :raises Unknown: the store did not answer.
    """
    found = {sync.name: ledger(context, scope, sync).last for sync in scope.service.syncs}
    return {name: last for name, last in found.items() if last is not None}


def in_order(context: Context, scope: Scope) -> dict[str, Activation]:
    """The same where it is needed to tell whether the syncs are in order: a single one is.

    :raises Unknown: the store did not answer.
    """
    return activations(context, scope) if len(scope.service.syncs) > 1 else {}


def split_copies(known: Mapping[str, Activation], after: Sequence[SyncSeen]) -> list[Copy]:
    """:func:`clones.runs.fresh_copies.known_copies`, with a line in the log for each sync that is none."""
    found = known_copies(known, after)
    for seen in after:
        if seen not in [copy for copy, _ in found]:
            log.info("Sync %s is not a copy that any run is known to have activated", seen.name)
    return found


def _store(context: Context, scope: Scope, sync: str) -> Any:
    """The state store of a sync's asset, None for a task that has no inlet of it."""
    try:
        return context["asset_state_store"][copy_asset(scope.name, sync)]
    except KeyError:
        return None


@contextmanager
def _or_unknown(scope: Scope, sync: str) -> Iterator[None]:
    try:
        yield
    except AirflowRuntimeError as error:
        raise Unknown(
            f"Service {scope.name}, sync {sync}: Airflow's store, which keeps whose activation is whose, "
            f"did not answer: {error}",
            "check that Airflow's API server runs, and wait for the retry, which checks the array first",
        ) from None


def write(context: Context, scope: Scope, phases: list[str], split: Sequence[Copy]) -> None:
    """Remember that this run was completed, and when the copies that it ends with were activated.

    What cannot be written is said in the log: the next run then works once more than it need.

    :param split: of :func:`clones.runs.fresh_copies.known_copies`.
    """
    stores = context.get("asset_state_store")
    if stores is None:
        return
    run_id = context["dag_run"].run_id
    first = stores[copy_asset(scope.name, scope.service.syncs[0].name)]
    try:
        for seen, activation in split:
            record = superseded.leave(run_id, phases, seen, activation.at)
            stores[copy_asset(scope.name, seen.name)].set(LAST, record)
        runs = cast("dict[str, str]", first.get(RUNS, {}))
        first.set(RUNS, superseded.remember(runs, run_id, datetime.now(UTC)))  # type: ignore[arg-type]
    except AirflowRuntimeError as error:
        log.warning("That this run was completed could not be remembered: %s", error)


def announce(context: Context, scope: Scope, split: Sequence[Copy]) -> None:
    """Make an event of each copy that this run has made, for the DAGs that are scheduled on it.

    Its extra is what :func:`clones.runs.fresh_copies.announcement` makes. A copy is announced once, also when
    this task is cleared.

    :param split: of :func:`clones.runs.fresh_copies.known_copies`.
    """
    stores, ti = context.get("asset_state_store"), context["ti"]
    for seen, activation in split:
        asset, announced = copy_asset(scope.name, seen.name), None
        try:
            if stores is not None:
                announced = stores[asset].get(ANNOUNCED)
        except AirflowRuntimeError as error:
            log.warning("It is not known whether sync %s was announced before: %s", seen.name, error)
        if not is_news(activation, (ti.dag_id, context["dag_run"].run_id), announced):
            log.info(
                "Sync %s is not announced: another run has activated it, or it was announced before",
                seen.name,
            )
            continue
        try:
            if stores is not None:
                stores[asset].set(ANNOUNCED, last_action(activation))
        except AirflowRuntimeError as error:
            log.warning("That sync %s is announced could not be remembered: %s", seen.name, error)
        extra = announcement(scope.name, seen.name, activation)
        context["outlet_events"][fresh_copies(scope.name)].add(asset, extra=extra)


def paces(context: Context, scope: Scope) -> dict[str, Pace | None]:
    """By sync, what the last completed run showed of its copy; nothing where there is no answer."""
    stores = context.get("asset_state_store")
    if stores is None:
        return {}
    try:
        return {
            sync.name: Pace.read(cast("Any", stores[copy_asset(scope.name, sync.name)].get(PACE)))
            for sync in scope.service.syncs
        }
    except AirflowRuntimeError as error:
        log.warning("How fast earlier runs copied could not be read: %s", error)
        return {}


def keep_paces(context: Context, scope: Scope, guesses: Mapping[str, Mapping[str, Any]]) -> None:
    """Remember what this run showed of each copy that it made from beginning to end.

    :param guesses: the estimates of the run's plan.
    """
    stores, ti = context.get("asset_state_store"), context["ti"]
    if stores is None:
        return
    for name, guess in guesses.items():
        recreated = _seen(ti.xcom_pull(task_ids=f"{RESYNC}.{name}.recreate", key="return_value"))
        copied = _seen(ti.xcom_pull(task_ids=f"{BREAK}.{name}.wait_copied", key="seen"))
        pace = estimates.pace(guess["tracks"], recreated, copied)
        if pace is None:
            continue
        try:
            stores[copy_asset(scope.name, name)].set(PACE, pace.to_plain())
        except AirflowRuntimeError as error:
            log.warning("How fast sync %s was copied could not be remembered: %s", name, error)


def _seen(xcom: Any) -> Mapping[str, Any] | None:
    """An observation as a task left it; of one that ended in the triggerer Airflow hands it out as text."""
    return json.loads(xcom) if isinstance(xcom, str) else xcom
