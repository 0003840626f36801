"""Tasks that make what copies lack: the plan, and device groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from clones.asking.steps import Command, Steps
from clones.config.scope import Scope
from clones.runs import provision
from clones.runs.plan_only import plain
from operators.one_sync import OneSyncOperator
from operators.run_plan import RunPlanOperator

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class ProvisionPlanOperator(RunPlanOperator):
    """Look at what the copies lack, and refuse all at once before anything is changed.

    Its XCom `plan` is ``{"action", "commands": [{"host", "line", "because"}], "reason"}``; with `plan_only`
    it is as :class:`RunPlanOperator` says. `reason` and `plan_only` are as there.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(action="provision", phases={}, **kwargs)

    def foresee(self, scope: Scope) -> Steps[list[Command]]:
        return provision.plan(scope)

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        plan = {"action": self.action, "commands": plain(hosts.run(self.foresee(scope)))}
        context["ti"].xcom_push(key="plan", value={**plan, "reason": self.reason})


class SymcloneProvideGroupOperator(OneSyncOperator):
    """Make a sync's device group and add its devices, as far as they are missing (`symdg create`, `add dev`).

    :raises clones.errors.CloneError: the group is another one than configured, a device is not to be had, or
        SYMCLI refused.
    """

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(provision.provide_group(scope, scope.service.sync(self.sync)))
