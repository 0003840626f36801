"""Tasks on the source's host around an activation: `before_activate` and `after_activate`.

They are Airflow's setups and teardowns, with two things added. Airflow runs a teardown only once a setup has
succeeded, but a command that failed may have taken effect all the same: the first setup is an empty task. And
*Clear, Only failed tasks* clears no setup that succeeded: what an `after_activate` has ended since is begun
again by the task that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from clones.act.hooks import hook_named, run_hook, run_hooks
from clones.backends.doing import doing_of
from clones.config.scope import Scope
from clones.errors import CloneError
from clones.observe.running_commands import refuse_on_hosts
from clones.runs.hook_windows import Window, to_run
from clones.runs.result import PLAN
from hooks.configuration import CONFIG
from operators.base import CloneOperator
from operators.shut_out import keep_lock, shut_out_of

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook

BEGUN, ENDED = "begun", "ended"
"""XComs: a mark that a task makes when it has run its `before_activate`, and the marks that were ended."""


def mark_begun(ti: Any) -> None:
    """The `before_activate` up to here are in force now."""
    ti.xcom_push(key=BEGUN, value=uuid4().hex)


def marks(ti: Any, tasks: Sequence[str]) -> dict[str, str]:
    """By task, the mark that it has made; without those that made none."""
    found = {task: ti.xcom_pull(task_ids=task, key=BEGUN) for task in tasks}
    return {task: mark for task, mark in found.items() if mark}


def is_over(ti: Any, window: Window, task_id: str) -> bool:
    """Whether what was in force up to this task was ended since."""
    begun = marks(ti, [*window.earlier(task_id), task_id])
    ended = [mark for task in window.after for mark in ti.xcom_pull(task_ids=task, key=ENDED) or ()]
    return window.is_over(task_id, begun, ended)


class SourceBeforeActivateOperator(CloneOperator):
    """One `before_activate` of a sync.

    While the activation itself would wait, so does this, before it does anything; when that would refuse, so
    does this.

    It leaves no XCom `return_value`; its XCom `begun` is a mark of its own that it has run.

    :param sync: name of the sync, within its service.
    :param hook: name of the hook there.
    :param window: the tasks around this activation.
    :param mend_torn: as that of the activation; a text (of a template) counts as true when it is ``True``.
    :raises clones.errors.CloneError: the activation would be refused, or the command failed.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "mend_torn")

    def __init__(
        self,
        *,
        sync: str,
        hook: str,
        window: Window,
        mend_torn: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.sync = sync
        self.hook = hook
        self.window = window
        self.mend_torn = mend_torn

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return [scope.service.host_of(hook) for hook in scope.service.sync(self.sync).before_activate]

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        sync = scope.service.sync(self.sync)
        hook = hook_named(sync.before_activate, self.hook)
        plan = context["ti"].xcom_pull(task_ids=PLAN, key="plan")
        hosts.run(
            doing_of(sync).ready_to_split(scope, sync, mend_torn=str(self.mend_torn) == "True", plan=plan)
        )
        again = is_over(context["ti"], self.window, self.task_id)
        if again:
            self.log.warning("The hooks before this one were ended since: they are run again first.")
        hooks = to_run(sync.before_activate, hook, again=again)
        hosts.run(run_hooks(scope, hooks, f"before_activate of sync {sync.name}"))
        mark_begun(context["ti"])


class SourceAfterActivateOperator(CloneOperator):
    """One `after_activate` of a sync. It takes no lock and goes through no fence: it must not need the
    control host, and must end what was begun on production whatever else goes on. A late one can end what a
    newer try has begun there: its own activation begins that again, unless it has just been sent
    (docs/decisions/0022-a-try-is-fenced-where-it-acts.md).

    It runs its command whatever became of the tasks before it. When one of these failed, it first shuts their
    tries out, where it can. Once the command is done it fails, too: *Clear, Only failed tasks* then runs both
    again.

    It leaves no XCom `return_value`; its XCom `ended` is the list of the marks `begun` that it has ended.

    :param sync: name of the sync, within its service.
    :param hook: name of the hook there.
    :param window: the tasks around this activation.
    :param hold_lock: leave it false: this must not need the control host.
    :raises clones.errors.CloneError: the command failed, or must be run again.
    :raises airflow.sdk.exceptions.AirflowFailException: it was run, and a task before it has failed.
    """

    runs_anyway = True

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        sync: str,
        hook: str,
        window: Window,
        config: str = CONFIG,
        target_set: str = "",
        hold_lock: bool = False,
        needs_pools: Sequence[str] = (),
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            service=service,
            config=config,
            target_set=target_set,
            hold_lock=hold_lock,
            needs_pools=needs_pools,
            deferrable=deferrable,
            **kwargs,
        )
        self.sync = sync
        self.hook = hook
        self.window = window

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        ti = context["ti"]
        sync = scope.service.sync(self.sync)
        failed = self._failed(ti)
        still = self._shut_out(context, scope, hosts) if failed else None
        ti.xcom_push(key=ENDED, value=[*marks(ti, self.window.begins).values()])
        hosts.run(
            run_hook(
                scope,
                hook_named(sync.after_activate, self.hook),
                f"after_activate of sync {sync.name}",
                fenced=False,
            )
        )
        if still:
            raise type(still)(
                f"This hook was run, and must be run again once that has ended, for it may begin again what "
                f"this has ended: {still.what}",
                still.remedy,
            )
        if failed:
            raise AirflowFailException(
                f"This hook was run. It fails because {failed[0]} did, so that both are cleared "
                f"together.\nWhat to do: fix what the log of {failed[0]} names, then Clear, Only failed "
                "tasks."
            )

    def _failed(self, ti: Any) -> list[str]:
        """The tasks of the window before this one that have failed, or were not run after such a one."""
        earlier = self.window.earlier(self.task_id)
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=earlier, run_ids=[ti.run_id])
        return self.window.failed(self.task_id, states.get(ti.run_id, {}))

    def _shut_out(self, context: Context, scope: Scope, hosts: SymcliHook) -> CloneError | None:
        """What failed may only have stood still. Its `before_activate` must not begin again what this ends,
        and its activation must not split the copy once that has ended.

        :returns: what still runs of it, for which this must be done once more.
        """
        try:
            if not keep_lock(self, context, scope, hosts):
                return None
            listed = shut_out_of(self, scope, hosts, scope.begins_on(self.sync))
        except CloneError as error:
            self.log.warning(
                "%s\nThis hook runs all the same. Check that no task before it works any more: one that "
                "only stopped responding can still activate the copy, or begin again what this ends.",
                error,
            )
            return None
        try:
            refuse_on_hosts(scope, listed, self.task_id, starts=False)
        except CloneError as error:
            return error
        return None
