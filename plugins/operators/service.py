"""Tasks that stop and start what runs on the copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from clones.act import stop_and_start
from clones.act.hooks import run_hook, run_hooks
from clones.config import Hook
from clones.config.scope import Scope
from clones.errors import ConfigError
from clones.runs import refresh
from clones.runs.result import RESTARTED
from operators.base import CloneOperator
from reporting import completed

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class ServiceStopOperator(CloneOperator):
    """Take a service's resources down, in reverse order; what is down already is left alone.

    :raises clones.errors.CloneError: a resource stays up, or cannot tell.
    """

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(stop_and_start.stop(scope))


class ServiceStartOperator(CloneOperator):
    """Bring a service's resources up, in order, if every sync is wholly active; what is up is left alone.

    :raises clones.errors.CloneError: a sync is not usable, a resource stays down, or cannot tell.
    """

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(stop_and_start.start(scope, self.listed, completed.in_order(context, scope)))


class ServiceCommandOperator(CloneOperator):
    """One of the service's hooks: a command of the site's own.

    :param place: `before_stop`, `after_start` or `probes`.
    :param hook: its name there.
    :raises clones.errors.CloneError: it failed, or could not be told; not with `blocking: false`.
    """

    def __init__(self, *, place: str, hook: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.place = place
        self.hook = hook

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return [scope.service.host_of(self._hook(scope))]

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(run_hook(scope, self._hook(scope), self.place))

    def _hook(self, scope: Scope) -> Hook:
        return hook_named(getattr(scope.service, self.place), self.hook)


def hook_named(hooks: Sequence[Hook], name: str) -> Hook:
    """:raises ConfigError: it is not configured there any more."""
    for hook in hooks:
        if hook.name == name:
            return hook
    raise ConfigError(f"There is no hook {name!r} here.", "check services.yaml: was it renamed or taken out?")


class ServiceRestartUnchangedOperator(CloneOperator):
    """After a failure: start the service again on its old copies, if nothing was done to them.

    The service's `after_start` hooks follow within this task. Once that is done it fails, as the run does:
    else *Clear, Only failed tasks* would leave it as it is, and what fails then would find nobody to start
    the service. Its XCom `restarted` says that it has done its work.

    It is skipped, saying why, when the service was not up before, when `restart_if_unchanged` is false, or
    when any copy is not what the run's plan saw.

    :param plan_task_id: the task whose XCom `plan` holds the run's plan.
    """

    def __init__(self, *, plan_task_id: str = "plan", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_task_id = plan_task_id

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id, key="plan")
        if plan is None:
            raise AirflowSkipException("The run failed before it stopped anything: the service is as it was.")
        if not plan["up"]:
            raise AirflowSkipException("The service was down before this run, and stays down.")
        if not scope.service.restart_if_unchanged:
            raise AirflowSkipException("`restart_if_unchanged` is false: the service is left down.")
        if not hosts.run(refresh.unchanged_since(scope, plan)):
            raise AirflowSkipException(
                "The copies are not what they were when the run began: the service is left down. What to "
                "do: fix what failed, clear that task, and the run continues from there."
            )
        self.log.info("No copy was changed by this run: the service is started again on its old copies.")
        hosts.run(stop_and_start.start(scope, self.listed, None))
        hosts.run(run_hooks(scope, scope.service.after_start, "after_start"))
        context["ti"].xcom_push(key=RESTARTED, value=True)
        raise AirflowFailException(
            "The service runs on its old copies again. This task fails as the run does, so that both are "
            "cleared together.\nWhat to do: read the log of `finish`."
        )
