"""Hooks around an activation, against the lab: when they wait, what is ended, and what is begun again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from clones.asking.fence import NOT_NEWEST
from clones.errors import ConfigError, Fenced, Locked, NotDone, Refused, Unknown
from operators.run_plan import RunPlanOperator
from operators.service import ServiceCommandOperator, ServiceRestartUnchangedOperator
from operators.source_hooks import SourceAfterActivateOperator, SourceBeforeActivateOperator, Window
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from tests.conftest import SYMID, Log, TaskInstance, perform, take_down
from tests.operators.test_late_tries import Stopped
from tests.support.hooked import ORACLE, hooked_services, sent_in_order, with_programs

WINDOW = Window(("begin_backup", "freeze"), "activate", ("end_backup", "switch_log"))
AROUND_DATA = """\
        before_activate:
          - {name: begin_backup, connection: lnxpp01, command: [/opt/oracle/bin/backup, start]}
          - {name: freeze, connection: lnxpp01, command: [/opt/oracle/bin/log, start]}
        after_activate:
          - {name: end_backup, connection: lnxpp01, command: [/opt/oracle/bin/backup, stop]}
          - {name: switch_log, connection: lnxpp01, command: [/opt/oracle/bin/log, stop]}
"""
BEGUN, ENDED = ["backup start", "log start"], ["backup stop", "log stop"]


@pytest.fixture
def arrays() -> dict[str, Any]:
    """Hooks know nothing of the array: the demo's is enough."""
    from lab.config import load

    return with_programs(load().model_dump())


class Run:
    """One run: its tasks' XComs and states."""

    def __init__(self, lab: Any, config: Path) -> None:
        self.lab = lab
        self.data = {"service": "aastmphpux", "config": str(config), "sync": "data"}
        self.xcom: dict[tuple[str, str], Any] = {}
        self.states: dict[str, str] = {}
        self.since = 0

    def perform(self, task: str) -> None:
        """A try of a task; its XComs of earlier tries are gone."""
        self.xcom = {(of, key): value for (of, key), value in self.xcom.items() if of != task}
        self.go_on(task)

    def go_on(self, task: str) -> None:
        perform(self.lab, self.operator(task), self.context(task))
        self.states[task] = "success"

    def operator(self, task: str) -> Any:
        if task == "activate":
            return SymcloneActivateOperator(task_id=task, window=WINDOW, **self.data)
        kinds: dict[str, Any] = {
            **dict.fromkeys(WINDOW.before, SourceBeforeActivateOperator),
            **dict.fromkeys(WINDOW.after, SourceAfterActivateOperator),
        }
        return kinds[task](task_id=task, hook=task, window=WINDOW, **self.data)

    def context(self, task: str) -> Any:
        ti = TaskInstance()
        ti.task_id = task
        ti.xcom_push = lambda key, value: self.xcom.update({(task, key): value})  # type: ignore[method-assign]
        ti.xcom_pull = lambda task_ids, key: self.xcom.get((task_ids, key))  # type: ignore[method-assign]
        ti.get_task_states = lambda **asked: {  # type: ignore[attr-defined]
            ti.run_id: {t: self.states.get(t, "") for t in asked["task_ids"]} | {task: "running"}
        }
        return {
            "ti": ti,
            "params": {},
            "dag_run": SimpleNamespace(dag_id=ti.dag_id, run_id=ti.run_id, clear_number=0),
        }

    def hooks(self) -> list[str]:
        return sent_in_order(self.lab, self.since)


@pytest.fixture
def run(lab: Any, tmp_path: Path) -> Run:
    """Down and recreated: the next is the activation."""
    config = hooked_services(tmp_path / "services.yaml", around_data=AROUND_DATA)
    made = Run(lab, config)
    take_down(lab)
    perform(lab, SymcloneRecreateOperator(task_id="recreate", **made.data), made.context("recreate"))  # type: ignore[arg-type]
    made.since = lab.journal[-1]["seq"]
    return made


def test_once_each(run: Run) -> None:
    for task in (*WINDOW.before, "activate", *WINDOW.after):
        run.perform(task)
    assert run.hooks() == [*BEGUN, "activate DGCVI", *ENDED]


def test_another_try_of_the_activation_begins_nothing(run: Run) -> None:
    for task in WINDOW.before:
        run.perform(task)
    fault = run.lab.fault("exit", match="noprompt activate", exit=3, stderr="locked")
    for _ in range(2):
        with pytest.raises(Locked):
            run.perform("activate")
    run.lab.clear_faults(fault)
    run.perform("activate")
    assert run.hooks() == [*BEGUN, *["activate DGCVI"] * 3]


def test_what_was_ended_is_begun_again(run: Run) -> None:
    """Clear, Only failed tasks: the activation and what ended it run again, what had begun it does not."""
    for task in WINDOW.before:
        run.perform(task)
    run.states["activate"] = "failed"
    for task in WINDOW.after:
        with pytest.raises(AirflowFailException, match="because activate did"):
            run.perform(task)
    for task in ("activate", *WINDOW.after):
        run.perform(task)
    assert run.hooks() == [*BEGUN, *ENDED, *BEGUN, "activate DGCVI", *ENDED]


def test_after_a_wait_nothing_is_begun_twice(run: Run) -> None:
    for task in WINDOW.before:
        run.perform(task)
    run.states["activate"] = "failed"
    with pytest.raises(AirflowFailException):
        run.perform("end_backup")
    fault = run.lab.fault("exit", match="noprompt activate", exit=3, stderr="locked")
    with pytest.raises(Locked):
        run.perform("activate")
    run.lab.clear_faults(fault)
    run.go_on("activate")  # the same try: its XComs are still there
    assert run.hooks() == [*BEGUN, "backup stop", *BEGUN, "activate DGCVI", "activate DGCVI"]


def test_the_second_begins_the_first_again(run: Run) -> None:
    run.perform("begin_backup")
    run.lab.fault("exit", match="bin/log start", exit=1, stderr="no", count=1)
    with pytest.raises(NotDone):
        run.perform("freeze")
    run.states |= {"freeze": "failed", "activate": "upstream_failed"}
    for task in WINDOW.after:
        with pytest.raises(AirflowFailException, match="because freeze did"):
            run.perform(task)
    run.perform("freeze")
    run.perform("activate")
    assert run.hooks() == [*BEGUN, *ENDED, *BEGUN, "activate DGCVI"]


def test_one_after_another_that_failed_fails_too(run: Run) -> None:
    """A log switch must come after the end of the backup, also when the failed tasks are cleared."""
    run.states |= dict.fromkeys((*WINDOW.before, "activate"), "success") | {"end_backup": "failed"}
    with pytest.raises(AirflowFailException, match="because end_backup did"):
        run.perform("switch_log")
    assert run.hooks() == ["log stop"]


def test_what_the_activation_would_refuse_is_not_begun(run: Run) -> None:
    run.lab.set_state(SYMID, "1234", "4321", "Failed")
    with pytest.raises(Refused, match="break is refused"):
        run.perform("begin_backup")
    assert run.hooks() == []


def test_while_the_activation_would_wait_nothing_is_begun(run: Run) -> None:
    run.lab.set_state(SYMID, "1234", "4321", "CreateInProg")
    operator = SourceBeforeActivateOperator(
        task_id="begin_backup", hook="begin_backup", window=WINDOW, **run.data
    )
    with pytest.raises(TaskDeferred):
        operator.execute(run.context("begin_backup"))
    assert run.hooks() == []


def test_the_end_needs_no_control_host(run: Run) -> None:
    run.lab.host("symcli_demo").refuse_connections()
    run.perform("end_backup")
    assert run.hooks() == ["backup stop"]


def test_the_end_of_what_failed_needs_none_either(run: Run, log: Log) -> None:
    run.lab.host("symcli_demo").refuse_connections()
    run.states["begin_backup"] = "failed"
    with pytest.raises(AirflowFailException, match="because begin_backup did"):
        run.perform("end_backup")
    assert run.hooks() == ["backup stop"]
    assert "This hook runs all the same. Check that no task before it works any more" in log.text


def test_a_begin_that_still_runs_is_waited_out(run: Run) -> None:
    """Its session was lost, and the host carries it out later: the end comes again after it."""
    run.lab.fault("stall", match="^/opt/oracle/bin/backup start$", seconds=600, count=1)
    with pytest.raises(Unknown):
        run.perform("begin_backup")
    run.states["begin_backup"] = "failed"
    with pytest.raises(
        Locked, match=r"(?s)must be run again.*`(/usr/bin/sudo -n )?/opt/oracle/bin/backup start`"
    ):
        run.perform("end_backup")
    run.lab.advance(601)
    with pytest.raises(AirflowFailException, match="because begin_backup did"):
        run.perform("end_backup")
    assert run.hooks()[-1] == "backup stop" and run.lab.host(ORACLE).apps()["backup"] is False


@pytest.mark.parametrize(("late", "word"), [("begin_backup", "start"), ("activate", "-noprompt")])
def test_what_only_stood_still_comes_too_late(
    run: Run, monkeypatch: pytest.MonkeyPatch, late: str, word: str
) -> None:
    """What was begun was ended: it must not be begun again, nor the copy be split outside of it."""
    for task in WINDOW.before if late == "activate" else ():
        run.perform(task)
    stopped = Stopped(monkeypatch, lambda: run.operator(late).execute(run.context(late)), word)
    run.states[late] = "failed"
    with pytest.raises(AirflowFailException, match=f"because {late} did"):
        run.perform("end_backup")
    assert run.hooks()[-1] == "backup stop"
    before = run.lab.sessions()
    stopped.comes_through()
    assert isinstance(stopped.error, Fenced) and len(stopped.late) == 1
    assert run.lab.commands()[-1]["exit"] == NOT_NEWEST and run.lab.sessions() == before


def test_a_hook_that_is_no_longer_configured(run: Run) -> None:
    service = {key: value for key, value in run.data.items() if key != "sync"}
    operator = ServiceCommandOperator(task_id="x", place="before_stop", hook="gone", **service)
    with pytest.raises(ConfigError, match="no hook 'gone'"):
        operator.execute(run.context("x"))


def test_a_restart_on_old_copies_is_a_start(lab: Any, context: dict[str, Any], tmp_path: Path) -> None:
    service = {"service": "aastmphpux", "config": str(hooked_services(tmp_path / "services.yaml"))}
    plan = RunPlanOperator(task_id="plan", action="refresh", reason="test", phases={}, **service)
    plan.execute(context)  # type: ignore[arg-type]
    take_down(lab)
    with pytest.raises(AirflowFailException, match="runs on its old copies again"):
        ServiceRestartUnchangedOperator(task_id="x", **service).execute(context)  # type: ignore[arg-type]
    assert sent_in_order(lab) == ["umount", "mount", "drain stop"]
    assert lab.host(ORACLE).apps()["backup"] is False
