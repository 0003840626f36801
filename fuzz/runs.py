"""Runs, tries and what a task sees of them, as Airflow keeps and hands them out."""

from __future__ import annotations

import copy
import itertools
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType, TaskDeferred
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.sdk.execution_time.context import OutletEventAccessors

if TYPE_CHECKING:
    from fuzz.airflow import Airflow

SUCCESS, FAILED, SKIPPED, UPSTREAM_FAILED = "success", "failed", "skipped", "upstream_failed"
WAITING, RUNNING = "deferred", "running"


_numbers: itertools.count[int] = itertools.count(1)
_seat = threading.local()


class Killed(BaseException):
    """The worker's end, as sudden as SIGKILL."""


class MarkedFailed(BaseException):
    """A person has marked the run as failed: the task is ended from outside."""


class Store(dict[str, Any]):
    """Airflow's state store of a task or an asset."""

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        self.pop(key, None)


@dataclass(eq=False)
class Run:
    """One run of one DAG. `states`, `tries`, `xcom` and `stores` are by task id."""

    airflow: Airflow
    dag: Any
    service: str
    action: str
    run_id: str
    begun: float
    conf: dict[str, Any]
    states: dict[str, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    xcom: dict[tuple[str, str], Any] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=lambda: defaultdict(Store))
    errors: dict[str, str] = field(default_factory=dict)
    clears: int = 0
    started: datetime | None = None
    """When it has begun; a run that had ended and goes on begins anew."""
    before: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Tries before the last clear, which do not count against `retries`."""
    waiting: TaskDeferred | None = None
    """What it waits for, if only others can bring that about."""

    @property
    def name(self) -> str:
        """As the journal calls it: two Airflows may have the same run."""
        return f"{self.airflow.name}/{self.run_id}"

    @property
    def order(self) -> list[Any]:
        return list(self.dag.topological_sort())

    @property
    def ended(self) -> bool:
        return all(self.states.get(t) not in (None, WAITING) for t in self.dag.task_dict)

    @property
    def result(self) -> str:
        """What it says of its end, empty without a last task."""
        if self.states.get("plan") == SUCCESS and ("plan", "result") in self.xcom:
            return str(self.xcom["plan", "result"]["result"])
        if self.states.get("finish") not in (SUCCESS, FAILED) or ("finish", "result") not in self.xcom:
            return ""
        return str(self.xcom["finish", "result"]["result"])

    @property
    def step(self) -> str:
        return str(self.xcom.get(("finish", "result"), {}).get("at", ""))

    @property
    def state(self) -> str:
        """As Airflow judges it, by its only leaf; a skipped one is no failure."""
        if not self.ended:
            return "running"
        return FAILED if self.states["finish"] in (FAILED, UPSTREAM_FAILED) else SUCCESS

    def clear_failed(self) -> list[str]:
        """*Clear, Only failed tasks*. Returns which were."""
        return self._clear([t for t, state in self.states.items() if state in (FAILED, UPSTREAM_FAILED)])

    def clear_from_first(self) -> list[str]:
        """Clear the first task that is not green, with Downstream and not Only failed. Returns them."""
        first = next(task for task in self.order if self.states.get(task.task_id) != SUCCESS)
        later = {task.task_id for task in first.get_flat_relatives(upstream=False)}
        return self._clear([task.task_id for task in self.order if task is first or task.task_id in later])

    def _clear(self, tasks: list[str]) -> list[str]:
        for task in tasks:
            self.states.pop(task, None)
            self.before[task] = self.tries[task]
        self.clears += 1
        self.started = None
        return tasks

    def marked_failed(self) -> None:
        """A person marks the run: what runs is failed, and what has not begun is skipped."""
        for task in self.dag.tasks:
            state = self.states.get(task.task_id)
            if state == WAITING:
                self.states[task.task_id] = FAILED
            elif state is None and not task.is_teardown:
                self.states[task.task_id] = SKIPPED


@dataclass(eq=False)
class Try:
    """One try of one task. `over`: Airflow has given it up, whatever it still does."""

    run: Run
    task: Any
    connection: int = field(default_factory=lambda: next(_numbers))
    over: bool = False
    dead: bool = False
    """Its process has ended: it sends nothing any more."""
    taken_on: bool = False
    """While it stood still, others have taken the run on."""
    in_triggerer: bool = False
    newest: bool = False
    """The control host has counted it: what earlier ones send there is refused."""

    @property
    def mute(self) -> bool:
        """Whether Airflow takes anything from it."""
        return self.over or self.dead


def current() -> Try:
    """The try that acts in this thread."""
    one: Try = _seat.one
    return one


@contextmanager
def acting(one: Try) -> Iterator[None]:
    """What is sent in here is this try's."""
    before = getattr(_seat, "one", None)
    _seat.one = one
    try:
        yield
    finally:
        _seat.one = before


class TaskInstance:
    """As much of a running task as the operators ask for."""

    def __init__(self, one: Try) -> None:
        self._try = one
        run = one.run
        self.dag_id, self.run_id, self.task_id = run.dag.dag_id, run.run_id, one.task.task_id
        self.try_number = run.tries[self.task_id]
        self.max_tries = run.before[self.task_id] + (one.task.retries or 0)
        self.map_index = -1
        self.id = f"{self.dag_id}/{self.run_id}/{self.task_id}"

    def xcom_push(self, key: str, value: Any) -> None:
        if not self._try.mute:
            self._try.run.xcom[self.task_id, key] = json.loads(json.dumps(value))

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return copy.deepcopy(self._try.run.xcom.get((task_ids, key)))

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        run = self._try.run.airflow.runs.get((dag_id, run_id))
        if run is None:
            detail = {"detail": {"detail": {"reason": "not_found"}}}
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.GENERIC_ERROR, detail=detail))
        return run.state

    def get_dr_count(self, dag_id: str, states: list[str]) -> int:
        """Of this run's DAG its own is the one that is asked for."""
        return int(dag_id == self.dag_id and "running" in states)

    def get_task_states(
        self, dag_id: str, run_ids: Iterable[str], task_ids: Iterable[str] | None = None
    ) -> dict[str, dict[str, str]]:
        run = self._try.run
        wanted = set(task_ids) if task_ids is not None else set(run.dag.task_dict)
        own = {} if self._try.mute or self._try.in_triggerer else {self.task_id: RUNNING}
        return {run.run_id: {t: s for t, s in {**run.states, **own}.items() if t in wanted}}


class _Written(Store):
    """A store whose writes are dropped once its try is over."""

    def __init__(self, one: Try, below: Store) -> None:
        super().__init__(below)
        self._try, self._below = one, below

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        super().set(key, value)
        if not self._try.mute:
            self._below.set(key, value)


def context_of(one: Try) -> Any:
    """What a task is handed; of the assets' stores those of its own inlets and outlets only."""
    run = one.run
    ti = TaskInstance(one)
    dag_run = SimpleNamespace(
        dag_id=run.dag.dag_id,
        run_id=run.run_id,
        run_type=run.run_id.split("__")[0],
        triggering_user_name="asker",
        data_interval_end=None,
        run_after=datetime.fromtimestamp(run.begun, UTC),
        start_date=run.started,
        clear_number=run.clears,
        conf=run.conf,
    )
    handed = {}
    if assets := [it for it in (*one.task.inlets, *one.task.outlets) if isinstance(it, Asset)]:
        handed["asset_state_store"] = {asset: run.airflow.asset_stores[asset] for asset in assets}
    return {
        **handed,
        "ti": ti,
        "task_instance": ti,
        "task": one.task,
        "dag_run": dag_run,
        "params": run.conf,
        "task_state_store": _Written(one, run.stores[one.task.task_id]),
        "outlet_events": OutletEventAccessors(),
    }


def rendered(task: Any, context: Any) -> Any:
    """The operator with its templates filled in, as the task runner does it."""
    made = copy.copy(task)
    for name in task.template_fields:
        value = getattr(task, name, None)
        if isinstance(value, str) and "{{" in value:
            object.__setattr__(made, name, _template(task.dag, value).render(**context))
    return made


def _template(dag: Any, text: str) -> Any:
    known = _templates.setdefault(dag.dag_id, {})
    if text not in known:
        known[text] = dag.get_template_env().from_string(text)
    return known[text]


_templates: dict[str, dict[str, Any]] = {}
