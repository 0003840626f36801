"""What a look at the fleet changes: since when each status is so, and what there is to tell.

A record, one a service, is plain JSON::

    {"status": "warn", "since": "2026-11-23T02:35:00+00:00", "why": "...", "press": "...",
     "syncs": {"data": {"status", "since", "why", "press", "last_action", "point_in_time", "percent"}}}

``since`` is when a look first showed it, in UTC; ``last_action`` is the copy's point in time as the array
shows it, local time of the control host; ``point_in_time`` the same in UTC, within seconds. A sync that is
unknown keeps what was last known of both. ``why`` is of the look that last changed the record: an age in it
has grown since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clones.freshness import Status, spoken
from clones.status import ServiceStatus, SyncStatus

Record = Mapping[str, Any]

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


def needs_patience(before: Record | None, now: ServiceStatus) -> bool:
    """Whether a run of the service that is going on may be all there is to it.

    While a recreate or an activation works its way through the pairs, some are shown prepared and some
    active: for that moment the sync looks torn. A merge-back and a retirement pass through such states, too.
    """
    return now.status is Status.DOWN and (before or {}).get("status") != str(Status.DOWN)


def follow(before: Record | None, now: ServiceStatus, at: datetime) -> tuple[dict[str, Any], Change | None]:
    """The service's record after a look, and what there is to tell.

    :param before: its record so far, None when nothing is known.
    :param at: time of the look, with zone.
    :returns: the record, equal to ``before`` when nothing changed but ages; and the change of its status. A
        service that is up when it is first seen is no news.
    """
    before = before or {}
    known: Mapping[str, Any] = before.get("syncs", {})
    record = {
        **_since(before, now.status, at),
        "why": now.why,
        "press": now.press,
        "syncs": {sync.name: _sync(known.get(sync.name), sync, at) for sync in now.syncs},
    }
    if _essence(record) == _essence(before):
        return dict(before), None
    was = before.get("status", "")
    if was == str(now.status) or (not was and now.status is Status.UP):
        return record, None
    began = datetime.fromisoformat(before["since"]) if was else None
    return record, Change(now.name, now.status, was, began, at, now.why, now.press)


def _sync(before: Record | None, now: SyncStatus, at: datetime) -> dict[str, Any]:
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
        "percent": now.percent,
    }


def _since(before: Record, status: Status, at: datetime) -> dict[str, str]:
    same = before.get("status") == str(status)
    return {"status": str(status), "since": before["since"] if same else written(at)}


def _essence(record: Record) -> object:
    """A record without what is only the time that passed: a reason that is an age."""
    return [record.get("status"), record.get("press")], {
        name: [value for key, value in sync.items() if key != "why" or not sync["last_action"]]
        for name, sync in record.get("syncs", {}).items()
    }


def written(moment: datetime) -> str:
    """With zone, to the second."""
    return moment.isoformat(timespec="seconds")
