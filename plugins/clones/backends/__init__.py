"""What an array can be asked and told about a sync, in one form for all ways of asking (decision 0038).

:class:`BackEnd` is what looks and decides, :class:`clones.backends.doing.Doing` what changes. A back end is a
package here: it alone names the programs, or the URLs, of its way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeVar

from clones.asking.steps import Command, Steps
from clones.backends.place import LookKey, Member, Place, Shown
from clones.backends.snapvx import looking as snapvx
from clones.backends.symclone import looking as symclone
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.rules import Decision
from clones.states import PairSeen, SyncSeen, Tools

M = TypeVar("M", bound=Member)


class SharedLooks(Protocol):
    """Looks at many syncs of one array together."""

    def look_key(self, scope: Scope, symid: str) -> LookKey:
        """With whom a sync shares its looks.

        :param symid: the array; empty when it is not known.
        """

    def locate(self, scope: Scope, sync: Sync) -> Steps[Place]:
        """Find out which devices a sync is about, and on which array they are.

        :raises Refused: what the sync names is not known there.
        :raises TryAgain: locked, lost, or not readable.
        """

    def seen_at(self, seen: SyncSeen) -> Place:
        """Where a sync was when it was observed, with what spares questions in the next look."""

    def looks(self, members: Sequence[M]) -> Iterator[list[M]]:
        """Who is asked for in one go, of those on one array whose places are known; one sync is asked for
        once."""

    def first_asked(self, members: Sequence[Member]) -> tuple[Command, ...]:
        """What :meth:`look_at` would ask for them first, as far as that can be begun before its turn."""

    def look_at(
        self, members: Sequence[Member], subject: str, soon: Sequence[Command] = (), *, kept: bool = False
    ) -> Steps[Shown]:
        """Look at syncs of one array whose places are known.

        :returns: what was shown of each; of some it may be that it could not be told.
        :param subject: whose look it is, for errors.
        :param soon: looks that come next.
        :param kept: see also what is kept beside each copy.
        :raises Refused: the array, or something of one of them, is not known there.
        :raises Unreadable: the answer cannot be read, perhaps because of one of them.
        :raises TryAgain: locked or lost: of nobody it could be told.
        """

    def ask_precopied(self, scope: Scope, sync: Sync, seen: SyncSeen) -> Steps[SyncSeen]:
        """Ask whether the precopy of every pair has gone through all tracks once.

        :raises TryAgain: it could not be told.
        """


class BackEnd(SharedLooks, Protocol):
    """Looks at a sync, decides about it, and says what would be sent. It changes nothing."""

    @property
    def TOOLS(self) -> Tools:
        """How people look at its arrays."""

    def observe(
        self,
        scope: Scope,
        sync: Sync,
        before: SyncSeen | None = None,
        snapshots: Mapping[str, int] = MappingProxyType({}),
    ) -> Steps[SyncSeen]:
        """Ask the array for the state of every pair of a sync.

        :param before: the sync as it was seen in this task, which may spare questions.
        :param snapshots: what an activation has kept of them, which may spare questions, too.
        :raises Refused: what the sync names is not known there.
        :raises TryAgain: locked, lost, or not readable.
        """

    def survey(
        self, scope: Scope, sync: Sync, snapshots: Mapping[str, int] = MappingProxyType({})
    ) -> Steps[SyncSeen]:
        """The same for a plan: with all that could keep its run from a change later.

        :param snapshots: as of :meth:`observe`.
        :raises CloneError: as :meth:`observe`.
        """

    def decide_create(self, sync: Sync, seen: SyncSeen) -> Decision:
        """Which pairs get a session, or a link, that have none."""

    def decide_resync(self, sync: Sync, seen: SyncSeen) -> Decision:
        """What a resync is to do, by what is seen alone."""

    def decide_break(self, sync: Sync, seen: SyncSeen, *, mend: bool) -> Decision:
        """What a break is to do.

        :param mend: a torn sync is put right rather than refused.
        """

    def decide_rewind(self, sync: Sync, seen: SyncSeen) -> Decision:
        """What a rewind to the copy before is to do."""

    def decide_retire(self, sync: Sync, seen: SyncSeen) -> Decision:
        """Which pairs' sessions, or links, are to be ended for good."""

    def sends(
        self, scope: Scope, sync: Sync, seen: SyncSeen, action: str, pairs: Sequence[PairSeen]
    ) -> tuple[Command, ...]:
        """What an action would send, in order, as far as it can be said before.

        :param action: ``create``, ``resync``, ``break``, ``rewind`` or ``retire``.
        :param pairs: those that it concerns.
        """

    def differing(self, scope: Scope, sync: Sync, seen: SyncSeen) -> Steps[dict[tuple[int, int], int]]:
        """Tracks that a resync and its copy would move, by source and target; empty when not shown."""

    def still_running(self, rows: Sequence[str], service: str, sync: Sync) -> list[str]:
        """Commands among the processes of the control host that may still change a sync, in words."""


BACK_ENDS: dict[str, BackEnd] = {"symclone": symclone, "snapvx": snapvx}


def backend_of(sync: Sync) -> BackEnd:
    """The back end of a sync."""
    return BACK_ENDS[sync.backend]
