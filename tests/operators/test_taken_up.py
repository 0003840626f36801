"""What a task of a run does that somebody has cleared or marked (clones/runs/taken_up.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from clones.act import lock
from clones.errors import CloneError, Refused
from hooks.symcli import SymcliHook
from operators.run_plan import RunPlanOperator
from operators.service import ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneCreateOperator, SymcloneRecreateOperator
from sensors.symclone import SymcloneStateSensor
from tests.conftest import ONE_ARRAY, SERVICES, new_context, perform, sent, take_down

ABOUT: dict[str, Any] = {"service": "aastmphpux", "config": str(SERVICES)}
SYNC: dict[str, Any] = {**ABOUT, "sync": "data"}
STEPS: dict[str, Callable[[str], Any]] = {
    "stop": lambda phase: ServiceStopOperator(task_id="step", phase=phase, **ABOUT),
    "resync": lambda phase: SymcloneRecreateOperator(task_id="step", phase=phase, **SYNC),
    "break": lambda phase: SymcloneActivateOperator(task_id="step", phase=phase, **SYNC),
    "wait": lambda _: SymcloneStateSensor(task_id="step", phase="break", **SYNC),
    "create": lambda _: SymcloneCreateOperator(task_id="step", phase="provision", **SYNC),
    "start": lambda phase: ServiceStartOperator(task_id="step", phase=phase, **ABOUT),
}


def left_out(context: dict[str, Any], step: Any, **form: Any) -> str:
    context["params"] = form
    with pytest.raises(AirflowSkipException) as skipped:
        step.execute(context)
    return str(skipped.value)


@ONE_ARRAY
@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("stop", "update"),
        ("stop", "start"),
        ("resync", "start"),
        ("resync", "stop"),
        ("resync", "break"),
        ("break", "resync"),
        ("break", "stop"),
        ("wait", "stop"),
        ("start", "update"),
    ],
)
def test_what_the_action_leaves_out_is_skipped_however_often_it_is_cleared(
    lab: Any, context: dict[str, Any], kind: str, action: str
) -> None:
    said = left_out(context, STEPS[kind](kind), action=action, plan_only=False)
    assert said == f"The action {action} leaves this out: nothing is done."
    assert lab.commands() == [], "nothing, not even the lock"


@ONE_ARRAY
@pytest.mark.parametrize("kind", STEPS)
def test_a_run_that_only_plans_does_nothing(lab: Any, context: dict[str, Any], kind: str) -> None:
    assert left_out(context, STEPS[kind](kind), action="refresh", plan_only=True).startswith("This run only")
    assert lab.commands() == []


@ONE_ARRAY
@pytest.mark.parametrize("kind", [kind for kind in STEPS if kind != "wait"])
def test_a_run_whose_plan_was_marked_does_nothing(lab: Any, context: dict[str, Any], kind: str) -> None:
    context["params"] = {"action": "refresh"}
    with pytest.raises(Refused, match="this run has no plan"):
        STEPS[kind](kind).execute(context)
    assert not sent(lab, "umount") and not sent(lab, "symclone")


@ONE_ARRAY
def test_without_a_phase_a_task_of_a_site_goes_by_no_plan(lab: Any, context: dict[str, Any]) -> None:
    context["params"] = {"action": "start"}
    ServiceStopOperator(task_id="step", **ABOUT).execute(context)  # type: ignore[arg-type]
    assert sent(lab, "umount")


def planned(context: dict[str, Any]) -> RunPlanOperator:
    words: dict[str, Any] = {"action": "refresh", "reason": "test", "phases": {}}
    plan = RunPlanOperator(task_id="plan", **words, **ABOUT)
    plan.execute(context)  # type: ignore[arg-type]
    return plan


def ended(last: Any) -> None:
    """The run's last task has given the lock back."""
    with SymcliHook() as hosts:
        assert last.give_back(last.scope(), hosts)


def refresh_data(lab: Any, context: dict[str, Any]) -> None:
    for kind in ("resync", "break"):
        step = STEPS[kind]("")
        perform(lab, step, context)
    ended(step)


def refreshed_since(lab: Any, context: dict[str, Any], *, own: bool) -> None:
    """A run that has ended, stopped; a sync was refreshed since its plan, by itself or by another run."""
    plan = planned(context)
    kept = context["ti"].xcom["plan"]
    ended(plan)
    take_down(lab)
    other = new_context()
    other["dag_run"].run_id = other["ti"].run_id = "manual__2"
    refresh_data(lab, context if own else other)
    context["ti"].xcom |= {"plan": kept, "result": {"result": "stopped"}}


@ONE_ARRAY
def test_while_the_run_goes_on_nothing_more_is_asked(lab: Any, context: dict[str, Any]) -> None:
    planned(context)
    context["ti"].xcom.clear()
    STEPS["stop"]("stop").execute(context)
    assert sent(lab, "umount")


@ONE_ARRAY
def test_a_run_that_failed_is_taken_up_where_nobody_has_changed_anything(
    lab: Any, context: dict[str, Any]
) -> None:
    ended(planned(context))
    context["ti"].xcom["result"] = {"result": "stopped"}
    STEPS["stop"]("stop").execute(context)
    assert sent(lab, "umount")


@ONE_ARRAY
def test_a_retry_of_what_only_stops_does_not_ask_the_array(lab: Any, context: dict[str, Any]) -> None:
    planned(context)
    context["ti"].xcom["plan"]["phases"] = ["stop"]
    context["ti"].try_number = 2
    since = len(sent(lab, "symdev"))
    STEPS["stop"]("stop").execute(context)
    assert sent(lab, "umount") and len(sent(lab, "symdev")) == since


@ONE_ARRAY
def test_a_run_that_was_done_stops_nothing_when_it_is_cleared(lab: Any, context: dict[str, Any]) -> None:
    plan = planned(context)
    ended(plan)
    context["ti"].xcom["result"] = {"result": "done"}
    STEPS["stop"]("stop").execute(context)
    assert not sent(lab, "umount")
    with SymcliHook() as hosts:
        assert hosts.run(lock.holders(plan.scope())) == [], "it has given the lock back"


@ONE_ARRAY
@pytest.mark.parametrize("own", [True, False])
def test_what_another_run_has_started_on_its_copy_is_not_stopped(
    lab: Any, context: dict[str, Any], own: bool
) -> None:
    refreshed_since(lab, context, own=own)
    since = len(sent(lab, "netstat"))
    if own:
        STEPS["stop"]("stop").execute(context)
        assert len(sent(lab, "netstat")) > since
        return
    with pytest.raises(Refused, match=r"(?s)not what this run's plan saw.*Nothing was stopped"):
        STEPS["stop"]("stop").execute(context)
    assert len(sent(lab, "netstat")) == since, "no resource is even looked at"


@ONE_ARRAY
@pytest.mark.parametrize("how", ["refused", "unlucky", "killed", "lost count"])
def test_nor_is_it_at_the_next_try(lab: Any, context: dict[str, Any], how: str) -> None:
    """What has not passed gives the lock back; where it is left with the run, the next try asks again."""
    refreshed_since(lab, context, own=False)
    context["ti"].try_number = 2
    first = STEPS["stop"]("stop")
    if how == "refused":
        with pytest.raises(Refused, match="Nothing was stopped"):
            first.execute(context)
    elif how == "unlucky":
        fault = lab.fault("exit", host="symcli01", match="symdev", exit=255, stderr="gone", count=1)
        with pytest.raises(CloneError):
            first.execute(context)
        lab.clear_faults(fault)
    elif how == "killed":  # right after it had the lock
        with SymcliHook() as hosts:
            first.hold(context, first.scope(), hosts)
    else:
        lab.administrator("symcli01", "/usr/bin/rm -rf /var/tmp/symclone-airflow/fences")
        context["ti"].try_number = 0
    if how in ("refused", "unlucky"):
        with SymcliHook() as hosts:
            assert hosts.run(lock.holders(first.scope())) == [], "no task of the run takes it for its own"
    context["ti"].try_number += 1
    with pytest.raises(Refused, match="Nothing was stopped"):
        STEPS["stop"]("stop").execute(context)
