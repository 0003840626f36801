"""The sweep: a look at every copy, what it changes, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from airflow.sdk import BaseOperator, Context
from airflow.sdk.observability import stats

from clones.asking.steps import Note
from clones.fleet import status
from clones.fleet.changes import (
    SWEEP,
    follow,
    forgotten,
    is_newer,
    needs_patience,
    pairs_changed,
    with_pairs,
    written,
)
from clones.fleet.status import ServiceStatus
from clones.runs.pool_waits import Place, is_due, places
from clones.runs.pool_waits import follow as follow_pools
from hooks.configuration import CONFIG, load
from hooks.whole_site import look_at_copies
from reporting import ended_runs, last_seen
from reporting.alerts import pool_gives_no_place
from reporting.last_seen import CHANGES, FLEET, keep, runs_going, tell
from reporting.metric_names import SWEEP_AGE, SWEEP_STATUS


class CloneStatusOperator(BaseOperator):
    """Look at every copy of the configuration, remember what changed and since when, tell each change once.

    It takes no lock and changes nothing on any host. Whatever it finds, it succeeds: a change is a warning
    in its log, and an event of asset `clone_status` with :meth:`clones.fleet.changes.Change.to_plain` as its
    extra.

    A run that has ended without its last task is told as an alert (:mod:`reporting.ended_runs`).

    A service that comes to `down` while a run of one of its DAGs goes on keeps its status until that has
    ended: what a run passes through is not what it leaves.

    :param config: path of the configuration file (a template). By default ``SYMCLONE_CONFIG``, else
        ``config/services.yaml`` beside ``plugins``.
    :raises clones.errors.ConfigError: the configuration file cannot be used.

    Which target set a service uses, its runs have kept (:func:`reporting.last_seen.set_in_use`): no service
    host is asked.

    It leaves no XCom: what it saw stands in the store of asset `clone_status`.
    """

    template_fields: Sequence[str] = ("config",)
    ui_color: ClassVar[str] = "#dce9f5"

    def __init__(self, *, config: str = CONFIG, **kwargs: Any) -> None:
        kwargs.setdefault("inlets", [FLEET])
        kwargs.setdefault("outlets", [CHANGES])
        super().__init__(**kwargs)
        self.config = config

    def execute(self, context: Context) -> None:
        began = datetime.now(UTC)
        services = look_at_copies(
            self.config,
            in_use=partial(last_seen.set_in_use, context),
            known=partial(last_seen.snapshots, context),
        )
        at = datetime.now(UTC)
        from hooks.task_log import log_note

        log_note(self.log, Note(f"Status: {status.summary(services)}", tuple(status.table(services))))
        store = context["asset_state_store"][FLEET]
        kept: dict[str, Any] = {}
        found: dict[str, dict[str, Any]] = {}
        for service in services:
            try:
                before = store.get(service.name)
                if is_newer(before, began):
                    self.log.info("%s: a run that has ended since then checked later", service.name)
                else:
                    found[service.name] = self._follow(context, before, service, at)
            except Exception as error:
                self.log.exception(
                    "Service %s is unknown: the sweep could not continue with it", service.name
                )
                found[service.name] = self._follow(context, None, status.in_trouble(service, error), at)
            kept |= self._ended(context, store, service.name)
        _measure(services)
        # Last: of a task that ends before, nothing is told, and the next one finds the same changes.
        kept |= self._gone(store, {service.name for service in services})
        for name, one in found.items():
            # Its record also holds how a run has seen the service itself, which no sweep asks.
            if one and not is_newer(store.get(name), began):
                kept |= one
        keep(store, kept)
        swept = {"at": written(at), "services": sorted(service.name for service in services)}
        store.set(SWEEP, swept | self._watch_pools(context, (store.get(SWEEP) or {}).get("pools"), at))

    def _watch_pools(self, context: Context, before: Any, at: datetime) -> dict[str, Any]:
        """Tell of a pool in which tasks of ours wait and none runs; what to remember of it.

        It is a service of the sweep's to others, and no trouble with it may keep a sweep from its end.
        """
        try:
            config = load(self.config)
            found = places(config.limits, config.services)
            if not found:
                return {}
            if not is_due(before, at):
                return {"pools": before}
            record, stuck = follow_pools(before, self._waiting(context["ti"].get_ti_count, found), at)
            for one in stuck:
                pool_gives_no_place(one, at, self.config, context)
        except Exception:
            self.log.exception("It is not known whether every pool has free slots")
            return {"pools": before} if before else {}
        return {"pools": record}

    @staticmethod
    def _waiting(count: Callable[..., int], found: Sequence[Place]) -> dict[str, list[Place]]:
        """The pools in which tasks wait for a place and none has one, with the DAGs that wait."""
        waits = {
            dag_id: count(dag_id=dag_id, states=["scheduled"]) > 0
            for dag_id in dict.fromkeys(place.dag_id for place in found)
        }
        waiting: dict[str, list[Place]] = {}
        for place in found:
            tasks = list(place.tasks)
            if waits[place.dag_id] and count(dag_id=place.dag_id, task_ids=tasks, states=["scheduled"]):
                waiting.setdefault(place.pool, []).append(place)
        for place in found:
            states = ["queued", "running"]
            if place.pool in waiting and count(
                dag_id=place.dag_id, task_ids=list(place.tasks), states=states
            ):
                del waiting[place.pool]
        return waiting

    def _follow(self, context: Context, before: Any, service: ServiceStatus, at: datetime) -> dict[str, Any]:
        """Tell what changed of a service; what to write of it, by key."""
        if needs_patience(before, service) and runs_going(context, service.name):
            self.log.info(
                "%s is %s, and a run of it is in progress: not reported", service.name, service.status
            )
            record, change = with_pairs(before, service, at) if before else None, None
        else:
            record, change = follow(before, service, at)
        kept: dict[str, Any] = dict(pairs_changed(before, service))
        if record != before:
            kept[service.name] = record
        if change is not None:
            tell(self.log, context, change)
        return kept

    def _ended(self, context: Context, store: Any, name: str) -> dict[str, Any]:
        """Tell of a service's runs that ended without their last task; what to write of them, by key."""
        try:
            before: Any = store.get(_runs_of(name))
            runs = ended_runs.tell(context, name, self.config, before)
        except Exception:
            self.log.exception("It is not known whether every run of %s came to its last task", name)
            return {}
        return {} if runs == before else {_runs_of(name): runs}

    @staticmethod
    def _gone(store: Any, names: set[str]) -> dict[str, None]:
        """The keys of services that were there at the last sweep, and are in the configuration no more."""
        gone = [name for name in (store.get(SWEEP) or {}).get("services", ()) if name not in names]
        pairs = [key for name in gone for key, _ in forgotten(name, store.get(name) or {})]
        return dict.fromkeys([*pairs, *map(_runs_of, gone), *gone])


def _runs_of(service: str) -> str:
    """The key of what is known of a service's runs; no service can be named so."""
    return f"runs/{service}"


def _measure(services: Sequence[ServiceStatus]) -> None:
    """Gauges of Airflow's metrics, where it sends any: the status's exit code, the copy's age in seconds."""
    for service in services:
        for sync in service.counting:
            tags = {"service": service.name, "sync": sync.name}
            stats.gauge(SWEEP_STATUS.name, sync.status.exit_code, tags=tags)
            if sync.age is not None:
                stats.gauge(SWEEP_AGE.name, sync.age.total_seconds(), tags=tags)
