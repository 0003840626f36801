"""Names of snapshots, and which of them are ours.

``SA_`` + ten hex digits of the service's name and of :func:`key_of` the sync + ``_`` + UTC time + two hex
digits of the try: ``SA_0123456789_20261123T120000ab``, 31 of the 32 characters that an array takes. What does
not begin with a sync's own prefix is never deleted and never linked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from clones.config import Sync

LONGEST = 32
"""Characters of a snapshot's name, on every array."""
_OURS = re.compile(r"SA_[0-9a-f]{10}_\d{8}T\d{6}[0-9a-f]{2}")


def key_of(sync: Sync) -> str:
    """A sync as names of snapshots know it, also beside another Airflow's service of the same name."""
    return f"{sync.name}/{sync.symid}/{sync.target_group}"


def prefix(service: str, sync: str) -> str:
    """What the names of all snapshots of one sync begin with.

    :param sync: of :func:`key_of`.
    """
    return f"SA_{_digits(f'{service}/{sync}', 10)}_"


def new_name(service: str, sync: str, at: datetime, of_try: str) -> str:
    """A name for a snapshot that is about to be taken.

    :param at: about now, in UTC; the array stamps the snapshot itself.
    :param of_try: anything that another try would not have.
    """
    return f"{prefix(service, sync)}{at:%Y%m%dT%H%M%S}{_digits(of_try, 2)}"


def time_of_next(names: Iterable[str], now: datetime) -> datetime:
    """The time for the name of a new snapshot: now, or a second after the newest that there is.

    So the order of the names is that in which they were taken, also where the server's clock was set back.

    :param names: of all snapshots of this sync.
    :param now: by the server's clock, in UTC.
    """
    for name in sorted(names, reverse=True):
        try:
            newest = datetime.strptime(name.rsplit("_", 1)[-1][:15], "%Y%m%dT%H%M%S")
            return max(now, newest.replace(tzinfo=now.tzinfo) + timedelta(seconds=1))
        except (ValueError, OverflowError):
            continue
    return now


def is_ours(service: str, sync: str, name: str) -> bool:
    """Whether a snapshot was taken for this sync."""
    return name.startswith(prefix(service, sync)) and _OURS.fullmatch(name) is not None


def ours(service: str, sync: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of one sync, the newest first."""
    return tuple(sorted({name for name in names if is_ours(service, sync, name)}, reverse=True))


def _digits(text: str, count: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:count]
