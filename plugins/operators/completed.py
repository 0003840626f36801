"""What completed runs leave in Airflow's asset state store (D13): an asset a service and sync."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from airflow.sdk import Asset, Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones import estimates, superseded
from clones.actions import BREAK, RESYNC
from clones.config import Service
from clones.estimates import Pace
from clones.freshness import freshness
from clones.scope import Scope
from clones.states import SyncSeen

LAST = "last_completed"
RUNS = "completed_runs"
PACE = "pace"

log = logging.getLogger(__name__)


def copy_asset(service: str, sync: str) -> Asset:
    """The asset that stands for one sync's copy."""
    return Asset(name=f"{service}/{sync}", uri=f"symclone://{service}/{sync}")


def copy_assets(name: str, service: Service) -> list[Asset]:
    """Of all syncs, in order. A task that reads or writes their records has them as `inlets`."""
    return [copy_asset(name, sync.name) for sync in service.syncs]


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


def write(context: Context, scope: Scope, phases: list[str], split: Sequence[SyncSeen]) -> None:
    """Remember that this run was completed, and what it made of each copy.

    What cannot be written is said in the log: the next run then works once more than it need.

    :param split: the syncs that it has split, seen just now.
    """
    stores = context.get("asset_state_store")
    if stores is None:
        return
    run_id = context["dag_run"].run_id
    first = stores[copy_asset(scope.name, scope.service.syncs[0].name)]
    try:
        for seen in split:
            age = freshness(seen, scope.service.sync_max_delay).age
            if age is not None:
                record = superseded.leave(run_id, phases, seen, datetime.now(UTC) - age)
                stores[copy_asset(scope.name, seen.name)].set(LAST, record)
        runs = cast("dict[str, str]", first.get(RUNS, {}))
        first.set(RUNS, superseded.remember(runs, run_id, datetime.now(UTC)))  # type: ignore[arg-type]
    except AirflowRuntimeError as error:
        log.warning("That this run was completed could not be remembered: %s", error)


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
        recreated = ti.xcom_pull(task_ids=f"{RESYNC}.{name}.recreate", key="return_value")
        copied = ti.xcom_pull(task_ids=f"{BREAK}.{name}.wait_copied", key="seen")
        if isinstance(
            copied, str
        ):  # Airflow 3.3.2 writes what a trigger's last event carries as text (tried)
            copied = json.loads(copied)
        pace = estimates.pace(guess["tracks"], recreated, copied)
        if pace is None:
            continue
        try:
            stores[copy_asset(scope.name, name)].set(PACE, pace.to_plain())
        except AirflowRuntimeError as error:
            log.warning("How fast sync %s was copied could not be remembered: %s", name, error)
