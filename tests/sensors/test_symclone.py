"""Waiting, against the lab: in the worker, in the triggerer, and rescheduled."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSensorTimeout, TaskDeferred
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from clones.config.scope import Scope
from clones.errors import Refused
from hooks.configuration import CONFIG, load
from sensors.symclone import SymcloneStateSensor
from tests.conftest import SYMID, sent
from triggers.symclone import SymcloneStateTrigger

PAIR = (SYMID, "1234", "4321")


def sensor(**arguments: Any) -> SymcloneStateSensor:
    return SymcloneStateSensor(
        **{"task_id": "wait", "service": "aastmphpux", "sync": "data", "timeout": 3600, **arguments}
    )


def trigger(seconds: float = 3600, **arguments: Any) -> SymcloneStateTrigger:
    config = load(CONFIG)
    scope = Scope("aastmphpux", config.services["aastmphpux"], config.symcli)
    deadline = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    defaults = {
        "sync": "data",
        "wanted": "copied",
        "poll_interval": 0.01,
        "poll_max": 0.01,
        "ends_task": True,
    }
    made = SymcloneStateTrigger(scope=scope.to_plain(), deadline=deadline, **{**defaults, **arguments})
    path, kwargs = made.serialize()
    assert path == "triggers.symclone.SymcloneStateTrigger"
    return SymcloneStateTrigger(**kwargs)  # as the triggerer makes it


async def first_event(waiting: SymcloneStateTrigger) -> TriggerEvent:
    async for event in waiting.run():
        return event
    raise AssertionError("the trigger ended without an event")


def test_there_already_needs_no_trigger(lab: Any, context: dict[str, Any]) -> None:
    assert sensor().execute(context) is None  # type: ignore[arg-type]
    assert context["ti"].xcom["seen"]["pairs"][0]["state"] == "Copied"


@pytest.mark.on_each_array
def test_defers_and_ends_on_what_the_triggerer_saw(lab: Any, context: dict[str, Any]) -> None:
    lab.set_state(*PAIR, "CopyInProg")
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute(context)  # type: ignore[arg-type]
    waiting = deferred.value.trigger
    assert not waiting.ends_task and waiting.wanted == "copied"
    waiting.poll_interval = waiting.poll_max = 0.01

    async def wait() -> TriggerEvent:
        event = asyncio.create_task(first_event(waiting))
        lab.advance(10_000)
        return await event

    event = asyncio.run(wait())
    assert msgspec.msgpack.encode(event.payload), "what the triggerer can hand on"
    looked = len(sent(lab, "symdev"))
    assert sensor().resume(context, event.payload) is None  # type: ignore[arg-type]
    assert context["ti"].xcom["seen"]["pairs"][0]["state"] == "Copied"
    assert len(sent(lab, "symdev")) == looked


async def test_ends_in_the_triggerer(lab: Any) -> None:
    """A wait that the version before has begun, and one of a site's own that wants it."""
    lab.set_state(*PAIR, "Copied")
    event = await first_event(trigger())
    assert isinstance(event, TaskSuccessEvent) and msgspec.msgpack.encode(event.xcoms)
    assert event.xcoms is not None and event.xcoms["seen"]["pairs"][0]["state"] == "Copied"  # type: ignore[index, call-overload]


def test_rescheduled(lab: Any, context: dict[str, Any]) -> None:
    lab.set_state(*PAIR, "CopyInProg")
    waiting = sensor(deferrable=False)
    context["ti"].get_first_reschedule_date = lambda _: None
    with pytest.raises(AirflowRescheduleException):
        waiting.execute(context)  # type: ignore[arg-type]
    lab.advance(10_000)
    assert waiting.execute(context) is None  # type: ignore[arg-type]


def test_a_wait_in_the_triggerer_is_never_rescheduled() -> None:
    assert not sensor().reschedule
    assert sensor(deferrable=False).reschedule


@pytest.mark.parametrize(
    ("state", "wanted"),
    [("Failed", "copied"), ("PreCopy", "copied"), ("CopyOnAccess", "copied"), ("Copied", "restored")],
)
async def test_fails_at_once_when_it_cannot_come(
    lab: Any, context: dict[str, Any], state: str, wanted: str
) -> None:
    lab.set_state(*PAIR, state)
    with pytest.raises(Refused, match="cannot come by itself"):
        sensor(wanted=wanted).execute(context)  # type: ignore[arg-type]
    event = await first_event(trigger(wanted=wanted))
    assert event.payload["status"] == "refused" and "sync data" in event.payload["message"]


def test_a_wanted_state_that_is_none(lab: Any, context: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="'copid' is not a state"):
        sensor(wanted="copid").execute(context)  # type: ignore[arg-type]


async def test_time_is_up(lab: Any) -> None:
    lab.set_state(*PAIR, "CopyInProg")
    event = await first_event(trigger(seconds=-1))
    assert event.payload["status"] == "late" and "% copied" in event.payload["message"]


def test_being_late_is_a_sensor_time_out(context: dict[str, Any]) -> None:
    with pytest.raises(AirflowSensorTimeout, match="time is up"):
        sensor().resume(context, {"status": "late", "message": "time is up"})  # type: ignore[arg-type]


async def test_not_knowing_is_no_end_of_a_wait(lab: Any) -> None:
    """A lock, an unreadable answer and a cut connection, one after the other; then it is copied."""
    lab.fault(host="symcli_demo", match="symdg", kind="exit", exit=2, stderr="locked", count=1)
    lab.fault(host="symcli_demo", match="symdev", kind="exit", exit=0, stdout="", count=1)
    lab.fault(host="symcli_demo", match="symdev", kind="cut_before", count=1)
    event = await first_event(trigger())
    assert isinstance(event, TaskSuccessEvent)
    connections = [entry for entry in lab.journal if entry.get("event") == "connect"]
    assert len(connections) >= 2, "a cut connection is opened again"


async def test_one_connection_for_a_whole_wait(lab: Any) -> None:
    lab.set_state(*PAIR, "CopyInProg")
    waiting = asyncio.create_task(first_event(trigger()))
    while len(sent(lab, "symdev")) < 3:
        await asyncio.sleep(0.01)
    lab.advance(10_000)
    await waiting
    assert len([entry for entry in lab.journal if entry.get("event") == "connect"]) == 1
