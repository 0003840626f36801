"""SnapVX as a back end (:class:`clones.backends.doing.Doing`): what changes something."""

from clones.backends.snapvx.act import ready_to_split as ready_to_split
from clones.backends.snapvx.act import resync as resync
from clones.backends.snapvx.act import split as split
from clones.backends.snapvx.change import wait_out as wait_out
from clones.backends.snapvx.end import end as end
from clones.backends.snapvx.end import look_to_end as look_to_end
from clones.backends.snapvx.end import remove as remove
from clones.backends.snapvx.end import see_to_end as see_to_end
from clones.backends.snapvx.rewind import look_to_rewind as look_to_rewind
from clones.backends.snapvx.rewind import rewind as rewind
from clones.backends.snapvx.set_up import create as create
from clones.backends.snapvx.set_up import look_to_set_up as look_to_set_up
from clones.backends.snapvx.set_up import provide as provide
from clones.backends.snapvx.shared import locate

find_place = locate
"""Its pairs are device numbers."""
