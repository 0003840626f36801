"""Waiting for a copy's state, as a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSensorTimeout

from clones.decide.rules import Verdict, decide_wait
from clones.errors import CloneError, Refused, TryAgain
from clones.observe.sync import observe, to_plain
from clones.states import SyncSeen, wanted_states
from hooks.hosts import open_hosts
from operators.base import CloneOperator, leave_word, raise_unless_reached
from operators.ended_from_outside import refuse_ended


class SymcloneStateSensor(CloneOperator, BaseSensorOperator):
    """Wait until every pair of a sync is in a state or group of states.

    It looks once in its worker; if it must wait, it defers and ends in the triggerer. With
    ``deferrable=False`` it pokes, best in ``mode="reschedule"``. It fails at once on a state from which the
    wanted one cannot come by itself. A lock or an unreadable answer is no end of the wait.

    :param sync: name of the sync.
    :param wanted: ``copied``, ``active``, ``prepared``, ``restored``, ``none`` or the name of one state.
    :param timeout: seconds to wait.

    Other parameters: :class:`operators.base.CloneOperator` and Airflow's ``BaseSensorOperator``.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "sync", "wanted")
    ui_color = "#e6f1f2"

    def __init__(self, *, sync: str, wanted: str = "copied", mode: str = "reschedule", **kwargs: Any) -> None:
        super().__init__(mode=mode, **kwargs)
        self.sync = sync
        self.wanted = wanted

    def execute(self, context: Context) -> Any:
        refuse_ended(context, self)
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
                ends_task=True,
                seen=seen,
            )
        return None

    def poke(self, context: Context) -> bool:
        """One look.

        :raises Refused: the wanted state cannot come by itself, or the host does not let us look.
        """
        return self._look(context)[0]

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

    def resume(self, context: Context, event: Mapping[str, str] | str) -> Any:
        """Reached when the wait did not end well, or where no triggerer can end a task (`dag.test()`)."""
        if not isinstance(event, Mapping):
            return None
        try:
            raise_unless_reached(event)
        except CloneError as error:
            leave_word(context, error)
            if isinstance(error, Refused):
                raise
            raise AirflowSensorTimeout(str(error)) from None
        return None
