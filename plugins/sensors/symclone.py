"""Waiting for a copy's state, as a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSensorTimeout

from clones.act.wait import LAG, may_lag
from clones.asking.steps import pause
from clones.config.scope import Scope
from clones.decide.rules import Verdict, decide_wait
from clones.errors import CloneError, Refused, TryAgain
from clones.observe.sync import observe, to_plain
from clones.states import SyncSeen, wanted_states
from hooks.configuration import CONFIG
from hooks.hosts import open_hosts
from operators.base import CloneOperator
from operators.ended_from_outside import heard_from
from operators.task_record import leave_word
from operators.waits import raise_unless_reached


class SymcloneStateSensor(CloneOperator, BaseSensorOperator):
    """Wait until every pair of a sync is in a state or group of states.

    It looks once in its worker; if it must wait, it defers, and ends in a worker without another look. With
    ``deferrable=False`` it pokes, best in ``mode="reschedule"``. It fails at once on a state from which the
    wanted one cannot come by itself. A lock or an unreadable answer is no end of the wait.

    :param sync: name of the sync, within its service (a template).
    :param wanted: ``copied``, ``active``, ``prepared``, ``precopied``, ``restored``, ``none`` or the name of
        one state (a template).
    :param timeout: seconds, or a timedelta, to wait in all; None: Airflow's ``[sensors] default_timeout``,
        7 days.
    :param poke_interval: seconds, or a timedelta, between two looks; only with ``deferrable=False``. The
        triggerer keeps to the service's `poll_interval` and `poll_max`.
    :param mode: ``reschedule`` or ``poke``, as of any sensor; only with ``deferrable=False``.
    :param deferrable: wait in the triggerer; else look from a worker, again and again.
    :raises clones.errors.Refused: the wanted state cannot come by itself, `wanted` is no state, or the host
        does not let us look.
    :raises airflow.sdk.exceptions.AirflowSensorTimeout: time is up.

    Its XCom `seen` is what was seen of the sync at the end, as JSON; while it waits in the triggerer, XCom
    `progress` shows how far the copy is. It takes no lock.

    Other parameters: :class:`operators.base.CloneOperator` and Airflow's ``BaseSensorOperator``.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "sync", "wanted")
    keeps_record = False
    ui_color = "#e6f1f2"

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        sync: str,
        wanted: str = "copied",
        timeout: timedelta | float | None = None,
        poke_interval: timedelta | float = 60,
        mode: str = "reschedule",
        config: str = CONFIG,
        target_set: str = "",
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            # Of one that is rescheduled the scheduler asks its database, at each look at the run, until when.
            mode="poke" if deferrable else mode,
            timeout=timeout,
            poke_interval=poke_interval,
            service=service,
            config=config,
            target_set=target_set,
            deferrable=deferrable,
            **kwargs,
        )
        self.sync = sync
        self.wanted = wanted

    def execute(self, context: Context) -> Any:
        heard_from(context, self, resumed=False)
        self.skip_left_out(context, self.scope())
        if not self.deferrable:
            return BaseSensorOperator.execute(self, context)
        try:
            there, seen = self._look(context)
        except CloneError as error:
            leave_word(context, error)
            raise
        if not there:
            self.wait(
                self.scope(),
                self.sync,
                wanted=self.wanted,
                seconds=float(self.timeout),
                seen=seen,
            )
        return None

    def poke(self, context: Context) -> bool:
        """One look.

        :raises Refused: the wanted state cannot come by itself, or the host does not let us look.
        """
        return self._look(context)[0]

    def asks(self, scope: Scope) -> Sequence[str]:
        return ()  # after its wait it asks nobody

    def _look(self, context: Context) -> tuple[bool, SyncSeen | None]:
        """Whether it is there, and what was seen."""
        try:
            wanted_states(self.wanted)
        except ValueError as error:
            raise Refused(str(error), "fix `wanted` of this sensor") from None
        scope = self.scope()
        sync = scope.service.sync(self.sync)
        with open_hosts() as hosts:
            try:
                seen = hosts.run(observe(scope, sync))
                if decide_wait(seen, self.wanted).verdict is Verdict.REFUSE and may_lag(scope, seen):
                    hosts.run(pause(LAG, f"until the links of sync {sync.name} would show"))
                    seen = hosts.run(observe(scope, sync))
            except TryAgain as error:
                self.log.warning("Not known yet: %s", error)
                return False, None
        decision = decide_wait(seen, self.wanted)
        self.log.info("%s: %s", scope.subject(sync), decision.why)
        if decision.verdict is Verdict.REFUSE:
            raise Refused(f"{scope.subject(sync)}: {decision.why}", decision.remedy)
        if decision.verdict is Verdict.NOTHING:
            context["ti"].xcom_push(key="seen", value=to_plain(seen))
        return decision.verdict is Verdict.NOTHING, seen

    def resume(self, context: Context, event: Mapping[str, Any] | str) -> Any:
        """The wait is over."""
        if not isinstance(event, Mapping):  # of the version before, in `dag.test()`: it ended the task
            return None
        try:
            raise_unless_reached(event)
        except CloneError as error:
            leave_word(context, error)
            if isinstance(error, Refused):
                raise
            raise AirflowSensorTimeout(str(error)) from None
        if "seen" in event:
            context["ti"].xcom_push(key="seen", value=event["seen"])
        return None
