"""A task works only in a run whose plan has its phase, whoever clears or marks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from clones.actions import BREAK, STOP
from clones.config.scope import Scope
from clones.decide.ledger import Activation
from clones.runs import taken_up
from clones.runs.result import FINISH, PLAN
from operators.newest_try import NewestTryOperator

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class PhaseOperator(NewestTryOperator):
    """One task of a phase of its run.

    What a cleared task may still do: :mod:`clones.runs.taken_up`.

    :param phase: of :data:`clones.actions.PHASES`: the task is skipped in a run whose action leaves it out,
        and refused in one that has no plan. Any other word: it is in every plan. Empty: it goes by no plan.
    """

    plans: ClassVar[bool] = False
    """It makes its run's plan itself."""
    mends: ClassVar[bool] = False
    """It runs after a failure, also of the plan."""

    def __init__(self, *, phase: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.phase = phase

    def skip_left_out(self, context: Context, scope: Scope) -> None:
        """:raises AirflowSkipException: the run's form leaves this task out."""
        if self.plans:
            return
        why = taken_up.why_left_out(self.phase, context.get("params") or {}, scope.whole or scope.service)
        if why:
            raise AirflowSkipException(why)

    def take_up(self, context: Context, scope: Scope, hosts: SymcliHook) -> bool:
        """:raises Refused: the run has no plan, or it would stop what another run may have started."""
        if not self.phase or self.mends:
            return True
        ti = context["ti"]
        plan = ti.xcom_pull(task_ids=PLAN, key="plan")
        taken_up.require_plan(scope, plan)
        if self.phase != STOP:
            return True
        ended: Mapping[str, Any] = ti.xcom_pull(task_ids=FINISH, key="result") or {}
        if ended.get("result") == "done":
            self.log.warning("This run was done before: nothing is stopped. For more, trigger a new run.")
            return False
        # The array does not hinder a retry of what only stops.
        retried = plan.get("phases") == [STOP] and hosts.fence is not None and hosts.fence.goes_on
        if not scope.target_set and not retried:
            own = self._activations(context, scope)
            hosts.run(taken_up.refuse_changed(scope, plan, (ti.dag_id, ti.run_id), own))
        return True

    @staticmethod
    def _activations(context: Context, scope: Scope) -> dict[str, Activation]:
        """By sync, what this run says it has activated, in any try."""
        found = {}
        for name in (sync.name for sync in scope.service.syncs):
            tries = context["ti"].xcom_pull(task_ids=f"{BREAK}.{name}.activate", key="record") or []
            for one in tries:
                if activation := Activation.read(one.get("activated")):
                    found[name] = activation
        return found
