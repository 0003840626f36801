"""What all operators share: whose service it is, the connection, the lock, and what a failure means."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, Context, DagRunState
from airflow.sdk.configuration import conf
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowRuntimeError,
    AirflowSkipException,
    DownstreamTasksSkipped,
    TaskDeferralTimeout,
)

from clones.act import lock
from clones.asking import fence
from clones.asking.steps import Result
from clones.config import Service
from clones.config.scope import Scope
from clones.errors import CloneError, Fenced, MustWait, NotDone, NotMyTurn, Refused, Stale, TryAgain, kind_of
from clones.observe.running_commands import refuse_on_hosts
from clones.observe.sync import seen_place
from clones.runs import pools
from clones.runs.record import TaskRecord
from clones.services_yaml.file import load, scope_from
from clones.states import SyncSeen
from hooks import needs
from hooks.configuration import CONFIG as CONFIG
from hooks.from_airflow import says_not_found, variable
from hooks.hosts import open_hosts
from hooks.installation import this_airflow
from operators.ended_from_outside import refuse_ended

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook

RETRY_POLICY = ExceptionRetryPolicy(
    [
        RetryRule("clones.errors.TornForNow", RetryAction.RETRY, reason="the next try fixes it"),
        RetryRule("clones.errors.Refused", RetryAction.FAIL, reason="refused: a retry cannot help"),
        RetryRule("clones.errors.ConfigError", RetryAction.FAIL, reason="the configuration must be fixed"),
        RetryRule("clones.errors.TryAgain", RetryAction.RETRY, reason="it may pass by itself"),
    ]
)
"""Refusals fail at once; locks, lost sessions and the like are tried again, as often as `retries` allows."""

LOOK_AGAIN = timedelta(minutes=10)
"""How long the end of another run is waited for before its lock is looked at again."""

GO_ON = (
    "What to do: trigger the action again, or Clear, Only failed tasks, on this run. It checks "
    "everything, waits until nothing of this run is under way on the control host, and continues from "
    "there."
)

AGAIN = 3
"""How often a try looks at everything, when what it saw was too old each time to act on."""

STOOD_STILL = 2.0
"""Seconds between Airflow's word that it runs this try and the lock, after which it is asked once more. Less
than any other try takes to begin."""

LOOK_LIMIT = 120.0
"""Seconds after which a look is too old to act on; half of the heartbeat time-out where that is less."""

log = logging.getLogger(__name__)

_ENDED = (DagRunState.SUCCESS, DagRunState.FAILED)


class CloneOperator(BaseOperator):
    """One step for one service.

    :param service: name of a service in the configuration file, or a whole service as a mapping with the
        same keys as there, ``name`` and, if need be, ``symcli``.
    :param config: path of the configuration file.
    :param hold_lock: take the service's lock for this try first, and shut earlier tries out of the hosts that
        it acts on. The run's last task gives the lock back; without such a task the next run takes it over.
        False only for what changes nothing, and for `after_activate` hooks.
    :param needs_pools: Airflow pools that the run's tasks need: nothing is done unless all are known to
        exist.
    :param deferrable: while a copy is moving, or another run works on the service, wait in the triggerer;
        else fail, to be tried again.
    """

    template_fields: Sequence[str] = ("service", "config")
    runs_anyway: ClassVar[bool] = False
    """Also in a run that was ended from outside (:mod:`operators.ended_from_outside`)."""
    ui_color: ClassVar[str] = "#dce9f5"

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        config: str = CONFIG,
        hold_lock: bool = True,
        needs_pools: Sequence[str] = (),
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.service = service
        self.config = config
        self.hold_lock = hold_lock
        self.needs_pools = tuple(needs_pools)
        self.deferrable = deferrable
        self._hosts: SymcliHook | None = None
        self._resumed = False
        self.this_try: lock.Owner | None = None
        self.listed: dict[str, Result] = {}

    starts_count: ClassVar[bool] = False
    """Whether a start command of an application that still runs keeps this task from going on."""

    def acts_on(self, scope: Scope) -> Sequence[str]:
        """The service hosts out of which earlier tries are shut before this task looks, by connection."""
        return ()

    def scope(self) -> Scope:
        """The service that this task works on.

        :raises ConfigError: naming the file, line and field.
        """
        if isinstance(self.service, str):
            config = load(self.config, only=self.service)
            return Scope(self.service, config.services[self.service], config.symcli)
        return scope_from({"name": self.task_id, **self.service})

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> Any:
        """What the task does; what it returns becomes its XCom."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        needs.require()
        from hooks import symcli

        asked = symcli.awake()
        if not self.runs_anyway:
            refuse_ended(context, self)
        try:
            scope = self.scope()
            if self.needs_pools:
                pools.require(self.needs_pools, known_pools() or ())
        except CloneError as error:
            leave_word(context, error)
            raise
        try:
            with (
                recorded(context, resumed=self._resumed) as record,
                open_hosts(record, look_limit=look_limit(), must_fence=True) as self._hosts,
            ):
                done = self._as_newest_try(context, scope, self._hosts, asked)
            if self.runs_anyway:
                self._say_what_does_not_follow(context)
            return done
        except MustWait as wait:
            if not self.deferrable:
                raise
            self.log.info("%s. Waiting in the triggerer.", wait.what)
            self.wait(scope, wait.sync, wanted=wait.wanted, seconds=wait.seconds)
        except NotMyTurn as wait:
            if not self.deferrable:
                raise
            left = self._turn_deadline(context, scope) - datetime.now(UTC)
            if left <= timedelta(0):
                late = Refused(
                    f"{wait.what}\nIts turn has not come within `turn_timeout`.",
                    f"check in the UI what run {wait.run_id} of {wait.dag_id} waits for; clear this task "
                    "to wait for its turn again",
                )
                leave_word(context, late)
                raise late from None
            self.log.warning("%s Waiting for its end in the triggerer.", wait.what)
            # Loading it loads Airflow's tables: as much as all else that a task loads, and few tasks need it.
            from airflow.providers.standard.triggers.external_task import DagStateTrigger

            self.defer(
                trigger=DagStateTrigger(
                    dag_id=wait.dag_id,
                    run_ids=[wait.run_id],
                    states=list(_ENDED),
                    poll_interval=scope.service.poll_interval,
                ),
                method_name="take_turn",
                timeout=min(left, LOOK_AGAIN),
            )

    def _say_what_does_not_follow(self, context: Context) -> None:
        """Its work is done in any run. That the last task does not follow is told as elsewhere.

        :raises Refused: it stands as skipped.
        """
        try:
            refuse_ended(context, self, worked=True)
        except TryAgain as error:
            self.log.warning("%s", error)

    def _as_newest_try(self, context: Context, scope: Scope, hosts: SymcliHook, asked: float) -> Any:
        """Take the lock, shut earlier tries out, see that nothing of theirs still runs, and work.

        :param asked: when Airflow said last that it runs this try, by :func:`hooks.symcli.awake`.
        :raises Stale: what was seen was too old to act on, each time.
        :raises Fenced: Airflow does not run this try any more, or a newer one works on the service.
        """
        self.this_try = None
        for number in range(1, AGAIN + 1):
            try:
                if self.hold_lock:
                    self.hold(context, scope, hosts)
                    if hosts.clock() - asked > STOOD_STILL:
                        self._go_on_if_run(context, scope, hosts)
                return self.work(context, scope, hosts)
            except Stale as error:
                if number == AGAIN:
                    raise
                refuse_ended(context, self, only_try=True)
                self.log.warning("%s", error)
        raise AssertionError("unreachable")

    def _go_on_if_run(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        """A try that stood still before it took the lock has no right to it.

        :raises Fenced: Airflow does not run it any more; the lock is given back.
        """
        try:
            refuse_ended(context, self, only_try=True)
        except Fenced:
            self.give_back(scope, hosts)
            raise

    def hold(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        """Hold the lock as the newest try, on the control host and on all hosts that this task acts on.

        :raises CloneError: as :func:`clones.act.lock.take`, :func:`clones.asking.fence.put` and
            :func:`clones.observe.running_commands.refuse_on_hosts`; Fenced when it has held the lock and has
            lost it.
        """
        if self.this_try is None:
            self.this_try = owner(context)
            ended = partial(_has_ended, context)
            hosts.fence = hosts.run(lock.take(scope, self.this_try, ended, former=former_name))
        else:  # it begins anew, and takes the lock from nobody who has it since
            hosts.fence = hosts.run(lock.count_on(scope, self.this_try, 0))
            if hosts.fence is None:
                raise Fenced(
                    f"Service {scope.name}: this try does not hold the lock any more: a newer try, or "
                    "another run, has taken over since its last check. Nothing more is sent.",
                    "do nothing here: open the newer try of this task, or the run that holds the lock",
                )
        acts_on = list(self.acts_on(scope))
        try:
            self.listed = hosts.run(fence.put_on(scope, hosts.fence, acts_on))
        except Fenced as error:
            # Either this try is over, or the control host has lost its count.
            hosts.fence = hosts.run(lock.count_on(scope, self.this_try, error.count))
            if hosts.fence is None:
                raise
            self.listed = hosts.run(fence.put_on(scope, hosts.fence, acts_on))
        refuse_on_hosts(scope, self.listed.values(), self.task_id, starts=self.starts_count)

    def give_back(self, scope: Scope, hosts: SymcliHook) -> bool:
        """Give the lock back, if this try holds it. Whether it did.

        :raises Unknown: it could not be told.
        """
        return self.this_try is not None and hosts.run(lock.give_back(scope, self.this_try))

    def on_kill(self) -> None:
        """The task is ended from outside: say what that leaves. What was sent is never cut off half-way."""
        commands = self._hosts.under_way if self._hosts else ()
        if not commands:
            self.log.warning("Ended from outside, with no command under way. %s", GO_ON)
            return
        self.log.warning(
            "Ended from outside while this was under way on %s, where it may still come to its end: %s\n%s",
            commands[0].host,
            "\n".join(command.kept() for command in commands),
            GO_ON,
        )

    def wait(
        self,
        scope: Scope,
        sync: str,
        *,
        wanted: str,
        seconds: float,
        ends_task: bool = False,
        seen: SyncSeen | None = None,
    ) -> None:
        """Leave the worker until the copy is in another state; then :meth:`resume`.

        :param seen: what was seen in the worker, so that the triggerer need not look up the devices again.
        """
        # A task that does not wait has no use for it.
        from triggers.symclone import SymcloneStateTrigger

        place = seen_place(seen) if seen else None
        self.defer(
            trigger=SymcloneStateTrigger(
                scope=scope.of_one_sync(scope.service.sync(sync)).to_plain(),
                sync=sync,
                wanted=wanted,
                deadline=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
                poll_interval=scope.service.poll_interval,
                poll_max=scope.service.poll_max,
                ends_task=ends_task,
                symid=place.symid if place else None,
                devices=dict(place.devices) if place else None,
            ),
            method_name="resume",
        )

    def resume(self, context: Context, event: dict[str, str]) -> Any:
        """Go on after a wait: from a new look, as after any other pause."""
        try:
            raise_unless_reached(event)
        except CloneError as error:
            leave_word(context, error)
            raise
        self._resumed = True
        return self.execute(context)

    def take_turn(self, context: Context, event: object) -> Any:
        """The run that held the lock has ended: look again at everything. Another may have been faster."""
        self._resumed = True
        return self.execute(context)

    def _turn_deadline(self, context: Context, scope: Scope) -> datetime:
        """Until when this try waits for its turn, however many runs come before it."""
        key = f"turn_deadline_{context['ti'].try_number}"
        store = context["task_state_store"]
        known = store.get(key)
        if known is None:
            known = (datetime.now(UTC) + timedelta(seconds=scope.service.turn_timeout)).isoformat()
            store.set(key, known)
        return datetime.fromisoformat(str(known))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Only the wait for a turn has a time-out of Airflow's: a run that was deleted never says its end."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            return self.take_turn(context, None)


def retries(service: Service) -> dict[str, Any]:
    """How often and when a task is tried again, as a DAG's default arguments."""
    return {
        "retries": service.retries,
        "retry_delay": timedelta(seconds=service.retry_delay),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(hours=1),
    }


def known_pools() -> list[str] | None:
    """The pools that are known to exist in this Airflow, None when nobody has said.

    :raises Unknown: it could not be read.
    """
    known = variable(pools.KNOWN)
    return None if known is None else known.split()


@contextmanager
def recorded(context: Context, *, resumed: bool) -> Iterator[TaskRecord]:
    """Keep what the task does, over its tries, for the run's record (XCom `record`).

    :param resumed: this try has begun before, and goes on after a wait.
    """
    ti, store = context["ti"], context.get("task_state_store")
    first = ti.try_number == 1 and not resumed  # nothing was left by anyone yet
    earlier: Any = store.get("record", []) if store is not None and not first else []
    record = TaskRecord(
        earlier,
        ti.try_number,
        lambda: datetime.now(UTC),
        lambda tries: store.set("record", tries) if store is not None else None,  # type: ignore[arg-type]
    )
    error = kind = ""
    try:
        yield record
    except (AirflowSkipException, DownstreamTasksSkipped, MustWait, NotMyTurn):
        raise
    except Exception as raised:
        known = isinstance(raised, CloneError | AirflowException)
        error = str(raised) if known else f"{type(raised).__name__}: {raised}"
        kind = kind_of(raised)
        raise
    finally:
        record.ended(error, kind)
        ti.xcom_push(key="record", value=record.tries)


def leave_word(context: Context, error: Exception) -> None:
    """Keep why a try ends that has nothing else to record: the run's last task and the board say it."""
    try:
        with recorded(context, resumed=True):
            raise error
    except Exception as raised:
        if raised is not error:  # Airflow did not take it; the error itself is what counts
            log.warning("Why this try ends could not be kept: %s", raised)


def raise_unless_reached(event: Mapping[str, str]) -> None:
    """:raises Refused, NotDone: when a wait did not end well."""
    if event["status"] == "refused":
        raise Refused(event["message"])
    if event["status"] == "late":
        raise NotDone(
            event["message"],
            "check with `symclone query` whether it still moves; clear this task to wait on, or raise "
            "its time-out",
        )


def owner(context: Context) -> lock.Owner:
    """This try, as the lock names it: no two are the same.

    :raises ConfigError: this Airflow has no installation id.
    """
    run = context["dag_run"]
    ti = context["ti"]
    return lock.Owner(run.dag_id, run.run_id, this_airflow(), token_hex(8), ti.task_id, ti.try_number)


def former_name() -> str | None:
    """How this Airflow was named in locks of before 0.2, None when it was not.

    :raises Unknown: it could not be read.
    """
    return variable(lock.INSTANCE)


def look_limit() -> float:
    """Seconds after which a look is too old to act on."""
    timeout = conf.getfloat("scheduler", "task_instance_heartbeat_timeout", fallback=300.0)
    return min(LOOK_LIMIT, timeout / 2)


def _has_ended(context: Context, other: lock.Owner) -> bool | None:
    """Whether another run of this Airflow has ended; a run that is not there any more has."""
    try:
        return context["ti"].get_dagrun_state(other.dag_id, other.run_id) in _ENDED
    except AirflowRuntimeError as error:
        return True if says_not_found(error) else None
