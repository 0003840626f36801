"""What Unisphere's answers say: snapshots, links, groups, devices, jobs.

Keys are read as the API's own document has them (10.0) and, of changes, in their older form. What is missing
where it is needed, and what has an odd form, is unreadable: unknown, and never taken for a state (D2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from clones.asking.steps import Result
from clones.backends.snapvx.outcomes import Outcome, classify, failure
from clones.backends.snapvx.reading import (
    Body,
    as_object,
    milliseconds,
    number,
    objects,
    text,
    texts,
    unreadable,
    written_time,
    yes,
)
from clones.errors import Unreadable
from clones.states import DeviceNumber

T = TypeVar("T")

_DEVICE = re.compile(r"[0-9A-Fa-f]{3,6}")
_JOB = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NONE = frozenset({"", "na", "n/a", "none", "null"})


@dataclass(frozen=True)
class Link:
    """One pair that is linked to a snapshot.

    :param group: the storage group by which it was linked.
    :param percent: copied; stays 0 without copy.
    :param defined: whether every track of the target is resolved; None where that is not shown.
    :param since: when it was linked, in UTC without zone; None where that is not shown.
    """

    group: str
    source: int
    target: int
    percent: int | None
    defined: bool | None
    since: datetime | None


@dataclass(frozen=True)
class Snapshot:
    """One snapshot of the source group.

    :param at: its point in time, in UTC without zone; None where it is not shown.
    :param sources: cylinders of each source device; None where they are not shown.
    :param volumes: how many devices it has, and how many its group has now.
    :param tracks: that it holds and its sources no longer share.
    :param expires: when the array ends it, in UTC without zone; None where that is not shown.
    """

    name: str
    snapid: int
    at: datetime | None
    states: tuple[str, ...]
    expired: bool
    restored: bool
    secure: bool
    links: tuple[Link, ...]
    sources: dict[int, int | None]
    volumes: tuple[int | None, int | None]
    tracks: int | None = None
    expires: datetime | None = None


@dataclass(frozen=True)
class Names:
    """The snapshots of a group, by name.

    :param manual: taken by somebody.
    :param policies: taken by a snapshot policy.
    """

    manual: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """A storage group as replication sees it.

    :param devices: how many it has, without gatekeepers.
    :param linked: whether it is linked to a snapshot; None where that is not shown.
    """

    name: str
    devices: int
    linked: bool | None


@dataclass(frozen=True)
class Page:
    """A part of a list of devices.

    :param count: of the whole list.
    :param iterator: by what further pages are asked for; empty when this is all.
    """

    devices: tuple[int, ...]
    count: int
    iterator: str


@dataclass(frozen=True)
class Volume:
    """:param cylinders: its size; None where it is not shown.
    :param target: whether it is linked to a snapshot; None where that is not shown.
    """

    device: int
    cylinders: int | None
    target: bool | None
    source: bool | None


@dataclass(frozen=True)
class Array:
    """An array, as its server shows it.

    :param microcode: as it is written: ``6079.175.0``; empty where it is not shown.
    :param local: whether this server manages it; None where that is not shown.
    """

    model: str
    microcode: str
    local: bool | None


def names(result: Result, asked: str) -> Names:
    """:param asked: whose they are, for an error.
    :raises CloneError: it could not be told.
    """
    body = _body(result, asked, none_is_404=True)
    if body is None:
        return Names()
    _refuse_a_message(body, "name", "snapshot_names", "sl_snapshot_name")
    return Names(
        tuple(texts(body, "name", "snapshot_names") or ()), tuple(texts(body, "sl_snapshot_name") or ())
    )


def snapids(result: Result, asked: str) -> tuple[int, ...]:
    """The numbers of one name; none when there is none.

    :raises CloneError: it could not be told.
    """
    body = _body(result, asked, none_is_404=True)
    if body is None:
        return ()
    listed = body.get("snapids", body.get("snap_ids", body.get("snapid")))
    if listed is None:
        raise unreadable("it has no snapids")
    found = listed if isinstance(listed, list) else [listed]
    numbers = [number({"snapids": one}, "snapids") for one in found]
    return tuple(_needed(one, "snapids") for one in numbers)


def snapshot(result: Result, asked: str, name: str, snapid: int) -> Snapshot | None:
    """The one that was asked for, with its links; None when there is none.

    :raises CloneError: it could not be told, or the answer is about another snapshot.
    """
    body = _body(result, asked, none_is_404=True)
    if body is None:
        return None
    shown = text(body, "name"), number(body, "snapid", "snap_id", "snapId")
    if shown != (name, snapid):
        raise unreadable(f"it is about {shown[0]!r}, number {shown[1]}, not about {name!r}, number {snapid}")
    linked = _needed(yes(body, "linked", "isLinked"), "linked")
    entries = objects(body, "linked_storage_group", "linkedStorageGroup") or []
    if linked != bool(entries):
        shown_as = "linked, and it does not show to what" if linked else "not linked, and it shows links"
        raise unreadable(f"snapshot {name} is {shown_as}")
    secure = (text(body, "secure_expiry_date", "secureExpiryDate") or "").strip().lower()
    return Snapshot(
        name,
        snapid,
        milliseconds(body, "timestamp_utc", "timestampUtc") or written_time(body, "timestamp"),
        tuple(texts(body, "state") or ()),
        _needed(yes(body, "expired", "isExpired"), "expired"),
        _needed(yes(body, "restored", "isRestored"), "restored"),
        secure not in _NONE,
        tuple(_link(entry) for entry in entries),
        {
            _device(text(one, "name")): number(one, "capacity")
            for one in objects(body, "source_volume", "sourceVolume") or ()
        },
        (
            number(body, "num_source_volumes", "numSourceVolumes"),
            number(body, "num_storage_group_volumes", "numStorageGroupVolumes"),
        ),
        number(body, "non_shared_tracks", "nonSharedTracks"),
        written_time(body, "time_to_live_expiry_date", "timeToLiveExpiryDate"),
    )


def _link(entry: Body) -> Link:
    percent = number(entry, "percentageCopied", "percentage_copied")
    if percent is not None and percent > 100:
        raise unreadable(f"percentageCopied is {percent}")
    return Link(
        _needed(text(entry, "name"), "name of a linked group"),
        _device(text(entry, "source_volume_name", "sourceVolumeName")),
        _device(text(entry, "linked_volume_name", "linkedVolumeName")),
        percent,
        yes(entry, "defined"),
        written_time(entry, "linkedCreationTimestamp", "linked_creation_timestamp"),
    )


def group(result: Result, asked: str) -> Group | None:
    """None when there is no such group.

    :raises CloneError: it could not be told.
    """
    body = _body(result, asked, none_is_404=True)
    if body is None:
        return None
    return Group(
        _needed(text(body, "name", "storageGroupName"), "name"),
        _needed(number(body, "numDevicesNonGk", "num_devices_non_gk"), "numDevicesNonGk"),
        yes(body, "isLinkTarget", "is_link_target"),
    )


def page(result: Result, asked: str) -> Page:
    """The devices of a group, or the next of them.

    :raises CloneError: it could not be told.
    """
    body = _body(result, asked, none_is_404=True)
    if body is None:
        return Page((), 0, "")
    part = body.get("resultList", body)
    if not isinstance(part, dict):
        raise unreadable("resultList is no object")
    rows = objects(part, "result")
    if rows is None:
        raise unreadable("it has no list of devices")
    devices = tuple(_device(text(row, "volumeId", "volume_id")) for row in rows)
    count = number(body, "count")
    iterator = text(body, "id") or ""
    if iterator and not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", iterator):
        raise unreadable(f"the list's id is {iterator!r}")
    return Page(devices, len(devices) if count is None else count, iterator)


def volume(result: Result, asked: str) -> Volume:
    """One device.

    :raises CloneError: it could not be told, or it is not there.
    """
    body = _body(result, asked)
    assert body is not None
    return Volume(
        _device(text(body, "volumeId", "volume_id")),
        number(body, "cap_cyl", "capCyl"),
        yes(body, "snapvx_target", "snapvxTarget"),
        yes(body, "snapvx_source", "snapvxSource"),
    )


def array(result: Result, asked: str) -> Array | None:
    """One array; None when the server does not know it.

    :raises CloneError: it could not be told.
    """
    body = _body(result, asked, none_is_404=True)
    if body is None:
        return None
    _refuse_a_message(body, "symmetrixId", "model", "microcode", "ucode", "local")
    code = text(body, "microcode", "ucode") or ""
    return Array(text(body, "model") or "", code, yes(body, "local"))


def capable(result: Result, asked: str) -> dict[str, bool | None]:
    """Whether each array can take snapshots; None where that is not shown.

    :raises CloneError: it could not be told.
    """
    body = _body(result, asked)
    assert body is not None
    _refuse_a_message(body, "symmetrixCapability", "symmetrix_capability")
    rows = objects(body, "symmetrixCapability", "symmetrix_capability") or ()
    return {text(row, "symmetrixId", "symmetrix_id") or "": yes(row, "snapVxCapable") for row in rows}


def job_of(result: Result) -> str:
    """The id of the job that an accepted change has become; empty when there is none to be read."""
    try:
        return job_id(as_object(result.stdout))
    except Unreadable:
        return ""


def job_ids(result: Result) -> tuple[str, ...]:
    """The ids of all jobs, the newest, which has the greatest number, first.

    :raises CloneError: it could not be told.
    """
    body = _body(result, "the jobs of the array", none_is_404=True)
    if body is None:
        return ()
    rows = body.get("jobId", body.get("job_id"))
    if not isinstance(rows, list):
        raise unreadable("it has no list of jobs")
    found = [job_id({"jobId": one}) for one in rows]
    return tuple(sorted(found, key=lambda one: (len(one), one), reverse=True))


def job_id(body: Body) -> str:
    """:raises Unreadable: it has none."""
    found = body.get("jobId", body.get("job_id"))
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or not _JOB.fullmatch(found):
        raise unreadable(f"jobId is {found!r}")
    return found


def _body(result: Result, asked: str, *, none_is_404: bool = False) -> Body | None:
    outcome = classify(result)
    if outcome is Outcome.DONE:
        return as_object(result.stdout)
    if none_is_404 and outcome is Outcome.GONE:
        return None
    raise failure(result, asked, consequence="Only the state was read: nothing was changed.")


def _refuse_a_message(body: Body, *names: str) -> None:
    """:raises Unreadable: in place of all of these there is an error, although the status is 200."""
    if "message" in body and not any(name in body for name in names):
        raise unreadable(f"it only says {str(body['message'])[:200]!r}")


def _device(written: str | None) -> DeviceNumber:
    if written is None or not _DEVICE.fullmatch(written):
        raise unreadable(f"{written!r} is no device")
    return DeviceNumber(written)


def _needed(found: T | None, what: str) -> T:
    if found is None:
        raise unreadable(f"it has no {what}")
    return found
