"""The first and the last task of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped

from clones import lock, planning
from clones.errors import ConfigError, MustWait, Refused, TryAgain
from clones.foresight import foresee
from clones.run_result import judge
from clones.scope import Scope
from hooks.symcli import SymcliHook
from operators.base import CloneOperator, owner


class RunPlanOperator(CloneOperator):
    """Look at everything, refuse before anything is stopped, and skip the phases that the action leaves out.

    :param action: one of :data:`clones.actions.ACTIONS`.
    :param reason: why somebody wants it; required when a person triggered the run.
    :param phases: the ids of each phase's tasks.
    :param plan_only: only show what the action would send; take no lock, and skip every later task. A
        refusal then stands in the log and the task succeeds; what is not known still fails it. A text (of a
        template) counts as true when it is ``True``.

    Its XCom `plan` is what :func:`clones.planning.plan` returns, with `reason`. With `plan_only` its XCom is
    `foreseen` instead: ``{"refused": text or "", "commands": [{"host", "line"}]}``.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "action", "reason", "plan_only")

    def __init__(
        self,
        *,
        action: str,
        reason: str,
        phases: Mapping[str, Sequence[str]],
        plan_only: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(hold_lock=True, **kwargs)
        self.action = action
        self.reason = reason
        self.phases = phases
        self.plan_only = plan_only

    def execute(self, context: Context) -> Any:
        run = context["dag_run"]
        reason = self.reason.strip() if self.reason not in ("", "None") else ""
        if run.run_type == "manual" and not reason:
            raise ConfigError(
                "This run was triggered by hand without a reason. Nothing was done.",
                "trigger it again and write into `reason` why; it stands in the run's log",
            )
        self.log.info(
            "%s run %s: action %s. Reason: %s",
            run.run_type,
            run.run_id,
            self.action,
            reason or "(on schedule)",
        )
        if str(self.plan_only) == "True":
            self._foresee(context)
        return super().execute(context)

    def _foresee(self, context: Context) -> None:
        """Show what would be done, and end the run here: not even the lock is touched.

        :raises DownstreamTasksSkipped: always, unless something could not be told.
        """
        refused, foreseen = "", []
        with SymcliHook() as hosts:
            try:
                foreseen = hosts.run(foresee(self.scope(), self.action))
            except (Refused, MustWait) as error:
                kind = "WAIT" if isinstance(error, MustWait) else "BE REFUSED"
                refused = str(error)
                self.log.warning("%s WOULD %s: %s", self.action, kind, refused)
        shown = [{"host": command.host, "line": command.line()} for command in foreseen]
        context["ti"].xcom_push(key="foreseen", value={"refused": refused, "commands": shown})
        raise DownstreamTasksSkipped(tasks=sorted(self.get_flat_relative_ids(upstream=False)))

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        plan = hosts.run(planning.plan(scope, self.action))
        context["ti"].xcom_push(key="plan", value={**plan, "reason": self.reason})
        skipped = [task for phase in planning.left_out(plan) for task in self.phases.get(phase, ())]
        if skipped:
            raise DownstreamTasksSkipped(tasks=skipped)


class RunEndOperator(CloneOperator):
    """Give the lock back, and say how the run ended and what to press. Runs whatever happened before.

    It fails when the run did not do what was asked, so that the run does; clearing the failed tasks clears
    this one too. Its XCom is ``{"result": "done" | "unchanged" | "stopped", "at": task id or ""}``.
    """

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, str]:
        try:
            hosts.run(lock.give_back(scope, owner(context)))
        except TryAgain as error:
            self.log.warning("%s\nThe next run takes the lock over, because this one has ended.", error)
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        order = [*self.dag.task_dict] if self.has_dag() else sorted(states)  # as the DAG was written
        result = judge({task: str(states[task]) for task in order if task in states and task != ti.task_id})
        for line in result.lines():
            self.log.info("%s", line)
        ti.xcom_push(key="result", value=result.to_plain())
        if not result.ok:
            raise AirflowFailException(result.text())
        return result.to_plain()
