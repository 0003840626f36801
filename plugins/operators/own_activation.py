"""What tasks share that keep what they send for a sync."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operators.one_sync import OneSyncOperator
from reporting.completed import copy_asset


class OwnActivationOperator(OneSyncOperator):
    """A step that must know which activation of its sync was this run's own.

    That stands in the state store of the sync's asset, of which this task has an inlet. Airflow deletes a
    task's XComs when it starts again, and shows a task's own store to no other task; an asset's store
    outlives a killed process, a retry, a clear of the task or of the whole run, and the recreate can read
    there what the activation has left.

    Without an inlet (a service or sync that is not given as a plain name) nothing is kept: what the run has
    activated is then taken for somebody else's. A SnapVX sync is then left alone: what is sent for it must be
    kept before.
    """

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        sync: str,
        **kwargs: Any,
    ) -> None:
        if isinstance(service, str) and not any("{" in name for name in (service, sync)):
            kwargs.setdefault("inlets", [copy_asset(service, sync)])
        super().__init__(
            service=service,
            sync=sync,
            **kwargs,
        )
