"""What changes a sync, by whichever way its array is told (decision 0038)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from clones.asking.steps import Steps
from clones.backends.symclone import act as symclone
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.identity import Ledger
from clones.decide.target_sets import Recorded
from clones.states import SyncSeen


class Doing(Protocol):
    """Observes, decides, acts only if needed, and observes again (D1)."""

    def create(self, scope: Scope, sync: Sync, recorded: Recorded | None = None) -> Steps[SyncSeen]:
        """Give every pair a session, or a link, that has none.

        :param recorded: what runs have recorded of the service's target sets.
        :raises CloneError: see :mod:`clones.errors`.
        """

    def resync(
        self, scope: Scope, sync: Sync, plan: Mapping[str, Any] | None = None, ledger: Ledger | None = None
    ) -> Steps[SyncSeen]:
        """Re-establish the copy, or take the snapshot that the next break links.

        :param plan: this run's, as :meth:`clones.runs.refresh.Plan.to_plain` says it; without one nothing is
            skipped.
        :param ledger: what is kept of this sync's activations.
        :raises CloneError: see :mod:`clones.errors`.
        """

    def split(
        self,
        scope: Scope,
        sync: Sync,
        *,
        mend_torn: bool = False,
        ledger: Ledger | None = None,
        plan: Mapping[str, Any] | None = None,
    ) -> Steps[SyncSeen]:
        """Make the copy usable, all pairs at one point in time (D5), after the syncs before it (D6).

        :param mend_torn: put a torn sync right; else refuse it.
        :param ledger: keeps that it is sent, before it is, and what it is seen to have done.
        :param plan: the run's, if it has one.
        :raises CloneError: see :mod:`clones.errors`.
        """

    def ready_to_split(
        self, scope: Scope, sync: Sync, *, mend_torn: bool = False, plan: Mapping[str, Any] | None = None
    ) -> Steps[None]:
        """Go on only if the break would not refuse or wait: its source is not held up for nothing.

        :raises CloneError: as :meth:`split`, before its command.
        """


DOING: dict[str, Doing] = {"symclone": symclone}


def doing_of(sync: Sync) -> Doing:
    """The back end of a sync, as far as it changes anything."""
    return DOING["symclone"]
