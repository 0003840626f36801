"""Going back to the copy before: the target group is linked to the former snapshot."""

from __future__ import annotations

from dataclasses import replace

from clones.act.decided import decided
from clones.asking.steps import Steps
from clones.backends.snapvx.act import relink
from clones.backends.snapvx.change import need, wait_out
from clones.backends.snapvx.intents import What, kept_intent, known_snapshots
from clones.backends.snapvx.names import ours
from clones.backends.snapvx.observe import SnapSeen, look
from clones.backends.snapvx.tables import Intended, decide_rewind, former
from clones.backends.snapvx.tidy import read_one
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.identity import Ledger
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Decision, Verdict
from clones.states import SyncSeen


def look_to_rewind(scope: Scope, sync: Sync, ledger: Ledger | None = None) -> Steps[SnapSeen]:
    """The sync with the snapshot before the one that is linked, if there is one.

    :raises CloneError: see :mod:`clones.errors`.
    """
    known = known_snapshots(None, sync.name, ledger)
    seen = yield from look(scope, sync, known, group=True)
    refuse_wrong_pairs(scope.name, sync, seen)
    linked = [one.name for one in seen.linked]
    names = ours(scope.name, sync.name, seen.listed or ())
    for name in names:
        if not linked or name >= min(linked) or seen.detail(name) is not None:
            continue
        detail = yield from read_one(scope, sync, name, known.get(name))
        if detail is not None:
            details = (*seen.details, detail)
            seen = replace(seen, details=details, snapshots={one.name: one.snapid for one in details})
            if not detail.expired:
                break
    return seen


def rewind(scope: Scope, sync: Sync, ledger: Ledger | None = None) -> Steps[SyncSeen]:
    """Link the target group to the newest snapshot that is older than the linked one.

    What was changed on the targets since the last link is lost. The service is proven down right before.
    Nothing is ended: a later refresh ends what is over.

    :param ledger: keeps that it is sent, before it is.
    :raises CloneError: see :mod:`clones.errors`.
    """
    kept = need(scope, sync, ledger)
    yield from wait_out(scope, sync, kept)
    seen = yield from look_to_rewind(scope, sync, kept)
    kept.saw(seen)
    intent = kept_intent(kept)
    if (
        intent is not None
        and intent.run == kept.run
        and intent.what is What.REWIND
        and seen.wholly_on(intent.name)
    ):
        done = Decision(Verdict.NOTHING, f"this run has linked every pair to {intent.name} already")
        yield from decided(scope, sync, "rewind", done, wait_seconds=sync.copy_timeout)
        return seen
    decision = decide_rewind(sync, seen)
    yield from decided(scope, sync, "rewind", decision, wait_seconds=sync.copy_timeout)
    return (yield from relink(scope, sync, seen, Intended(former(seen)), kept, What.REWIND, mends=False))
