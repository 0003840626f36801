"""Tasks that end copies for good: the plan, terminate, and the device groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from clones.asking.steps import Steps
from clones.backends.doing import doing_of
from clones.config.scope import Scope
from clones.decide.approval import Approval, require, require_recent
from clones.runs import retire
from operators.approval import APPROVAL, PlanToApproveOperator
from operators.own_activation import OwnActivationOperator
from reporting import target_sets
from reporting.completed import ledger

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class _ApprovedOperator(OwnActivationOperator):
    """A step that, in a DAG with an approval, does only what was approved.

    :param approval_task_id: the task whose XCom `approval` holds the approval; None: none is asked for.
    :param plan_task_id: the task whose XCom `plan` holds what was approved.
    """

    def __init__(
        self,
        *,
        approval_task_id: str | None = None,
        plan_task_id: str = "plan",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.approval_task_id = approval_task_id
        self.plan_task_id = plan_task_id

    def approved(self, context: Context, scope: Scope) -> dict[str, Any] | None:
        """What was approved, or None when no approval is asked for.

        :raises Refused: there is no approval of this run's plan, or it is not good any more.
        """
        if self.approval_task_id is None:
            return None
        pull = context["ti"].xcom_pull
        approval = Approval.read(pull(task_ids=self.approval_task_id, key=APPROVAL))
        plan = pull(task_ids=self.plan_task_id, key="plan")
        subject = f"Sync {self.sync}"
        approval = require(approval, plan, subject)
        require_recent(approval, datetime.now(UTC), scope.service.approval_timeout, subject)
        return dict(plan["bound"])


class SymcloneTerminateOperator(_ApprovedOperator):
    """End the sessions of a sync's pairs for good (`symclone terminate`), the service proven down.

    A session that moves is refused: it would need `-symforce`, which is never sent.

    :raises clones.errors.Refused: there is no good approval of this run's plan, the service is not down, or a
        session moves.

    It leaves no XCom `return_value`.
    """

    starts_count = True

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        sync = scope.service.sync(self.sync)
        approved, kept = self.approved(context, scope), ledger(context, scope, sync)
        hosts.run(doing_of(sync).end(scope, sync, approved, kept))


class SymcloneRemoveGroupOperator(_ApprovedOperator):
    """Take a sync's names out of its device group and delete the group once it is empty.

    It leaves no XCom `return_value`.

    :raises clones.errors.CloneError: a pair has a session, the group holds other names, or SYMCLI refused.
    """

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        sync = scope.service.sync(self.sync)
        hosts.run(doing_of(sync).remove(scope, sync, self.approved(context, scope)))


class RetirePlanOperator(PlanToApproveOperator):
    """Show which sessions would be ended and which device groups deleted; refuse what must not be.

    Its XCom `plan` is what :func:`clones.runs.retire.to_approve` returns, with `action` and `reason`.
    """

    does = "retire"

    def plan(self, context: Context, scope: Scope) -> Steps[dict[str, Any]]:
        return retire.to_approve(scope, target_sets.recorded(context, scope) if scope.target_set else None)
