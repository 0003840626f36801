"""A Unisphere's answers to REST calls, on `lab/powermax.yaml`."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.unisphere import errors
from lab.unisphere.call import ROUTES
from tests.lab.conftest import GROUPS, PM, START

SOURCE, TARGET = "prod_data_sg", "test_data_sg"
SNAPS = f"{SOURCE}/snapshot"
RELINK = {"action": "Relink", "relink": {"storage_group_name": TARGET, "copy": True, "exact": True}}
UNLINK = {"action": "Unlink", "unlink": {"storage_group_name": TARGET}}


async def made(powermax: Any, name: str = "SA_new", **body: Any) -> str:
    """The path of a new snapshot."""
    status, _ = await powermax.rest("POST", SNAPS, {"snapshotName": name, **body})
    assert status == 201
    return f"{SNAPS}/{name}/snapid/{powermax.snapshots()[name]['snapid']}"


async def linked(powermax: Any, name: str = "first_data") -> str:
    return f"{SNAPS}/{name}/snapid/{powermax.snapshots()[name]['snapid']}"


# looks


async def test_version_and_arrays(powermax: Any) -> None:
    status, found = await powermax.rest("GET", "/version")
    assert status == 200
    assert found == {
        "version": "T10.4.0.468", "api_version": "104", "supported_api_versions": ["104", "103", "102"],
    }  # fmt: skip
    assert parsedate_to_datetime(powermax.headers["Date"]) == datetime.fromtimestamp(START, UTC)
    assert (await powermax.rest("GET", "/104/system/symmetrix"))[1] == {"symmetrixId": [PM]}
    found = (await powermax.rest("GET", f"/104/system/symmetrix/{PM}", include_lock_info="true"))[1]
    assert (found["local"], found["microcode"]) == (True, "6079.175.0") and "symmetrix_locks" in found
    rows = (await powermax.rest("GET", "/104/replication/capabilities/symmetrix"))[1]["symmetrixCapability"]
    assert rows[0]["snapVxCapable"] is True


async def test_groups_and_volumes(powermax: Any) -> None:
    assert len((await powermax.rest("GET", GROUPS.rstrip("/")))[1]["name"]) == 6
    names = (await powermax.rest("GET", GROUPS.rstrip("/"), is_link_target="true"))[1]["name"]
    assert names == ["test_data_sg", "test_arch_sg", "test_rep_sg"]
    names = (await powermax.rest("GET", GROUPS.rstrip("/"), hasSnapshots="true"))[1]["name"]
    assert names == ["prod_data_sg", "prod_arch_sg", "prod_rep_sg"]
    found = (await powermax.rest("GET", SOURCE))[1]
    assert found["numDevicesNonGk"] == 2 and found["capacityGB"] == 40 and not found["isLinkTarget"]
    assert found["snapVXSnapshots"] == ["DailyDefault", "first_data", "before_upgrade"]
    assert (await powermax.rest("GET", TARGET))[1]["isLinkTarget"]
    status, said = await powermax.rest("GET", "no_sg")
    assert status == 404 and "no_sg" in said["message"]
    volume = (await powermax.rest("GET", f"/100/sloprovisioning/symmetrix/{PM}/volume/00B10"))[1]
    assert (volume["snapvx_target"], volume["snapvx_source"], volume["storageGroupId"]) == (
        True,
        False,
        [TARGET],
    )
    assert (volume["cap_cyl"], volume["cap_gb"]) == (10923, 20.0006104)  # as captured of another 20 GB


@pytest.mark.may_break(6)
async def test_lists_of_snapshots(powermax: Any) -> None:
    path = await made(powermax, "first_data")
    found = (await powermax.rest("GET", SNAPS))[1]
    assert (found["name"], found["sl_snapshot_name"]) == (["first_data", "before_upgrade"], ["DailyDefault"])
    assert found["snapshot_names_and_counts"][0] == {
        "name": "first_data", "snapshot_count": 2, "newest_timestamp_utc": int(START) * 1000,
    }  # fmt: skip
    assert (await powermax.rest("GET", SNAPS + "/first_data"))[1]["generationCount"] == 2
    ids = (await powermax.rest("GET", SNAPS + "/first_data/snapid"))[1]["snapids"]
    assert len(ids) == 2 and path.endswith(str(ids[0]))
    assert (await powermax.rest("GET", SNAPS + "/first_data/generation"))[1] == {"generations": [0, 1]}
    mapping = (await powermax.rest("GET", SNAPS + "/first_data/mapping"))[1]["mappings"]
    assert [(m["generation"], m["snapid"]) for m in mapping] == list(enumerate(ids))
    assert (await powermax.rest("GET", SNAPS + "/gone/snapid"))[0] == 404


async def test_a_detail_has_what_was_captured(powermax: Any) -> None:
    found = (await powermax.rest("GET", await linked(powermax)))[1]
    assert found["timestamp"] == "08:00:00 Sun, 04 Jan 2026 +0000"
    assert found["timestamp_utc"] == int(START - 26 * 3600) * 1000
    assert found["state"] == ["Established"] and found["linked"] and not found["restored"]
    assert found["source_volume"][0] == {"name": "00A10", "capacity": 10923, "capacity_gb": 20.0006104}
    assert found["linked_storage_group_names"] == [TARGET]
    first = found["linked_storage_group"][0]
    assert (first["name"], first["source_volume_name"], first["linked_volume_name"]) == (
        TARGET,
        "00A10",
        "00B10",
    )
    assert (first["percentageCopied"], first["trackSize"], first["defined"]) == (100, 131072, True)
    older = (await powermax.rest("GET", f"{SNAPS}/first_data/generation/0"))[1]
    assert older["isLinked"] and older["numSourceVolumes"] == 2 and older["generation"] == 0


async def test_the_private_view_says_copy_or_not(powermax: Any) -> None:
    root = f"/private/100/replication/symmetrix/{PM}/volume/"
    found = (await powermax.rest("GET", root + "00A10/snapshot"))[1]
    assert [s["snapshotName"] for s in found["snapshotSrcs"]] == [
        "before_upgrade",
        "first_data",
        "DailyDefault",
    ]
    link = found["snapshotSrcs"][1]["linkedDevices"][0]
    assert (link["targetDevice"], link["state"], link["copy"]) == ("00B10", "Copied", True)
    found = (await powermax.rest("GET", root + "00B20/snapshot"))[1]["snapshotLnks"][0]
    assert (found["linkSourceName"], found["state"], found["copy"]) == ("00A20", "Linked", False)


# changes


@pytest.mark.may_break(13)
async def test_a_snapshot_a_relink_and_a_terminate(powermax: Any) -> None:
    path = await made(powermax, timeToLive=3)
    status, found = await powermax.rest("PUT", path, RELINK)
    assert (
        status == 200
        and found["isLinked"]
        and found["timeToLiveExpiryDate"].startswith("10:00:00 Thu, 08 Jan")
    )
    found = (await powermax.rest("GET", path))[1]["linked_storage_group"]
    assert [k["percentageCopied"] for k in found] == [69, 69]
    status, said = await powermax.rest("DELETE", path)
    assert status == 500 and said["message"].startswith("A problem occurred deleting the snapshot generation")
    await powermax.clock.advance(10)
    found = (await powermax.rest("GET", path))[1]["linked_storage_group"]
    assert [k["percentageCopied"] for k in found] == [100, 100]
    (entry,) = [e for e in powermax.events("request") if e.get("change", {}).get("action") == "Relink"]
    assert entry["before"] == {f"{PM}:00A10>00B10": "Copied", f"{PM}:00A11>00B11": "Copied"}
    assert set(entry["after"].values()) == {"CopyInProg"} and entry["change"]["target"] == TARGET
    before, after = set(entry["linked_before"].values()), set(entry["linked_after"].values())
    assert len(before) == len(after) == 1 and before != after
    assert (await powermax.rest("PUT", path, UNLINK))[0] == 200
    assert (await powermax.rest("DELETE", path))[0] == 204
    assert (await powermax.rest("GET", path))[0] == 404
    ended = powermax.events("request")[-2]["change"]
    assert ended["ended"] == "snapshot" and ended["gone"][0]["ours"] and not ended["gone"][0]["linked"]


@pytest.mark.may_break(3, 13)
async def test_all_other_actions(powermax: Any) -> None:
    path = await made(powermax)
    for body, key, value in (
        ({"action": "SetTimeToLive", "time_to_live": {"time_to_live": 2, "time_in_hours": True}},
         "timeToLiveExpiryDate", "12:00:00 Mon, 05 Jan 2026 +0000"),
        ({"action": "Restore", "restore": {}}, "state", ["Established", "Restored"]),
    ):  # fmt: skip
        status, found = await powermax.rest("PUT", path, body)
        assert (status, found[key]) == (200, value)
    assert (await powermax.rest("DELETE", path))[0] == 204
    assert (await powermax.rest("GET", path))[1]["restored"] is False
    rename = {"action": "Rename", "rename": {"new_snapshot_name": "other"}}
    assert (await powermax.rest("PUT", path, rename))[1]["name"] == "other"
    path = path.replace("SA_new", "other")
    copy = {"action": "SetMode", "set_mode": {"storage_group_name": TARGET, "copy": True}}
    assert "No link target" in (await powermax.rest("PUT", path, copy))[1]["message"]
    rep = f"prod_rep_sg/snapshot/first_rep/snapid/{powermax.snapshots()['first_rep']['snapid']}"
    copy["set_mode"] = {"storage_group_name": "test_rep_sg", "copy": True}
    assert (await powermax.rest("PUT", rep, copy))[0] == 200
    assert powermax.snapshots()["first_rep"]["links"][0]["state"] == "CopyInProg"


@pytest.mark.may_break(6, 13)
async def test_in_bulk(powermax: Any) -> None:
    for _ in range(3):
        await made(powermax, "many")
        await powermax.clock.advance(60)
    assert (await powermax.rest("DELETE", SNAPS, snapshot_name="many", keep_count=1))[0] == 204
    assert (await powermax.rest("GET", SNAPS + "/many"))[1]["generationCount"] == 1
    change = powermax.events("request")[-2]["change"]
    assert change["flags"] == ["bulk"] and len(change["gone"]) == 2
    assert (await powermax.rest("DELETE", SNAPS))[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", SNAPS, {}, 400, "snapshotName is required"),
        ("POST", SNAPS, {"snapshotName": "a b"}, 400, "Invalid value for snapshotName"),
        ("POST", SNAPS, {"snapshotName": "x" * 33}, 400, "Invalid value"),
        ("POST", SNAPS, {"snapshotName": "x", "timeToLive": "2"}, 400, "Invalid value for timeToLive"),
        ("POST", SNAPS, {"snapshotName": "x", "ttl": 2}, 400, 'Unrecognized field "ttl"'),
        ("POST", SNAPS, {"snapshotName": "x", "executionOption": "LATER"}, 400, "executionOption"),
        ("POST", SNAPS, ["x"], 400, "not a JSON object"),
        ("POST", "no_sg/snapshot", {"snapshotName": "x"}, 404, "no_sg"),
        ("PUT", "LINKED", {"action": "Recreate"}, 400, "Invalid value for action"),
        ("PUT", "LINKED", {"action": "Relink", "relink": {}}, 400, "storage_group_name is required"),
        ("PUT", "LINKED", {"action": "Relink", "relink": {"storageGroupName": "x"}}, 400, "Unrecognized"),
        ("PUT", "LINKED", {"action": "Relink", "relink": {"storage_group_name": "no_sg"}}, 500, "no_sg"),
        ("PUT", SNAPS + "/first_data/snapid/1", RELINK, 404, "first_data 1"),
        ("PATCH", SNAPS, {}, 405, "PATCH"),
        ("GET", "/104/nothing", None, 404, "/104/nothing"),
        ("GET", f"/99/system/symmetrix/{PM}", None, 404, "Version 99"),
        ("GET", "/104/system/symmetrix/000000000000", None, 404, "000000000000"),
        ("GET", f"{SOURCE}/clone/storagegroup", None, 404, "clone"),
        ("GET", f"/104/system/symmetrix/{PM}/job/1", None, 404, "Job 1"),
    ],
)  # fmt: skip
@pytest.mark.may_break(13)
async def test_what_is_wrong_is_said(
    powermax: Any, method: str, path: str, body: Any, status: int, says: str
) -> None:
    if path == "LINKED":
        path = await linked(powermax)
    got, said = await powermax.rest(method, path, body)
    assert got == status and says in said["message"]


async def test_a_link_to_a_group_in_a_session_says_what_was_captured(powermax: Any) -> None:
    link = {"action": "Link", "link": {"storage_group_name": TARGET, "copy": True, "exact": True}}
    status, said = await powermax.rest("PUT", await made(powermax), link)
    assert status == 500
    assert said["message"] == (
        "A problem occurred modifying the snapshot generation resource: "
        "The Target device cannot be manipulated because it is already a Copy session Target device"
    )
    assert powermax.events("request")[-1]["said"] == said["message"]


# jobs


async def test_a_job_ends_by_the_labs_clock(powermax: Any) -> None:
    powermax.set(job_seconds=6, job_states=["SCHEDULED", "VALIDATING", "RUNNING"])
    body = {"snapshotName": "SA_job", "executionOption": "ASYNCHRONOUS"}
    status, job = await powermax.rest("POST", SNAPS, body)
    assert (status, job["status"]) == (202, "SCHEDULED")
    path = f"/104/system/symmetrix/{PM}/job/{job['jobId']}"
    seen = []
    for _ in range(3):
        seen.append((await powermax.rest("GET", path))[1]["status"])
        assert "SA_job" not in powermax.snapshots()
        await powermax.clock.advance(2)
    found = (await powermax.rest("GET", path))[1]
    assert [*seen, found["status"]] == ["SCHEDULED", "VALIDATING", "RUNNING", "SUCCEEDED"]
    assert found["completed_date_milliseconds"] == int(START + 6) * 1000
    assert powermax.snapshots()["SA_job"]["at"] == START + 6, "the point in time is the job's, not the call's"
    assert (await powermax.rest("GET", f"/104/system/job/{job['jobId']}"))[1] == found
    assert (await powermax.rest("GET", f"/104/system/symmetrix/{PM}/job"))[1] == {"jobId": [job["jobId"]]}
    (entry,) = powermax.events("job")
    assert entry["end"] == "SUCCEEDED" and entry["change"]["name"] == "SA_job"
    assert entry["wall"] <= powermax.events("request")[1]["wall"]


async def test_a_job_that_the_array_refuses_fails_with_its_text(powermax: Any) -> None:
    snapshot = await made(powermax)
    link = {"action": "Link", "link": {"storage_group_name": TARGET}, "executionOption": "ASYNCHRONOUS"}
    status, job = await powermax.rest("PUT", snapshot, link)
    assert status == 202
    await powermax.clock.advance(0)
    found = (await powermax.rest("GET", f"/104/system/job/{job['jobId']}"))[1]
    assert found["status"] == "FAILED" and "already a Copy session Target device" in found["result"]


# who may


@pytest.mark.parametrize(
    ("login", "path", "method", "status"),
    [
        ("monitor:of-the-lab", SNAPS, "GET", 200),
        ("monitor:of-the-lab", SNAPS, "POST", 403),
        ("symclone:of-the-lab", SNAPS, "POST", 201),
        ("admin:wrong", SNAPS, "GET", 401),
        ("nobody:of-the-lab", SNAPS, "GET", 401),
    ],
)
async def test_roles(powermax: Any, login: str, path: str, method: str, status: int) -> None:
    body = {"snapshotName": "SA_x"} if method == "POST" else None
    assert (await powermax.rest(method, path, body, login=login))[0] == status
    assert ("SA_x" in powermax.snapshots()) is (status == 201)


@pytest.mark.may_break(13)
async def test_a_user_is_bound_to_groups(powermax: Any) -> None:
    powermax.world.array(PM).storage_groups["other_sg"] = [powermax.world.array(PM).devices[0xA20]]
    body = {"snapshotName": "SA_x"}
    assert (await powermax.rest("POST", "other_sg/snapshot", body, login="symclone:of-the-lab"))[0] == 403
    link = {"action": "Link", "link": {"storage_group_name": "made_sg"}}
    path = await linked(powermax)
    assert (await powermax.rest("PUT", path, link, login="symclone:of-the-lab"))[0] == 403
    powermax.unisphere().config.users[0].role = "none"
    status, said = await powermax.rest("GET", SNAPS, login="symclone:of-the-lab")
    assert (status, said["message"]) == (500, "Cannot find role for user")


# at the same time


async def test_a_device_is_changed_by_one_at_a_time(powermax: Any) -> None:
    import asyncio

    powermax.set(change_seconds=5)
    first = asyncio.ensure_future(powermax.rest("POST", SNAPS, {"snapshotName": "a"}))
    await asyncio.sleep(0)
    await powermax.clock.advance(1)
    unisphere = powermax.unisphere()
    await lab_call(unisphere, f"POST {GROUPS}{SNAPS} " + '{"snapshotName": "b"}')
    assert powermax.events("request")[-1]["said"].endswith("Unable to acquire the Symmetrix device lock")
    await powermax.clock.advance(5)
    assert (await first)[0] == 201


async def lab_call(unisphere: Any, text: str) -> None:
    from lab.server.exchange import call_as_administrator

    await call_as_administrator(unisphere, text)


async def test_a_second_administrator_is_journaled_as_that(powermax: Any) -> None:
    await lab_call(powermax.unisphere(), f"POST {GROUPS}{SNAPS} " + '{"snapshotName": "his"}')
    entry = powermax.events("request")[-1]
    assert (entry["actor"], entry["status"], entry["login"]) == ("admin", 201, "admin")
    assert powermax.snapshots()["his"]["ours"] is False


# what every answer rests on


def test_every_answer_and_every_refusal_says_what_it_rests_on() -> None:
    table = errors.table()
    known = set(table["sources"])
    assert len(ROUTES) > 25
    for route in ROUTES:
        assert route.sure in errors.SURE and route.source in known, route.template
        assert route.doing in table["doing"]
    for section in ("doing", "errors"):
        for key, entry in table[section].items():
            assert entry["sure"] in errors.SURE and entry["source"] in known, key
            assert (entry["sure"] == "assumed") or entry["source"] != "none", key


def test_every_refusal_has_a_text() -> None:
    folder = Path(inspect.getfile(lab)).parent
    sources = [*(folder / "array").glob("snap*.py"), *(folder / "unisphere").glob("*.py")]
    text = "\n".join(path.read_text() for path in sources)
    raised = set(re.findall(r'Refused\(\s*"(\w+)"', text))
    assert raised - set(errors.table()["errors"]) == set()
    others = {"forbidden", "forbidden_500", "symmetrix_lock", "device_lock", "no_such_path", "not_a_method"}
    assert set(errors.table()["errors"]) - raised - others == set(), "nobody says these"
