"""The last task of a run: what it says decides how the run ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from clones.actions import BREAK, PHASES, REWIND, START
from clones.asking.side_by_side import attempts
from clones.asking.steps import Steps, note
from clones.config.scope import Scope
from clones.decide.freshness import freshness
from clones.decide.ledger import Activation
from clones.errors import CloneError, TryAgain, Unknown
from clones.observe import own_state
from clones.observe.estimates import Pace
from clones.observe.own_state import OwnState
from clones.observe.sync import observe
from clones.runs.end import LOOK_AGAIN, falls_short
from clones.runs.fresh_copies import Copy, own_copies, told
from clones.runs.result import BACK, OUTSIDE, PLAN, RESTART, RESTARTED, RunResult, judge, not_done
from clones.states import SyncSeen
from hooks.configuration import CONFIG
from operators.ahead import aside
from operators.base import CloneOperator
from operators.shut_out import keep_lock, shut_out_of
from reporting import completed, last_seen, target_sets
from reporting.alerts import MistypedRun, run_failed
from reporting.metrics import measure
from reporting.run_records import leave_record, left_by

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class RunEndOperator(CloneOperator):
    """Give the lock back, and say how the run ended and what to press. Runs whatever happened before.

    Its own look decides: a run is done only when every task that its plan wants has succeeded, and copies
    and service are seen as the run was to leave them (:mod:`clones.runs.end`). What could not be seen of the
    copies is looked at again, as often as `retries` allows.

    Each copy that the run has made becomes an event of its asset (:func:`reporting.completed.announce`). What
    it saw of copies and service stands in the store of asset `clone_status`
    (:func:`reporting.last_seen.leave`).

    Of a service with target sets it records the set on which it started well.

    It fails when the run did not do what was asked, so that the run does; clearing the failed tasks clears
    this one too. By default people are then told (:func:`reporting.alerts.run_failed`), with what the task
    that failed said of it; not of a run that its author mistyped.

    :raises airflow.sdk.exceptions.AirflowFailException: the run did not do what was asked.
    :raises clones.errors.Unknown: what became of the copies could not be seen; it is looked at again.

    Its XCom `result`, also its `return_value`, is ``{"result": "done" | "refused" | "unchanged" |
    "stopped", "at": task id or ""}`` with ``why`` and ``press`` of one that
    failed; the XCom `run_record` is the run's record, see :mod:`clones.runs.record`, and the log shows it.
    """

    ends_run = True
    any_set = True

    def asks(self, scope: Scope) -> Sequence[str]:
        return (scope.control_host, *scope.service_hosts())

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        config: str = CONFIG,
        target_set: str = "",
        needs_pools: Sequence[str] = (),
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("on_failure_callback", run_failed)
        kwargs.setdefault("trigger_rule", "all_done")
        kwargs["inlets"] = [*kwargs.get("inlets", ()), last_seen.FLEET]
        kwargs["outlets"] = [*kwargs.get("outlets", ()), last_seen.CHANGES]
        # It must also come to its end when the run never got the lock, or another run holds it.
        super().__init__(
            hold_lock=False,
            service=service,
            config=config,
            target_set=target_set,
            needs_pools=needs_pools,
            deferrable=deferrable,
            **kwargs,
        )

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, str]:
        ti = context["ti"]
        planned = aside(lambda: ti.xcom_pull(task_ids=PLAN, key="plan"))
        held = self._keep_lock(context, scope, hosts)
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        order = [*self.dag.task_dict] if self.has_dag() else sorted(states)  # as the DAG was written
        plan = planned()
        phases = (plan or {}).get("phases", [])
        found = {task: str(states[task]) for task in order if task in states and task != ti.task_id}
        if held and not {*found.values()} <= {"success", "skipped"}:
            shut_out_of(self, scope, hosts, scope.fenced_hosts())
        # It fails once it has done its work.
        restart = BACK if scope.target_set else RESTART
        restarted = found.get(restart) == "failed" and bool(ti.xcom_pull(task_ids=restart, key=RESTARTED))
        result = judge(found, _wanted(found, plan), restarted=restarted, plan=plan)
        left = aside(lambda: self._left(context, scope, found, plan, well=result.ok))
        hints = left()[0] if scope.service.snapshots else {}
        sent = told(hints, [sync.name for sync in scope.service.syncs])
        looks = hosts.run(self._look(scope, sent=sent)) if plan else []
        after = [look for look in looks if isinstance(look, SyncSeen)]
        own = hosts.run(own_state.look(scope)) if plan else None
        others = self._look_at_others(scope, hosts, own) if plan else {}
        tasks, paces, before = left()
        if result.ok and plan:
            mine = own_copies(tasks, after)
            active = BREAK in phases or START in phases
            known = completed.activations(context, scope, mine) if active else {}
            asked = known if completed.keeps_activations(plan) else None
            run = (ti.dag_id, ti.run_id)
            short = falls_short(scope, plan, looks, asked, run=run, own=own, tasks=tasks)
            if short and short.unknown and ti.try_number <= getattr(ti, "max_tries", 0):
                raise Unknown(f"Service {scope.name}: {short.why}", "wait for the retry")
            result = not_done(short.why, short.remedy) if short else result
        elif result.ok and PLAN in found:
            result = not_done("its plan has left nothing: a user has set its state.", f"{OUTSIDE}.")
        if result.at and result.at != ti.task_id:
            result = result.because(tasks.get(result.at)).as_seen(own)
        news: list[Copy] = []
        split = completed.split_copies(known or {}, after) if result.ok and BREAK in phases else []
        if result.ok and phases:
            # Before the lock is given back: whoever takes it next reads this.
            fresh = (plan or {}).get("action") != REWIND
            news = completed.write(context, scope, phases, split, paces, fresh=fresh, before=before)
            if START in phases:
                completed.has_started_on(context, scope, after)
            if scope.target_set and START in phases:
                result = self._started_well(context, scope, result)
        try:
            if held and not self.give_back(scope, hosts) and result.ok:
                result = not_done(
                    "another run took over the lock during the last check of this run: what it has done "
                    "since is not known here.",
                    "open the run that holds the lock, or the board; trigger this run again if needed.",
                )
        except CloneError as error:
            self.log.warning("%s\nThe next run takes the lock over, because this one has ended.", error)
        leave_record(
            self,
            context,
            scope,
            hosts.record,
            tasks,
            result=result,
            plan=plan,
            after=after,
            in_use=own.target_set if own else None,
            other_sets={
                name: [look for look in seen if isinstance(look, SyncSeen)] for name, seen in others.items()
            },
        )
        completed.announce(context, scope, news)
        if plan and isinstance(self.service, str):
            last_seen.leave(self.log, context, scope, looks, own, tells=result.ok, others=others)
        for line in result.lines():
            self.log.info("%s", line)
        ti.xcom_push(key="result", value=result.to_plain())
        measure(context, scope.name, result, plan)
        if not result.ok:
            raise (MistypedRun if result.mistyped else AirflowFailException)(result.text())
        return result.to_plain()

    def _left(
        self,
        context: Context,
        scope: Scope,
        found: Mapping[str, str],
        plan: Mapping[str, Any] | None,
        *,
        well: bool,
    ) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Pace], completed.Completed | None]:
        """What the tasks of the run did; of a run that went well also what it has shown of its copies, and
        what completed runs have left.

        :param found: states, by task.
        """
        tasks = left_by(self, context, found, plan)
        if not (well and plan and plan.get("phases")):
            return tasks, {}, None
        return tasks, completed.shown_paces(context, plan["estimates"], tasks), completed.read(context, scope)

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

    def _started_well(self, context: Context, scope: Scope, result: RunResult) -> RunResult:
        """Record the set on which the service has started well; how the run ends where that cannot be.

        :raises TryAgain: it could not be recorded, and this task is tried again.
        """
        try:
            target_sets.started_well(context, scope)
        except TryAgain as error:
            if context["ti"].try_number <= getattr(context["ti"], "max_tries", 0):
                raise
            return not_done(
                f"that the service has started well on set {scope.target_set} could not be recorded, so this "
                f"set is not known to be the one to keep: {error.what}",
                f"{LOOK_AGAIN}.",
            )
        return result

    def _look_at_others(
        self, scope: Scope, hosts: SymcliHook, own: OwnState | None
    ) -> dict[str, list[SyncSeen | CloneError]]:
        """The same of the other target sets, by set; of one that is not in use no age is too old."""
        found = {}
        if scope.whole is not None:
            for other in Scope.each_set(scope.name, scope.whole, scope.symcli):
                name = other.target_set
                if name != scope.target_set:
                    used = own is not None and own.target_set == name
                    found[name] = hosts.run(self._look(other, spare=not used))
        return found

    @staticmethod
    def _look(
        scope: Scope, *, spare: bool = False, sent: Mapping[str, Activation] = MappingProxyType({})
    ) -> Steps[list[SyncSeen | CloneError]]:
        """Each sync at the end, or why it cannot be seen.

        :param sent: by sync, the activation that this run says it has sent.
        """
        looks: list[SyncSeen | CloneError] = []
        hints = {name: one.snapshots for name, one in sent.items()}
        outcomes = yield from attempts(
            observe(scope, sync, snapshots=hints.get(sync.name, {})) for sync in scope.service.syncs
        )
        for sync, outcome in zip(scope.service.syncs, outcomes, strict=True):
            try:
                looks.append(outcome.value())
            except CloneError as error:
                looks.append(error)
                yield from note(
                    f"the state of sync {scope.key(sync.name)} could not be read: {error}", warning=True
                )
                continue
            fresh = freshness(outcome.value(), None if spare else scope.service.sync_max_delay)
            yield from note(f"Sync {scope.key(sync.name)} is {fresh.status}: {fresh.why}")
        return looks


def _wanted(states: Mapping[str, str], plan: Mapping[str, Any] | None) -> list[str]:
    """The tasks that must have succeeded: all, without the phases that the plan leaves out."""
    phases = (plan or {}).get("phases")
    left_out = [phase for phase in PHASES if phases is not None and phase not in phases]
    return [task for task in states if task.split(".")[0] not in left_out]
