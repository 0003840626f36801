"""What a look at the fleet changes: since when each status is so, and what there is to tell.

A record, one a service, is plain JSON::

    {"status": "warn", "since": "2026-11-23T02:35:00+00:00", "why": "...", "press": "...",
     "syncs": {"data": {"status", "since", "why", "press", "last_action", "point_in_time",
                        "percent", "percent_at", "ends", "pairs", "shared"}},
     "looked": "2026-11-23T02:35:00.123+00:00", "own": {"state", "why", "at", "dag_id", "run_id"}}

``looked`` is when the last task of a run wrote it, if one did since: a sweep that looked before leaves it.
``own`` is how a run's last task saw the service itself, which no sweep asks
(:meth:`clones.observe.own_state.OwnState.to_plain`).
``untold`` is what was told last, where a task that could tell nothing has changed it since.
``since`` is when a look first showed it, in UTC; ``last_action`` is the copy's point in time as the array
shows it, local time of the control host, or UTC where a server is asked; ``point_in_time`` the same in UTC,
within seconds. A sync that is unknown keeps what was last known of both. ``percent`` is what was copied at
``percent_at``, ``ends`` when all may be, both in UTC, from two looks that showed it move. ``pairs`` is which
pairs were seen, and how (:func:`clones.fleet.pair_rows.kept_in_record`); ``kept`` is what is kept beside the
copy, where anything is (:data:`clones.fleet.pair_rows.KEPT`). ``shared`` is which device is another pair's
too, where one is: only a look at all services shows that. ``why`` is of the look that last changed the
record: an age in it has grown since.

Of a service with target sets ``syncs`` has each sync on each set, as ``data/a``; ``set`` is which one is in
use (:meth:`clones.fleet.set_in_use.SetInUse.to_plain`), and ``unready`` by set why the service could not be
started on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from clones.decide.freshness import Status
from clones.durations import spoken
from clones.fleet import pair_rows
from clones.fleet.pair_rows import Row, fingerprint, kept_in_record
from clones.fleet.status import ServiceStatus, SyncStatus, with_shared

Record = Mapping[str, Any]

OWN = "own"
SWEEP = "clone_status"
"""Key of the last look, which no service can be named: ``{"at", "services"}``."""


@dataclass(frozen=True)
class Change:
    """One message: a service came to another status.

    :param was: the status before; empty when nothing was known of the service.
    :param since: when the status before was first seen; None with it.
    """

    service: str
    status: Status
    was: str
    since: datetime | None
    at: datetime
    why: str
    press: str

    def text(self) -> str:
        """One line: what it is, what it was, why, and what to press."""
        before = ""
        if self.since is not None:
            before = f" (was {self.was} for {spoken(self.at - self.since)})"
        press = f" -> {self.press}" if self.press else ""
        return f"{self.service} is {self.status}{before}: {self.why}{press}"

    def to_plain(self) -> dict[str, Any]:
        """As JSON; ``since`` is when the new status was first seen."""
        return {
            "service": self.service,
            "status": str(self.status),
            "was": self.was,
            "since": written(self.at),
            "why": self.why,
            "press": self.press,
            "text": self.text(),
        }


def names_in(record: Record) -> tuple[list[str], list[str]]:
    """The syncs and the target sets that a record knows, in order, for want of a configuration."""
    known = [key.partition("/") for key in record.get("syncs", {})]
    syncs = dict.fromkeys(sync for sync, _, _ in known)
    return list(syncs), list(dict.fromkeys(target_set for _, _, target_set in known if target_set))


def needs_patience(before: Record | None, now: ServiceStatus) -> bool:
    """Whether a run of the service that is going on may be all there is to it.

    While a recreate or an activation works its way through the pairs, some are shown prepared and some
    active: for that moment the sync looks torn. A merge-back and a retirement pass through such states, too.
    """
    return now.passes and (before or {}).get("status") != str(now.status)


def follow(
    before: Record | None, now: ServiceStatus, at: datetime, *, tells: bool = True
) -> tuple[dict[str, Any], Change | None]:
    """The service's record after a look, and what there is to tell.

    :param before: its record so far, None when nothing is known.
    :param at: time of the look, with zone.
    :param tells: whoever looks can tell; if not, the next one who can tells of it.
    :returns: the record, equal to ``before`` when nothing changed but ages; and the change of its status. A
        service that is up when it is first seen is no news.
    """
    before = before or {}
    known: Mapping[str, Any] = before.get("syncs", {})
    record = {
        **_since(before, now.status, at),
        "why": now.why,
        "press": now.press,
        "syncs": {sync.key: _sync(known.get(sync.key), sync, at, len(now.syncs)) for sync in now.syncs},
        **({OWN: before[OWN]} if OWN in before else {}),
    }
    if now.in_use is not None:
        record |= {"set": now.in_use.to_plain(), "unready": dict(now.unready)}
    untold = before.get("untold")
    if _essence(record) == _essence(before) and not (untold and tells):
        return dict(before), None
    last: Mapping[str, Any] = untold or before
    was = last.get("status", "")
    if was == str(now.status) or (not was and now.status is Status.UP):
        return record, None
    if not tells:
        return {**record, "untold": {"status": was, "since": last.get("since")}}, None
    began = datetime.fromisoformat(last["since"]) if was else None
    return record, Change(now.name, now.status, was, began, at, now.why, now.press)


def looked_at(record: Record, at: datetime, own: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The record, as one that a run's last task has written.

    :param own: how it saw the service itself, None when it has no resources.
    """
    return {**record, "looked": at.isoformat(timespec="milliseconds"), **({OWN: own} if own else {})}


def is_newer(record: Record | None, began: datetime) -> bool:
    """Whether a run's last task has written it since a look began: that look is the older one then."""
    looked = (record or {}).get("looked")
    return looked is not None and datetime.fromisoformat(looked) > began


def with_pairs(before: Record, now: ServiceStatus, at: datetime) -> dict[str, Any]:
    """The record so far, which only knows of the pairs as they are now."""
    syncs = dict(before["syncs"])
    for sync in now.syncs:
        if sync.key in syncs:
            known = syncs[sync.key]
            syncs[sync.key] = {**known, "pairs": _pairs(known, sync, at, len(now.syncs))}
    return {**before, "syncs": syncs}


def pairs_changed(before: Record | None, now: ServiceStatus) -> Iterator[tuple[str, list[Row] | None]]:
    """What to write so that a state store has the pairs as they are now: key and rows, None to delete it."""
    known: Mapping[str, Any] = (before or {}).get("syncs", {})
    for sync in now.syncs:
        was = known.get(sync.key, {}).get("pairs")
        if sync.pairs is None or _same(was, sync.pairs):
            continue
        few = "rows" in kept_in_record(sync.pairs, len(now.syncs), "")
        new = {} if few else dict(pair_rows.keyed(now.name, sync.key, sync.pairs))
        yield from new.items()
        for key in pair_rows.keys_of(now.name, sync.key, was):
            if key not in new:
                yield key, None
    for name in known.keys() - {sync.key for sync in now.syncs}:
        yield from forgotten(now.name, {"syncs": {name: known[name]}})


def forgotten(service: str, record: Record) -> Iterator[tuple[str, None]]:
    """What to delete of a service, or of a sync, that is configured no more."""
    for name, sync in record.get("syncs", {}).items():
        for key in pair_rows.keys_of(service, name, sync.get("pairs")):
            yield key, None


def _same(was: Mapping[str, Any] | None, rows: Sequence[Row]) -> bool:
    return {**(was or {}), **fingerprint(rows)} == (was or fingerprint([]))


def _pairs(before: Record, now: SyncStatus, at: datetime, syncs: int) -> Mapping[str, Any] | None:
    was: Mapping[str, Any] | None = before.get("pairs")
    if now.pairs is None or (was and _same(was, now.pairs)):
        return was
    return kept_in_record(now.pairs, syncs, written(at))


def _sync(before: Record | None, now: SyncStatus, at: datetime, syncs: int) -> dict[str, Any]:
    before = before or {}
    last, point = before.get("last_action"), before.get("point_in_time")
    if now.status is not Status.UNKNOWN:
        shown = now.last_action.isoformat() if now.last_action else None
        if shown != last:
            last, point = shown, written(at - now.age) if now.age is not None else None
    return {
        **_since(before, now.status, at),
        "why": now.why,
        "press": now.press,
        "last_action": last,
        "point_in_time": point,
        **_moved(before, now.percent, at),
        "pairs": _pairs(before, now, at, syncs),
        **_kept(before, now),
        **({"shared": now.shared} if now.shared else {}),
    }


def still_shared(before: Record | None, now: ServiceStatus) -> ServiceStatus:
    """A service that was looked at alone: only a look at all shows that a device is shared no more."""
    known: Mapping[str, Any] = (before or {}).get("syncs", {})
    both = {key: sync["shared"] for key, sync in known.items() if sync.get("shared")}
    if not both:
        return now
    syncs = tuple(with_shared(sync, both[sync.key]) if sync.key in both else sync for sync in now.syncs)
    unready = {
        one.target_set: f"sync {one.name}: {one.shared}" for one in syncs if one.shared and one.target_set
    }
    return replace(now, syncs=syncs, unready={**now.unready, **unready})


def _kept(before: Record, now: SyncStatus) -> dict[str, Any]:
    """What is kept beside the copy; what was not asked for this time is as it was."""
    was: Sequence[Row] = before.get("kept", ())
    if now.kept is None:
        return {"kept": was} if was else {}
    known = {row[0]: row for row in was}
    rows = [
        [*known[row[0]][:3], row[3], known[row[0]][4]] if row[1] is None and row[0] in known else row
        for row in now.kept
    ]
    return {"kept": rows} if rows else {}


def _moved(before: Record, percent: int | None, at: datetime) -> dict[str, Any]:
    """How far it is copied, since when that is so, and when all may be, at the rate between these two."""
    if percent is None:
        return {"percent": None, "percent_at": None, "ends": None}
    last, last_at = before.get("percent"), before.get("percent_at")
    if percent == last:
        return {"percent": percent, "percent_at": last_at, "ends": before.get("ends")}
    ends = None
    if last is not None and last_at is not None and percent > last:
        pause = at - datetime.fromisoformat(last_at)
        ends = written(at + pause * (100 - percent) / (percent - last))
    return {"percent": percent, "percent_at": written(at), "ends": ends}


def _since(before: Record, status: Status, at: datetime) -> dict[str, str]:
    same = before.get("status") == str(status)
    return {"status": str(status), "since": before["since"] if same else written(at)}


def _essence(record: Record) -> object:
    """A record without what is only the time that passed: a reason that is an age."""
    return [record.get(key) for key in ("status", "press", "set", "unready")], {
        name: [value for key, value in sync.items() if key != "why" or not sync["last_action"]]
        for name, sync in record.get("syncs", {}).items()
    }


def written(moment: datetime) -> str:
    """With zone, to the second."""
    return moment.isoformat(timespec="seconds")
