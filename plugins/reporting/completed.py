"""What completed runs leave in Airflow's asset state store (D13): an asset a service and sync."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, cast

from airflow.sdk import Asset, AssetAlias, Context
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.actions import BREAK, RESYNC, makes_copies
from clones.config import Service, Sync
from clones.config.scope import Scope
from clones.decide.ledger import Activation, Ledger
from clones.decide.start_order import Kept
from clones.errors import Unknown
from clones.observe import estimates
from clones.observe.estimates import Pace
from clones.runs import superseded
from clones.runs.fresh_copies import Copy, announcement, is_said, known_copies
from clones.runs.result import PLAN
from clones.states import PointInTime, SyncSeen

ACTIVATION = "activation"
"""The newest activation of this sync that any run has sent; of a target set :func:`of_set` of it."""
STARTED_ON = "started_on"
"""The snapshot of this sync that the service was last started on, by a run that ended well."""
COMPLETED = "completed"
"""Everything else, of all syncs, in the store of the first sync's asset: :meth:`Completed.to_plain`."""
FORMER = {"last": "last_completed", "pace": "pace"}
FORMER_RUNS = "completed_runs"
"""Until 0.2 each stood under a key of its own, of each sync."""

CLOCKS_APART = timedelta(hours=1)
"""By so much the clocks of a worker and of the API server may differ."""

log = logging.getLogger(__name__)


def copy_asset(service: str, sync: str) -> Asset:
    """The asset that stands for one sync's copy: give it as a DAG's ``schedule``.

    Its events are those of runs of the service's own DAG (:func:`reporting.completed.announce`). Their
    ``extra`` is ``{"service", "sync", "point_in_time", "last_action", "run_id"}``; the point in time is in
    UTC, in ISO form. Of a service with target sets it has also the ``set``.

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


def of_set(name: str, target_set: str) -> str:
    """A key for what is kept of one target set; the name itself for a service without."""
    return f"{name}/{target_set}" if target_set else name


@dataclass(frozen=True)
class Completed:
    """What a service's completed runs have left.

    :param runs: run id to when it was completed.
    :param syncs: by sync ``last``, its record (:func:`clones.runs.superseded.leave`), ``pace``, how fast it
        was copied (:meth:`clones.observe.estimates.Pace.to_plain`), and ``announced``, the last action of the
        copy that was announced last. Of a target set all but the pace stand by :func:`of_set`.
    :param known: false when the store gave no answer.
    """

    runs: dict[str, str] = field(default_factory=dict)
    syncs: dict[str, dict[str, Any]] = field(default_factory=dict)
    known: bool = True

    def records(self, service: Service, target_set: str = "") -> list[dict[str, Any] | None]:
        """Of each sync, in order."""
        names = [of_set(sync.name, target_set) for sync in service.syncs]
        return [self.syncs.get(name, {}).get("last") for name in names]

    def paces(self, service: Service) -> dict[str, Pace | None]:
        """By sync, what the last completed run showed of its copy."""
        return {sync.name: Pace.read(self.syncs.get(sync.name, {}).get("pace")) for sync in service.syncs}

    def to_plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"runs": self.runs, "syncs": self.syncs}


def read(context: Context, scope: Scope) -> Completed:
    """What the service's completed runs have left; nothing where there is no store or no answer."""
    stores = {sync.name: _store(context, scope, sync.name) for sync in scope.service.syncs}
    first = stores[scope.service.syncs[0].name]
    if first is None:
        return Completed()
    try:
        kept: Any = first.get(COMPLETED)
        if kept is not None:
            run = context["dag_run"]
            runs = superseded.without_namesake(kept["runs"], run.run_id, run.run_after)
            return Completed(runs, kept["syncs"])
        runs = cast("dict[str, str]", first.get(FORMER_RUNS, {}))
        # With it stood all else.
        found = {name: store for name, store in stores.items() if runs and store is not None}
        return Completed(
            runs,
            {name: {key: one.get(former) for key, former in FORMER.items()} for name, one in found.items()},
        )
    except AirflowRuntimeError as error:
        log.warning("What earlier runs completed could not be read, and is taken for nothing: %s", error)
        return Completed(known=False)


def ledger(
    context: Context,
    scope: Scope,
    sync: Sync,
    *,
    ask: Callable[[Callable[[], Any]], Callable[[], Any]] | None = None,
) -> Ledger:
    """What is kept of a sync's activations; this run may add its own.

    :param ask: begins to ask for the newest one at once, while hosts are asked
        (:func:`operators.ahead.aside`); None: it is asked when it is needed.
    :raises Unknown: the store did not answer.
    """
    ti, store = context["ti"], _store(context, scope, sync.name)
    key = of_set(ACTIVATION, scope.target_set)

    def keep(activation: dict[str, Any]) -> None:
        if store is not None:
            with _or_unknown(scope, sync.name):
                store.set(key, activation)

    def kept() -> Any:
        with _or_unknown(scope, sync.name):
            if store is None:
                return None
            # What was activated before the service had target sets: its pairs show which set that is.
            return store.get(key) or (store.get(ACTIVATION) if scope.target_set else None)

    def started_on() -> PointInTime | None:
        with _or_unknown(scope, sync.name):
            found = store.get(STARTED_ON) if store is not None else None
        return PointInTime.read(found) if found else None

    return Ledger(
        (ti.dag_id, ti.run_id),
        lambda: datetime.now(UTC),
        keep,
        kept,
        asked=ask(kept) if ask else None,
        lasting=store is not None,
        started_on=started_on,
    )


def has_started_on(context: Context, scope: Scope, after: Sequence[SyncSeen]) -> None:
    """Remember which snapshots this run has started the service on, where it ends well.

    What cannot be written is said in the log: the set before stays the one that is never ended.
    """
    for seen in after:
        store, linked = _store(context, scope, seen.name), [one for one in seen.kept if one.linked]
        if store is None or len(linked) != 1 or linked[0].snapid is None or linked[0].at is None:
            continue
        point = PointInTime(linked[0].name, linked[0].snapid, linked[0].at)
        try:
            store.set(STARTED_ON, point.to_plain())
        except AirflowRuntimeError as error:
            log.warning(
                "That the service was started on snapshot %s of sync %s could not be remembered: %s",
                point.name,
                seen.name,
                error,
            )


def activations(
    context: Context, scope: Scope, known: Mapping[str, Activation] = MappingProxyType({})
) -> dict[str, Activation] | None:
    """By sync, the newest activation that was kept; None where this task has no place to ask.

    :param known: those that need not be asked for.
    :raises Unknown: the store did not answer.
    """
    found = dict(known)
    for sync in scope.service.syncs:
        if sync.name in known:
            continue
        asked = ledger(context, scope, sync)
        if not asked.lasting:
            log.warning(
                "Which run has activated sync %s is not asked: this task has no inlet %s. What to do: give "
                "it `inlets=copy_assets(...)` of its service (reporting.completed)",
                sync.name,
                copy_asset(scope.name, sync.name).name,
            )
            return None
        if asked.last is not None:
            found[sync.name] = asked.last
    return found


def in_order(context: Context, scope: Scope) -> dict[str, Activation]:
    """The same where it is needed to tell whether the syncs are in order: a single one is.

    :raises Unknown: the store did not answer.
    """
    return (activations(context, scope) or {}) if len(scope.service.syncs) > 1 else {}


def kept(context: Context, scope: Scope) -> Kept:
    """What was kept of the copies, and by what of it the service may be started in this run.

    :raises Unknown: the store did not answer.
    """
    made_here = makes_copies(str((context.get("params") or {}).get("action")), scope.service)
    newest = activations(context, scope) if made_here else None
    if newest is None:
        return Kept(in_order(context, scope))
    if len(newest) < len(scope.service.syncs):
        plan = context["ti"].xcom_pull(task_ids=PLAN, key="plan")
        made_here = plan is None or keeps_activations(plan)
    return Kept(newest, made_here=made_here, target_set=scope.target_set)


def keeps_activations(plan: Mapping[str, Any]) -> bool:
    """Whether each activation of a plan's run is kept; not of one that a release before 0.2 has begun."""
    return "record" in plan


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


def write(
    context: Context,
    scope: Scope,
    phases: list[str],
    split: Sequence[Copy],
    paces: Mapping[str, Pace] = MappingProxyType({}),
    *,
    fresh: bool = True,
    before: Completed | None = None,
) -> list[Copy]:
    """Remember that this run was completed, and what it has shown of the copies that it ends with.

    What cannot be written is said in the log: the next run then works once more than it need.

    :param split: of :func:`clones.runs.fresh_copies.known_copies`.
    :param paces: by sync, how fast it was copied, of those that this run copied from beginning to end.
    :param fresh: the copies are new: those of a rewind are not, and are announced to nobody.
    :param before: what completed runs have left, as :func:`read` gives it to who holds the lock; None: it is
        read here.
    :returns: the copies that this run has made, for :func:`announce`.
    """
    ti, before = context["ti"], before or read(context, scope)
    run_id = context["dag_run"].run_id
    syncs = {name: dict(one) for name, one in before.syncs.items()}
    news = []
    for seen, activation in split:
        mine = syncs.setdefault(scope.key(seen.name), {})
        mine["last"] = superseded.leave(run_id, phases, seen, activation.at)
        if fresh and activation.run == (ti.dag_id, run_id):
            news.append((seen, activation))
        else:
            log.info(
                "Sync %s is not announced: another run has activated it, or it is a former copy", seen.name
            )
    for name, pace in paces.items():
        syncs.setdefault(name, {})["pace"] = pace.to_plain()
    store = _store(context, scope, scope.service.syncs[0].name)
    if store is not None and before.known:
        left = Completed(superseded.remember(before.runs, run_id, datetime.now(UTC)), syncs).to_plain()
        try:
            store.set(COMPLETED, left)
        except AirflowRuntimeError as error:
            log.warning("That this run was completed could not be remembered: %s", error)
    return news


def announce(context: Context, scope: Scope, news: Sequence[Copy]) -> None:
    """Make an event of each copy that this run has made, for the DAGs that are scheduled on it.

    Airflow makes it when this try has succeeded. So a later one asks for the events that there are: what it
    cannot be told of is rather announced twice than never.

    :param news: of :func:`write`.
    """
    for seen, activation in news:
        if context["ti"].try_number > 1 and is_said(activation, _events(context, scope, seen, activation)):
            log.info("Sync %s is not announced: it was, before this task was cleared", seen.name)
            continue
        extra = {**announcement(scope.name, seen.name, activation), **scope.set_to_plain()}
        context["outlet_events"][fresh_copies(scope.name)].add(copy_asset(scope.name, seen.name), extra=extra)


def _events(context: Context, scope: Scope, seen: SyncSeen, activation: Activation) -> list[dict[str, Any]]:
    """What Airflow has of a copy's events since it was made; nothing where that cannot be told."""
    try:
        events: Any = context["inlet_events"][copy_asset(scope.name, seen.name)]
        # The event's time is by another clock.
        return [event.extra for event in events.after((activation.at - CLOCKS_APART).isoformat())]
    except (AirflowRuntimeError, KeyError) as error:
        log.warning("Whether sync %s was announced could not be asked: %s", seen.name, error)
        return []


def shown_paces(
    context: Context, guesses: Mapping[str, Mapping[str, Any]], tasks: Mapping[str, Any]
) -> dict[str, Pace]:
    """By sync, how fast this run copied it, of those that it copied from beginning to end.

    :param guesses: the estimates of the run's plan.
    :param tasks: what the run's tasks did, by task id, each with its tries (:mod:`clones.runs.record`).
    """
    found = {}
    for name, guess in guesses.items():
        recreated = (tasks.get(f"{RESYNC}.{name}.recreate") or [{}])[-1].get("seen")
        wait = f"{BREAK}.{name}.wait_copied"
        copied = _seen(context["ti"].xcom_pull(task_ids=wait, key="seen")) if recreated else None
        pace = estimates.pace(guess["tracks"], recreated, copied)
        if pace is not None:
            found[name] = pace
    return found


def _seen(xcom: Any) -> Mapping[str, Any] | None:
    """An observation as a task left it; of one that ended in the triggerer Airflow hands it out as text."""
    return json.loads(xcom) if isinstance(xcom, str) else xcom
