"""Waiting for a copy's state in the triggerer: no worker is held (D9)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import aclosing
from datetime import datetime
from functools import cached_property
from typing import Any

from airflow.sdk.bases.xcom import BaseXCom
from airflow.triggers.base import BaseEventTrigger, TaskSuccessEvent, TriggerEvent

import hooks.required  # noqa: F401 (first: it says what is missing)
from clones.act.wait import Ended, Wait
from clones.backends import backend_of
from clones.backends.place import LookKey, Place
from clones.config.scope import Scope
from clones.observe.next_look import Bounds
from clones.observe.sync import to_plain
from hooks.symcli_async import shared_hook
from triggers.watch import Watch, shared_looks, watch_of

ARGUMENTS = (
    "scope",
    "sync",
    "wanted",
    "deadline",
    "poll_interval",
    "poll_max",
    "ends_task",
    "symid",
    "devices",
    "snapshots",
)
PROGRESS = "progress"
"""The XCom that shows how far the copy is while the task waits."""


class SymcloneStateTrigger(BaseEventTrigger):
    """Waits until every pair of a sync is in the wanted state, or cannot come there, or time is up.

    All waits on one array share one connection and one look an interval. It can be stopped and started
    anywhere at any time from its arguments: the deadline is an absolute time.

    :param scope: service as :meth:`clones.config.scope.Scope.to_plain` writes it.
    :param sync: name of the sync.
    :param wanted: state or group of states, see :func:`clones.states.wanted_states`.
    :param deadline: ISO time with zone after which the wait is over.
    :param poll_interval: seconds between two looks at least.
    :param poll_max: seconds between two looks at most.
    :param ends_task: end the task here with success, without a worker, and leave XComs `seen` and `progress`;
        else the task is resumed. Airflow 3.3.2 then has the DAG processor read the whole DAG file, twice.
    :param symid: the array, when the devices were already looked up.
    :param devices: then the device number of each of the pairs' names.
    :param snapshots: then by name the array's numbers of the sync's snapshots, if it has any: a hint.

    Yields one event: ``{"status": "reached" | "refused" | "late", "message": str}``, or the task's success.
    When it is reached, ``seen`` is what was seen; when it is late, ``look`` is what shows the array's state.
    It raises nothing: after what goes wrong it looks again. Its XCom `progress` is how far the copy is.
    """

    def __init__(
        self,
        *,
        scope: dict[str, Any],
        sync: str,
        wanted: str,
        deadline: str,
        poll_interval: float,
        ends_task: bool,
        poll_max: float = 300.0,
        symid: str | None = None,
        devices: Mapping[str, int | None] | None = None,
        snapshots: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.scope = scope
        self.sync = sync
        self.wanted = wanted
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.poll_max = poll_max
        self.ends_task = ends_task
        self.symid = symid
        self.devices = devices
        self.snapshots = snapshots
        self._joined: tuple[Watch, Wait] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        given = {name: getattr(self, name) for name in ARGUMENTS}
        if self.snapshots is None:
            del given["snapshots"]  # so a triggerer of the version before takes it
        return "triggers.symclone.SymcloneStateTrigger", given

    def shared_stream_key(self) -> Hashable:
        """Who waits on the same array, and asks it in the same way, looks together."""
        return self._key

    @cached_property
    def _read(self) -> Scope:
        return Scope.from_plain(self.scope)

    @cached_property
    def _key(self) -> LookKey:
        sync = self._read.service.sync(self.sync)
        return backend_of(sync).look_key(self._read, self.symid or sync.symid or "")

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[frozenset[Wait]]:
        """The looks at the array, for all who share them."""
        async with aclosing(shared_looks(cls(**kwargs)._key)) as looks:
            async for news in looks:
                yield news

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[frozenset[Wait]]
    ) -> AsyncIterator[TriggerEvent]:
        try:
            async for event in self._wait(watch_of(self._key), shared_stream):
                yield event
        except Exception:  # CancelledError is none
            # Airflow ends a stream whose member is far behind; a wait goes on for as long as it may.
            self.log.exception("The shared check of the array was lost; this wait checks by itself.")
            async for event in self.run():
                yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait with looks of its own, where nobody shares them (`dag.test()`)."""
        watch = Watch(self._key, shared_hook())
        async with aclosing(watch.looks()) as looks:
            async for event in self._wait(watch, looks):
                yield event

    async def cleanup(self) -> None:
        """Have nobody look for it any more, however it was stopped."""
        if self._joined:
            watch, wait = self._joined
            watch.leave(wait)

    async def _wait(self, watch: Watch, looks: AsyncIterator[frozenset[Wait]]) -> AsyncIterator[TriggerEvent]:
        scope = self._read
        wait = Wait(
            scope,
            scope.service.sync(self.sync),
            self.wanted,
            datetime.fromisoformat(self.deadline),
            Bounds(self.poll_interval, self.poll_max),
            Place(self.symid, self.devices, self.snapshots or {}) if self.symid and self.devices else None,
        )
        watch.join(wait)
        self._joined = watch, wait
        try:
            async for those in looks:
                if wait not in those:
                    continue
                for line in wait.lines():
                    self.log.info("%s", line)
                report = wait.report()
                if wait.ended:
                    yield await self._event(wait, wait.ended, report)
                    return
                if report:
                    await self._publish(PROGRESS, report)
        finally:
            watch.leave(wait)

    async def _event(self, wait: Wait, ended: Ended, report: dict[str, Any] | None) -> TriggerEvent:
        if ended.status != "reached" or ended.seen is None:
            late = {"look": backend_of(wait.sync).TOOLS.query} if ended.status == "late" else {}
            return TriggerEvent({"status": ended.status, "message": ended.message, **late})
        self.log.info("%s: %s", wait.subject, ended.message)
        # A triggerer hands on plain types only: no number that is written in hexadecimal.
        left = {"seen": json.loads(json.dumps(to_plain(ended.seen))), PROGRESS: report}
        if not self.ends_task:
            await self._publish(PROGRESS, report)
            return TriggerEvent({"status": ended.status, "message": ended.message, "seen": left["seen"]})
        # What the event itself carries, Airflow 3.3.2 writes as text with quotes around it (tried).
        return TaskSuccessEvent(
            xcoms={key: value for key, value in left.items() if not await self._publish(key, value)} or None
        )

    async def _publish(self, key: str, value: Any) -> bool:
        """Leave something where Airflow's REST API and UI have it. No wait ends because that fails."""
        ti = self.task_instance
        if ti is None:
            return False
        try:
            await BaseXCom.aset(
                key,
                value,
                dag_id=ti.dag_id,
                task_id=ti.task_id,
                run_id=ti.run_id,
                map_index=ti.map_index,
            )
        except Exception as error:
            self.log.warning("%s could not be left as an XCom: %s", key, error)
            return False
        return True
