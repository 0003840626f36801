"""symclone as a back end (:class:`clones.backends.doing.Doing`): what changes something."""

from __future__ import annotations

from clones.asking.steps import Steps
from clones.backends.symclone.act import create as create
from clones.backends.symclone.act import ready_to_split as ready_to_split
from clones.backends.symclone.act import resync as resync
from clones.backends.symclone.act import split as split
from clones.backends.symclone.device_groups import find_place as find_place
from clones.backends.symclone.end import end as end
from clones.backends.symclone.end import look_to_end as look_to_end
from clones.backends.symclone.end import remove as remove
from clones.backends.symclone.end import see_to_end as see_to_end
from clones.backends.symclone.rewind import look_to_rewind as look_to_rewind
from clones.backends.symclone.rewind import rewind as rewind
from clones.backends.symclone.set_up import look_to_set_up as look_to_set_up
from clones.backends.symclone.set_up import provide as provide
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.ledger import Ledger


def wait_out(scope: Scope, sync: Sync, ledger: Ledger | None) -> Steps[None]:
    """Nothing: the processes of the control host tell what still runs."""
    yield from ()
