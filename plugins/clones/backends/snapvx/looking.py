"""SnapVX as a back end (:class:`clones.backends.BackEnd`): looks, rules, and what is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from clones.asking.steps import Command, Steps
from clones.backends.snapvx import requests
from clones.backends.snapvx.names import key_of, prefix
from clones.backends.snapvx.observe import TOOLS as TOOLS
from clones.backends.snapvx.observe import SnapSeen, look
from clones.backends.snapvx.observe import observe as observe
from clones.backends.snapvx.shared import ask_precopied as ask_precopied
from clones.backends.snapvx.shared import first_asked as first_asked
from clones.backends.snapvx.shared import locate as locate
from clones.backends.snapvx.shared import look_at as look_at
from clones.backends.snapvx.shared import look_key as look_key
from clones.backends.snapvx.shared import looks as looks
from clones.backends.snapvx.shared import seen_at as seen_at
from clones.backends.snapvx.tables import decide_break as decide_break
from clones.backends.snapvx.tables import decide_create as decide_create
from clones.backends.snapvx.tables import decide_resync as decide_resync
from clones.backends.snapvx.tables import decide_retire as decide_retire
from clones.backends.snapvx.tables import decide_rewind as decide_rewind
from clones.backends.snapvx.tables import former
from clones.config import Sync
from clones.config.scope import Scope
from clones.states import PairSeen, SyncSeen

TO_COME = "20000101T00000000"
"""In a plan, in place of the time in the name of a snapshot that is still to be taken; its number is 0."""


def survey(scope: Scope, sync: Sync, snapshots: Mapping[str, int] = MappingProxyType({})) -> Steps[SyncSeen]:
    """With the target group: a link would overwrite every device that it holds."""
    return (yield from look(scope, sync, snapshots, group=True, newest=1))


def sends(
    scope: Scope, sync: Sync, seen: SyncSeen, action: str, pairs: Sequence[PairSeen]
) -> tuple[Command, ...]:
    """A snapshot that is still to be taken has the name that :data:`TO_COME` makes, and the number 0."""
    assert isinstance(seen, SnapSeen), "it was seen by this back end"
    new = f"{prefix(scope.name, key_of(sync))}{TO_COME}"
    if action == "create":
        return (
            requests.take_snapshot(scope, sync, new),
            requests.link(scope, sync, new, 0),
        )
    if action == "resync":
        return (requests.take_snapshot(scope, sync, new),)
    if action == "break":
        point = seen.prepared
        return (requests.relink(scope, sync, point.name if point else new, point.snapid if point else 0),)
    if action == "rewind":
        point = former(seen)
        assert point is not None, "it is decided to act"
        return (requests.relink(scope, sync, point.name, point.snapid),)
    return tuple(requests.unlink(scope, sync, one.name, one.snapid) for one in seen.linked)


def differing(scope: Scope, sync: Sync, seen: SyncSeen) -> Steps[dict[tuple[int, int], int]]:
    """Not shown: Unisphere tells the tracks of a snapshot only in all, and not what a target has changed."""
    yield from ()
    return {}


def still_running(rows: Sequence[str], service: str, sync: Sync) -> list[str]:
    """Nothing: no command on a host changes such a sync. What may be pending is kept as an intent."""
    return []
