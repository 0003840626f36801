"""What is known of every copy and service: the state store of asset `clone_status`.

The sweep writes it, and the last task of each run what that saw: so it is current right after a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Asset, AssetAlias, Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.actions import dags_of
from clones.config.scope import Scope
from clones.errors import CloneError
from clones.fleet.changes import (
    SWEEP,
    Change,
    follow,
    looked_at,
    needs_patience,
    pairs_changed,
    with_pairs,
)
from clones.fleet.look import Looked
from clones.fleet.status import judge
from clones.observe.own_state import OwnState
from clones.states import SyncSeen

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
) -> None:
    """Keep what the last task of a run has just seen, as a sweep would have.

    What cannot be kept is said in the log: the next sweep looks again.

    :param log: the task's.
    :param looks: each sync of the service, in order, or why it could not be seen.
    :param own: of the service itself, None when it has no resources.
    :param tells: the task will succeed. Airflow drops the events of one that fails: the next sweep then tells
        of the change.
    """
    stores, at = context.get("asset_state_store"), datetime.now(UTC)
    if stores is None:
        return
    syncs = scope.service.syncs
    looked = [
        Looked(scope.name, sync, None, one) if isinstance(one, CloneError) else Looked(scope.name, sync, one)
        for sync, one in zip(syncs, looks, strict=True)
    ]
    (service,) = judge({scope.name: scope.service}, looked)
    run = context["dag_run"]
    try:
        try:
            store = stores[FLEET]
        except KeyError:  # a task of a site's own DAG, without the asset among its inlets
            log.info("What this run saw at its end is not kept: the task has no inlet %s", FLEET.name)
            return
        before: Any = store.get(scope.name)
        kept: dict[str, Any] = dict(pairs_changed(before, service))
        if needs_patience(before, service) and runs_going(context, scope.name) > 1:
            record, change = with_pairs(before, service, at) if before else None, None
        else:
            record, change = follow(before, service, at, tells=tells)
        if record is not None:
            state = own.to_plain(at, run.dag_id, run.run_id) if own else None
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
