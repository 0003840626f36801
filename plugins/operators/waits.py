"""A task waits in the triggerer: for a copy, or for its turn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context, DagRunState
from airflow.sdk.exceptions import TaskDeferralTimeout

from clones.backends import backend_of
from clones.config.scope import Scope
from clones.errors import CloneError, NotDone, NotMyTurn, Refused
from clones.states import SyncSeen
from operators.task_record import leave_word

LOOK_AGAIN = timedelta(minutes=10)
"""How long the end of another run is waited for before its lock is looked at again."""


class WaitingOperator(BaseOperator):
    """Leaves its worker to wait, and goes on from a new look."""

    _resumed = False

    def wait(
        self,
        scope: Scope,
        sync: str,
        *,
        wanted: str,
        seconds: float,
        ends_task: bool = False,
        seen: SyncSeen | None = None,
    ) -> None:
        """Leave the worker until the copy is in another state; then :meth:`resume`.

        :param seen: what was seen in the worker, so that the triggerer need not look up the devices again.
        """
        # A task that does not wait has no use for it.
        from triggers.symclone import SymcloneStateTrigger

        place = backend_of(scope.service.sync(sync)).seen_at(seen) if seen else None
        self.defer(
            trigger=SymcloneStateTrigger(
                scope=scope.of_one_sync(scope.service.sync(sync)).to_plain(),
                sync=sync,
                wanted=wanted,
                deadline=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
                poll_interval=scope.service.poll_interval,
                poll_max=scope.service.poll_max,
                ends_task=ends_task,
                symid=place.symid if place else None,
                devices=dict(place.devices) if place else None,
                snapshots=dict(place.snapshots) if place and place.snapshots else None,
            ),
            method_name="resume",
        )

    def resume(self, context: Context, event: dict[str, str]) -> Any:
        """Go on after a wait: from a new look, as after any other pause."""
        try:
            raise_unless_reached(event)
        except CloneError as error:
            leave_word(context, error)
            raise
        self._resumed = True
        return self.execute(context)

    def wait_for_turn(self, context: Context, scope: Scope, wait: NotMyTurn) -> None:
        """Leave the worker until the run that holds the lock has ended; then :meth:`take_turn`.

        :raises Refused: it has waited for `turn_timeout` by now.
        """
        left = self._turn_deadline(context, scope) - datetime.now(UTC)
        if left <= timedelta(0):
            late = Refused(
                f"{wait.what}\nIts turn has not come within `turn_timeout`.",
                f"check in the UI what run {wait.run_id} of {wait.dag_id} waits for; clear this task "
                "to wait for its turn again",
            )
            leave_word(context, late)
            raise late from None
        self.log.warning("%s Waiting for its end in the triggerer.", wait.what)
        # Loading it loads Airflow's tables: as much as all else that a task loads, and few tasks need it.
        from airflow.providers.standard.triggers.external_task import DagStateTrigger

        self.defer(
            trigger=DagStateTrigger(
                dag_id=wait.dag_id,
                run_ids=[wait.run_id],
                states=[DagRunState.SUCCESS, DagRunState.FAILED],
                poll_interval=scope.service.poll_interval,
            ),
            method_name="take_turn",
            timeout=min(left, LOOK_AGAIN),
        )

    def take_turn(self, context: Context, event: object) -> Any:
        """The run that held the lock has ended: look again at everything. Another may have been faster."""
        self._resumed = True
        return self.execute(context)

    def _turn_deadline(self, context: Context, scope: Scope) -> datetime:
        """Until when this try waits for its turn, however many runs come before it."""
        key = f"turn_deadline_{context['ti'].try_number}"
        store = context["task_state_store"]
        known = store.get(key)
        if known is None:
            known = (datetime.now(UTC) + timedelta(seconds=scope.service.turn_timeout)).isoformat()
            store.set(key, known)
        return datetime.fromisoformat(str(known))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Only the wait for a turn has a time-out of Airflow's: a run that was deleted never says its end."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            return self.take_turn(context, None)


def raise_unless_reached(event: Mapping[str, str]) -> None:
    """:raises Refused, NotDone: when a wait did not end well."""
    if event["status"] == "refused":
        raise Refused(event["message"])
    if event["status"] == "late":
        raise NotDone(
            event["message"],
            f"check whether it still moves ({event.get('look', 'on the array')}); clear this task to wait "
            "on, or raise its time-out",
        )
