"""The pairs of a service as a look leaves them for those who read it later: plain rows, a few bytes each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from clones.pacing import pieces
from clones.states import SyncSeen, device_text

COLUMNS = ("sync", "pair", "source", "target", "state", "percent", "last_action", "wrong")
"""Of a row; `source` and `target` are device numbers as text, `last_action` is local to the control host."""
PIECE = 400
"""Rows of one value: of a state store that takes 64 kB a value."""
LONGEST = 200
"""Characters of what is wrong with a pair."""

Row = list[Any]


def rows(looked: Sequence[SyncSeen]) -> list[Row]:
    """A row a pair, in their order."""
    return [
        [
            seen.name,
            pair.pair.label,
            device_text(pair.source),
            device_text(pair.target),
            pair.session.written if pair.session else str(pair.state),
            pair.session.percent if pair.session else None,
            pair.session.last_action.isoformat() if pair.session and pair.session.last_action else None,
            pair.wrong[:LONGEST],
        ]
        for seen in looked
        for pair in seen.pairs
    ]


def keyed(service: str, found: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The rows under the keys of a state store; a service's own name is none of them."""
    for number, piece in enumerate(pieces(found, PIECE)):
        yield f"pairs/{service}/{number:03}", list(piece)


def fingerprint(found: Sequence[Row]) -> str:
    """Equal for equal rows."""
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]
