"""What is known of every copy and service: the state store of asset `clone_status`.

The sweep writes it, and the last task of each run what that saw: so it is current right after a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from airflow.sdk import Asset, AssetAlias, Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.actions import dags_of
from clones.config import Service, Symcli, Sync
from clones.config.scope import Scope
from clones.errors import CloneError
from clones.fleet.changes import (
    OWN,
    SWEEP,
    Change,
    follow,
    looked_at,
    needs_patience,
    pairs_changed,
    still_shared,
    with_pairs,
)
from clones.fleet.look import Looked, trouble
from clones.fleet.pair_rows import known_snapshots
from clones.fleet.set_in_use import SetInUse, kept_by_runs, not_asked
from clones.fleet.status import ServiceStatus, judge
from clones.observe.own_state import OwnState
from clones.states import SyncSeen
from reporting.completed import copy_asset
from reporting.target_sets import recorded

FLEET = Asset(name=SWEEP, uri=f"symclone://{SWEEP}")
"""Its state store has a key a service; each change of a service's status is an event of it."""
CHANGES = AssetAlias("clone_status changes")
"""Of an alias Airflow makes an event only when the task asks for one."""


def leave(
    log: Any,
    context: Context,
    scope: Scope,
    looks: Sequence[SyncSeen | CloneError],
    own: OwnState | None,
    *,
    tells: bool,
    others: Mapping[str, Sequence[SyncSeen | CloneError]] = MappingProxyType({}),
) -> None:
    """Keep what the last task of a run has just seen, as a sweep would have.

    What cannot be kept is said in the log: the next sweep looks again.

    :param log: the task's.
    :param looks: each sync of the service, in order, or why it could not be seen.
    :param own: of the service itself, None when it has no resources.
    :param tells: the task will succeed. Airflow drops the events of one that fails: the next sweep then tells
        of the change.
    :param others: of a service with target sets the looks at its other ones, by set.
    """
    stores, at = context.get("asset_state_store"), datetime.now(UTC)
    if stores is None:
        return
    run = context["dag_run"]
    state = own.to_plain(at, run.dag_id, run.run_id) if own is not None else None
    try:
        try:
            store = stores[FLEET]
        except KeyError:  # a task of a site's own DAG, without the asset among its inlets
            log.info("What this run saw at its end is not kept: the task has no inlet %s", FLEET.name)
            return
        before: Any = store.get(scope.name)
        service = still_shared(before, _judged(context, scope, {scope.target_set: looks, **others}, state))
        kept: dict[str, Any] = dict(pairs_changed(before, service))
        if needs_patience(before, service) and runs_going(context, scope.name) > 1:
            record, change = with_pairs(before, service, at) if before else None, None
        else:
            record, change = follow(before, service, at, tells=tells)
        if record is not None:
            kept[scope.name] = looked_at(record, at, state)
        keep(store, kept)
        if change is not None:
            tell(log, context, change)
    except Exception as error:  # how the run ended does not hang on it
        log.warning(
            "What this run saw at its end could not be kept, the next sweep checks again: %s",
            error,
            exc_info=not isinstance(error, AirflowRuntimeError),
        )


def _judged(
    context: Context,
    scope: Scope,
    looks: Mapping[str, Sequence[SyncSeen | CloneError]],
    state: Mapping[str, Any] | None,
) -> ServiceStatus:
    """:param looks: at each sync, by target set; that of a service without is empty."""
    whole, in_use = scope.whole or scope.service, {}
    if whole.sets:
        try:
            in_use[scope.name] = _kept(context, scope, state)
        except CloneError as error:
            seen_on = (state or {}).get("set")
            in_use[scope.name] = SetInUse(seen_on) if seen_on else not_asked(error)
    looked = [
        _looked(each, sync, one)
        for each in Scope.each_set(scope.name, whole, scope.symcli)
        for sync, one in zip(each.service.syncs, looks[each.target_set], strict=True)
    ]
    (service,) = judge({scope.name: whole}, looked, in_use)
    return service


def _looked(scope: Scope, sync: Sync, one: SyncSeen | CloneError) -> Looked:
    seen, error = (None, one) if isinstance(one, CloneError) else (one, None)
    return Looked(scope.name, sync, seen, error, scope.target_set)


def set_in_use(context: Context, name: str, service: Service) -> SetInUse:
    """Which target set a service uses, as far as its runs have kept that; why not is its reason."""
    try:
        record: Any = context["asset_state_store"][FLEET].get(name)
        state = (record or {}).get(OWN)
        return _kept(context, Scope.of(name, service, Symcli(), any_set=True), state)
    except Exception as error:
        return not_asked(trouble(error))


def snapshots(context: Context, name: str) -> Mapping[str, Mapping[str, int]]:
    """By sync and name the numbers of a service's snapshots that are known; none when they cannot be read."""
    try:
        return known_snapshots(context["asset_state_store"][FLEET].get(name))
    except Exception:  # it only spares questions
        return {}


def _kept(context: Context, scope: Scope, state: Mapping[str, Any] | None) -> SetInUse:
    return kept_by_runs(scope.name, (scope.whole or scope.service).sets, state, recorded(context, scope))


def inlets(services: Mapping[str, Service]) -> list[Asset]:
    """What a task reads that is to know what is kept here, and which target set each service uses."""
    return [FLEET, *(copy_asset(name, one.syncs[0].name) for name, one in services.items() if one.sets)]


def keep(store: Any, values: dict[str, Any]) -> None:
    """Write each value under its key; None deletes it."""
    for key, value in values.items():
        if value is None:
            store.delete(key)
        else:
            store.set(key, value)


def tell(log: Any, context: Context, change: Change) -> None:
    """Say in the log that a service came to another status, and make an event of it."""
    log.warning("%s", change.text())
    context["outlet_events"][CHANGES].add(FLEET, extra=change.to_plain())


def runs_going(context: Context, service: str) -> int:
    """How many runs of the service's DAGs go on, this one with them if it is one of them.

    :raises AirflowRuntimeError: Airflow could not be asked.
    """
    ti: Any = context["ti"]
    return sum(ti.get_dr_count(dag_id=dag_id, states=["running"]) for dag_id in dags_of(service))
