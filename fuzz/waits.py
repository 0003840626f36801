"""What the triggerer does while a task waits: it looks, and the lab's clock goes on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.triggers.external_task import DagStateTrigger
from airflow.sdk.exceptions import TaskDeferred

from clones.act.wait import Wait
from clones.backends import backend_of
from clones.config.scope import Scope
from clones.errors import CloneError, Refused, TryAgain
from clones.observe.next_look import Bounds
from clones.observe.sync import observe, to_plain
from fuzz.airflow import Came, World
from fuzz.runs import Try
from fuzz.transport import DirectHook
from hooks.symcli import SymcliHook
from triggers.symclone import SymcloneStateTrigger


def wait(world: World, one: Try, defer: TaskDeferred) -> Came | None:
    trigger: Any = defer.trigger
    if isinstance(trigger, DagStateTrigger):
        other = one.run.airflow.runs.get((trigger.dag_id, (trigger.run_ids or [""])[0]))
        return None if other is not None and not other.ended else Came({})
    assert isinstance(trigger, SymcloneStateTrigger), trigger
    return for_state(world, one, trigger, DirectHook)


def for_state(
    world: World, one: Try, trigger: SymcloneStateTrigger, hook: type[SymcliHook] = DirectHook
) -> Came:
    """As the triggerer waits: by looks, between which the lab's clock goes on.

    :param hook: what looks.
    """
    scope = Scope.from_plain(trigger.scope)
    sync = scope.service.sync(trigger.sync)
    bounds = Bounds(trigger.poll_interval, trigger.poll_max)
    waits = Wait(scope, sync, trigger.wanted, datetime.fromisoformat(trigger.deadline), bounds)
    with hook() as hosts:
        while waits.ended is None:
            world.advance(30)
            at, now = world.now(), datetime.fromtimestamp(world.now(), UTC)
            try:
                seen = hosts.run(observe(scope, sync))
                if waits.asks_precopied(seen):
                    seen = hosts.run(backend_of(sync).ask_precopied(scope, sync, seen))
                waits.saw(seen, at, now)
            except TryAgain as error:
                waits.not_known(error, at, now)
            except CloneError as error:
                waits.refused(error if isinstance(error, Refused) else Refused(error.what))
    ended = waits.ended
    if ended.status == "reached" and trigger.ends_task:
        if ended.seen is not None:
            one.run.xcom[one.task.task_id, "seen"] = to_plain(ended.seen)
        return Came(ends_task=True)
    seen = {"seen": json.loads(json.dumps(to_plain(ended.seen)))} if ended.seen is not None else {}
    return Came({"status": ended.status, "message": ended.message, **seen})
