"""A try holds the lock, and is the newest on every host that it acts on, or sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, Context, DagRunState
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowRuntimeError

from clones.act import lock
from clones.asking import fence
from clones.asking.steps import Result
from clones.config.scope import Scope
from clones.errors import CloneError, Fenced, Stale
from clones.observe.running_commands import refuse_on_hosts
from clones.time_limits import OLD_LOOK
from hooks.from_airflow import says_not_found, variable
from hooks.installation import this_airflow
from operators.ended_from_outside import STOOD_STILL, refuse_ended

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook

GO_ON = (
    "What to do: trigger the action again, or Clear, Only failed tasks, on this run. It checks "
    "everything, waits until nothing of this run is under way on the control host, and continues from "
    "there."
)

AGAIN = 3
"""How often a try looks at everything, when what it saw was too old each time to act on."""

MOST_TRIES = 9999
"""Of a task: its number may have as many digits in the name of a lock."""

_ENDED = (DagRunState.SUCCESS, DagRunState.FAILED)


class NewestTryOperator(BaseOperator):
    """Holds the service's lock for this try, and shuts earlier tries out of the hosts that it acts on."""

    hold_lock: bool
    starts_count: ClassVar[bool] = False
    """Whether a start command of an application that still runs keeps this task from going on."""
    this_try: lock.Owner | None = None
    listed: Mapping[str, Result]
    """What runs on each host that it acts on, by connection, asked for after earlier tries were shut out."""
    _hosts: SymcliHook | None = None

    def acts_on(self, scope: Scope) -> Sequence[str]:
        """The service hosts out of which earlier tries are shut before this task looks, by connection."""
        return ()

    def take_up(self, context: Context, scope: Scope, hosts: SymcliHook) -> bool:
        """The run may have ended, and was cleared in parts. Whether there is still something to do.

        :raises CloneError: there is not, or it could not be told.
        """
        return True

    def _may_work(self, context: Context, scope: Scope, hosts: SymcliHook) -> bool:
        """Only a first try, in a run that has held the lock since the task before, is surely no such task: a
        try that fails here, or is killed before, leaves the lock with the run.

        :raises CloneError: as :meth:`take_up`; the lock is given back.
        """
        if hosts.fence is not None and hosts.fence.goes_on and context["ti"].try_number == 1:
            return True
        try:
            goes_on = self.take_up(context, scope, hosts)
        except CloneError:
            self.give_back(scope, hosts)
            raise
        if not goes_on:
            self.give_back(scope, hosts)
        return goes_on

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> Any:
        """What the task does; what it returns becomes its XCom."""
        raise NotImplementedError

    def as_newest_try(self, context: Context, scope: Scope, hosts: SymcliHook, asked: float) -> Any:
        """Take the lock, shut earlier tries out, see that nothing of theirs still runs, and work.

        :param asked: when Airflow said last that it runs this try, by :func:`hooks.clock.awake`.
        :raises Stale: what was seen was too old to act on, each time.
        :raises Fenced: Airflow does not run this try any more, or a newer one works on the service.
        """
        self.this_try = None
        if self.hold_lock:
            hosts.expect([scope.control_host, *self.acts_on(scope)])
        for number in range(1, AGAIN + 1):
            try:
                if self.hold_lock:
                    self.hold(context, scope, hosts)
                    if number == 1 and not self._may_work(context, scope, hosts):
                        return None
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
            ended = partial(has_ended, context)
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
            goes_on = hosts.fence.goes_on
            counted = hosts.run(lock.count_on(scope, self.this_try, error.count))
            hosts.fence = replace(counted, goes_on=goes_on) if counted else None
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


def owner(context: Context) -> lock.Owner:
    """This try, as the lock names it: no two are the same.

    :raises ConfigError: this Airflow has no installation id, or this try or a later task of the run cannot
        be named.
    """
    run, ti, task = context["dag_run"], context["ti"], context.get("task")
    this = lock.Owner(run.dag_id, run.run_id, this_airflow(), token_hex(8), ti.task_id, ti.try_number)
    if task is not None and task.has_dag():
        # The plan is refused, not the task with the longest id amid the run.
        ours = [name for name, one in task.dag.task_dict.items() if isinstance(one, NewestTryOperator)]
        replace(this, task_id=max(ours, key=len, default=ti.task_id), number=MOST_TRIES)
    return this


def former_name() -> str | None:
    """How this Airflow was named in locks of before 0.2, None when it was not.

    :raises Unknown: it could not be read.
    """
    return variable(lock.INSTANCE)


def look_limit() -> float:
    """Seconds after which a look is too old to act on."""
    timeout = conf.getfloat("scheduler", "task_instance_heartbeat_timeout", fallback=300.0)
    return min(OLD_LOOK.seconds, timeout / 2)


def has_ended(context: Context, other: lock.Owner) -> bool | None:
    """Whether another run of this Airflow has ended; a run that is not there any more has."""
    try:
        return context["ti"].get_dagrun_state(other.dag_id, other.run_id) in _ENDED
    except AirflowRuntimeError as error:
        return True if says_not_found(error) else None
