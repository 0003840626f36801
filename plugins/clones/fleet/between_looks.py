"""What is shown of a copy between two looks: from what the last one left, and the time since.

A copy grows old while nobody looks, and what nobody has looked at for long is not known any more (D2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from clones.decide.freshness import Status, by_age, decisive, remedy_of_old
from clones.durations import spoken
from clones.fleet.pair_rows import sync_key
from clones.fleet.set_in_use import Role, SetInUse, of_set

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
    :param target_set: on which set of the service; empty for one without.
    """

    name: str
    status: Status
    why: str
    press: str
    point_in_time: datetime | None = None
    limit: timedelta | None = None
    percent: int | None = None
    ends: datetime | None = None
    target_set: str = ""


@dataclass(frozen=True)
class SetShown:
    """One target set as it is shown.

    :param role: as it was at the last look.
    :param unready: why the service could not be started on it then; empty when nothing spoke against that.
    """

    name: str
    role: Role
    unready: str
    syncs: tuple[SyncShown, ...]

    @property
    def points(self) -> list[datetime]:
        """The points in time of its syncs, those that are known; all of them where it is ready."""
        return [sync.point_in_time for sync in self.syncs if sync.point_in_time is not None]


@dataclass(frozen=True)
class ServiceShown:
    """One service as it is shown.

    :param since: since when its status is so, with zone; None when that is not known.
    :param syncs: of a service with target sets those of the set in use; each unknown when that is not known.
    :param looked: when its copies were looked at last, with zone; None when they never were.
    :param sets: its target sets, in order; none for a service without.
    :param in_use: which of them is in use, as it was at the last look.
    """

    status: Status
    why: str
    press: str
    since: datetime | None
    syncs: tuple[SyncShown, ...]
    looked: datetime | None = None
    sets: tuple[SetShown, ...] = ()
    in_use: SetInUse | None = None


def show(
    name: str,
    record: Mapping[str, Any] | None,
    syncs: Sequence[str],
    limit: timedelta | None,
    looks: Looks,
    now: datetime,
    sets: Sequence[str] = (),
) -> ServiceShown:
    """Show a service by its record (:mod:`clones.fleet.changes`).

    :param name: of the service.
    :param record: None when no look has left one.
    :param syncs: as configured, in order.
    :param limit: age from which on its copies are too old.
    :param sets: its target sets as configured, in order.
    """
    looks = looks.of(record)
    record = record or {}
    missing = looks.missing(now) if record else NEVER
    looked = looks.last if record else None
    on = _in_use(record, sets) if sets else None
    shown_sets = tuple(_set(name, one, on, record, syncs, limit, missing, now) for one in sets if on)
    if on is None:
        shown = tuple(_sync(name, sync, record, limit, missing, now) for sync in syncs)
    elif on.name:
        shown = next(one.syncs for one in shown_sets if one.name == on.name)
    else:
        shown = tuple(
            SyncShown(sync, Status.UNKNOWN, missing or on.why, on.press, limit=limit) for sync in syncs
        )
    gravest, why, press = Status.UNKNOWN, missing or NEVER, LOOK
    if shown:
        spare = [sync for one in shown_sets if one.role is Role.SPARE for sync in one.syncs]
        gravest, sync = decisive(shown, spare)
        if not missing:
            why, press = f"{of_set(on, sync.target_set)}sync {sync.name}: {sync.why}", sync.press
    if not missing and on is not None and not on.name:
        why, press = on.why, on.press
    since = None
    if record and str(gravest) == record["status"] and not missing:
        since = datetime.fromisoformat(record["since"])
    return ServiceShown(gravest, why, press, since, shown, looked, shown_sets, on)


def _in_use(record: Mapping[str, Any], sets: Sequence[str]) -> SetInUse:
    """As the last look left it; not known where that knew of no sets, or of another one."""
    known = SetInUse.read(record["set"]) if "set" in record else None
    return known if known and known.name in ("", *sets) else SetInUse("", why=NEVER, press=LOOK)


def _set(
    service: str,
    name: str,
    on: SetInUse,
    record: Mapping[str, Any],
    syncs: Sequence[str],
    limit: timedelta | None,
    missing: str,
    now: datetime,
) -> SetShown:
    role = on.role(name)
    spare = role not in (Role.IN_USE, Role.NEXT)
    age = None if spare else limit
    shown = tuple(_sync(service, sync, record, age, missing, now, name, spare=spare) for sync in syncs)
    return SetShown(name, role, record.get("unready", {}).get(name, ""), shown)


def _sync(
    service: str,
    name: str,
    record: Mapping[str, Any],
    limit: timedelta | None,
    missing: str,
    now: datetime,
    target_set: str = "",
    *,
    spare: bool = False,
) -> SyncShown:
    """:param spare: no age is too old."""
    shown = SyncShown(name, Status.UNKNOWN, missing or NEVER, LOOK, limit=limit, target_set=target_set)
    known = record.get("syncs", {}).get(sync_key(name, target_set))
    if known is None:
        return shown
    point, ends = _time(known.get("point_in_time")), _time(known.get("ends"))
    status, why, press = Status[known["status"].upper()], known["why"], known["press"]
    if missing:
        return replace(shown, why=f"{missing}; it was {status} then", point_in_time=point)
    if point is not None and (limit is not None or spare) and status in (Status.UP, Status.WARN):
        # With a point in time all its pairs were active, and only its age decided.
        before = status
        status, why = by_age(max(now - point, timedelta(0)), limit)
        if status is not before:
            press = remedy_of_old(service) if status is Status.WARN else ""
    percent = known.get("percent")
    return replace(
        shown,
        status=status,
        why=why,
        press=press,
        point_in_time=point,
        percent=percent,
        ends=ends if percent is not None else None,
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
