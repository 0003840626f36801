"""Looks at snapshots: lists, counts, one of them, and the private view of a device."""

from __future__ import annotations

from lab.array.refused import Refused
from lab.array.snapshot import Snapshot
from lab.unisphere import views
from lab.unisphere.call import Call, route
from lab.unisphere.change import Answer

GROUP = "/{version}/replication/symmetrix/{symid}/storagegroup/{group}"
NAMED = GROUP + "/snapshot/{name}"
BY_SNAPID = NAMED + "/snapid/{snapid}"
BY_GENERATION = NAMED + "/generation/{generation}"


def of_group(call: Call, at: float) -> list[Snapshot]:
    snapvx = call.world.snapvx(call.array)
    snapvx.settle()
    return snapvx.of_group(call.params["group"], at)


def of_name(call: Call, at: float) -> list[Snapshot]:
    """The newest first. :raises Refused: none has that name."""
    name = call.params["name"]
    found = [s for s in of_group(call, at) if s.name_at(at) == name]
    if not found:
        raise Refused("no_such_snapshot", name=name)
    return found


def one(call: Call, at: float) -> Snapshot:
    """By snapid or generation of the path. :raises Refused: there is none."""
    found = of_name(call, at)
    word = call.params.get("snapid", call.params.get("generation", ""))
    if "snapid" in call.params:
        same = [s for s in found if str(s.snapid) == word]
    else:
        same = found[int(word) : int(word) + 1] if word.isdigit() else []
    if not same:
        raise Refused("no_such_snapshot", name=f"{call.params['name']} {word}")
    return same[0]


@route("GET", GROUP + "/snapshot", sure="documented", source="openapi")
async def snapshots(call: Call) -> Answer:
    at = call.shown_at
    found = of_group(call, at)
    older = call.unisphere.switches.version == "9.2"
    empty = call.unisphere.switches.empty_list
    if not found and (empty == "404" or (empty == "by_version" and older)):
        raise Refused("no_snapshot_named")
    names = dict.fromkeys(s.name_at(at) for s in found if not s.policy)
    policies = dict.fromkeys(s.name_at(at) for s in found if s.policy)
    if older:
        return Answer(200, {"name": list(names)})
    counts = [
        {
            "name": name,
            "snapshot_count": len(same),
            "newest_timestamp_utc": views.milliseconds(max(s.at for s in same)),
        }
        for name in names
        for same in [[s for s in found if s.name_at(at) == name]]
    ]
    body = {
        "name": list(names), "sl_snapshot_name": list(policies), "snapshot_names_and_counts": counts,
    }  # fmt: skip
    return Answer(200, body)


@route("GET", NAMED, sure="documented", source="openapi")
async def count(call: Call) -> Answer:
    return Answer(200, {"name": call.params["name"], "generationCount": len(of_name(call, call.shown_at))})


@route("GET", NAMED + "/snapid", sure="documented", source="openapi")
async def snapids(call: Call) -> Answer:
    found = [s.snapid for s in of_name(call, call.shown_at)]
    return Answer(200, {call.unisphere.switches.snapids_key: found})


@route("GET", NAMED + "/generation", sure="documented", source="openapi")
async def generations(call: Call) -> Answer:
    return Answer(200, {"generations": list(range(len(of_name(call, call.shown_at))))})


@route("GET", NAMED + "/mapping", sure="documented", source="openapi")
async def mapping(call: Call) -> Answer:
    found = of_name(call, call.shown_at)
    rows = [
        {"generation": n, "snapid": s.snapid, "snapshot_timestamp_utc": views.milliseconds(s.at)}
        for n, s in enumerate(found)
    ]
    now = int(call.now * 1000)
    body = {"snapshot_name": call.params["name"], "query_timestamp_utc": now, "mappings": rows}
    return Answer(200, body)


@route("GET", BY_SNAPID, sure="captured", source="pyu4v_123")
async def detail(call: Call) -> Answer:
    at = call.shown_at
    found = views.detail(call, call.params["group"], one(call, at), at)
    del found["generation"]  # what was captured has none
    return Answer(200, found)


@route("GET", BY_GENERATION, sure="documented", source="openapi")
async def by_generation(call: Call) -> Answer:
    if call.unisphere.switches.generation_calls == "fails":
        raise Refused("by_generation_refused")
    at = call.shown_at
    return Answer(200, views.camel_case(views.detail(call, call.params["group"], one(call, at), at)))


@route(
    "GET", "/private/{version}/replication/symmetrix/{symid}/volume/{volume}/snapshot",
    sure="relied on", source="cinder",
)  # fmt: skip
async def of_volume(call: Call) -> Answer:
    array, at = call.array, call.shown_at
    call.world.snapvx(array).settle()
    device = call.unisphere.volume(array, call.params["volume"])
    sources = [s for s in array.snapshots.of_source(device.number) if s.there(at)]
    links = [link for link in array.snapshots.to_target(device.number) if link.there(at)]
    body = {
        "deviceName": array.name(device, 5),
        "snapshotLnks": [views.private_target(call, link, at) for link in links],
        "snapshotSrcs": [views.private_source(call, s, device, at) for s in sources],
    }
    return Answer(200, body)
