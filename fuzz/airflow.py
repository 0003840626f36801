"""As much of Airflow as the DAGs need: it runs the real operators of the real DAGs, task after task.

What is done here as Airflow does it (3.3.2): trigger rules, setups and teardowns, retries by the operator's
policy, XComs that a new try clears, states that a person sets, *Clear, Only failed tasks*. A try that is over
for Airflow can still act: what it writes into Airflow is dropped, what it sends is not.
"""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
    TaskDeferred,
)

from fuzz.runs import (
    FAILED,
    SKIPPED,
    SUCCESS,
    UPSTREAM_FAILED,
    WAITING,
    Killed,
    MarkedFailed,
    Run,
    Store,
    Try,
    acting,
    context_of,
    rendered,
)

PRESSES_NO_FURTHER = 100
"""Retries and waits of one task, at most: more is a loop."""


@dataclass(frozen=True)
class Came:
    """What a wait ended with: an event for the task, or the task's own end."""

    event: Any = None
    ends_task: bool = False


class World(Protocol):
    """What Airflow and its tasks stand in: the lab, and whoever disturbs."""

    given_up_by_airflow: list[Try]

    def now(self) -> float: ...
    def advance(self, seconds: float) -> None: ...
    def note(self, note: str, **words: Any) -> None: ...

    def given_up(self) -> None:
        """A try that others had taken over has come to its end."""

    def wait(self, one: Try, defer: TaskDeferred) -> Came | None:
        """What the triggerer does; None: only others can bring about what is waited for."""


class Airflow:
    """One installation.

    :param instance: how its locks name it.
    :param dags: DAG id to DAG.
    """

    def __init__(self, name: str, instance: str, dags: Any, world: World) -> None:
        self.name, self.instance, self.dags, self.world = name, instance, dags, world
        self.runs: dict[tuple[str, str], Run] = {}
        self.asset_stores: dict[Any, Store] = defaultdict(Store)
        self._count = itertools.count(1)

    def cloned(self, name: str, instance: str) -> Airflow:
        """Another installation on a copy of this one's database."""
        other = Airflow(name, instance, self.dags, self.world)
        other.asset_stores = copy.deepcopy(self.asset_stores)
        for key, run in self.runs.items():
            other.runs[key] = copy.copy(run)
            other.runs[key].airflow = other
            for part in ("states", "tries", "before", "xcom", "stores", "errors", "conf"):
                setattr(other.runs[key], part, copy.deepcopy(getattr(run, part)))
        other._count = itertools.count(1000)
        return other

    def trigger(self, service: str, action: str, *, user: str = "asker", run_type: str = "manual") -> Run:
        """A new run; it is not begun."""
        dag = self.dags(service, action)
        run_id = f"{run_type}__{self.name}{next(self._count)}"
        conf = {"action": action, "reason": "fuzz", "plan_only": False, "set": ""}
        run = Run(self, dag, service, action, run_id, self.world.now(), conf)
        self.runs[dag.dag_id, run_id] = run
        return run

    # running

    def go_on(self, run: Run) -> bool:
        """Run what can run, in the DAG's order. False when another flow has taken the run on meanwhile."""
        run.started = run.started or datetime.fromtimestamp(self.world.now(), UTC)
        for task in run.order:
            state = run.states.get(task.task_id)
            if state is not None and state != WAITING:
                continue
            decided = SUCCESS if state == WAITING else _rule(run, task)
            if decided is None:
                return True  # something before it waits
            if decided != SUCCESS:
                run.states[task.task_id] = decided
                continue
            if not self._task(run, task):
                return False
            if run.states.get(task.task_id) == WAITING:
                return True
        return True

    def lost(self, one: Try, *, may_retry: bool = True) -> None:
        """The task's heartbeat is missed: it is tried again, or has failed."""
        one.over = True
        self.world.given_up_by_airflow.append(one)
        task, run = one.task, one.run
        run.errors[task.task_id] = "its worker was lost"
        if may_retry and run.tries[task.task_id] - run.before[task.task_id] <= (task.retries or 0):
            self.world.advance(10)
            run.states.pop(task.task_id, None)
        else:
            run.states[task.task_id] = FAILED

    def _task(self, run: Run, task: Any) -> bool:
        waiting, run.waiting, event = run.waiting, None, None
        for _ in range(PRESSES_NO_FURTHER):
            if waiting is None:
                run.tries[task.task_id] += 1
                for key in [k for k in run.xcom if k[0] == task.task_id]:
                    del run.xcom[key]
            one = Try(run, task)
            run.states.pop(task.task_id, None)
            ended = self._attempt(one, waiting, event)
            waiting = None
            if one.taken_on:
                self.world.given_up()
                return False
            if one.over:
                if task.task_id in run.states:
                    return True
                continue
            self.world.note("try ends", service=run.service, connection=one.connection)
            if isinstance(ended, TaskDeferred):
                with acting(one):
                    one.in_triggerer = True
                    came = self.world.wait(one, ended)
                if came is None:
                    run.states[task.task_id], run.waiting = WAITING, ended
                    return True
                if came.ends_task:
                    run.states[task.task_id] = SUCCESS
                    return True
                waiting, event = ended, came.event
                continue
            if ended is not None:
                run.states[task.task_id] = ended
                return True
            self.world.advance(10)
        raise RuntimeError(f"{task.task_id} never ends: {run.errors.get(task.task_id)}")

    def _attempt(self, one: Try, waiting: TaskDeferred | None, event: Any) -> str | TaskDeferred | None:
        """One try, or its going on after a wait: the state that it ends in; None: it is tried again."""
        run, task = one.run, one.task
        context = context_of(one)
        words = {"task": task.task_id, "run": run.name}
        self.world.note("try begins", service=run.service, connection=one.connection, **words)
        operator = rendered(task, context)
        try:
            with acting(one):
                if waiting is None:
                    value = operator.execute(context)
                else:
                    kwargs = {**(waiting.kwargs or {}), "event": event}
                    value = getattr(operator, waiting.method_name)(context, **kwargs)
            if value is not None:
                context["ti"].xcom_push("return_value", value)
            return SUCCESS
        except AirflowSkipException:
            return SKIPPED
        except DownstreamTasksSkipped as skipped:
            if not one.over:
                run.states |= dict.fromkeys(skipped.tasks, SKIPPED)
            return SUCCESS
        except TaskAwaitingInput as asks:
            return self._approved(one, operator, asks)
        except TaskDeferred as defer:
            return defer
        except Killed:
            if not one.over:
                self.lost(one)
            return None
        except MarkedFailed:
            if not one.over:
                self.lost(one, may_retry=False)
                run.marked_failed()
            return None
        except Exception as error:
            if one.over:
                return None
            run.errors[task.task_id] = str(error) or type(error).__name__
            return self._failed(one, error, context)

    def _failed(self, one: Try, error: Exception, context: Any) -> str | None:
        name, retries = one.task.task_id, one.task.retries or 0
        number = one.run.tries[name] - one.run.before[name]
        if isinstance(error, AirflowFailException | AirflowSensorTimeout) or number > retries:
            return FAILED
        policy = one.task.retry_policy
        decided = policy.evaluate(error, number, retries + 1, context).action if policy is not None else None
        return FAILED if decided is RetryAction.FAIL else None

    def _approved(self, one: Try, operator: Any, asks: Any) -> str:
        """Another user says yes."""
        plan = one.run.xcom["plan", "plan"]
        event = {
            "chosen_options": [f"Approve {plan['digest'][:16]}"],
            "params_input": {},
            "responded_at": datetime.fromtimestamp(self.world.now(), UTC),
            "responded_by_user": {"id": "boss", "name": "boss"},
        }
        context = context_of(one)
        value = operator.execute_complete(context, event, **(asks.kwargs or {}))
        context["ti"].xcom_push("return_value", value)
        self.world.note("approval", service=one.run.service)
        return SUCCESS


def _rule(run: Run, task: Any) -> str | None:
    """What becomes of a task now: `success` means that it runs, None that something before it waits."""
    upstream = [run.states.get(name) for name in task.upstream_task_ids]
    if any(state in (None, WAITING) for state in upstream):
        return None
    bad = any(state in (FAILED, UPSTREAM_FAILED) for state in upstream)
    rule = str(getattr(task.trigger_rule, "value", task.trigger_rule))
    if rule == "all_done":
        return SUCCESS
    if rule == "one_failed":
        return SUCCESS if bad else SKIPPED
    if rule == "all_done_setup_success":
        setups = [run.states[t.task_id] for t in task.upstream_list if t.is_setup]
        if SUCCESS in setups or not setups:
            return SUCCESS
        return UPSTREAM_FAILED if {FAILED, UPSTREAM_FAILED} & set(setups) else SKIPPED
    if bad:
        return UPSTREAM_FAILED
    if rule == "none_failed":
        return SUCCESS
    if rule == "all_success":
        return SKIPPED if SKIPPED in upstream else SUCCESS
    raise NotImplementedError(rule)
