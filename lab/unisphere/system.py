"""What it is, which arrays it has, what they can do, and its jobs."""

from __future__ import annotations

from lab.array.refused import Refused
from lab.unisphere.call import Call, route
from lab.unisphere.change import Answer
from lab.unisphere.versions import supported

SYSTEM = "/{version}/system/symmetrix"


@route("GET", "/version", sure="documented", source="openapi")
async def version(call: Call) -> Answer:
    """9.2 said only its version (captured)."""
    known = supported(call.unisphere.switches.version)
    shown = {"version": f"T{call.unisphere.switches.version}.0.{call.unisphere.build}"}
    if call.unisphere.switches.version == "9.2":
        return Answer(200, {"version": "V9.2.0.6"})
    return Answer(200, {**shown, "api_version": known[0], "supported_api_versions": known})


@route("GET", "/{version}/system/version", sure="relied on", source="pyu4v")
async def older_version(call: Call) -> Answer:
    return await version(call)


@route("GET", SYSTEM, sure="documented", source="openapi")
async def arrays(call: Call) -> Answer:
    config = call.unisphere.config
    return Answer(200, {"symmetrixId": [*config.arrays, *config.remote_arrays]})


@route("GET", SYSTEM + "/{symid}", sure="documented", source="openapi")
async def array(call: Call) -> Answer:
    found = call.unisphere.array(call.params["symid"], remote=True)
    body = {
        "symmetrixId": found.symid,
        "model": found.config.model,
        "microcode": found.config.microcode,
        "ucode": found.config.microcode,
        "local": found.symid in call.unisphere.config.arrays,
        "all_flash": True,
        "device_count": len(found.devices),
        "data_encryption": "Disabled",
    }
    if call.flag("include_lock_info"):
        body["symmetrix_locks"] = {"symmetrix_lock": []}
    return Answer(200, body)


@route("GET", "/{version}/replication/capabilities/symmetrix", sure="documented", source="openapi")
async def capabilities(call: Call) -> Answer:
    rows = [
        {"symmetrixId": s, "snapVxCapable": True, "rdfCapable": True, "snapshot_policy_capable": True}
        for s in call.unisphere.config.arrays
    ]
    return Answer(200, {"symmetrixCapability": rows})


@route("GET", SYSTEM + "/{symid}/job", sure="documented", source="openapi")
async def jobs(call: Call) -> Answer:
    call.unisphere.array(call.params["symid"])
    return Answer(200, {"jobId": list(call.unisphere.jobs.known)})


@route("GET", SYSTEM + "/{symid}/job/{job}", sure="documented", source="openapi")
async def job(call: Call) -> Answer:
    call.unisphere.array(call.params["symid"])
    return await _job(call)


@route("GET", "/{version}/system/job/{job}", sure="documented", source="openapi")
async def job_of_any_array(call: Call) -> Answer:
    return await _job(call)


async def _job(call: Call) -> Answer:
    found = call.unisphere.jobs.known.get(call.params["job"])
    if found is None:
        raise Refused("no_such_job", job=call.params["job"])
    return Answer(200, call.unisphere.jobs.view(found))
