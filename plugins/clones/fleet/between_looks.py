"""What is shown of a copy between two looks: from what the last one left, and the time since.

A copy grows old while nobody looks, and what nobody has looked at for long is not known any more (D2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from clones.decide.freshness import Status, by_age, remedy_of_old, worst
from clones.durations import spoken

MISSED_LOOKS = 3
"""Looks that may be late or fail before what the last one saw counts as not known."""
NEVER = "nobody has checked its copies yet"
LOOK = "unpause DAG clone_status, or trigger it"


@dataclass(frozen=True)
class Looks:
    """When the copies were looked at.

    :param last: time of the last look, None when there was none.
    :param every_minutes: from one look to the next; None: only when somebody triggers it.
    """

    last: datetime | None
    every_minutes: int | None

    def of(self, record: Mapping[str, Any] | None) -> Looks:
        """The looks at one service: the last task of a run may have looked since the last look at all."""
        looked = _time((record or {}).get("looked"))
        if looked is None or (self.last is not None and self.last >= looked):
            return self
        return replace(self, last=looked)

    def missing(self, now: datetime) -> str:
        """Why what is kept is not known any more, empty while it is."""
        if self.last is None:
            return NEVER
        if self.every_minutes is None:
            return ""
        since = now - self.last
        if since <= timedelta(minutes=MISSED_LOOKS * self.every_minutes):
            return ""
        return f"last checked {spoken(since)} ago, not every {self.every_minutes} min"


@dataclass(frozen=True)
class SyncShown:
    """One sync as it is shown.

    :param point_in_time: of its copy, with zone; None when it is not usable or not known.
    :param limit: age from which on it is too old; None when that is not known.
    :param percent: copied, while tracks are moving.
    :param ends: when all may be copied, with zone; an estimate.
    """

    name: str
    status: Status
    why: str
    press: str
    point_in_time: datetime | None = None
    limit: timedelta | None = None
    percent: int | None = None
    ends: datetime | None = None


@dataclass(frozen=True)
class ServiceShown:
    """One service as it is shown.

    :param since: since when its status is so, with zone; None when that is not known.
    :param looked: when its copies were looked at last, with zone; None when they never were.
    """

    status: Status
    why: str
    press: str
    since: datetime | None
    syncs: tuple[SyncShown, ...]
    looked: datetime | None = None


def show(
    name: str,
    record: Mapping[str, Any] | None,
    syncs: Sequence[str],
    limit: timedelta | None,
    looks: Looks,
    now: datetime,
) -> ServiceShown:
    """Show a service by its record (:mod:`clones.fleet.changes`).

    :param name: of the service.
    :param record: None when no look has left one.
    :param syncs: as configured, in order.
    :param limit: age from which on its copies are too old.
    """
    known: Mapping[str, Any] = (record or {}).get("syncs", {})
    looks = looks.of(record)
    missing = looks.missing(now) if record else NEVER
    looked = looks.last if record else None
    shown = tuple(_sync(name, sync, known.get(sync), limit, missing, now) for sync in syncs)
    gravest = worst([sync.status for sync in shown]) if shown else Status.UNKNOWN
    sync = next((sync for sync in shown if sync.status is gravest), None)
    since = None
    if record and str(gravest) == record["status"] and not missing:
        since = datetime.fromisoformat(record["since"])
    if missing or sync is None:
        return ServiceShown(gravest, missing or NEVER, LOOK, since, shown, looked)
    return ServiceShown(gravest, f"sync {sync.name}: {sync.why}", sync.press, since, shown, looked)


def _sync(
    service: str,
    name: str,
    record: Mapping[str, Any] | None,
    limit: timedelta | None,
    missing: str,
    now: datetime,
) -> SyncShown:
    if record is None:
        return SyncShown(name, Status.UNKNOWN, missing or NEVER, LOOK, limit=limit)
    point, ends = _time(record.get("point_in_time")), _time(record.get("ends"))
    status, why, press = Status[record["status"].upper()], record["why"], record["press"]
    if missing:
        return SyncShown(name, Status.UNKNOWN, f"{missing}; it was {status} then", LOOK, point, limit)
    if point is not None and limit is not None and status in (Status.UP, Status.WARN):
        # With a point in time all its pairs were active, and only its age decided.
        before = status
        status, why = by_age(max(now - point, timedelta(0)), limit)
        if status is not before:
            press = remedy_of_old(service) if status is Status.WARN else ""
    percent = record.get("percent")
    return SyncShown(name, status, why, press, point, limit, percent, ends if percent is not None else None)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
