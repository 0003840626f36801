"""There is no way back to the copy before: a recreate discards it."""

from __future__ import annotations

from clones.asking.steps import Steps
from clones.backends.symclone.looking import no_former_copy
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.identity import Ledger
from clones.states import SyncSeen


def rewind(scope: Scope, sync: Sync, ledger: Ledger | None = None) -> Steps[SyncSeen]:
    """:raises ConfigError: always."""
    yield from ()
    raise no_former_copy(sync)


def look_to_rewind(scope: Scope, sync: Sync, ledger: Ledger | None = None) -> Steps[SyncSeen]:
    """:raises ConfigError: always."""
    yield from ()
    raise no_former_copy(sync)
