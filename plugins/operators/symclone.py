"""Tasks that change copies: device group, create, recreate, activate, terminate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from clones.act import resync_and_break
from clones.act.hooks import run_hooks
from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.decide.approval import Approval, require, require_recent
from clones.observe.sync import to_plain
from clones.runs import provision, retire
from clones.runs.hook_windows import Window
from clones.states import SyncSeen
from operators.approval import APPROVAL, PlanToApproveOperator
from operators.base import CloneOperator
from operators.source_hooks import is_over, mark_begun
from reporting.completed import copy_asset, ledger

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class _SyncOperator(CloneOperator):
    """One step for one sync. Its XCom is what was seen at the end, as JSON.

    :param sync: name of the sync.

    Other parameters: :class:`operators.base.CloneOperator`.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "sync")

    def __init__(self, *, sync: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sync = sync

    def steps(self, scope: Scope) -> Steps[SyncSeen]:
        raise NotImplementedError

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> Any:
        return to_plain(hosts.run(self.steps(scope)))


class SymcloneCreateOperator(_SyncOperator):
    """Give every pair of a sync its copy session, where it has none (`symclone create -diff`).

    :raises clones.errors.CloneError: the service is not down, a pair is not the configured one, a target is
        smaller than its source, or SYMCLI refused.
    """

    starts_count = True

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def steps(self, scope: Scope) -> Steps[SyncSeen]:
        return resync_and_break.create(scope, scope.service.sync(self.sync))


class SymcloneProvideGroupOperator(_SyncOperator):
    """Make a sync's device group and add its devices, as far as they are missing (`symdg create`, `add dev`).

    :raises clones.errors.CloneError: the group is another one than configured, a device is not to be had, or
        SYMCLI refused.
    """

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(provision.provide_group(scope, scope.service.sync(self.sync)))


class _OwnActivationOperator(_SyncOperator):
    """A step that must know which activation of its sync was this run's own.

    That stands in the state store of the sync's asset, of which this task has an inlet. Airflow deletes a
    task's XComs when it starts again, and shows a task's own store to no other task; an asset's store
    outlives a killed process, a retry, a clear of the task or of the whole run, and the recreate can read
    there what the activation has left.

    Without an inlet (a service or sync that is not given as a plain name) nothing is kept: what the run has
    activated is then taken for somebody else's.
    """

    def __init__(self, *, service: str | Mapping[str, Any], sync: str, **kwargs: Any) -> None:
        if isinstance(service, str) and not any("{" in name for name in (service, sync)):
            kwargs.setdefault("inlets", [copy_asset(service, sync)])
        super().__init__(service=service, sync=sync, **kwargs)


class SymcloneRecreateOperator(_OwnActivationOperator):
    """Re-establish a sync's copies (`symclone recreate`); the targets are not usable from then on.

    Right before the command every resource of the service must say that it is down, and every pair must be
    the configured one. Prepared pairs are left alone, so is a sync that this run has activated already. What
    somebody else has changed since this run's plan is refused (:mod:`clones.decide.identity`).

    :param plan_task_id: the task whose XCom `plan` holds the run's plan. In a run that has none nothing is
        left alone but what is prepared.
    :raises clones.errors.CloneError: see :mod:`clones.errors`.
    """

    starts_count = True

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def __init__(self, *, plan_task_id: str = "plan", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan_task_id = plan_task_id

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, object]:
        sync = scope.service.sync(self.sync)
        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id, key="plan")
        return to_plain(hosts.run(resync_and_break.resync(scope, sync, plan, ledger(context, scope, sync))))


class SymcloneActivateOperator(_OwnActivationOperator):
    """Split a sync's copies at one point in time (`symclone activate`); the targets are read-write.

    All pairs go in one command, after every sync before it is seen active. That it is sent is kept before it
    is, and what is then seen of it as soon as it is seen.

    :param mend_torn: when only some pairs are active, recreate these and activate all together; else refuse.
        A text (of a template) counts as true when it is ``True``.
    :param window: the tasks of the hooks around it. When only the failed tasks of a run were cleared, the
        `after_activate` have ended what the `before_activate` began: these are run again here first.
    :param plan_task_id: the task whose XCom `plan` holds the run's plan: when that saw the service up, and
        the run does not stop it, nothing is split.
    :raises clones.errors.CloneError: see :mod:`clones.errors`.
    """

    template_fields: Sequence[str] = (*_SyncOperator.template_fields, "mend_torn")

    def __init__(
        self,
        *,
        mend_torn: bool | str = False,
        window: Window | None = None,
        plan_task_id: str = "plan",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mend_torn = mend_torn
        self.plan_task_id = plan_task_id
        self.window = window or Window()

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return [scope.service.host_of(hook) for hook in scope.service.sync(self.sync).before_activate]

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, object]:
        ti, sync = context["ti"], scope.service.sync(self.sync)
        plan = ti.xcom_pull(task_ids=self.plan_task_id, key="plan")
        if self.window.before and is_over(ti, self.window, self.task_id):
            self.log.warning("The `before_activate` hooks were ended since: they are run again first.")
            hosts.run(resync_and_break.ready_to_split(scope, sync, mend_torn=self._mend(), plan=plan))
            hosts.run(run_hooks(scope, sync.before_activate, f"before_activate of sync {sync.name}"))
            mark_begun(ti)
        kept = ledger(context, scope, sync)
        return to_plain(
            hosts.run(resync_and_break.split(scope, sync, mend_torn=self._mend(), ledger=kept, plan=plan))
        )

    def _mend(self) -> bool:
        return str(self.mend_torn) == "True"


class _ApprovedOperator(_SyncOperator):
    """A step that, in a DAG with an approval, does only what was approved.

    :param approval_task_id: the task whose XCom `approval` holds the approval; None: none is asked for.
    :param plan_task_id: the task whose XCom `plan` holds what was approved.
    """

    def __init__(
        self, *, approval_task_id: str | None = None, plan_task_id: str = "plan", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
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

    :raises clones.errors.CloneError: see :mod:`clones.errors`.
    """

    starts_count = True

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(retire.terminate(scope, scope.service.sync(self.sync), self.approved(context, scope)))


class SymcloneRemoveGroupOperator(_ApprovedOperator):
    """Take a sync's names out of its device group and delete the group once it is empty.

    :raises clones.errors.CloneError: a pair has a session, the group holds other names, or SYMCLI refused.
    """

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        hosts.run(retire.remove_group(scope, scope.service.sync(self.sync), self.approved(context, scope)))


class RetirePlanOperator(PlanToApproveOperator):
    """Show which sessions would be ended and which device groups deleted; refuse what must not be.

    Its XCom `plan` is what :func:`clones.runs.retire.to_approve` returns, with `action` and `reason`.
    """

    does = "retire"

    def plan(self, scope: Scope) -> Steps[dict[str, Any]]:
        return retire.to_approve(scope)
