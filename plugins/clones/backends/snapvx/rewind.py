"""Going back to the copy before: the target group is linked to the former snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from clones.act.decided import decided
from clones.asking.steps import Steps
from clones.backends.snapvx.act import refuse_link_since_plan, relink, saw_link
from clones.backends.snapvx.change import need, wait_out
from clones.backends.snapvx.intents import What, kept_intent, known_snapshots
from clones.backends.snapvx.names import key_of, ours
from clones.backends.snapvx.observe import SnapSeen, look
from clones.backends.snapvx.pairs import find_kept
from clones.backends.snapvx.tables import Intended, decide_rewind
from clones.backends.snapvx.tidy import read_one
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Verdict
from clones.states import PointInTime, SyncSeen


def look_to_rewind(
    scope: Scope, sync: Sync, ledger: Ledger | None = None, plan: Mapping[str, Any] | None = None
) -> Steps[SnapSeen]:
    """The sync with the snapshot before the one that is linked, if there is one.

    :param plan: the run's: what it goes back to is read, too.
    :raises CloneError: see :mod:`clones.errors`.
    """
    known = known_snapshots(plan, sync.name, ledger)
    seen = yield from look(scope, sync, known, group=True)
    refuse_wrong_pairs(scope.name, sync, seen)
    linked, wanted = [one.name for one in seen.linked], planned_rewind(plan, sync.name)
    names = ours(scope.name, key_of(sync), seen.listed or ())
    for name in names:
        older = bool(linked) and name < min(linked)
        if not (older or (wanted and name == wanted.name)) or seen.detail(name) is not None:
            continue
        detail = yield from read_one(scope, sync, name, known.get(name))
        if detail is not None:
            details = (*seen.details, detail)
            seen = replace(seen, details=details, snapshots={one.name: one.snapid for one in details})
            if wanted is not None and name == wanted.name:
                break  # without a plan all are read: whether they are of one run with those of other syncs
    return replace(seen, kept=find_kept(seen.details, seen.foreign, seen.pairs, seen.listed or ()))


def planned_rewind(plan: Mapping[str, Any] | None, sync: str) -> PointInTime | None:
    """The snapshot that a run's plan goes back to; None when it says none."""
    found = (plan or {}).get("back_to", {}).get(sync)
    return PointInTime.read(found) if found else None


def rewind(
    scope: Scope, sync: Sync, ledger: Ledger | None = None, plan: Mapping[str, Any] | None = None
) -> Steps[SyncSeen]:
    """Link the target group to the newest snapshot that is older than the one that the plan saw linked.

    What was changed on the targets since the last link is lost. The service is proven down right before.
    Nothing is ended: a later refresh ends what is over.

    :param ledger: keeps that it is sent, before it is.
    :param plan: the run's, which says what is gone back to: a rerun goes there too, and no further.
    :raises CloneError: see :mod:`clones.errors`.
    """
    kept = need(scope, sync, ledger)
    yield from wait_out(scope, sync, kept)
    seen = yield from look_to_rewind(scope, sync, kept, plan)
    saw_link(kept, seen)
    to = planned_rewind(plan, sync.name)
    intent = kept_intent(kept)
    if to is None and intent is not None and intent.run == kept.run and intent.what is What.REWIND:
        to = PointInTime(intent.name, intent.snapid or 0, intent.at)  # as this run has decided before
    decision = decide_rewind(sync, seen, to)
    if to is not None:
        refuse_link_since_plan(scope, sync, seen, plan, to, decision)
    yield from decided(scope, sync, "rewind", decision, wait_seconds=sync.copy_timeout)
    if decision.verdict is Verdict.NOTHING:
        return seen
    return (yield from relink(scope, sync, seen, Intended(decision.to), kept, What.REWIND, mends=False))
