"""Tasks of a merge-back: the clones' data goes back on to production."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.execution_time.context import NEVER_EXPIRE

from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.decide.approval import ASK_AGAIN, Approval
from clones.errors import Fenced, Refused
from clones.observe.sync import to_plain
from clones.runs import merge_back
from hooks.configuration import CONFIG
from operators.approval import APPROVAL, PlanToApproveOperator
from operators.base import CloneOperator

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook

SENT = "restore_sent_under"
"""Key in the restore task's state store: the approval that its command was sent under. Airflow keeps it for
the task of this run, over kills, retries and clears."""


class MergeBackPlanOperator(PlanToApproveOperator):
    """Show what would be overwritten, with the proof that production and the service are down.

    Its XCom `plan` is what :func:`clones.runs.merge_back.plan` returns, with what
    :class:`operators.approval.PlanToApproveOperator` adds.
    """

    does = "merge-back"

    def plan(self, context: Context, scope: Scope) -> Steps[dict[str, Any]]:
        return merge_back.plan(scope)


class _MergeBackOperator(CloneOperator):
    """One step under the service's lock.

    :param plan_task_id: the task whose XCom `plan` holds the run's plan.
    :param ended_task_ids: by each sync before this step, the task that ended its restore
        (:class:`MergeBackEndOperator`): each must still be as that left it. None: that they were acted on
        since the plan must do, and the approval must be recent at each sync.
    """

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        plan_task_id: str = "plan",
        ended_task_ids: Mapping[str, str] | None = None,
        config: str = CONFIG,
        target_set: str = "",
        needs_pools: Sequence[str] = (),
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            hold_lock=True,
            service=service,
            config=config,
            target_set=target_set,
            needs_pools=needs_pools,
            deferrable=deferrable,
            **kwargs,
        )
        self.plan_task_id = plan_task_id
        self.ended_task_ids = ended_task_ids

    def ended(self, context: Context) -> dict[str, Any] | None:
        """By sync, what its restore has left; None for one that has not come to its end."""
        if self.ended_task_ids is None:
            return None
        pull = context["ti"].xcom_pull
        return {sync: pull(task_ids=task, key="return_value") for sync, task in self.ended_task_ids.items()}

    def plan(self, context: Context) -> dict[str, Any]:
        """:raises Refused: there is none."""
        plan: dict[str, Any] | None = context["ti"].xcom_pull(task_ids=self.plan_task_id, key="plan")
        if not plan:
            raise Refused("This run has no plan. Nothing was sent to the array.", ASK_AGAIN)
        return plan


class MergeBackRestoreOperator(_MergeBackOperator):
    """Overwrite a sync's sources (`symclone restore`), under the approval of this run's plan.

    Right before the command everything is looked at again: it must be what was approved, and every resource
    of production and of the service must say that it is down. An approval is good for one restore: it is
    marked as spent before the command is sent. A task that is cleared afterwards goes on if the restore is
    seen under way or done, and is refused if not.

    :param sync: name of the sync, within its service (a template).
    :param approval_task_id: the task whose XCom `approval` holds the approval.
    :raises clones.errors.Refused: there is no good approval of this run's plan, it was spent, or what is seen
        is not what was approved.

    Its XCom `return_value` is what was seen of the sync at the end, as JSON.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "sync")

    def __init__(
        self,
        *,
        sync: str,
        approval_task_id: str = "approve",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.sync = sync
        self.approval_task_id = approval_task_id

    starts_count = True

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, object]:
        ti, store = context["ti"], context["task_state_store"]
        approval = Approval.read(ti.xcom_pull(task_ids=self.approval_task_id, key=APPROVAL))
        sent = store.get(SENT)

        def spend() -> Callable[[], None]:
            """:raises Fenced: a newer try has spent it since this one looked. That is never taken back."""
            assert approval is not None
            if store.get(SENT) != sent:
                raise Fenced(
                    f"Sync {self.sync}: a newer try of this task has sent the restore since its last "
                    "check. Nothing was sent to the array.",
                    "do nothing here: open the newer try of this task",
                )
            mine = {**approval.to_plain(), "spent": token_hex(8)}
            store.set(SENT, mine, retention=NEVER_EXPIRE)

            def take_back() -> None:
                if store.get(SENT) != mine:
                    return
                if sent:
                    store.set(SENT, sent, retention=NEVER_EXPIRE)
                else:
                    store.delete(SENT)

            return take_back

        steps = merge_back.restore(
            scope,
            scope.service.sync(self.sync),
            self.plan(context),
            approval,
            sent=Approval.read(sent),
            spend=spend,
            now=datetime.now(UTC),
            ended=self.ended(context),
        )
        return to_plain(hosts.run(steps))


class MergeBackEndOperator(_MergeBackOperator):
    """Remove a sync's restore flag (`symclone terminate -restored`), once every pair is Restored.

    :param sync: name of the sync, within its service (a template).
    :raises clones.errors.Refused: a pair is in another state.

    Its XCom `return_value` is what was seen of the sync at the end, as JSON.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "sync")

    def __init__(
        self,
        *,
        sync: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.sync = sync

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, object]:
        return to_plain(hosts.run(merge_back.end(scope, scope.service.sync(self.sync))))


class MergeBackConfirmOperator(_MergeBackOperator):
    """See that every sync was merged back and has no restore flag any more.

    :raises clones.errors.Refused: a sync was not.

    Its XCom `return_value` is a list of what was seen of each sync, as JSON.
    """

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> list[dict[str, object]]:
        return hosts.run(merge_back.confirm(scope, self.plan(context), self.ended(context)))
