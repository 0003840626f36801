"""Snapshots and links as the answers show them: snake_case by snapid, camelCase else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lab import states
from lab.array.session import Device
from lab.array.snapshot import Link, Snapshot
from lab.unisphere.call import Call

TRACK_KB = 128
CYLINDER_TRACKS = 15


def moment(call: Call, at: float) -> str:
    """`12:43:52 Sun, 21 Mar 2021 +0000` (captured); older servers put a zone's name in (documented)."""
    text = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S %a, %d %b %Y")
    return f"{text} GMT +0000" if call.unisphere.switches.zone_name else f"{text} +0000"


def milliseconds(at: float) -> int:
    """Since 1970; of whole seconds (captured)."""
    return int(at) * 1000


def tracks_of(device: Device) -> int:
    """Of 128 KB each, whatever the lab's own tracks are."""
    return device.megabytes * 1024 // TRACK_KB


def volume(call: Call, device: Device) -> dict[str, Any]:
    cylinders = -(-tracks_of(device) // CYLINDER_TRACKS)
    gigabytes = round(cylinders * CYLINDER_TRACKS * TRACK_KB / 1024 / 1024, 7)
    return {"name": call.array.name(device, 5), "capacity": cylinders, "capacity_gb": gigabytes}


def detail(call: Call, group: str, snapshot: Snapshot, at: float) -> dict[str, Any]:
    """By snapid, as it was at a moment; of the copy's progress what is now."""
    snapvx = call.world.snapvx(call.array)
    devices = snapvx.group(group)
    sources = [d for d in snapshot.sources if d in devices]
    links = [link for link in snapshot.linked(at) if link.source in sources]
    restored = snapshot.is_restored(at)
    found: dict[str, Any] = {
        "name": snapshot.name_at(at),
        "generation": snapvx.generation(group, snapshot, at) if snapshot.there(at) else 0,
        "snapid": snapshot.snapid,
        "timestamp": moment(call, snapshot.at),
        "timestamp_utc": milliseconds(snapshot.at),
        "state": ["Established", *(["Restored"] if restored else [])],
        "num_source_volumes": len(sources),
        "source_volume": [volume(call, d) for d in sources],
        "num_storage_group_volumes": len(devices),
        "tracks": 0,
        "non_shared_tracks": 0,
        "expired": snapshot.expired(at),
        "linked": bool(links),
        "restored": restored,
        "persistent": snapshot.persistent,
    }
    if snapshot.expires is not None:
        found["time_to_live_expiry_date"] = moment(call, snapshot.expires)
    if snapshot.secure_until is not None:
        found["secure_expiry_date"] = moment(call, snapshot.secure_until)
    if links and call.unisphere.switches.linked_list == "shown":
        found["linked_storage_group_names"] = sorted({link.target_group for link in links})
        found["linked_storage_group"] = [_link(call, link, at) for link in links]
    return found


def percent(call: Call, link: Link) -> int:
    if link.nocopy:
        return int(call.unisphere.switches.nocopy_percent)
    return link.percent


def _remaining(call: Call, link: Link) -> int:
    """Of 128 KB each."""
    if call.unisphere.switches.tracks == "total" or link.nocopy:
        return tracks_of(link.source)
    return link.protected_tracks * call.array.track_kb // TRACK_KB


def _link(call: Call, link: Link, at: float) -> dict[str, Any]:
    """One entry a pair."""
    array = call.array
    array.copies_on(link.target)
    found: dict[str, Any] = {
        "name": link.target_group,
        "source_volume_name": array.name(link.source, 5),
        "linked_volume_name": array.name(link.target, 5),
        "tracks": _remaining(call, link),
        "trackSize": TRACK_KB * 1024,
        "percentageCopied": percent(call, link),
        "linkedCreationTimestamp": moment(call, max(link.since, link.snapshot.at)),
    }
    if call.unisphere.switches.defined_shown:
        found["defined"] = link.defined(at)
        found["background_define_in_progress"] = not link.defined(at)
    return found


CAMEL = {
    "generation": "generation", "name": "name", "timestamp": "timestamp", "timestamp_utc": "timestamp_utc",
    "state": "state", "num_source_volumes": "numSourceVolumes", "source_volume": "sourceVolume",
    "num_storage_group_volumes": "numStorageGroupVolumes", "tracks": "tracks",
    "non_shared_tracks": "nonSharedTracks", "time_to_live_expiry_date": "timeToLiveExpiryDate",
    "secure_expiry_date": "secureExpiryDate", "expired": "isExpired", "linked": "isLinked",
    "restored": "isRestored", "persistent": "isPersistent", "snapid": "snapid",
    "linked_storage_group_names": "linkedStorageGroupNames", "linked_storage_group": "linkedStorageGroup",
}  # fmt: skip


def camel_case(found: dict[str, Any]) -> dict[str, Any]:
    """The older form of a detail (documented), which the answers to changes have."""
    named = {CAMEL[key]: value for key, value in found.items()}
    return {**named, "numUniqueTracks": 0, "numSharedTracks": 0}


def of_change(call: Call, group: str, snapshot: Snapshot) -> dict[str, Any]:
    """What the answer to a change shows: the snapshot as it is now."""
    found = detail(call, group, snapshot, call.now)
    return camel_case(found) if call.unisphere.switches.change_answer == "camelCase" else found


def private_source(call: Call, snapshot: Snapshot, device: Device, at: float) -> dict[str, Any]:
    """One snapshot of a device, in the private view (relied on)."""
    snapvx = call.world.snapvx(call.array)
    return {
        "snapshotName": snapshot.name_at(at),
        "snap_id": snapshot.snapid,
        "generation": snapvx.generation(snapshot.group, snapshot, at),
        "timestamp": milliseconds(snapshot.at),
        "state": "Restored" if snapshot.is_restored(at) else "Established",
        "expired": snapshot.expired(at),
        "secured": snapshot.secure_until is not None and at < snapshot.secure_until,
        "isRestored": snapshot.is_restored(at),
        "ttl": 0 if snapshot.expires is None else int(max(0.0, snapshot.expires - at)),
        "linkedDevices": [_private_link(call, k, at) for k in snapshot.linked(at) if k.source is device],
    }


def _private_link(call: Call, link: Link, at: float) -> dict[str, Any]:
    call.array.copies_on(link.target)
    return {
        "targetDevice": call.array.name(link.target, 5),
        "percentageCopied": percent(call, link),
        "state": link.state,
        "copy": not link.nocopy,
        "defined": link.defined(at),
        "linked": True,
        "restored": False,
        "modified": link.changed_target > 0,
        "destage": link.state == states.COPIED,
        "tracks": link.protected_tracks * call.array.track_kb // TRACK_KB,
        "trackSize": TRACK_KB * 1024,
        "snap_id": link.snapshot.snapid,
    }


def private_target(call: Call, link: Link, at: float) -> dict[str, Any]:
    """The link of a device, seen from it (relied on)."""
    call.array.copies_on(link.target)
    snapvx = call.world.snapvx(call.array)
    snapshot = link.snapshot
    there = snapshot.there(at)
    return {
        "linkSourceName": call.array.name(link.source, 5),
        "state": link.state,
        "copy": not link.nocopy,
        "defined": link.defined(at),
        "snapshot_name": snapshot.name_at(at),
        "snap_id": snapshot.snapid,
        "generation": snapvx.generation(snapshot.group, snapshot, at) if there else 0,
        "percentageCopied": percent(call, link),
    }
