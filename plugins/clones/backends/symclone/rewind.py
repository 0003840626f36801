"""There is no way back to the copy before: a recreate discards it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clones.asking.steps import Steps
from clones.backends.symclone.looking import no_former_copy
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.states import SyncSeen


def look_to_rewind(scope: Scope, sync: Sync) -> Steps[SyncSeen]:
    """:raises ConfigError: always: a session has one copy."""
    yield from ()
    raise no_former_copy(sync)


def rewind(
    scope: Scope, sync: Sync, ledger: Ledger | None = None, plan: Mapping[str, Any] | None = None
) -> Steps[SyncSeen]:
    """:raises ConfigError: always: a session has one copy."""
    yield from ()
    raise no_former_copy(sync)
