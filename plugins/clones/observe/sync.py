"""Looking at the copies of a sync, by whichever way its array is asked (D1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clones.asking.steps import Steps
from clones.backends import backend_of
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.states import State, SyncSeen


def observe(
    scope: Scope,
    sync: Sync,
    before: SyncSeen | None = None,
    snapshots: Mapping[str, int] = MappingProxyType({}),
) -> Steps[SyncSeen]:
    """Ask the array for the state of every pair of a sync.

    :param before: the sync as it was seen in this task, which may spare questions.
    :param snapshots: what an activation has kept of them, which may spare questions, too.
    :raises Refused: what the sync names is not known there.
    :raises TryAgain: locked, lost, or not readable.
    """
    return (yield from backend_of(sync).observe(scope, sync, before, snapshots))


def look(scope: Scope, sync: Sync, before: SyncSeen | None = None) -> Steps[SyncSeen]:
    """As :func:`observe`.

    :raises Refused: a pair is not the configured one.
    """
    seen = yield from observe(scope, sync, before)
    refuse_wrong_pairs(scope.name, sync, seen)
    return seen


def to_plain(seen: SyncSeen) -> dict[str, object]:
    """As JSON: what a run keeps of an observation."""
    return {
        "sync": seen.name,
        "symid": seen.symid,
        "clock": seen.clock.isoformat(),
        "pairs": [
            {
                "pair": pair.label,
                "source": pair.source,
                "target": pair.target,
                "state": pair.session.written if pair.session else str(pair.state),
                "percent": pair.session.percent if pair.session else None,
                "last_action": pair.session.last_action.isoformat()
                if pair.session and pair.session.last_action
                else None,
                "wrong": pair.wrong,
            }
            for pair in seen.pairs
        ],
        **({"snapshots": dict(seen.snapshots)} if seen.snapshots else {}),
    }


def is_same(plain: dict[str, object], now: SyncSeen) -> bool:
    """Whether an observation is, but for the clock and the progress, the one that was kept.

    A session that does not show the time of its last action, then or now, is not known to be the same.
    """

    def essence(observation: dict[str, object]) -> list[tuple[object, ...]]:
        pairs = observation["pairs"]
        assert isinstance(pairs, list)
        return [
            (p["source"], p["target"], p["last_action"], p["wrong"], p["state"] == State.NONE) for p in pairs
        ]

    then, today = essence(plain), essence(to_plain(now))
    return then == today and all(last_action or none for _, _, last_action, _, none in today)
