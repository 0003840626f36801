"""Tasks of a service with target sets alone: a set is prepared, and a failed change-over is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from clones.act import change_over
from clones.act.hooks import run_hooks
from clones.act.prepare import prepare
from clones.config.scope import Scope
from clones.runs.result import PLAN, RESTARTED
from operators.base import CloneOperator
from reporting import completed, target_sets

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class ServicePrepareOperator(CloneOperator):
    """Make a target set ready while the service still runs on another one: its disks found, its groups active
    under names of their own, its file systems checked. Nothing of it is mounted.

    What is so already is left alone, and so is a set that the service is on.

    :raises clones.errors.Refused: another run has stopped or started the service since this run's plan.
    :raises clones.errors.CloneError: a sync of the set is not usable, a group does not come up, a check
        fails, or something could not be told. The service runs on.

    It leaves no XCom `return_value`.
    """

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        target_sets.refuse_moved(context, scope)
        hosts.run(prepare(scope, completed.kept(context, scope)))


class ServiceChangeBackOperator(CloneOperator):
    """After a failure: take the service back to the target set that it came from.

    What came up on the new set is taken down, and proven down, before the former one is brought up; the
    service's `after_start` hooks follow within this task. Once that is done it fails, as the run does: else
    *Clear, Only failed tasks* would leave it as it is, and what fails then would find nobody to change back.
    Its XCom `restarted` says that it has done its work.

    It is skipped, saying why, when the run has not begun to stop the service, when nobody knows where it came
    from, when another run has taken it on since, or with `rollback: false`.

    :raises airflow.sdk.exceptions.AirflowSkipException: the service is left as it is.
    :raises airflow.sdk.exceptions.AirflowFailException: the service runs on its former set again.
    :raises clones.errors.CloneError: something stays up or down, or could not be told.
    """

    any_set = True
    mends = True

    def acts_on(self, scope: Scope) -> Sequence[str]:
        return scope.service_hosts()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        plan = context["ti"].xcom_pull(task_ids=PLAN, key="plan")
        if plan is None:
            raise AirflowSkipException("The run failed before it stopped anything: the service is as it was.")
        former, new = plan["from_set"], plan["to_set"]
        if not former or former == new:
            raise AirflowSkipException(
                f"This run began on no other set than {new}: there is none to change back to."
            )
        scope = scope.on(former)
        ti, kept = context["ti"], target_sets.recorded(context, scope)
        if target_sets.has_ended_well(context, kept, new):
            raise AirflowSkipException(
                f"This run has ended well before: the service has run on set {new} since, and is left there. "
                f"What to do: to take it back to set {former}, run the action `rewind`."
            )
        stopped = target_sets.has_begun(context, kept)
        known = completed.activations(context, scope.on(new))
        run = (ti.dag_id, ti.run_id)
        why = hosts.run(change_over.why_left(scope, plan, run=run, stopped=stopped, known=known))
        if why:
            raise AirflowSkipException(why)
        self.log.info("The service is taken back to set %s.", former)
        target_sets.intend(context, scope, new, former)
        hosts.run(change_over.back(scope, scope.on(new), self.listed))
        hosts.run(run_hooks(scope, scope.service.after_start, "after_start"))
        target_sets.intend(context, scope, former, former)  # that change-over has ended
        context["ti"].xcom_push(key=RESTARTED, value=True)
        raise AirflowFailException(
            f"The service runs on its former set {former} again. This task fails as the run does, so that "
            "both are cleared together.\nWhat to do: read the log of `finish`."
        )
