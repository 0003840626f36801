"""The pairs of a service as a look leaves them for those who read it later: plain rows, a few bytes each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from clones.observe.next_look import pieces
from clones.states import SyncSeen, device_text

COLUMNS = ("pair", "source", "target", "state", "percent", "last_action", "wrong")
"""Of a row; `source` and `target` are device numbers as text, `last_action` is local to the control host."""
PREFIX = "pairs/"
PIECE = 400
"""Rows of one value: of a state store that takes 64 kB a value."""
LONGEST = 200
"""Characters of what is wrong with a pair."""

Row = list[Any]


def rows(seen: SyncSeen) -> list[Row]:
    """A row a pair, in their order."""
    return [
        [
            pair.pair.label,
            device_text(pair.source),
            device_text(pair.target),
            pair.session.written if pair.session else str(pair.state),
            pair.session.percent if pair.session else None,
            pair.session.last_action.isoformat() if pair.session and pair.session.last_action else None,
            pair.wrong[:LONGEST],
        ]
        for pair in seen.pairs
    ]


def sync_key(sync: str, target_set: str = "") -> str:
    """What a sync is called within its service; on a target set ``SYNC/SET``. No sync can be named so."""
    return f"{sync}/{target_set}" if target_set else sync


def prefix(service: str = "") -> str:
    """What the keys of a service's rows begin with in a state store, or those of any service."""
    return f"{PREFIX}{service}/" if service else PREFIX


def keyed(service: str, sync: str, found: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The rows of a sync under their keys."""
    for number, piece in enumerate(pieces(found, PIECE)):
        yield f"{prefix(service)}{sync}/{number}", list(piece)


def keys(service: str, sync: str, count: int) -> Iterator[str]:
    """The keys of so many rows."""
    for key, _ in keyed(service, sync, [[]] * count):
        yield key


def fingerprint(found: Sequence[Row]) -> dict[str, Any]:
    """How many rows, and a text that is equal for equal ones."""
    return {"count": len(found), "digest": hashlib.sha256(json.dumps(list(found)).encode()).hexdigest()[:16]}
