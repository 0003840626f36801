"""Storage groups and volumes, and the pages of long lists."""

from __future__ import annotations

from typing import Any

from lab.array.refused import Refused
from lab.array.session import Device
from lab.unisphere import views
from lab.unisphere.call import Call, route
from lab.unisphere.change import Answer

REPLICATION = "/{version}/replication/symmetrix/{symid}"
PROVISIONING = "/{version}/sloprovisioning/symmetrix/{symid}"


def _is_target(call: Call, devices: list[Device], at: float) -> bool:
    return any(link.there(at) for d in devices for link in call.array.snapshots.to_target(d.number))


def _gigabytes(devices: list[Device]) -> float:
    return round(sum(d.megabytes for d in devices) / 1024, 2)


@route("GET", REPLICATION + "/storagegroup", sure="documented", source="openapi")
async def groups(call: Call) -> Answer:
    array, at = call.array, call.shown_at
    snapvx = call.world.snapvx(array)
    snapvx.settle()
    names = list(array.storage_groups)
    if call.flag("hasSnapshots"):
        names = [n for n in names if snapvx.of_group(n, at)]
    if call.flag("is_link_target"):
        names = [n for n in names if _is_target(call, array.storage_groups[n], at)]
    if call.flag("has_clones"):
        names = [n for n in names if _clones(call, array.storage_groups[n])]
    return Answer(200, {"name": names})


def _clones(call: Call, devices: list[Device]) -> list[int]:
    """The targets of clone sessions of these sources."""
    return [t for d in devices for _, t in call.array.sessions.pairs_of_source(d.number)]


@route("GET", REPLICATION + "/storagegroup/{group}", sure="documented", source="openapi")
async def group(call: Call) -> Answer:
    array, at, name = call.array, call.shown_at, call.params["group"]
    snapvx = call.world.snapvx(array)
    snapvx.settle()
    devices = snapvx.group(name)
    there = snapvx.of_group(name, at)
    targets = set(_clones(call, devices))
    in_groups = [
        other
        for other, members in array.storage_groups.items()
        if targets and targets & {d.number for d in members}
    ]
    found: dict[str, Any] = {
        "name": name,
        "symmetrixId": array.symid,
        "childNames": [],
        "numDevicesNonGk": len(devices),
        "capacityGB": _gigabytes(devices),
        "numSnapVXSnapshots": len(there),
        "snapVXSnapshots": list(dict.fromkeys(s.name_at(at) for s in there)),
        "num_cloud_snapshots": 0,
        "rdf": False,
        "isLinkTarget": _is_target(call, devices, at),
    }
    if call.unisphere.switches.version != "9.2":
        found["num_clone_target_storage_groups"] = len(in_groups)
    return Answer(200, found)


@route("GET", PROVISIONING + "/storagegroup", sure="documented", source="openapi")
async def provisioned_groups(call: Call) -> Answer:
    return Answer(200, {"storageGroupId": list(call.array.storage_groups)})


@route("GET", PROVISIONING + "/storagegroup/{group}", sure="documented", source="openapi")
async def provisioned_group(call: Call) -> Answer:
    array, name = call.array, call.params["group"]
    devices = call.world.snapvx(array).group(name)
    body = {
        "storageGroupId": name, "slo": "Diamond", "service_level": "Diamond", "num_of_vols": len(devices),
        "num_of_child_sgs": 0, "num_of_parent_sgs": 0, "num_of_masking_views": 0, "num_of_snapshots": 0,
        "cap_gb": _gigabytes(devices), "device_emulation": "FBA", "type": "Standalone", "unprotected": True,
    }  # fmt: skip
    return Answer(200, body)


@route("GET", PROVISIONING + "/volume", sure="documented", source="openapi")
async def volumes(call: Call) -> Answer:
    array = call.array
    devices = list(array.devices.values())
    if "storageGroupId" in call.query:
        devices = call.world.snapvx(array).group(call.query["storageGroupId"])
    names = [array.name(d, 5) for d in devices]
    if "volumeId" in call.query:
        names = [n for n in names if n == call.query["volumeId"].upper()]
    return Answer(200, call.unisphere.pages.begin([{"volumeId": name} for name in names]))


@route("GET", PROVISIONING + "/volume/{volume}", sure="documented", source="openapi")
async def volume(call: Call) -> Answer:
    array, at = call.array, call.shown_at
    call.world.snapvx(array).settle()
    device = call.unisphere.volume(array, call.params["volume"])
    named = [n for n, devices in array.storage_groups.items() if device in devices]
    shown = views.volume(call, device)
    wwn = array.wwn(device)
    body: dict[str, Any] = {
        "volumeId": shown["name"],
        "type": device.configuration,
        "emulation": "FBA",
        "ssid": "FFFFFFFF",
        "allocated_percent": 0,
        "cap_gb": shown["capacity_gb"],
        "cap_mb": device.megabytes,
        "cap_cyl": shown["capacity"],
        "status": "Ready" if device.ready else "Not Ready",
        "reserved": False,
        "pinned": False,
        "wwn": wwn,
        "effective_wwn": wwn,
        "has_effective_wwn": False,
        "encapsulated": False,
        "num_of_storage_groups": len(named),
        "num_of_front_end_paths": 0,
        "snapvx_source": _flag(call, any(s.there(at) for s in array.snapshots.of_source(device.number))),
        "snapvx_target": _flag(call, _is_target(call, [device], at)),
    }
    if device.identifier:
        body["volume_identifier"] = device.identifier
    if named:
        body["storageGroupId"] = named
    return Answer(200, body)


def _flag(call: Call, value: bool) -> Any:
    """Older data has them as text."""
    return value if call.unisphere.switches.flags == "bool" else str(value).lower()


@route("GET", "/common/Iterator/{iterator}/page", sure="documented", source="openapi")
async def page(call: Call) -> Answer:
    first, last = call.query.get("from", "1"), call.query.get("to", "")
    if not first.isdigit() or not (last.isdigit() or not last):
        raise Refused("bad_field", field="from", value=f"{first}-{last}")
    found = call.unisphere.pages.page(call.params["iterator"], int(first), int(last) if last else None)
    return Answer(200, found)


@route("GET", "/common/Iterator/{iterator}", sure="documented", source="openapi")
async def iterator(call: Call) -> Answer:
    return Answer(200, call.unisphere.pages.view(call.params["iterator"]))


@route("DELETE", "/common/Iterator/{iterator}", sure="documented", source="openapi")
async def end_iterator(call: Call) -> Answer:
    call.unisphere.pages.end(call.params["iterator"])
    return Answer(204)
