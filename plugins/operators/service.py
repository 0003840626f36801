"""Tasks that stop and start what runs on the copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from clones.act import stop_and_start
from clones.act.hooks import hook_named, run_hook, run_hooks
from clones.config import Hook
from clones.config.scope import Scope
from clones.runs.old_copies import why_left_down
from clones.runs.result import RESTARTED
from hooks.configuration import CONFIG
from operators.base import CloneOperator
from reporting import completed

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class ServiceStopOperator(CloneOperator):
    """Take a service's resources down, in reverse order; what is down already is left alone.

    :raises clones.errors.CloneError: a resource stays up, or cannot tell.

    It leaves no XCom `return_value`.
    """

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(stop_and_start.stop(scope))


class ServiceStartOperator(CloneOperator):
    """Bring a service's resources up, in order, if every sync is wholly active; what is up is left alone.

    :raises clones.errors.CloneError: a sync is not usable, a resource stays down, or cannot tell.

    It leaves no XCom `return_value`.
    """

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(stop_and_start.start(scope, self.listed, completed.in_order(context, scope)))


class ServiceCommandOperator(CloneOperator):
    """One of the service's hooks: a command of the site's own.

    :param place: `before_stop`, `after_start` or `probes`.
    :param hook: its name there.

    It leaves no XCom `return_value`.

    :raises clones.errors.CloneError: it failed, or could not be told; not with `blocking: false`.
    """

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        place: str,
        hook: str,
        config: str = CONFIG,
        target_set: str = "",
        hold_lock: bool = True,
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
        self.place = place
        self.hook = hook

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return [scope.service.host_of(self._hook(scope))]

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(run_hook(scope, self._hook(scope), self.place))

    def _hook(self, scope: Scope) -> Hook:
        return hook_named(getattr(scope.service, self.place), self.hook)


class ServiceRestartUnchangedOperator(CloneOperator):
    """After a failure: start the service again on its old copies, if nothing was done to them.

    The service's `after_start` hooks follow within this task. Once that is done it fails, as the run does:
    else *Clear, Only failed tasks* would leave it as it is, and what fails then would find nobody to start
    the service. Its XCom `restarted` says that it has done its work.

    It is skipped, saying why, when the service was not up before, when `restart_if_unchanged` is false, or
    when any copy is not what the run's plan saw.

    :param plan_task_id: the task whose XCom `plan` holds the run's plan.
    :raises airflow.sdk.exceptions.AirflowSkipException: the service is left as it is.
    :raises airflow.sdk.exceptions.AirflowFailException: the service runs on its old copies again.
    """

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        plan_task_id: str = "plan",
        config: str = CONFIG,
        target_set: str = "",
        hold_lock: bool = True,
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
        self.plan_task_id = plan_task_id

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id, key="plan")
        why = hosts.run(why_left_down(scope, plan))
        if why:
            raise AirflowSkipException(why)
        self.log.info("No copy was changed by this run: the service is started again on its old copies.")
        hosts.run(stop_and_start.start(scope, self.listed, None))
        hosts.run(run_hooks(scope, scope.service.after_start, "after_start"))
        context["ti"].xcom_push(key=RESTARTED, value=True)
        raise AirflowFailException(
            "The service runs on its old copies again. This task fails as the run does, so that both are "
            "cleared together.\nWhat to do: read the log of `finish`."
        )
