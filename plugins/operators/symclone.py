"""Tasks that make copies: create, recreate, activate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from clones.act.hooks import run_hooks
from clones.actions import REWIND
from clones.asking.steps import Steps
from clones.backends.doing import doing_of
from clones.config.scope import Scope
from clones.decide.target_sets import refuse_last_good
from clones.observe.sync import to_plain
from clones.runs.hook_windows import Window
from operators.ahead import aside
from operators.own_activation import OwnActivationOperator

# Former places, for one release more.
from operators.provision import SymcloneProvideGroupOperator as SymcloneProvideGroupOperator
from operators.retire import RetirePlanOperator as RetirePlanOperator
from operators.retire import SymcloneRemoveGroupOperator as SymcloneRemoveGroupOperator
from operators.retire import SymcloneTerminateOperator as SymcloneTerminateOperator
from operators.source_hooks import is_over, mark_begun
from reporting import target_sets
from reporting.completed import ledger

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class SymcloneCreateOperator(OwnActivationOperator):
    """Give every pair of a sync its copy session, where it has none (`symclone create -diff`).

    :raises clones.errors.CloneError: the service is not down, a pair is not the configured one, a target is
        smaller than its source, it is the target set on which the service last started well, or SYMCLI
        refused.

    Its XCom `return_value` is what was seen of the sync at the end, as JSON.
    """

    starts_count = True

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, object]:
        sync, recorded = scope.service.sync(self.sync), target_sets.recorded(context, scope)
        kept = ledger(context, scope, sync) if scope.service.snapshots else None
        return to_plain(hosts.run(doing_of(sync).create(scope, sync, recorded, kept)))


class _HookedOperator(OwnActivationOperator):
    """A step that may have hooks of the source around it."""

    window: Window
    """The tasks of the hooks around it."""
    plan_task_id: str
    """The task that leaves the run's plan; empty: none is asked for."""
    _plan: Callable[[], Any]

    def as_newest_try(self, context: Context, scope: Scope, hosts: SymcliHook, asked: float) -> Any:
        if self.plan_task_id:
            self._plan = aside(lambda: context["ti"].xcom_pull(task_ids=self.plan_task_id, key="plan"))
        else:
            self._plan = lambda: None
        return super().as_newest_try(context, scope, hosts, asked)

    def begin_again(self, context: Context, scope: Scope, hosts: SymcliHook, ready: Steps[None]) -> None:
        """Run the `before_activate` hooks once more where they were ended since.

        :param ready: refuses or waits where the step would.
        """
        if self.window.before and is_over(context["ti"], self.window, self.task_id):
            sync = scope.service.sync(self.sync)
            self.log.warning("The `before_activate` hooks were ended since: they are run again first.")
            hosts.run(ready)
            hosts.run(run_hooks(scope, sync.before_activate, f"before_activate of sync {sync.name}"))
            mark_begun(context["ti"])


class SymcloneRecreateOperator(_HookedOperator):
    """Re-establish a sync's copies (`symclone recreate`); the targets are not usable from then on.

    Right before the command every resource of the service must say that it is down, and every pair must be
    the configured one. Prepared pairs are left alone, so is a sync that this run has activated already. What
    somebody else has changed since this run's plan is refused (:mod:`clones.decide.identity`).

    Of a service with target sets only the set's own resources must be down. What an earlier prepare has left
    active of them is taken down first. The set on which the service last started well is refused.

    With `backend: snapvx` it takes a snapshot of the source group, the copy's point in time. The targets stay
    as they are and usable, and the service may be up.

    :param window: the tasks of the hooks around it, where it fixes the point in time; None: there are none.
    :param plan_task_id: the task whose XCom `plan` holds the run's plan. In a run that has none nothing is
        left alone but what is prepared.
    :raises clones.errors.Refused: the service is not down, a pair is not the configured one, a pair is in a
        state that does not permit it, or somebody else has changed the copy since this run's plan.

    Its XCom `return_value` is what was seen of the sync at the end, as JSON.
    """

    starts_count = True

    def acts_on(self, scope: Scope) -> Sequence[str]:
        if scope.service.snapshots:
            return [scope.service.host_of(hook) for hook in scope.service.sync(self.sync).before_activate]
        return scope.service_hosts()

    def __init__(
        self,
        *,
        window: Window | None = None,
        plan_task_id: str = "plan",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.window = window or Window()
        self.plan_task_id = plan_task_id

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, object]:
        sync = scope.service.sync(self.sync)
        plan = self._plan()
        if scope.target_set:
            refuse_last_good(scope, target_sets.recorded(context, scope))
        kept, back_end = ledger(context, scope, sync), doing_of(sync)
        self.begin_again(context, scope, hosts, back_end.ready_to_split(scope, sync, plan=plan))
        seen = to_plain(hosts.run(back_end.resync(scope, sync, plan, kept)))
        if hosts.record:
            hosts.record.saw(seen)
        return seen


class SymcloneActivateOperator(_HookedOperator):
    """Split a sync's copies at one point in time (`symclone activate`); the targets are read-write.

    All pairs go in one command, after every sync before it is seen active. That it is sent is kept before it
    is, and what is then seen of it as soon as it is seen.

    With `backend: snapvx` it links the target group to the snapshot that was taken, right after the service
    is proven down; in a run with the action `rewind` to the one before the linked one.

    :param mend_torn: when only some pairs are active, recreate these and activate all together; else refuse.
        A text (of a template) counts as true when it is ``True``.
    :param window: the tasks of the hooks around it; None: there are none. When only the failed tasks of a run
        were cleared, the `after_activate` have ended what the `before_activate` began: these are run again
        here first.
    :param plan_task_id: the task whose XCom `plan` holds the run's plan: when that saw the service up, and
        the run does not stop it, nothing is split. Empty in a run that stops it (a template).
    :raises clones.errors.Refused: a pair is in a state that does not permit it, or the service is up.
    :raises clones.errors.Torn: only some pairs are active, and `mend_torn` is false.

    Its XCom `return_value` is what was seen of the sync at the end, as JSON. It does not wait until the
    copy is complete: :class:`sensors.symclone.SymcloneStateSensor` does.
    """

    template_fields: Sequence[str] = (*OwnActivationOperator.template_fields, "mend_torn", "plan_task_id")

    def __init__(
        self,
        *,
        mend_torn: bool | str = False,
        window: Window | None = None,
        plan_task_id: str = "plan",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.mend_torn = mend_torn
        self.plan_task_id = plan_task_id
        self.window = window or Window()

    def acts_on(self, scope: Scope) -> Sequence[str]:
        if scope.service.snapshots:
            return scope.service_hosts()
        return [scope.service.host_of(hook) for hook in scope.service.sync(self.sync).before_activate]

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, object]:
        sync = scope.service.sync(self.sync)
        plan = self._plan()
        ready = doing_of(sync).ready_to_split(scope, sync, mend_torn=self._mend(), plan=plan)
        self.begin_again(context, scope, hosts, ready)
        if scope.target_set and self._mend():
            refuse_last_good(scope, target_sets.recorded(context, scope))
        kept = ledger(context, scope, sync, ask=aside)
        if plan and plan.get("action") == REWIND:
            seen = hosts.run(doing_of(sync).rewind(scope, sync, kept, plan))
        else:
            seen = hosts.run(
                doing_of(sync).split(scope, sync, mend_torn=self._mend(), ledger=kept, plan=plan)
            )
        if hosts.record and kept.own:
            hosts.record.activated(kept.own.to_plain())
        return to_plain(seen)

    def _mend(self) -> bool:
        return str(self.mend_torn) == "True"
