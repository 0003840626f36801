"""The first and the last task of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped

from clones.actions import BREAK, PHASES, phases_run
from clones.asking.side_by_side import attempts
from clones.asking.steps import Command, Steps, note
from clones.clean import one_line
from clones.config.scope import Scope
from clones.decide.freshness import freshness
from clones.errors import CloneError, Mistyped, MustWait, Refused, TryAgain, Unknown
from clones.observe import own_state
from clones.observe.estimates import Pace
from clones.observe.sync import observe
from clones.runs import provision, refresh
from clones.runs.end import falls_short
from clones.runs.plan_only import foresee, plain
from clones.runs.record import TaskRecord, without_reason
from clones.runs.result import OUTSIDE, PLAN, RESTART, RESTARTED, RunResult, judge, not_done
from clones.runs.superseded import Asked, asked_since, still_needed
from clones.states import SyncSeen
from hooks.hosts import open_hosts
from operators.base import CloneOperator, leave_word, recorded
from operators.shut_out import keep_lock, shut_out_of
from reporting import completed, last_seen
from reporting.alerts import MistypedRun, run_failed
from reporting.metrics import measure
from reporting.run_records import RunRecordLink, leave_record

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class RunPlanOperator(CloneOperator):
    """Look at everything, refuse before anything is stopped, and skip the phases that the action leaves out.

    :param action: one of :data:`clones.actions.ACTIONS`.
    :param reason: why somebody wants it; required when a person triggered the run.
    :param phases: the ids of each phase's tasks.
    :param plan_only: only show what the action would send; take no lock, and skip every later task. A
        refusal then stands in the log and the task succeeds; what is not known still fails it. A text (of a
        template) counts as true when it is ``True``.

    A run whose work is done already (:mod:`clones.runs.superseded`) changes nothing and skips every later
    task. Its XCom is then `superseded`: ``{"by": run id, "why": text}``.

    Its XCom `plan` is what :func:`clones.runs.refresh.plan` returns, with `reason`. With `plan_only` its XCom
    is `foreseen` instead: ``{"refused": text or "", "commands": [{"host", "line", "because"}]}``.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "action", "reason", "plan_only")
    operator_extra_links = (RunRecordLink(),)

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
        self.paces: dict[str, Pace | None] = {}

    def execute(self, context: Context) -> Any:
        run = context["dag_run"]
        self.reason = reason = one_line(self.reason) if self.reason != "None" else ""
        if run.run_type == "manual" and not reason:
            mistyped = Mistyped(
                "This run was triggered by hand without a reason. Nothing was done.",
                "trigger it again and write into `reason` why; it is shown in the run's log",
            )
            leave_word(context, mistyped)
            raise mistyped
        self.log.info(
            "%s run %s: action %s. Reason: %s",
            run.run_type,
            run.run_id,
            self.action,
            reason or without_reason(run.run_type),
        )
        if str(self.plan_only) == "True":
            self._foresee(context)
        return super().execute(context)

    def _foresee(self, context: Context) -> None:
        """Show what would be done, and end the run here: not even the lock is touched.

        :raises DownstreamTasksSkipped: always, unless something could not be told.
        """
        refused: str = ""
        foreseen: list[Command] = []
        scope = self.scope()
        self.paces = completed.paces(context, scope)
        with recorded(context, resumed=self._resumed) as record, open_hosts(record) as hosts:
            try:
                foreseen = hosts.run(self.foresee(scope))
            except (Refused, MustWait) as error:
                kind = "WAIT" if isinstance(error, MustWait) else "BE REFUSED"
                refused = str(error)
                self.log.warning("%s WOULD %s: %s", self.action, kind, refused)
        context["ti"].xcom_push(key="foreseen", value={"refused": refused, "commands": plain(foreseen)})
        self._end_here(context, scope, record, "planned")

    def foresee(self, scope: Scope) -> Steps[list[Command]]:
        """Judge the run, and list the commands that it would send."""
        return foresee(scope, self.action, self.paces)

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        self._end_if_not_needed(context, scope, hosts)
        known = completed.in_order(context, scope)
        plan = hosts.run(refresh.plan(scope, self.action, completed.paces(context, scope), known))
        context["ti"].xcom_push(key="plan", value={**plan, "reason": self.reason})
        skipped = [task for phase in refresh.left_out(plan) for task in self.phases.get(phase, ())]
        if skipped:
            raise DownstreamTasksSkipped(tasks=skipped)

    def _end_if_not_needed(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        """A run whose work another has done, or that was completed itself, ends here without the lock.

        :raises DownstreamTasksSkipped: it does.
        """
        run = context["dag_run"]
        since = asked_since(run.run_type, run.data_interval_end, run.run_after, run.clear_number or 0)
        asked = Asked(run.run_id, phases_run(self.action, scope.service), since)
        judgement = hosts.run(still_needed(scope, asked, *completed.read(context, scope)))
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

    def _end_here(self, context: Context, scope: Scope, record: TaskRecord | None, result: str) -> NoReturn:
        context["ti"].xcom_push(key="result", value=RunResult(result).to_plain())
        measure(context, scope.name, RunResult(result))
        leave_record(self, context, scope, record, result=RunResult(result))
        raise DownstreamTasksSkipped(tasks=sorted(self.get_flat_relative_ids(upstream=False)))


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


class RunEndOperator(CloneOperator):
    """Give the lock back, and say how the run ended and what to press. Runs whatever happened before.

    Its own look decides: a run is done only when every task that its plan wants has succeeded, and copies
    and service are seen as the run was to leave them (:mod:`clones.runs.end`). What could not be seen of the
    copies is looked at again, as often as `retries` allows.

    Each copy that the run has made becomes an event of its asset (:func:`reporting.completed.announce`). What
    it saw of copies and service stands in the store of asset `clone_status`
    (:func:`reporting.last_seen.leave`).

    It fails when the run did not do what was asked, so that the run does; clearing the failed tasks clears
    this one too. By default people are then told (:func:`reporting.alerts.run_failed`), with what the task
    that failed said of it; not of a run that its author mistyped.

    Its XCom is ``{"result": "done" | "refused" | "unchanged" | "stopped", "at": task id or ""}`` with ``why``
    and ``press`` of one that failed; the XComs `run_record` and `run_record_md` are the run's record, see
    :mod:`clones.runs.record`.
    """

    operator_extra_links = (RunRecordLink(),)
    ends_run = True

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("on_failure_callback", run_failed)
        kwargs["inlets"] = [*kwargs.get("inlets", ()), last_seen.FLEET]
        kwargs["outlets"] = [*kwargs.get("outlets", ()), last_seen.CHANGES]
        # It must also come to its end when the run never got the lock, or another run holds it.
        super().__init__(hold_lock=False, **kwargs)

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, str]:
        ti = context["ti"]
        held = self._keep_lock(context, scope, hosts)
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        order = [*self.dag.task_dict] if self.has_dag() else sorted(states)  # as the DAG was written
        plan = ti.xcom_pull(task_ids=PLAN, key="plan")
        phases = (plan or {}).get("phases", [])
        found = {task: str(states[task]) for task in order if task in states and task != ti.task_id}
        if held and not {*found.values()} <= {"success", "skipped"}:
            shut_out_of(self, scope, hosts, scope.fenced_hosts())
        restarted = bool(ti.xcom_pull(task_ids=RESTART, key=RESTARTED)) if RESTART in found else False
        result = judge(found, _wanted(found, plan), restarted=restarted)
        looks = hosts.run(self._look(scope)) if plan else []
        after = [look for look in looks if isinstance(look, SyncSeen)]
        own = hosts.run(own_state.look(scope)) if plan else None
        if result.ok and plan:
            known = completed.activations(context, scope) if BREAK in phases else {}
            short = falls_short(scope, plan, looks, known, run=(ti.dag_id, ti.run_id), own=own)
            if short and short.unknown and ti.try_number <= getattr(ti, "max_tries", 0):
                raise Unknown(f"Service {scope.name}: {short.why}", "wait for the retry")
            result = not_done(short.why, short.remedy) if short else result
        elif result.ok and PLAN in found:
            result = not_done("its plan has left nothing: a user has set its state.", f"{OUTSIDE}.")
        if result.at and result.at != ti.task_id:
            result = result.because(ti.xcom_pull(task_ids=result.at, key="record"))
        split = completed.known_copies(known, after) if result.ok and BREAK in phases else []
        if result.ok and phases:
            # Before the lock is given back: whoever takes it next reads this.
            completed.write(context, scope, phases, split)
            completed.keep_paces(context, scope, plan["estimates"])
        try:
            if held and not self.give_back(scope, hosts) and result.ok:
                result = not_done(
                    "another run took over the lock during the last check of this run: what it has done "
                    "since is not known here.",
                    "open the run that holds the lock, or the board; trigger this run again if needed.",
                )
        except CloneError as error:
            self.log.warning("%s\nThe next run takes the lock over, because this one has ended.", error)
        leave_record(self, context, scope, hosts.record, result=result, plan=plan, after=after)
        completed.announce(context, scope, split)
        if plan and isinstance(self.service, str):
            last_seen.leave(self.log, context, scope, looks, own, tells=result.ok)
        for line in result.lines():
            self.log.info("%s", line)
        ti.xcom_push(key="result", value=result.to_plain())
        measure(context, scope.name, result, plan)
        if not result.ok:
            raise (MistypedRun if result.mistyped else AirflowFailException)(result.text())
        return result.to_plain()

    def _keep_lock(self, context: Context, scope: Scope, hosts: SymcliHook) -> bool:
        """Shut earlier tries out, if this run holds the lock. Whether it does.

        :raises TryAgain: it could not be told at the first try.
        """
        ti = context["ti"]
        try:
            return keep_lock(self, context, scope, hosts)
        except CloneError as error:
            # Tried again once: people are told only when this task has failed for good.
            if isinstance(error, TryAgain) and ti.try_number == 1 and getattr(ti, "max_tries", 0):
                raise
            self.log.warning(
                "%s\nThe next run takes the lock over, because this one has ended. What to do before you "
                "act by hand: check that no task of this run works any more.",
                error,
            )
        return False

    @staticmethod
    def _look(scope: Scope) -> Steps[list[SyncSeen | CloneError]]:
        """Each sync at the end, or why it cannot be seen."""
        looks: list[SyncSeen | CloneError] = []
        outcomes = yield from attempts(observe(scope, sync) for sync in scope.service.syncs)
        for sync, outcome in zip(scope.service.syncs, outcomes, strict=True):
            try:
                looks.append(outcome.value())
            except CloneError as error:
                looks.append(error)
                yield from note(f"the state of sync {sync.name} could not be read: {error}", warning=True)
                continue
            fresh = freshness(outcome.value(), scope.service.sync_max_delay)
            yield from note(f"Sync {sync.name} is {fresh.status}: {fresh.why}")
        return looks


def _wanted(states: Mapping[str, str], plan: Mapping[str, Any] | None) -> list[str]:
    """The tasks that must have succeeded: all, without the phases that the plan leaves out."""
    phases = (plan or {}).get("phases")
    left_out = [phase for phase in PHASES if phases is not None and phase not in phases]
    return [task for task in states if task.split(".")[0] not in left_out]
