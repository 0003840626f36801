"""The pairs of a service as a look leaves them for those who read it later: plain rows, a few bytes each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clones.asking.pieces import pieces
from clones.states import SyncSeen, device_text

COLUMNS = ("pair", "source", "target", "state", "percent", "last_action", "wrong")
"""Of a row; `source` and `target` are device numbers as text, `last_action` has no zone: it is local to the
control host, or UTC where a server is asked."""
PREFIX = "pairs/"
PIECE = 400
"""Rows of one value: of a state store that takes 64 kB a value."""
FEW = 16
"""Rows of a service that stand in its record, without a write of their own: two kilobytes."""
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


KEPT = ("name", "snapid", "at", "linked", "expires")
"""Of a row of what is kept beside a copy; the times are ISO, in UTC with zone, or None."""


def kept_rows(seen: SyncSeen) -> list[Row]:
    """A row a snapshot, the newest first."""
    return [[one.name, one.snapid, _utc(one.at), one.linked, _utc(one.expires)] for one in seen.kept]


def _utc(at: datetime | None) -> str | None:
    return None if at is None else at.replace(tzinfo=UTC).isoformat()


def kept_plain(row: Row) -> dict[str, Any]:
    """A row of what is kept, as JSON."""
    return dict(zip(KEPT, row, strict=True))


def known_snapshots(record: Mapping[str, Any] | None) -> dict[str, dict[str, int]]:
    """By sync the numbers of what is kept, by name, as a service's record has them."""
    syncs: Mapping[str, Any] = (record or {}).get("syncs", {})
    return {
        name: {row[0]: row[1] for row in sync.get("kept", ()) if row[1] is not None}
        for name, sync in syncs.items()
    }


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


def kept_in_record(found: Sequence[Row], syncs: int, at: str) -> dict[str, Any]:
    """What a sync's record says of its rows: their :func:`fingerprint`; of a few the rows, and when they were
    first seen so. All others stand under :func:`keys`.

    :param syncs: of the service.
    """
    few = len(found) * syncs <= FEW
    return fingerprint(found) | ({"rows": list(found), "at": at} if few else {})


def keys_of(service: str, sync: str, pairs: Mapping[str, Any] | None) -> Iterator[str]:
    """The keys that rows stand under.

    :param pairs: of :func:`kept_in_record`, None when no row was seen yet.
    """
    if pairs and "rows" not in pairs:
        yield from keys(service, sync, pairs["count"])


def fingerprint(found: Sequence[Row]) -> dict[str, Any]:
    """How many rows, and a text that is equal for equal ones."""
    return {"count": len(found), "digest": hashlib.sha256(json.dumps(list(found)).encode()).hexdigest()[:16]}
