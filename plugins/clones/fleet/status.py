"""The status of every service and sync: from what a look at the fleet showed to what an operator reads.

What has changed since the look before is :mod:`clones.fleet.changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clones.config import Service
from clones.decide.freshness import PREPARING, Freshness, Status, freshness, remedy_of_old, worst
from clones.durations import spoken
from clones.errors import Missing
from clones.fleet.look import Looked, trouble
from clones.fleet.pair_rows import Row, rows
from clones.observe.sync import NOTHING_CHANGED
from clones.states import ACTIVE, COPYING, State, SyncSeen


@dataclass(frozen=True)
class SyncStatus:
    """How one sync is now.

    :param press: what to do about it; empty while it is up.
    :param last_action: point in time of the copy, its oldest pair's, local time of the control host; None
        unless all pairs are active.
    :param age: from then to the look.
    :param limit: age from which on it is too old.
    :param percent: copied, of the pair furthest behind, while tracks are moving.
    :param pairs: as :func:`clones.fleet.pair_rows.rows` has them; none when they were seen not to be there,
        None when they were not seen.
    """

    name: str
    status: Status
    why: str
    press: str = ""
    last_action: datetime | None = None
    age: timedelta | None = None
    limit: timedelta = timedelta(0)
    percent: int | None = None
    pairs: tuple[Row, ...] | None = None

    def line(self) -> str:
        """``up       data: 2026-11-23 02:31:07, 4 h 10 min of 27 h 0 min, 40% copied``"""
        parts = [self.why]
        if self.last_action is not None and self.age is not None:
            parts = [f"{self.last_action:%Y-%m-%d %H:%M:%S}", f"{spoken(self.age)} of {spoken(self.limit)}"]
        if self.percent is not None:
            parts.append(f"{self.percent}% copied")
        return f"{self.status!s:8} {self.name}: {', '.join(parts)}"


@dataclass(frozen=True)
class ServiceStatus:
    """How one service's copies are now: as bad as the worst sync, for that one's reason."""

    name: str
    syncs: tuple[SyncStatus, ...]

    @property
    def worst(self) -> SyncStatus:
        """The sync that decides, the first of those that are alike."""
        return max(self.syncs, key=lambda sync: sync.status)

    @property
    def status(self) -> Status:
        return worst([sync.status for sync in self.syncs])

    @property
    def why(self) -> str:
        return f"sync {self.worst.name}: {self.worst.why}"

    @property
    def press(self) -> str:
        return self.worst.press


def judge(services: Mapping[str, Service], looked: Sequence[Looked]) -> list[ServiceStatus]:
    """The status of each service; worst first, alike in the order of the configuration."""
    by_service: dict[str, list[Looked]] = {name: [] for name in services}
    for one in looked:
        by_service[one.service].append(one)
    found = [
        ServiceStatus(name, tuple(_judged(name, services[name], one) for one in own))
        for name, own in by_service.items()
    ]
    return sorted(found, key=lambda service: -service.status)


def _judged(name: str, service: Service, looked: Looked) -> SyncStatus:
    try:
        return judge_sync(name, service, looked)
    except Exception as error:
        return _in_trouble(looked.sync.name, error)


def in_trouble(service: ServiceStatus, error: Exception) -> ServiceStatus:
    """A service that this program could not go on with: unknown, while the others are what they are."""
    return ServiceStatus(service.name, tuple(_in_trouble(sync.name, error) for sync in service.syncs))


def with_advice(service: ServiceStatus, words: Callable[[str], str]) -> ServiceStatus:
    """The same, with what to press in other words."""
    return ServiceStatus(
        service.name, tuple(replace(sync, press=words(sync.press)) for sync in service.syncs)
    )


def _in_trouble(sync: str, error: Exception) -> SyncStatus:
    said = trouble(error)
    return SyncStatus(sync, Status.UNKNOWN, _short(" ".join(said.what.split())), said.remedy)


def judge_sync(name: str, service: Service, looked: Looked) -> SyncStatus:
    """One sync. What could not be seen is unknown; only what was seen to be wrong or missing is down."""
    limit = timedelta(minutes=service.sync_max_delay)
    seen = looked.seen
    if seen is None:
        error = looked.error
        assert error is not None, "a sync was seen, or there is an error"
        status = Status.DOWN if isinstance(error, Missing) else Status.UNKNOWN
        why = _short(" ".join(error.what.replace(NOTHING_CHANGED, "").split()))
        pairs = () if status is Status.DOWN else None
        return SyncStatus(
            looked.sync.name, status, why, error.remedy or "see the log", limit=limit, pairs=pairs
        )
    fresh = freshness(seen, service.sync_max_delay)
    copying = any(pair.state in COPYING for pair in seen.pairs)
    return SyncStatus(
        looked.sync.name,
        fresh.status,
        fresh.why,
        "" if fresh.status is Status.UP else press(name, service, seen, fresh),
        fresh.point_in_time,
        fresh.age,
        limit,
        seen.percent if copying else None,
        tuple(rows(seen)),
    )


def _short(text: str) -> str:
    """Without the middle: an error names the command with all its devices, and then what came back."""
    return text if len(text) <= 500 else f"{text[:150]} ... {text[-340:]}"


def press(name: str, service: Service, seen: SyncSeen, fresh: Freshness) -> str:
    """What to do about a sync that is not up; the first that applies."""
    states = {pair.state for pair in seen.pairs}
    if any(pair.wrong for pair in seen.pairs):
        return "compare `pairs` in services.yaml with `symdev show` of these devices, and fix what is wrong"
    if states & {State.REST_IN_PROG, State.RESTORED}:
        return f"a merge-back is under way or was not ended: open the runs of {name}_merge_back"
    if State.TERMINATE_IN_PROG in states:
        return f"its session is being ended: open the runs of {name}_retire"
    if State.NONE in states:
        return f"trigger {name}_provision with `plan_only`, and read what it would do"
    if not states <= ACTIVE | PREPARING | {State.SPLIT}:
        return (
            "ask the storage team what the array says (`symclone query`); once they have ended the "
            f"session, trigger {name}_provision, which creates it again, then {name} with action refresh"
        )
    if not seen.all_in(ACTIVE) and not seen.all_in(PREPARING):
        return f"trigger {name} with action refresh: it copies all pairs again at one point in time"
    if fresh.point_in_time is not None:
        return remedy_of_old(name)
    if seen.all_in(PREPARING):
        action = "start" if service.resources else "break"
        return f"trigger {name} with action {action}: the copy is not active yet"
    return "compare the control host's clock with the times in `symdev show`"


def summary(services: Sequence[ServiceStatus]) -> str:
    """``1 down, 0 unknown, 2 warn, 9 up``"""
    counted = [service.status for service in services]
    return ", ".join(f"{counted.count(status)} {status}" for status in reversed(Status))


def table(services: Sequence[ServiceStatus]) -> list[str]:
    """A line a service with its reason, what to press, and a line a sync."""
    lines = []
    for service in services:
        lines.append(f"{str(service.status).upper():8} {service.name}: {service.why}")
        if service.press:
            lines.append(f"{'':8} -> {service.press}")
        lines += [f"{'':8} {sync.line()}" for sync in service.syncs]
    return lines


def to_plain(service: ServiceStatus) -> dict[str, object]:
    """As JSON: ages in seconds, times local to the control host and without zone."""
    return {
        "service": service.name,
        "status": str(service.status),
        "why": service.why,
        "press": service.press,
        "syncs": [
            {
                "sync": sync.name,
                "status": str(sync.status),
                "why": sync.why,
                "press": sync.press,
                "point_in_time": sync.last_action.isoformat() if sync.last_action else None,
                "age": int(sync.age.total_seconds()) if sync.age is not None else None,
                "sync_max_delay": int(sync.limit.total_seconds()),
                "percent": sync.percent,
            }
            for sync in service.syncs
        ],
    }
