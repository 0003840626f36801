"""A target set is made ready beside the running one: its groups active, its file systems checked, nothing mounted."""

from __future__ import annotations

from clones.asking.steps import Steps
from clones.config.scope import Scope


def release(scope: Scope) -> Steps[bool]:
    """Take down what an earlier prepare has left active of the set's own groups, on every host of it.

    What is down already is left alone.

    :param scope: the service on that set.
    :returns: whether anything had to be taken down.
    :raises Refused: the set is in use, in whole or in part.
    :raises CloneError: a group stays up, or could not tell.
    """
    raise NotImplementedError


def prepare(scope: Scope) -> Steps[None]:
    """Make the set ready on its first host: disks looked for, groups up, file systems checked, nothing mounted.

    What is so already is left alone; a set that the service is on is left as it is.

    :param scope: the service on that set.
    :raises Refused: a sync of the set is not wholly active at one point in time.
    :raises CloneError: a disk is not there, a group does not come up, a check fails, or something could not
        be told.
    """
    raise NotImplementedError
