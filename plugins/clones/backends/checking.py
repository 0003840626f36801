"""What is to be so of a host or a server before its arrays can be asked, by whichever way (decision 0038)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from clones.asking.steps import Steps
from clones.backends.snapvx import preflight as snapvx
from clones.backends.symclone import preflight as symclone
from clones.config import Symcli, Sync
from clones.config.scope import Scope
from clones.observe.findings import Finding
from clones.states import SyncSeen


class Checking(Protocol):
    """Looks at what arrays are asked through. It changes nothing."""

    @property
    def KEEPS(self) -> str:
        """What is kept in the lock host's folder beside locks."""

    def programs(self, symcli: Symcli, syncs: Sequence[Sync]) -> tuple[str, ...]:
        """Paths of what the account on the control host must be able to run."""

    def missing(self, host: str, programs: Sequence[str]) -> Finding:
        """What is said when these are not there: its arrays cannot be asked."""

    def checks(
        self, symcli: Symcli, host: str, asked: Sequence[tuple[Scope, Sync]]
    ) -> list[Steps[list[Finding]]]:
        """Procedures of which one's error keeps none of the others from being told.

        :param host: Airflow connection id of what is asked.
        :param asked: the syncs of which it is asked there.
        """

    def look_closer(
        self, scope: Scope, sync: Sync, where: str
    ) -> Steps[tuple[SyncSeen | None, list[Finding]]]:
        """The sync as it is seen, and what is to be said of it beside its pairs.

        :param where: how findings name the sync.
        :returns: None for the sync where its pairs can tell no more.
        :raises CloneError: it could not be looked at.
        """


CHECKING: dict[str, Checking] = {"symclone": symclone, "snapvx": snapvx}


def checking_of(sync: Sync) -> Checking:
    """The back end of a sync, as far as a site is checked before its first run."""
    return CHECKING[sync.backend]
