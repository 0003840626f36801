"""A service is taken from one target set to another, and back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from clones.asking.steps import Result, Steps
from clones.config.scope import Scope
from clones.decide.identity import Activation


def stop(scope: Scope) -> Steps[None]:
    """Take the service down on a target set, and what all sets share on every other host.

    :param scope: the service on the set that it is taken from.
    :raises Refused: the service is on another set.
    :raises CloneError: as :func:`clones.act.stop_and_start.stop`.
    """
    raise NotImplementedError


def start(
    scope: Scope,
    listed: Mapping[str, Result] = MappingProxyType({}),
    known: Mapping[str, Activation] | None = MappingProxyType({}),
) -> Steps[None]:
    """Bring the service up on a target set, once it is proven down on all others.

    :param scope: the service on the set that it is started on.
    :param listed: as :func:`clones.act.stop_and_start.start` has it.
    :param known: by sync of this set, the newest activation that was kept; None where the order of the syncs
        is not asked.
    :raises Refused: another set is in use; an application is up while nothing of this set is.
    :raises CloneError: as :func:`clones.act.stop_and_start.start`.
    """
    raise NotImplementedError


def why_left(scope: Scope, plan: Mapping[str, Any] | None, *, stopped: bool) -> Steps[str]:
    """Why a run that failed does not change back; empty when it is to.

    :param scope: the service on the set that it came from (the plan's `from_set`).
    :param plan: XCom `plan` of the run, None when it has left none.
    :param stopped: the run has begun to stop the service: it has recorded its intent.
    :raises CloneError: the copies cannot be seen.
    """
    raise NotImplementedError


def back(scope: Scope, new: Scope, listed: Mapping[str, Result] = MappingProxyType({})) -> Steps[None]:
    """Change back: take down what came up on the new set, prove it down there, start on the former one.

    :param scope: the service on the former set.
    :param new: the service on the set that it was to change over to.
    :param listed: as :func:`start` has it.
    :raises CloneError: something stays up or down, or could not be told.
    """
    raise NotImplementedError
