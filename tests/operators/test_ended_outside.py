"""Runs that were cleared, or ended from outside: what a task of one does, and who is told of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from clones.errors import Refused, Unknown
from operators.approval import SecondPersonApprovalOperator, request_of
from operators.merge_back import MergeBackRestoreOperator
from operators.retire import RetirePlanOperator
from operators.run_end import RunEndOperator
from operators.run_plan import RunPlanOperator
from operators.service import ServiceStartOperator, ServiceStopOperator
from operators.source_hooks import SourceAfterActivateOperator, Window
from sensors.symclone import SymcloneStateSensor
from tests.conftest import ONE_ARRAY, SERVICES, SYMID, new_context, take_down

ABOUT: dict[str, Any] = {"service": "aastmphpux", "config": str(SERVICES)}
STEPS: dict[str, Callable[[], BaseOperator]] = {
    "stop": lambda: ServiceStopOperator(task_id="step", hold_lock=True, **ABOUT),
    "start": lambda: ServiceStartOperator(task_id="step", hold_lock=True, **ABOUT),
    "plan": lambda: RunPlanOperator(task_id="step", action="refresh", reason="test", phases={}, **ABOUT),
    "restore": lambda: MergeBackRestoreOperator(task_id="step", sync="data", **ABOUT),
    "wait": lambda: SymcloneStateSensor(task_id="step", sync="data", wanted="copied", **ABOUT),
}


def before_the_end(step: BaseOperator) -> None:
    with DAG("aastmphpux") as dag:
        dag.add_task(step)
        step >> BaseOperator(task_id="between") >> RunEndOperator(task_id="finish", **ABOUT)


@ONE_ARRAY
@pytest.mark.parametrize("kind", STEPS)
def test_nothing_is_done_when_the_last_task_would_not_follow(
    lab: Any, context: dict[str, Any], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    step = STEPS[kind]()
    before_the_end(step)
    context["ti"].task_states = {"between": "None", "finish": "skipped"}
    with pytest.raises(Refused, match="was ended from outside: its last task, finish") as refused:
        step.execute(context)  # type: ignore[arg-type]
    assert "trigger the action again, or Clear" in str(refused.value)
    assert lab.commands() == [], "nothing, not even the lock"
    assert "was ended from outside, without its last task" in caplog.text, "people are told"


@ONE_ARRAY
@pytest.mark.parametrize("finish", ["None", "failed", "success", "upstream_failed"])
def test_a_last_task_that_follows_hinders_nothing(lab: Any, context: dict[str, Any], finish: str) -> None:
    step = STEPS["stop"]()
    before_the_end(step)
    context["ti"].task_states = {"between": "skipped", "finish": finish}
    step.execute(context)  # type: ignore[arg-type]
    assert not lab.host("aastmphpux").mounts()


@ONE_ARRAY
def test_what_cannot_be_asked_is_tried_again(lab: Any, context: dict[str, Any]) -> None:
    def lost(**_: Any) -> Any:
        raise AirflowRuntimeError(
            ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 503})
        )

    step = STEPS["stop"]()
    before_the_end(step)
    context["ti"].get_task_states = lost
    with pytest.raises(Unknown, match="could not be asked"):
        step.execute(context)  # type: ignore[arg-type]
    assert lab.commands() == []


@ONE_ARRAY
def test_what_was_begun_on_production_is_ended_all_the_same(
    lab: Any,
    context: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Airflow lets a teardown run in a run that was marked as failed. Nothing follows it: that is told."""
    ran: list[str] = []
    monkeypatch.setattr(SourceAfterActivateOperator, "work", lambda self, *_: ran.append(self.task_id))
    window = Window((), "activate", ("step",))
    step = SourceAfterActivateOperator(task_id="step", sync="data", hook="x", window=window, **ABOUT)
    before_the_end(step)
    context["ti"].task_states = {"between": "skipped", "finish": "skipped"}
    with pytest.raises(Refused, match=r"finish, has the state skipped .* This task has done its work\."):
        step.execute(context)  # type: ignore[arg-type]
    assert ran == ["step"]
    assert "was ended from outside, without its last task" in caplog.text, "people are told"


STARTED = {"plan": "success", "start.service": "success"}


def finish(context: dict[str, Any], plan: dict[str, Any] | None, states: dict[str, str] = STARTED) -> Any:
    """The last task of a run whose other tasks stand so."""
    context["ti"].task_id, context["ti"].xcom["plan"] = "finish", plan
    context["ti"].task_states = states
    with DAG("aastmphpux"):
        task = RunEndOperator(task_id="finish", **ABOUT)
        for name in context["ti"].task_states:
            BaseOperator(task_id=name) >> task
    return task.execute(context)  # type: ignore[arg-type]


def planned(context: dict[str, Any], action: str = "refresh") -> dict[str, Any]:
    RunPlanOperator(task_id="plan", action=action, reason="test", phases={}, **ABOUT).work(
        context, RunPlanOperator(task_id="p", action=action, reason="t", phases={}, **ABOUT).scope(), hosts()
    )
    return dict(context["ti"].xcom["plan"])


def hosts() -> Any:
    from hooks.symcli import SymcliHook

    return SymcliHook()


def test_a_copy_that_nobody_made_is_not_done(lab: Any, context: dict[str, Any]) -> None:
    """Every task is green, and the copies are those that the plan saw."""
    plan = planned(new_context())
    with pytest.raises(AirflowFailException, match="sync data: no run has kept that it activated it"):
        finish(context, plan)
    result = context["ti"].xcom["result"]
    assert (result["result"], result["at"]) == ("stopped", "finish")
    assert "Stopped at finish" in context["ti"].xcom["run_record"]["result"]["text"]
    assert "'runs'" not in str(context["asset_state_store"]), "it serves no other run"


def test_a_copy_that_is_gone_is_not_done(lab: Any, context: dict[str, Any]) -> None:
    plan = planned(new_context(), "start")
    assert finish(new_context(), plan)["result"] == "done"
    lab.remove_session(SYMID, "1235", "4322")
    with pytest.raises(AirflowFailException, match="sync archivelogs"):
        finish(context, plan)


def test_what_cannot_be_seen_is_looked_at_again_then_not_done(lab: Any, context: dict[str, Any]) -> None:
    plan = planned(new_context(), "start")
    for last in (False, True):
        lab.fault("cut_before", host="symcli_demo", match=f"symdev -sid {SYMID}", count=1)
        context = new_context()
        context["ti"].max_tries = 0 if last else 3
        with pytest.raises(AirflowFailException if last else Unknown, match="could not be read"):
            finish(context, plan)
        assert ("result" in context["ti"].xcom) is last


@ONE_ARRAY
def test_a_plan_that_was_marked_from_outside_is_not_done(lab: Any, context: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match="its plan has left nothing"):
        finish(context, None)


@ONE_ARRAY
def test_a_task_of_the_action_that_was_skipped_is_not_done(lab: Any, context: dict[str, Any]) -> None:
    plan = planned(new_context(), "start")
    states = {"plan": "success", "stop.service": "skipped", "start.service": "skipped"}
    with pytest.raises(AirflowFailException, match=r"Stopped at start\.service: it has not run"):
        finish(context, plan, states)


def cleared(**changes: Any) -> dict[str, Any]:
    context = new_context()
    vars(context["dag_run"]).update({k: v for k, v in changes.items() if k in vars(context["dag_run"])})
    vars(context["ti"]).update({k: v for k, v in changes.items() if k not in vars(context["dag_run"])})
    return context


@ONE_ARRAY
@pytest.mark.parametrize(
    ("changes", "retries", "is_clear"),
    [
        ({}, 0, False),
        ({"clear_number": 1}, 0, True),
        ({"clear_number": 2}, 3, True),
        # A clear that the run does not count.
        ({"try_number": 2, "max_tries": 1}, 0, True),
        ({"try_number": 2}, 0, True),
        ({"try_number": 2, "max_tries": 4}, 3, True),
        # A retry of a plan that failed by itself.
        ({"try_number": 2, "max_tries": 3}, 3, False),
        ({"try_number": 4, "max_tries": 3}, 3, False),
    ],
)
@pytest.mark.parametrize("task", ["plan", "approve", "answer"])
def test_who_asks_is_not_known_once_it_was_cleared(
    lab: Any, changes: dict[str, Any], retries: int, is_clear: bool, task: str
) -> None:
    context: Any = cleared(**changes)
    take_down(lab)
    since = len(lab.commands())
    plan = RetirePlanOperator(task_id="plan", reason="test", retries=retries, **ABOUT)
    approve = SecondPersonApprovalOperator(task_id="approve", subject="?", retries=retries)
    if not is_clear:
        request_of(context, plan).refuse_cleared()
        return
    with pytest.raises(Refused, match="was cleared, or begun again, after asker had triggered it") as refused:
        if task == "plan":
            plan.execute(context)
        elif task == "approve":
            approve.execute(context)
        else:
            approve.execute_complete(context, {"chosen_options": ["Approve 1"]}, digest="1")
    assert "trigger the DAG as yourself" in str(refused.value)
    assert not lab.commands()[since:], "not even the lock is touched"


class Ends(RetirePlanOperator):
    """A plan whose work ends as it is told: by an error, or by the end of its worker."""

    how: BaseException | None = None

    def work(self, context: Any, scope: Any, hosts: Any) -> None:
        if self.how is not None:
            raise self.how
        super().work(context, scope, hosts)


def plan_of_try(context: Any, number: int, how: BaseException | None = None, killed: bool = False) -> None:
    plan = Ends(task_id="plan", reason="test", retries=2, **ABOUT)
    context["ti"].try_number, context["ti"].max_tries = number, 2
    plan.how = how
    if killed:
        plan.on_kill()
    plan.execute(context)


@ONE_ARRAY
def test_a_plan_that_airflow_lost_in_its_queue_is_made_by_the_next_try(lab: Any, context: Any) -> None:
    """No earlier try has begun: Airflow counts it all the same."""
    take_down(lab)
    plan_of_try(context, 2)
    assert context["ti"].xcom["plan"]["reason"] == "test"


@ONE_ARRAY
def test_a_plan_that_failed_by_itself_is_made_by_the_next_try(lab: Any, context: Any) -> None:
    take_down(lab)
    with pytest.raises(Unknown):
        plan_of_try(context, 1, Unknown("no answer", "wait"))
    plan_of_try(context, 2)
    assert context["ti"].xcom["plan"]["reason"] == "test"


@ONE_ARRAY
@pytest.mark.parametrize("killed", [False, True], ids=["its worker died", "it was told to end"])
def test_a_plan_that_was_ended_while_it_worked_asks_nobody(lab: Any, context: Any, killed: bool) -> None:
    """So does a clear of it then, which Airflow counts nowhere when it was asked not to touch the run."""
    take_down(lab)
    how = Unknown("the session is over", "wait") if killed else KeyboardInterrupt()
    with pytest.raises(type(how)):
        plan_of_try(context, 1, how, killed)
    since = len(lab.commands())
    for number in (2, 3):
        with pytest.raises(Refused, match="Try 1 of this plan was ended while it worked") as refused:
            plan_of_try(context, number)
        assert "trigger the DAG as yourself" in str(refused.value)
    assert not lab.commands()[since:] and "plan" not in context["ti"].xcom


@ONE_ARRAY
def test_a_plan_that_goes_on_after_its_turn_is_the_same_try(lab: Any, context: Any) -> None:
    take_down(lab)
    with pytest.raises(KeyboardInterrupt):
        plan_of_try(context, 1, KeyboardInterrupt())
    plan_of_try(context, 1)
    assert context["ti"].xcom["plan"]["reason"] == "test"


@ONE_ARRAY
def test_what_was_triggered_long_ago_asks_nobody(lab: Any, context: dict[str, Any]) -> None:
    context["dag_run"].run_after = datetime.now(UTC) - timedelta(hours=25)
    with pytest.raises(Refused, match="longer ago than `approval_timeout`"):
        RetirePlanOperator(task_id="plan", reason="test", **ABOUT).execute(context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"run_began": "2026-11-27 02:00:00+00:00"}, "begun again"),
        ({"made": (datetime.now(UTC) - timedelta(hours=2)).isoformat()}, "The plan was made"),
        ({"run_began": None}, "begun again"),  # a plan of an older release
    ],
)
def test_an_old_plan_is_not_approved(context: dict[str, Any], changes: dict[str, Any], says: str) -> None:
    context["dag_run"].start_date = datetime(2026, 11, 28, 2, tzinfo=UTC)
    plan = {"digest": "1", "text": [], "reason": "x", "made": datetime.now(UTC).isoformat()}
    plan["run_began"] = str(context["dag_run"].start_date)
    context["ti"].xcom["plan"] = {**plan, **changes}
    approve = SecondPersonApprovalOperator(
        task_id="approve", subject="?", response_timeout=timedelta(hours=1)
    )
    with pytest.raises(Refused, match=says):
        approve.execute(context)  # type: ignore[arg-type]


def test_the_alert_says_what_to_press(caplog: pytest.LogCaptureFixture) -> None:
    from reporting import alerts

    alerts.run_without_finish({}, "aastmphpux", "aastmphpux", "r1", str(SERVICES))
    assert "was ended from outside, without its last task" in caplog.text
    assert "trigger the action again, or Clear" in caplog.text
