"""Tasks that make what copies lack: the plan, and device groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from clones.asking.steps import Steps
from clones.backends.doing import doing_of
from clones.config.scope import Scope
from clones.runs import provision
from clones.runs.planned import Step, plain
from hooks.configuration import CONFIG
from operators.one_sync import OneSyncOperator
from operators.run_plan import RunPlanOperator
from reporting import target_sets

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class ProvisionPlanOperator(RunPlanOperator):
    """Look at what the copies lack, and refuse all at once before anything is changed.

    Its XCom `plan` is ``{"action", "commands": [{"host", "line", "because"}], "reason"}``; with `plan_only`
    it is as :class:`operators.run_plan.RunPlanOperator` says.

    :param reason: why somebody wants it; required when a person triggered the run (a template).
    :param plan_only: only show what would be sent; take no lock, and skip every later task. A text (of a
        template) counts as true when it is ``True``.
    :raises clones.errors.Refused: a copy cannot be provisioned as it is.
    :raises clones.errors.Mistyped: a run by hand gives no reason.
    """

    any_set = False

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        reason: str,
        plan_only: bool | str = False,
        config: str = CONFIG,
        target_set: str = "",
        needs_pools: Sequence[str] = (),
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            action="provision",
            phases={},
            reason=reason,
            plan_only=plan_only,
            service=service,
            config=config,
            target_set=target_set,
            needs_pools=needs_pools,
            deferrable=deferrable,
            **kwargs,
        )

    def foresee(self, context: Context, scope: Scope) -> Steps[list[Step]]:
        steps = yield from provision.plan(scope, target_sets.recorded(context, scope))
        yield from self.refuse_shared(scope)
        return steps

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        self.refuse_set(context, scope)
        plan = {"action": self.action, "commands": plain(hosts.run(self.foresee(context, scope)))}
        context["ti"].xcom_push(key="plan", value={**plan, "reason": self.reason})


class SymcloneProvideGroupOperator(OneSyncOperator):
    """Make a sync's device group and add its devices, as far as they are missing (`symdg create`, `add dev`).

    It leaves no XCom `return_value`.

    :raises clones.errors.CloneError: the group is another one than configured, a device is not to be had, or
        SYMCLI refused.
    """

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        sync = scope.service.sync(self.sync)
        hosts.run(doing_of(sync).provide(scope, sync))
