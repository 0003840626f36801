"""What changes a sync, by whichever way its array is told (decision 0038)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from clones.asking.steps import Steps
from clones.backends.place import Place
from clones.backends.snapvx import doing as snapvx
from clones.backends.symclone import doing as symclone
from clones.backends.todo import Todo
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.decide.target_sets import Recorded
from clones.states import SyncSeen


class Doing(Protocol):
    """Observes, decides, acts only if needed, and observes again (D1)."""

    def create(
        self, scope: Scope, sync: Sync, recorded: Recorded | None = None, ledger: Ledger | None = None
    ) -> Steps[SyncSeen]:
        """Give every pair a session, or a link, that has none.

        :param recorded: what runs have recorded of the service's target sets.
        :param ledger: as of :meth:`resync`.
        :raises CloneError: see :mod:`clones.errors`.
        """

    def wait_out(self, scope: Scope, sync: Sync, ledger: Ledger | None) -> Steps[None]:
        """Wait until nothing that an earlier try has sent for a sync can be pending any more, where no host
        can tell of it.

        :param ledger: as of :meth:`create`.
        :raises Locked: it is still in progress.
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
        """Go on only if the step that fixes the copy's point in time would not refuse or wait: its source is
        not held up for nothing. That is the break, or the resync where it takes a snapshot.

        :raises CloneError: as that step, before its command.
        """

    def look_to_rewind(self, scope: Scope, sync: Sync) -> Steps[SyncSeen]:
        """The sync with the copy before the one that it has, if there is one."""

    def rewind(
        self, scope: Scope, sync: Sync, ledger: Ledger | None = None, plan: Mapping[str, Any] | None = None
    ) -> Steps[SyncSeen]:
        """Go back to the copy before the one that the run's plan saw, the service proven down.

        :param ledger: as of :meth:`split`.
        :param plan: the run's, which says what is gone back to: a rerun goes there too, and no further.
        :raises CloneError: see :mod:`clones.errors`.
        """

    def find_place(self, scope: Scope, sync: Sync) -> Steps[Place | None]:
        """Where its devices are, also before it is whole; None where nothing says of which array they are.

        :raises CloneError: it could not be told.
        """

    def look_to_set_up(self, scope: Scope, sync: Sync) -> Steps[tuple[SyncSeen, list[Todo]]]:
        """The sync before it need be whole, and what must be made before :meth:`create`, in order.

        :raises Refused: everything that keeps it from being set up.
        """

    def provide(self, scope: Scope, sync: Sync) -> Steps[None]:
        """Make what :meth:`look_to_set_up` lists."""

    def look_to_end(
        self, scope: Scope, sync: Sync, before: Sequence[Sync]
    ) -> Steps[tuple[SyncSeen, list[Todo]]]:
        """The sync, and what is left to do once its copies are ended.

        :param before: the service's syncs that are ended before it.
        :raises Refused: it must not be ended.
        """

    def see_to_end(self, scope: Scope, sync: Sync) -> Steps[SyncSeen]:
        """The sync as it is before it is ended, in a way that also works when it is half taken down."""

    def end(
        self,
        scope: Scope,
        sync: Sync,
        approved: Mapping[str, Any] | None = None,
        ledger: Ledger | None = None,
    ) -> Steps[None]:
        """End the copies of exactly the configured pairs, the service proven down (D3).

        :param approved: ``bound`` of :func:`clones.runs.retire.to_approve`; the sync must still be that.
        :param ledger: as of :meth:`resync`.
        """

    def remove(self, scope: Scope, sync: Sync, approved: Mapping[str, Any] | None = None) -> Steps[None]:
        """Do what :meth:`look_to_end` lists, once the copies are ended.

        :param approved: as of :meth:`end`; nothing else is sent.
        """


DOING: dict[str, Doing] = {"symclone": symclone, "snapvx": snapvx}


def doing_of(sync: Sync) -> Doing:
    """The back end of a sync, as far as it changes anything."""
    return DOING[sync.backend]
