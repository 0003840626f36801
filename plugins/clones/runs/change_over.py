"""The plan of a run of a service with target sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.decide.identity import Activation
from clones.decide.target_sets import Recorded
from clones.observe.estimates import Pace
from clones.runs.refresh import Plan


def plan(
    scopes: Sequence[Scope],
    action: str,
    recorded: Recorded,
    asked: str = "",
    paces: Mapping[str, Pace | None] = MappingProxyType({}),
    known: Mapping[str, Activation] = MappingProxyType({}),
) -> Steps[Plan]:
    """Choose the sets, look at everything and judge it for an action.

    :param scopes: the service on each of its sets, in order.
    :param recorded: what runs have recorded of its sets.
    :param asked: the set that the user has named; empty for none.
    :param paces: by sync, what the last completed run showed.
    :param known: by :meth:`clones.config.scope.Scope.key` of set and sync, the newest activation that was
        kept, where :func:`clones.runs.refresh.goes_by_order` says so.
    :returns: the plan of the set that the action works on, with `from_set` and `to_set`; its `former` is the
        set that the run can change back to.
    :raises Refused: all that the action must not do, before it did anything.
    :raises MustWait: a copy is moving.
    :raises Unknown: something could not be told.
    """
    raise NotImplementedError
