"""Runs that the former release began: at each place this one goes on with them, or says what to do."""

from __future__ import annotations

import asyncio
import inspect
import shlex
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from clones.act.lock import INSTANCE
from clones.asking.steps import Command
from clones.errors import Refused
from clones.observe.estimates import Pace
from clones.runs.superseded import Asked, judge
from hooks.symcli import SymcliHook
from operators.approval import SecondPersonApprovalOperator
from tests.conftest import SERVICES, Store, TaskInstance, new_context, sent, take_down
from tests.dags.conftest import dags
from tests.operators.test_merge_back import MergeBack
from tests.support.production import services, with_production
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

SERVICE = "aastmphpux"
LEFT: dict[str, Any] = load_yaml(Path(__file__).with_name("left.yaml").read_text())
ORDER = (
    "plan",
    "stop.service",
    "resync.data.recreate",
    "resync.archivelogs.recreate",
    "break.data.activate",
    "break.data.wait_copied",
    "break.archivelogs.activate",
    "break.archivelogs.wait_copied",
    "start.service",
    "finish",
)
CREATED = 30
"""Seconds for which the array carries out a recreate."""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The lab in which the former release left that."""
    from lab import Lab
    from lab.config import load

    arrays = with_production(load().model_dump())
    arrays["arrays"][0] |= {"copy_rate": 500}
    arrays["arrays"][0]["switches"] |= {"create_seconds": CREATED}
    monkeypatch.setenv(f"AIRFLOW_VAR_{INSTANCE.upper()}", LEFT["airflow"])
    start = datetime.fromisoformat(LEFT["began"]).timestamp()
    folder = tmp_path / "lab"
    with Lab(
        arrays, directory=folder, clock="manual", start=start, services=SERVICES, ports=False
    ) as running:
        connect_directly(monkeypatch, running)
        yield running


def replay(record: list[dict[str, Any]]) -> None:
    """Send what the former release sent, as it sent it."""
    with SymcliHook() as hosts:
        for event in (event for one in record for event in one["events"]):
            words = tuple(shlex.split(event["line"]))
            result = hosts.execute(Command(event["host"], words, 60, changes=True, fenced=False))
            assert event["ended"] == f"exit code {result.exit_code}", result


def wait(lab: Any, classpath: str, kwargs: dict[str, Any]) -> TriggerEvent:
    """What comes of a deferred trigger, made as the triggerer makes it, when time goes by."""
    trigger = class_of(classpath)(**kwargs)
    trigger.poll_interval = trigger.poll_max = 0.01

    async def first() -> TriggerEvent:
        async for event in trigger.run():
            return event
        raise AssertionError("the trigger ended without an event")

    async def pass_by() -> TriggerEvent:
        event = asyncio.create_task(first())
        lab.advance(10_000)
        return await event

    return asyncio.run(pass_by())


def class_of(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


class Task(TaskInstance):
    """A task instance that shares what its run has."""

    def __init__(self, run: Run, task_id: str) -> None:
        super().__init__(run.others)
        self.run, self.run_id, self.task_id = run, run.run_id, task_id

    def xcom_push(self, key: str, value: Any) -> None:
        super().xcom_push(key, value)
        self.run.xcom[self.task_id, key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.run.xcom.get((task_ids, key))

    def get_task_states(self, dag_id: str, run_ids: list[str], task_ids: list[str] | None = None) -> Any:
        return {run_id: {**self.run.states, self.task_id: "running"} for run_id in run_ids}


class Run:
    """A refresh, task by task.

    :param others: how the other runs that locks may name stand.
    """

    def __init__(self, lab: Any, run_id: str = "manual__1", others: dict[str, str] | None = None) -> None:
        self.lab, self.run_id, self.others = lab, run_id, others or {}
        self.dag = getattr(dags("clone_services"), SERVICE)
        self.states: dict[str, str] = {}
        self.xcom: dict[tuple[str, str], Any] = {}
        self.stores: dict[str, Store] = defaultdict(Store)
        self.assets: dict[Any, Store] = defaultdict(Store)

    def left_by_the_former_release(self, task: str, *, sent: bool) -> None:
        """It has come to this task, and perhaps to the end of its commands."""
        for one in ORDER[: ORDER.index(task)]:
            self.states[one] = "success"
            self._replay(one)
            self.xcom[one, "record"] = LEFT["records"].get(one, [])
            self.lab.advance(CREATED + 1)
        if task != "plan":
            self.xcom["plan", "plan"] = LEFT["plan"]
        if sent:
            self._replay(task)
        self.stores[task].update(LEFT["waits"].get(task, {}).get("task_state_store", {}))

    def _replay(self, task: str) -> None:
        if task.endswith("wait_copied"):
            self.lab.advance(10_000)
        else:
            replay(LEFT["records"][task])

    def go_on(self, task: str, *, deferred: dict[str, Any] | None = None) -> None:
        """From this task to the end of the run.

        :param deferred: how the former release left the first of them.
        """
        for one in ORDER[ORDER.index(task) :]:
            self.perform(one, deferred if one == task else None)
            self.states[one] = "success"
            self.lab.advance(CREATED + 1)

    def perform(self, task: str, deferred: dict[str, Any] | None = None) -> None:
        operator, context = self.dag.get_task(task), self.context(task)
        if task == "plan":
            operator.action, operator.reason, operator.plan_only = "refresh", "test", False
        for _ in range(3):
            if deferred is None:
                try:
                    operator.execute(context)
                    return
                except TaskDeferred as left:
                    classpath, kwargs = left.trigger.serialize()
                    deferred = {"trigger": {"classpath": classpath, "kwargs": kwargs}}
                    deferred |= {"next_method": left.method_name}
            event = wait(self.lab, **deferred["trigger"])
            if isinstance(event, TaskSuccessEvent):
                return
            try:
                getattr(operator, deferred["next_method"])(context, event.payload)
                return
            except TaskDeferred:
                deferred = None
        raise AssertionError(f"{task} never ends")

    def context(self, task: str) -> Any:
        context = new_context()
        context["dag_run"].run_id = self.run_id
        own = {
            "ti": Task(self, task),
            "task_state_store": self.stores[task],
            "asset_state_store": self.assets,
        }
        return {**context, **own}


def later(deferred: dict[str, Any]) -> dict[str, Any]:
    """The same, with a time-out that is still to come."""
    trigger = deferred["trigger"]
    deadline = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return {**deferred, "trigger": {**trigger, "kwargs": {**trigger["kwargs"], "deadline": deadline}}}


def locks(lab: Any) -> list[str]:
    return [path for path in lab.host("symcli01").directories if "/locks/" in path]


@pytest.mark.parametrize("sent_already", [False, True], ids=["before", "after its commands"])
@pytest.mark.parametrize("task", [task for task in ORDER if not task.endswith("wait_copied")])
def test_a_run_goes_on_from_each_task(lab: Any, task: str, sent_already: bool) -> None:
    run = Run(lab)
    run.left_by_the_former_release(task, sent=sent_already)
    run.go_on(task)
    assert run.xcom["finish", "result"] == {"result": "done", "at": ""}
    assert [len(sent(lab, word)) for word in ("recreate", "activate")] == [2, 2]
    assert lab.host(SERVICE).mounts() and not locks(lab)


@pytest.mark.parametrize("task", ["resync.data.recreate", "break.data.wait_copied"])
def test_a_run_goes_on_from_each_wait(lab: Any, task: str) -> None:
    run = Run(lab)
    run.left_by_the_former_release(task, sent=task.endswith("recreate"))
    run.go_on(task, deferred=later(LEFT["waits"][task]))
    assert run.xcom["finish", "result"] == {"result": "done", "at": ""}
    assert [len(sent(lab, word)) for word in ("recreate", "activate")] == [2, 2]
    assert lab.host(SERVICE).mounts() and not locks(lab)


@pytest.mark.parametrize("task", LEFT["waits"])
def test_what_a_wait_was_deferred_with_is_still_taken(task: str) -> None:
    left = LEFT["waits"][task]
    trigger = class_of(left["trigger"]["classpath"])(**left["trigger"]["kwargs"])
    assert trigger.serialize() == (left["trigger"]["classpath"], left["trigger"]["kwargs"])
    operator = getattr(dags("clone_services"), SERVICE).get_task(task)
    assert callable(getattr(operator, left["next_method"]))


def test_what_a_deadline_calls_is_still_there() -> None:
    left = LEFT["deadline"]
    inspect.signature(class_of(left["path"])).bind({"dag_run": {}}, **left["kwargs"])


def without_times(plan: dict[str, Any]) -> dict[str, Any]:
    return {
        **plan,
        "syncs": [
            {**sync, "pairs": [{**pair, "last_action": None} for pair in sync["pairs"]]}
            for sync in plan["syncs"]
        ],
    }


@pytest.mark.parametrize("case", ["its plan saw no last actions", "a resync is cleared after its activation"])
def test_what_is_not_known_is_refused_and_a_new_run_goes_on(lab: Any, case: str) -> None:
    run, task = Run(lab), "resync.data.recreate"
    if case.startswith("its plan"):
        run.left_by_the_former_release(task, sent=False)
        run.xcom["plan", "plan"] = without_times(LEFT["plan"])
    else:
        run.left_by_the_former_release("break.archivelogs.activate", sent=False)
    before = len(sent(lab, "recreate"))
    with pytest.raises(Refused, match=r"What to do: .*trigger the action again"):
        run.perform(task)
    assert len(sent(lab, "recreate")) == before
    again = Run(lab, "manual__2", others={"manual__1": "failed"})
    again.go_on("plan")
    assert again.xcom["finish", "result"] == {"result": "done", "at": ""}
    assert lab.host(SERVICE).mounts() and not locks(lab)


def test_what_the_former_release_completed_is_known() -> None:
    """A run for a date that its copies serve has nothing to do."""
    data, logs = LEFT["asset_state_store"].values()
    asked = Asked("scheduled__2", ["resync", "break", "start"], datetime(2026, 11, 28, tzinfo=UTC))
    judgement = judge(asked, data["completed_runs"], [data["last_completed"], logs["last_completed"]])
    assert (judgement.needed, judgement.by) == (False, "manual__1")
    assert Pace.read(data["pace"])


@pytest.fixture
def merge_back(lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MergeBack:
    """A run whose plan the former release made."""
    take_down(lab)
    run = MergeBack(lab, services(tmp_path / "services.yaml"), monkeypatch)
    run.ti.xcom["plan"] = LEFT["merge_back"]["plan"]
    return run


def test_a_yes_that_was_asked_for_is_still_one(merge_back: MergeBack) -> None:
    asks = LEFT["merge_back"]["asks"]
    assert asks["next_method"] == "execute_complete"
    merge_back.answer(asks["next_kwargs"], choice=asks["options"][0])
    merge_back.restore()
    assert merge_back.state() in ("RestInProg", "Restored") and len(merge_back.restores()) == 1


def test_a_restore_that_was_sent_is_gone_on_with(merge_back: MergeBack) -> None:
    left = LEFT["merge_back"]
    merge_back.lab.note("approval", service=SERVICE)
    replay(left["record"])
    merge_back.ti.xcom["approval"] = left["approval"]
    merge_back.stores["MergeBackRestoreOperator.data"] = Store(left["spent"])
    merge_back.restore()
    assert len(merge_back.restores()) == 1


def test_nobody_is_asked_by_a_plan_of_the_former_release(merge_back: MergeBack) -> None:
    """It does not say of which beginning of its run it is."""
    with pytest.raises(Refused, match="made before an upgrade") as raised:
        SecondPersonApprovalOperator(task_id="approve", subject="?").execute(merge_back.context())
    assert "trigger the DAG as yourself" in str(raised.value)
