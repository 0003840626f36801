"""The first task of a run: look at everything, and refuse before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import DownstreamTasksSkipped

from clones.actions import START, STOP, phases_run
from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.errors import CloneError, MustWait, Refused
from clones.observe.estimates import Pace
from clones.runs import change_over, copies, reason, refresh
from clones.runs.plan_only import foresee_run
from clones.runs.planned import Step, plain
from clones.runs.record import TaskRecord
from clones.runs.result import RunResult
from clones.runs.superseded import Asked, asked_since, still_needed
from hooks.configuration import CONFIG
from hooks.hosts import open_hosts
from operators.base import CloneOperator
from operators.task_record import leave_word, recorded
from reporting import completed, target_sets
from reporting.metrics import measure
from reporting.run_records import leave_record, left_by

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class RunPlanOperator(CloneOperator):
    """Look at everything, refuse before anything is stopped, and skip the phases that the action leaves out.

    Of a service with target sets it sees which set is in use and decides which one the action works on.

    :param action: one of :data:`clones.actions.ACTIONS` (a template): ``refresh``, ``update``, ``resync``,
        ``break``, ``start`` or ``stop``; of a service with target sets also ``rewind``.
    :param target_set: of a service with target sets, the one that the action is asked to work on (a
        template); empty: what is seen and recorded decides.
    :param reason: why somebody wants it; required when a person triggered the run (a template).
    :param phases: the ids of each phase's tasks, by phase (:data:`clones.actions.PHASES`).
    :param plan_only: only show what the action would send; take no lock, and skip every later task. A
        refusal then stands in the log and the task succeeds; what is not known still fails it. A text (of a
        template) counts as true when it is ``True``.
    :raises clones.errors.Refused: the action must not be done as things are. Nothing was stopped or sent.
    :raises clones.errors.Mistyped: a run by hand gives no reason.
    :raises airflow.sdk.exceptions.DownstreamTasksSkipped: the action leaves tasks out. The task itself
        succeeds.

    A run whose work is done already (:mod:`clones.runs.superseded`) changes nothing and skips every later
    task. Its XCom is then `superseded`: ``{"by": run id, "why": text}``.

    Its XCom `plan` is what :meth:`clones.runs.refresh.Plan.to_plain` says, with `reason`, and with `record`,
    what the task did to make it; it leaves an XCom `record` only when it makes none. With `plan_only`
    its XCom is `foreseen` instead: ``{"refused": text or "", "commands": [{"host", "line", "because"}]}``.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "action", "reason", "plan_only")
    any_set = True
    plans = True

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        action: str,
        reason: str,
        phases: Mapping[str, Sequence[str]],
        plan_only: bool | str = False,
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
        self.action = action
        self.reason = reason
        self.phases = phases
        self.plan_only = plan_only

    def execute(self, context: Context) -> Any:
        run = context["dag_run"]
        self.reason = reason.of(self.reason)
        try:
            reason.require(self.reason, by_hand=run.run_type == "manual", read_by=reason.LOG)
        except CloneError as error:
            leave_word(context, error)
            raise
        self.log.info(
            "%s run %s: action %s. Reason: %s",
            run.run_type,
            run.run_id,
            self.action,
            self.reason or reason.without(run.run_type),
        )
        if self._only_plans:
            self._foresee(context)
        return super().execute(context)

    def open(self) -> SymcliHook:
        return open_hosts() if self._only_plans else super().open()

    @property
    def _only_plans(self) -> bool:
        return str(self.plan_only) == "True"

    def _foresee(self, context: Context) -> None:
        """Show what would be done, and end the run here: not even the lock is touched.

        :raises DownstreamTasksSkipped: always, unless something could not be told.
        """
        refused: str = ""
        foreseen: list[Step] = []
        scope, opened = self.begun()
        self.refuse_set(context, scope)
        with recorded(context, resumed=self._resumed) as record, opened as hosts:
            hosts.record = record
            try:
                foreseen = hosts.run(self.foresee(context, scope))
            except (Refused, MustWait) as error:
                kind = "WAIT" if isinstance(error, MustWait) else "BE REFUSED"
                refused = str(error)
                self.log.warning("%s WOULD %s: %s", self.action, kind, refused)
        context["ti"].xcom_push(key="foreseen", value={"refused": refused, "commands": plain(foreseen)})
        self._end_here(context, scope, record, "planned")

    def foresee(self, context: Context, scope: Scope) -> Steps[list[Step]]:
        """Judge the run, and list what it would do.

        :raises Unknown: a store of Airflow's did not answer.
        """
        paces = completed.read(context, scope).paces(scope.service)
        return foresee_run(scope, self.action, self._planning(context, scope, paces))

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        self.refuse_set(context, scope)
        before = completed.read(context, scope)
        self._end_if_not_needed(context, scope, hosts, before)
        made = hosts.run(self._planning(context, scope, before.paces(scope.service)))
        plan = made.to_plain()
        mine = hosts.record.placed() if hosts.record else []
        told = {"versions": hosts.servers.versions} if hosts.servers.versions else {}
        context["ti"].xcom_push(key="plan", value={**plan, **told, "reason": self.reason, "record": mine})
        skipped = [task for phase in refresh.left_out(plan) for task in self.phases.get(phase, ())]
        if skipped:
            raise DownstreamTasksSkipped(tasks=skipped)

    def _planning(
        self, context: Context, scope: Scope, paces: Mapping[str, Pace | None]
    ) -> Steps[refresh.Plan]:
        """:raises Unknown: a store of Airflow's did not answer."""
        made = yield from self._plan(context, scope, paces)
        if made.phases != (STOP,):  # what is wrong with copies keeps no service up
            yield from self.refuse_shared(scope)
        return made

    def _plan(self, context: Context, scope: Scope, paces: Mapping[str, Pace | None]) -> Steps[refresh.Plan]:
        by_order = copies.goes_by_order(self._phases(scope))
        if not scope.target_set:
            known = completed.in_order(context, scope) if by_order or scope.service.snapshots else {}
            return refresh.plan(scope, self.action, paces, known)
        sets = scope.all_sets()
        known = {
            one.key(sync): activation
            for one in (sets if by_order else ())
            for sync, activation in completed.in_order(context, one).items()
        }
        recorded = target_sets.recorded(context, scope)
        paced = {one.key(sync): pace for one in sets for sync, pace in paces.items()}
        return change_over.plan(sets, self.action, recorded, self.target_set, paced, known)

    def _phases(self, scope: Scope) -> tuple[str, ...]:
        return phases_run(self.action, scope.whole or scope.service)

    def _end_if_not_needed(
        self, context: Context, scope: Scope, hosts: SymcliHook, before: completed.Completed
    ) -> None:
        """A run whose work another has done, or that was completed itself, ends here without the lock.

        :raises DownstreamTasksSkipped: it does.
        """
        run = context["dag_run"]
        since = asked_since(run.run_type, run.data_interval_end, run.run_after, run.clear_number or 0)
        asked = Asked(run.run_id, self._phases(scope), since)
        judgement = hosts.run(still_needed(*self._served_by(context, scope, asked, before)))
        if judgement.needed:
            self.log.info("This run is needed: %s", judgement.why)
            return
        own = judgement.by == run.run_id
        self.log.warning(
            "%s: %s. Nothing is changed, all further tasks are skipped. For a newer copy trigger a new run.",
            "Completed already" if own else f"Superseded by run {judgement.by}",
            judgement.why,
        )
        context["ti"].xcom_push(key="superseded", value={"by": judgement.by, "why": judgement.why})
        self.give_back(scope, hosts)
        self._end_here(context, scope, hosts.record, "completed before" if own else "superseded")

    def _served_by(
        self, context: Context, scope: Scope, asked: Asked, before: completed.Completed
    ) -> tuple[Scope, Asked, Mapping[str, str], Sequence[Mapping[str, Any] | None]]:
        """What :func:`still_needed` is asked: of a service with target sets, about the copies on which it
        last started well. A run that does not start it is not served by these.

        :raises Unknown: a store of Airflow's did not answer.
        """
        if scope.target_set and asked.since is not None:
            on = target_sets.recorded(context, scope).last_good if START in asked.phases else ""
            if on not in [one.target_set for one in scope.all_sets()]:
                return scope, asked, before.runs, ()
            scope = scope.on(on)
        return scope, asked, before.runs, before.records(scope.service, scope.target_set)

    def _end_here(self, context: Context, scope: Scope, record: TaskRecord | None, result: str) -> NoReturn:
        context["ti"].xcom_push(key="result", value=RunResult(result).to_plain())
        measure(context, scope.name, RunResult(result))
        leave_record(self, context, scope, record, left_by(self, context), result=RunResult(result))
        raise DownstreamTasksSkipped(tasks=sorted(self.get_flat_relative_ids(upstream=False)))
