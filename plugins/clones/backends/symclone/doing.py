"""symclone as a back end (:class:`clones.backends.doing.Doing`): what changes something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clones.asking.steps import Steps
from clones.backends.symclone import looking
from clones.backends.symclone.act import create as create
from clones.backends.symclone.act import ready_to_split as ready_to_split
from clones.backends.symclone.act import resync as resync
from clones.backends.symclone.act import split as split
from clones.backends.symclone.end import end as end
from clones.backends.symclone.end import look_to_end as look_to_end
from clones.backends.symclone.end import remove as remove
from clones.backends.symclone.end import see_to_end as see_to_end
from clones.backends.symclone.set_up import look_to_set_up as look_to_set_up
from clones.backends.symclone.set_up import provide as provide
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.identity import Ledger
from clones.states import SyncSeen


def look_to_rewind(scope: Scope, sync: Sync) -> Steps[SyncSeen]:
    """:raises ConfigError: always: a session has one copy."""
    yield from ()
    raise looking.no_copy_before(sync)


def rewind(
    scope: Scope, sync: Sync, ledger: Ledger | None, plan: Mapping[str, Any] | None = None
) -> Steps[SyncSeen]:
    """:raises ConfigError: always: a session has one copy."""
    yield from ()
    raise looking.no_copy_before(sync)
