"""The status of every service and sync: from what a look at the fleet showed to what an operator reads.

What has changed since the look before is :mod:`clones.fleet.changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType

from clones.config import Service
from clones.decide.freshness import PREPARING, Freshness, Status, decisive, freshness, remedy_of_old
from clones.decide.one_owner import REMEDY, ends_of, shared
from clones.decide.rules import Verdict
from clones.decide.start_order import HAS_RUN_ON_THEM, decide_start
from clones.durations import spoken
from clones.errors import NOTHING_CHANGED, Missing
from clones.fleet.look import Looked, trouble
from clones.fleet.pair_rows import Row, kept_plain, kept_rows, rows, sync_key
from clones.fleet.set_in_use import NOBODY_LOOKED, Role, SetInUse, of_set
from clones.states import ACTIVE, COPYING, State, SyncSeen


@dataclass(frozen=True)
class SyncStatus:
    """How one sync is now.

    :param press: what to do about it; empty while it is up.
    :param last_action: point in time of the copy, its oldest pair's, local time of the control host, or UTC
        where a server is asked; None unless all pairs are active.
    :param age: from then to the look.
    :param limit: age from which on it is too old; None: from none on.
    :param percent: copied, of the pair furthest behind, while tracks are moving.
    :param pairs: as :func:`clones.fleet.pair_rows.rows` has them; none when they were seen not to be there,
        None when they were not seen.
    :param target_set: on which set of the service; empty for one without.
    :param kept: as :func:`clones.fleet.pair_rows.kept_rows` has it; None when it was not seen.
    :param shared: which device is another pair's too, in a sentence; empty for none.
    """

    name: str
    status: Status
    why: str
    press: str = ""
    last_action: datetime | None = None
    age: timedelta | None = None
    limit: timedelta | None = timedelta(0)
    percent: int | None = None
    pairs: tuple[Row, ...] | None = None
    target_set: str = ""
    kept: tuple[Row, ...] | None = None
    shared: str = ""

    @property
    def key(self) -> str:
        """What it is called within its service."""
        return sync_key(self.name, self.target_set)

    def line(self) -> str:
        """``up       data: 2026-11-23 02:31:07, 4 h 10 min of 27 h 0 min, 40% copied``"""
        parts = [self.why]
        if self.last_action is not None and self.age is not None:
            of = f" of {spoken(self.limit)}" if self.limit is not None else " old"
            parts = [f"{self.last_action:%Y-%m-%d %H:%M:%S}", f"{spoken(self.age)}{of}"]
        if self.percent is not None:
            parts.append(f"{self.percent}% copied")
        return f"{self.status!s:8} {self.name}: {', '.join(parts)}"


@dataclass(frozen=True)
class ServiceStatus:
    """How one service's copies are now: as bad as the worst sync, for that one's reason.

    Of a service with target sets those of the set in use count; what is wrong on another set makes it `warn`.

    :param syncs: all of them; of a service with target sets on each set.
    :param in_use: which set that is; None for a service without target sets.
    :param unready: by set, why the service could not be started on it as it is; a set that is missing is
        wholly active at one point in time.
    """

    name: str
    syncs: tuple[SyncStatus, ...]
    in_use: SetInUse | None = None
    unready: Mapping[str, str] = field(default_factory=dict)

    @property
    def counting(self) -> Sequence[SyncStatus]:
        """The syncs whose freshness is the service's; unknown while it is not known which set is in use."""
        if self.in_use is None:
            return self.syncs
        if self.in_use.name:
            return [sync for sync in self.syncs if sync.target_set == self.in_use.name]
        names = dict.fromkeys(sync.name for sync in self.syncs)
        return [SyncStatus(name, Status.UNKNOWN, self.in_use.why, self.in_use.press) for name in names]

    @cached_property
    def _decisive(self) -> tuple[Status, SyncStatus]:
        return decisive(self.counting, self.syncs if self.in_use is not None else ())

    @property
    def worst(self) -> SyncStatus:
        """The sync that decides, the first of those that are alike."""
        return self._decisive[1]

    @property
    def status(self) -> Status:
        return self._decisive[0]

    @property
    def why(self) -> str:
        if self.in_use is not None and not self.in_use.name:
            return self.in_use.why
        return f"{of_set(self.in_use, self.worst.target_set)}sync {self.worst.name}: {self.worst.why}"

    @property
    def press(self) -> str:
        return self.worst.press

    @property
    def passes(self) -> bool:
        """Whether a run that goes on may be all there is to it, and it is gone once that has ended."""
        changing_over = self.in_use is not None and self.in_use.passing
        return changing_over or self.worst.status is Status.DOWN


def judge(
    services: Mapping[str, Service],
    looked: Sequence[Looked],
    in_use: Mapping[str, SetInUse] = MappingProxyType({}),
) -> list[ServiceStatus]:
    """The status of each service; worst first, alike in the order of the configuration.

    :param in_use: of each service with target sets, which one that is.
    """
    both = _shared(looked)
    by_service: dict[str, list[tuple[Looked, str]]] = {name: [] for name in services}
    for one in looked:
        where = (one.service, one.target_set, one.sync.name)
        by_service[one.service].append((one, both.get(where, "")))
    found = [
        _judged_service(name, services[name], own, in_use.get(name, NOBODY_LOOKED))
        for name, own in by_service.items()
    ]
    return sorted(found, key=lambda service: -service.status)


def _shared(looked: Sequence[Looked]) -> dict[tuple[str, str, str], str]:
    """By service, set and sync, which of its devices is another pair's too; the first."""
    ends = [
        end
        for one in looked
        if one.seen is not None
        for end in ends_of(one.service, one.target_set, one.sync.name, one.seen.symid, one.seen.pairs)
    ]
    found: dict[tuple[str, str, str], str] = {}
    for end, others in shared(ends):
        key = (end.service, end.target_set, end.sync)
        found.setdefault(key, f"{end.pair.label}: {end.is_also(others)}")
    return found


def _judged_service(
    name: str, service: Service, looked: Sequence[tuple[Looked, str]], in_use: SetInUse
) -> ServiceStatus:
    """:param looked: each with what :func:`_shared` says of it."""
    if not service.sets:
        return ServiceStatus(name, tuple(_judged(name, service, one, both) for one, both in looked))
    syncs = tuple(
        _judged(name, service, one, both, spare=one.target_set != in_use.name) for one, both in looked
    )
    unready = {
        one: why for one in service.sets if (why := _unready([x for x in looked if x[0].target_set == one]))
    }
    return ServiceStatus(name, syncs, in_use, unready)


def _unready(looked: Sequence[tuple[Looked, str]]) -> str:
    """Why a service cannot be started on this set as it is; empty when nothing that was seen forbids it.

    In which order the syncs were activated, the plan of a run asks: that takes what runs have kept.
    """
    for one, both in looked:
        if one.seen is None:
            return f"sync {one.sync.name} could not be seen"
        if both:
            return f"sync {one.sync.name}: {both}"
    decision = decide_start([one.seen for one, _ in looked if one.seen is not None], HAS_RUN_ON_THEM)
    return decision.why if decision.verdict is Verdict.REFUSE else ""


def _judged(name: str, service: Service, looked: Looked, both: str, *, spare: bool = False) -> SyncStatus:
    try:
        found = judge_sync(name, service, looked, spare=spare)
    except Exception as error:
        found = _in_trouble(looked.sync.name, error)
    if both:
        found = with_shared(found, both)
    return replace(found, target_set=looked.target_set) if looked.target_set else found


def with_shared(sync: SyncStatus, both: str) -> SyncStatus:
    """The same, of which a device is another pair's too: what it holds is not known to be a copy."""
    return replace(
        sync, status=Status.DOWN, why=_short(both), press=REMEDY, last_action=None, age=None, shared=both
    )


def in_trouble(service: ServiceStatus, error: Exception) -> ServiceStatus:
    """A service that this program could not go on with: unknown, while the others are what they are."""
    syncs = (replace(_in_trouble(one.name, error), target_set=one.target_set) for one in service.syncs)
    return replace(service, syncs=tuple(syncs))


def with_advice(service: ServiceStatus, words: Callable[[str], str]) -> ServiceStatus:
    """The same, with what to press in other words."""
    syncs = tuple(replace(sync, press=words(sync.press)) for sync in service.syncs)
    known = service.in_use
    return replace(
        service, syncs=syncs, in_use=None if known is None else replace(known, press=words(known.press))
    )


def _in_trouble(sync: str, error: Exception) -> SyncStatus:
    said = trouble(error)
    return SyncStatus(sync, Status.UNKNOWN, _short(" ".join(said.what.split())), said.remedy)


def judge_sync(name: str, service: Service, looked: Looked, *, spare: bool = False) -> SyncStatus:
    """One sync. What could not be seen is unknown; only what was seen to be wrong or missing is down.

    :param spare: of a target set that the service does not use, or may not use: no age is too old.
    """
    limit = None if spare else timedelta(minutes=service.sync_max_delay)
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
    fresh = freshness(seen, None if spare else service.sync_max_delay)
    copying = any(pair.state in COPYING for pair in seen.pairs)
    return SyncStatus(
        looked.sync.name,
        fresh.status,
        fresh.why,
        "" if fresh.status is Status.UP else press(name, service, seen, fresh, looked.target_set),
        fresh.point_in_time,
        fresh.age,
        limit,
        seen.percent if copying else None,
        tuple(rows(seen)),
        kept=tuple(kept_rows(seen)),
    )


def _short(text: str) -> str:
    """Without the middle: an error names the command with all its devices, and then what came back."""
    return text if len(text) <= 500 else f"{text[:150]} ... {text[-340:]}"


def press(name: str, service: Service, seen: SyncSeen, fresh: Freshness, target_set: str = "") -> str:
    """What to do about a sync that is not up; the first that applies."""
    states = {pair.state for pair in seen.pairs}
    on = f" with set {target_set}" if target_set else ""
    if any(pair.wrong for pair in seen.pairs):
        key = "targets" if target_set else "pairs"
        return (
            f"compare `{key}` in services.yaml with {seen.tools.show} of these devices, and fix what is wrong"
        )
    if states & {State.REST_IN_PROG, State.RESTORED}:
        return f"a merge-back is under way or was not ended: open the runs of {name}_merge_back"
    if State.TERMINATE_IN_PROG in states:
        return f"its session is being ended: open the runs of {name}_retire"
    if State.NONE in states:
        return f"trigger {name}_provision{on} with `plan_only`, and read what it would do"
    if not states <= ACTIVE | PREPARING | {State.SPLIT}:
        return (
            f"ask the storage team what the array says ({seen.tools.query}); once they have ended the "
            f"session, trigger {name}_provision{on}, which creates it again, then {name} with action refresh"
        )
    if not seen.all_in(ACTIVE) and not seen.all_in(PREPARING):
        return f"trigger {name} with action refresh: it copies all pairs again at one point in time"
    if fresh.point_in_time is not None:
        return remedy_of_old(name)
    if seen.all_in(PREPARING):
        action = "refresh" if target_set else "start" if service.resources else "break"
        return f"trigger {name} with action {action}: the copy is not active yet"
    return f"compare {seen.tools.clock} with the times in {seen.tools.show}"


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
        if service.in_use is None:
            lines += [f"{'':8} {sync.line()}" for sync in service.syncs]
            continue
        for target_set, role, refused, syncs in by_set(service):
            lines.append(
                f"{'':8} {role.named(target_set)}{f': no rewind to it, {refused}' if refused else ''}"
            )
            lines += [f"{'':10} {sync.line()}" for sync in syncs]
    return lines


def by_set(service: ServiceStatus) -> Iterator[tuple[str, Role, str, list[SyncStatus]]]:
    """Each target set: what it is for its service, why a rewind to it is refused, and its syncs.

    The one in use comes first; a service without target sets has none.
    """
    known = service.in_use
    if known is None:
        return
    sets = dict.fromkeys(sync.target_set for sync in service.syncs)
    for one in sorted(sets, key=lambda name: name != known.name):
        role = known.role(one)
        refused = service.unready.get(one, "") if role is Role.SPARE else ""
        yield one, role, refused, [sync for sync in service.syncs if sync.target_set == one]


def to_plain(service: ServiceStatus) -> dict[str, object]:
    """As JSON: ages in seconds; times without zone: of the control host, or UTC where a server is asked.

    What is kept beside the copies has its times in UTC, with zone.

    Of a service with target sets ``syncs`` are those of the set in use, and ``sets`` has all.
    """
    plain: dict[str, object] = {
        "service": service.name,
        "status": str(service.status),
        "why": service.why,
        "press": service.press,
        "syncs": [_sync_to_plain(sync) for sync in service.counting],
    }
    if service.in_use is not None:
        plain["set"] = service.in_use.name or None
        plain["sets"] = [
            {
                "set": one,
                "role": str(role),
                "rewind_refused": refused,
                "syncs": [_sync_to_plain(sync) for sync in syncs],
            }
            for one, role, refused, syncs in by_set(service)
        ]
    return plain


def _sync_to_plain(sync: SyncStatus) -> dict[str, object]:
    return {
        "sync": sync.name,
        "status": str(sync.status),
        "why": sync.why,
        "press": sync.press,
        "point_in_time": sync.last_action.isoformat() if sync.last_action else None,
        "age": int(sync.age.total_seconds()) if sync.age is not None else None,
        "sync_max_delay": int(sync.limit.total_seconds()) if sync.limit is not None else None,
        "percent": sync.percent,
        **({"kept": [kept_plain(row) for row in sync.kept]} if sync.kept else {}),
    }
