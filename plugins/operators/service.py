"""Tasks that stop and start what runs on the copies."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from clones import planning, service
from clones.scope import Scope
from hooks.symcli import SymcliHook
from operators.base import CloneOperator


class ServiceStopOperator(CloneOperator):
    """Take a service's resources down, in reverse order; what is down already is left alone.

    :raises clones.errors.CloneError: a resource stays up, or cannot tell.
    """

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(service.stop(scope))


class ServiceStartOperator(CloneOperator):
    """Bring a service's resources up, in order, if every sync is wholly active; what is up is left alone.

    :raises clones.errors.CloneError: a sync is not usable, a resource stays down, or cannot tell.
    """

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(service.start(scope))


class ServiceRestartUnchangedOperator(CloneOperator):
    """After a failure: start the service again on its old copies, if nothing was done to them.

    It is skipped, saying why, when the service was not up before, when `restart_if_unchanged` is false, or
    when any copy is not what the run's plan saw.

    :param plan_task_id: the task whose XCom `plan` holds the run's plan.
    """

    def __init__(self, *, plan_task_id: str = "plan", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_task_id = plan_task_id

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id, key="plan")
        if plan is None:
            raise AirflowSkipException("The run failed before it stopped anything: the service is as it was.")
        if not plan["up"]:
            raise AirflowSkipException("The service was down before this run, and is left down.")
        if not scope.service.restart_if_unchanged:
            raise AirflowSkipException("`restart_if_unchanged` is false: the service is left down.")
        if not hosts.run(planning.unchanged_since(scope, plan)):
            raise AirflowSkipException(
                "The copies are not what they were when the run began: the service is left down. "
                "What to do: mend what failed, clear that task, and the run goes on from there."
            )
        self.log.info("No copy was changed by this run: the service is started again on its old copies.")
        hosts.run(service.start(scope))
