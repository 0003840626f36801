"""Tasks that stop and start what runs on the copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from clones.act import change_over, stop_and_start
from clones.act.before_start import run_before_start
from clones.act.hooks import hook_named, run_hook, run_hooks
from clones.asking.steps import Steps
from clones.backends.doing import doing_of
from clones.config import Hook
from clones.config.scope import Scope
from clones.decide.start_order import HAS_RUN_ON_THEM
from clones.runs.old_copies import why_left_down
from clones.runs.result import PLAN, RESTARTED
from operators.base import CloneOperator
from reporting import completed, target_sets

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook

BEFORE_STOP, BEFORE_START = "before_stop", "before_start"
RAN_ON = "ran_on"
"""XCom of a `before_start` hook's task: by sync, the copy that it has succeeded on."""


def _intend(context: Context, scope: Scope) -> None:
    """Record what the run is about to do with a service with target sets, before anything is stopped.

    :raises Refused: another run has stopped or started the service since this run's plan.
    :raises Unknown: it could not be recorded.
    """
    target_sets.refuse_moved(context, scope)
    plan = context["ti"].xcom_pull(task_ids=PLAN, key="plan") or {}
    on = scope.target_set  # without a plan it is only stopped
    target_sets.intend(context, scope, plan.get("from_set", on), plan.get("to_set", on))


class ServiceStopOperator(CloneOperator):
    """Take a service's resources down, in reverse order; what is down already is left alone.

    Of a service with target sets it first records from which set to which the run takes the service, once
    that is seen to be on no other set.

    :raises clones.errors.CloneError: a resource stays up, or cannot tell.

    It leaves no XCom `return_value`.
    """

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        if scope.target_set:
            hosts.run(change_over.stop(scope, lambda: _intend(context, scope)))
        else:
            hosts.run(stop_and_start.stop(scope))


class ServiceStartOperator(CloneOperator):
    """Bring a service's resources up, in order, if every sync is wholly active; what is up is left alone.

    The `before_start` hooks of the service run within this task, before the first application. Of a service
    with target sets it first proves the service down on every other set. Which runs have activated the copies
    it asks where these keep it: it needs an inlet of each sync (:func:`reporting.completed.copy_assets`).

    :raises clones.errors.CloneError: a sync is not usable, a hook fails, a resource stays down, or cannot
        tell.

    It leaves no XCom `return_value`.
    """

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        if scope.target_set:
            target_sets.refuse_moved(context, scope)
            hosts.run(change_over.prove_down_elsewhere(scope))
            was = target_sets.recorded(context, scope).intent
            if was is None or was.to_set != scope.target_set:
                target_sets.intend(context, scope, was.to_set if was else "", scope.target_set)
        hosts.run(self.bring_up(context, scope))

    def bring_up(self, context: Context, scope: Scope) -> Steps[None]:
        """What of the service it starts."""
        return stop_and_start.start(scope, self.listed, completed.kept(context, scope))


class ServiceStartDisksOperator(ServiceStartOperator):
    """Bring up what comes before a service's first application, for its `before_start` hooks.

    Each hook is a task after this one (:class:`ServiceCommandOperator`), and
    :class:`ServiceStartApplicationsOperator` comes after them.

    :raises clones.errors.CloneError: a sync is not usable, a resource stays down, or cannot tell.

    It leaves no XCom `return_value`.
    """

    def bring_up(self, context: Context, scope: Scope) -> Steps[None]:
        return stop_and_start.start_disks(scope, self.listed, completed.kept(context, scope))


class ServiceStartApplicationsOperator(ServiceStartOperator):
    """Bring up a service's first application and what comes after it, once its hooks have succeeded.

    :param hook_task_ids: by `before_start` hook, its task, whose XCom `ran_on` says on which copies it has
        succeeded.
    :raises clones.errors.Refused: a hook of the service is not known to have succeeded on these very copies.
    :raises clones.errors.CloneError: a resource stays down, or cannot tell.

    It leaves no XCom `return_value`.
    """

    def __init__(
        self,
        *,
        hook_task_ids: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.hook_task_ids = dict(hook_task_ids)

    def bring_up(self, context: Context, scope: Scope) -> Steps[None]:
        found = {
            hook: context["ti"].xcom_pull(task_ids=task, key=RAN_ON)
            for hook, task in self.hook_task_ids.items()
        }
        behind = {hook: copies for hook, copies in found.items() if copies}
        return stop_and_start.start_applications(scope, behind, self.listed, completed.kept(context, scope))


class ServiceCommandOperator(CloneOperator):
    """One of the service's hooks: a command of the site's own.

    :param place: `before_stop`, `before_start`, `after_start` or `probes`.
    :param hook: its name there.

    It leaves no XCom `return_value`. One of `before_start` leaves the XCom `ran_on`: the copies on which it
    has succeeded.

    :raises clones.errors.CloneError: it failed, or could not be told; not with `blocking: false`.
    """

    def __init__(
        self,
        *,
        place: str,
        hook: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.place = place
        self.hook = hook

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return [scope.service.host_of(self._hook(scope))]

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hook = self._hook(scope)
        if self.place == BEFORE_STOP and scope.target_set:
            hosts.run(change_over.refuse_elsewhere(scope))
            _intend(context, scope)
        if self.place == BEFORE_START:
            context["ti"].xcom_push(key=RAN_ON, value=hosts.run(run_before_start(scope, hook)))
        else:
            hosts.run(run_hook(scope, hook, self.place))

    def _hook(self, scope: Scope) -> Hook:
        return hook_named(getattr(scope.service, self.place), self.hook)


class ServiceRestartUnchangedOperator(CloneOperator):
    """After a failure: start the service again on its old copies, if nothing was done to them.

    The service's `before_start` and `after_start` hooks run within this task, at their places. Once
    that is done it fails, as the run does: else *Clear, Only failed tasks* would leave it as it is, and what
    fails then would find nobody to start the service. Its XCom `restarted` says that it has done its work.

    It is skipped, saying why, when the service was not up before, when `restart_if_unchanged` is false, or
    when any copy is not what the run's plan saw.

    :param plan_task_id: the task whose XCom `plan` holds the run's plan.
    :raises airflow.sdk.exceptions.AirflowSkipException: the service is left as it is.
    :raises airflow.sdk.exceptions.AirflowFailException: the service runs on its old copies again.
    """

    def __init__(
        self,
        *,
        plan_task_id: str = "plan",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.plan_task_id = plan_task_id

    mends = True

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id, key="plan")
        for sync in scope.service.syncs if scope.service.snapshots else ():
            # What may still come would change the disks under the service.
            hosts.run(doing_of(sync).wait_out(scope, sync, completed.ledger(context, scope, sync)))
        why = hosts.run(why_left_down(scope, plan))
        if why:
            raise AirflowSkipException(why)
        self.log.info("No copy was changed by this run: the service is started again on its old copies.")
        hosts.run(stop_and_start.start(scope, self.listed, HAS_RUN_ON_THEM))
        hosts.run(run_hooks(scope, scope.service.after_start, "after_start"))
        context["ti"].xcom_push(key=RESTARTED, value=True)
        raise AirflowFailException(
            "The service runs on its old copies again. This task fails as the run does, so that both are "
            "cleared together.\nWhat to do: read the log of `finish`."
        )
