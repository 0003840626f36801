"""Every setting of every switch of SnapVX and of a Unisphere, seen through REST calls.

`{first}`, `{rep}` are the paths of the snapshots of the demo, `{new}` that of a snapshot that is made before.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

import pytest

from lab.config.snapvx import SnapvxSwitches
from lab.config.unisphere import UnisphereSwitches
from lab.tools import coverage_rest
from lab.unisphere import errors
from tests.lab.conftest import PM

SOURCE, TARGET = "prod_data_sg", "test_data_sg"
SNAPS = f"{SOURCE}/snapshot"
COPY = {"copy": True, "exact": True}
Step = tuple[Any, ...]


def put(path: str, action: str, **words: Any) -> Step:
    key = {"SetMode": "set_mode", "SetSecure": "secure"}.get(action, action.lower())
    return ("PUT", path, {"action": action, key: words})


def link(path: str, action: str = "Link", target: str = TARGET, **words: Any) -> Step:
    return put(path, action, storage_group_name=target, **words)


MAKE: Step = ("POST", SNAPS, {"snapshotName": "SA_n"})
RELINK = link("{new}", "Relink", **COPY)
UNLINK = link("{first}", "Unlink")
VOLUME = f"/100/sloprovisioning/symmetrix/{PM}/volume/00B10"
READY: Step = ("GET", VOLUME)
LINKED: Step = ("GET", "{first}")
LATER: Step = ("later", 5)
SOON = {"time_to_live": 1, "time_in_hours": True}
EXPIRE: Step = ("PUT", "{first}", {"action": "SetTimeToLive", "time_to_live": SOON})


@dataclass
class Case:
    """`steps` are calls, one after the other; `answers` are (setting, status, text) of the last one.

    A text after ! must not be in its JSON. `also` are other switches.
    """

    steps: list[Step]
    answers: list[tuple[Any, int, str]]
    also: dict[str, Any] = field(default_factory=dict)


SLOW = {"define_seconds_per_gb": 1}
"""It takes 20 s to define one of the demo's volumes."""

CASES: dict[str, Case] = {
    # the array
    "relink_from_unlinked": Case(
        [UNLINK, RELINK], [("refused", 500, "No link target"), ("accepted", 200, '"isLinked": true')],
    ),
    "relink_other_source": Case(
        [UNLINK, link("{new}"), RELINK],
        [("refused", 500, "another Source"), ("accepted", 200, '"isLinked": true')],
    ),
    "relink_while_copying": Case(
        [RELINK, link("{first}", "Relink")],
        [("refused", 500, "being copied"), ("accepted", 200, '"isLinked": true')],
    ),
    "relink_undefined": Case(
        [link("{new}", "Relink"), link("{first}", "Relink")],
        [("accepted", 200, '"isLinked": true'), ("refused", 500, "not fully defined")], SLOW,
    ),
    "relink_amount": Case(
        [RELINK], [("changed", 200, '"percentageCopied": 69'), ("all", 200, '"percentageCopied": 0')],
    ),
    "unlink_link_amount": Case(
        [UNLINK, link("{new}", **COPY)],
        [("all", 200, '"percentageCopied": 0'), ("changed", 200, '"percentageCopied": 69')],
    ),
    "link_target_not_ready": Case(
        [("begin", *RELINK), LATER, READY, ("end",), LATER, READY],
        [("never", 200, '"Ready"'), ("during", 200, '"Ready"'), ("until_defined", 200, '"Not Ready"')],
        {**SLOW, "change_seconds": 8},
    ),
    "unlink_leaves_not_ready": Case(
        [UNLINK, READY], [(False, 200, '"Ready"'), (True, 200, '"Not Ready"')],
    ),
    "unlink_undefined": Case(
        [link("{new}", "Relink"), link("{new}", "Unlink")],
        [("refused", 500, "not fully defined"), ("accepted", 200, '"isLinked": false')], SLOW,
    ),
    "unlink_nocopy_data": Case(
        [link("{rep}", "Unlink", "test_rep_sg"), ("left", "00B20")],
        [("kept", 0, "point"), ("lost", 0, "was unlinked")],
    ),
    "define_seconds_per_gb": Case(
        [link("{new}", "Relink"), ("GET", "{new}")],
        [(0.0, 200, '"defined": true'), (1.0, 200, '"defined": false')],
    ),
    "group_grew": Case(
        [("grow",), RELINK],
        [("refused", 500, "No snapshot was found"), ("old_members", 200, '"isLinked": true')],
    ),
    "pairing": Case(
        [UNLINK, link("{new}")],
        [("best_match", 200, '"00A10", "linked_volume_name": "00B11"'),
         ("positional", 200, '"00A10", "linked_volume_name": "00B10"')],
    ),
    "expired_linked": Case(
        [EXPIRE, ("later", 3700), LINKED],
        [("stays", 200, '"expired": true'), ("vanishes", 404, "first_data")],
    ),
    "name_reuse": Case([MAKE], [("generation", 201, "SA_n"), ("refused", 500, "SA_n is in use")]),
    "link_to_clone_target": Case(
        [("clone", 0xA20, 0xB20), link("{newrep}", target="test_rep_sg")],
        [("refused", 500, "already a Copy session"), ("accepted", 200, '"isLinked": true')],
    ),
    "clone_to_link_target": Case(
        [("clone with a link",)], [("refused", 0, "target_busy"), ("accepted", 0, "done")],
    ),
    "secure": Case(
        [put("{new}", "SetSecure", secure=1)],
        [("refused", 500, "not permitted"), ("accepted", 200, "secureExpiryDate")],
    ),
    "persist": Case(
        [put("{new}", "Persist", persist=True)],
        [("refused", 500, "not permitted"), ("accepted", 200, '"isPersistent": true')],
    ),
    "missing_target_group": Case(
        [link("{new}", target="wrong_sg")],
        [("created", 200, '"00B21"'), ("refused", 500, "wrong_sg cannot be found")],
    ),
    "snapshots_a_source": Case([MAKE], [(256, 201, "SA_n"), (3, 500, "maximum number of sessions")]),
    "change_seconds": Case(
        [("begin", *MAKE), ("POST", SNAPS, {"snapshotName": "b"})],
        [(0.0, 201, '"b"'), (5.0, 500, "device lock")],
    ),
    # Unisphere
    "version": Case(
        [("GET", "/version")],
        [(v, 200, w) for v, w in (("10.4", '"104"'), ("10.3", '"103"'), ("10.2", '"102"'), ("10.1", '"101"'),
                                  ("10.0", '"91"'), ("9.2", '{"version": "V9.2.0.6"}'))],
    ),
    "lag_s": Case([MAKE, ("GET", SNAPS)], [(3.0, 200, "!SA_n"), (0.0, 200, "SA_n"), (15.0, 200, "!SA_n")]),
    "unseen_snapshot": Case(
        [("POST", SNAPS, {"snapshotName": "b"}), link("{b}", "Relink")],
        [("accepted", 200, '"isLinked": true'), ("refused", 404, "b ")], {"lag_s": 3},
    ),
    "empty_list": Case(
        [("GET", f"{TARGET}/snapshot")],
        [("by_version", 200, '"name": []'), ("404", 404, "No snapshot named found"),
         ("200", 200, '"name": []')],
    ),
    "linked_list": Case(
        [LINKED],
        [("shown", 200, "linked_volume_name"), ("missing", 200, "!linked_volume_name")],
    ),
    "zone_name": Case([LINKED], [(False, 200, "2026 +0000"), (True, 200, "2026 GMT +0000")]),
    "change_answer": Case([RELINK], [("camelCase", 200, "isLinked"), ("snake_case", 200, '"linked": true')]),
    "execution_option": Case(
        [("POST", SNAPS, {"snapshotName": "b", "executionOption": "ASYNCHRONOUS"})],
        [("honoured", 202, "jobId"), ("ignored", 201, '"b"')],
    ),
    "job_states": Case(
        [("POST", SNAPS, {"snapshotName": "b", "executionOption": "ASYNCHRONOUS"})],
        [(["SCHEDULED", "RUNNING"], 202, '"SCHEDULED"'), (["UNKNOWN"], 202, '"UNKNOWN"'),
         (["VALIDATING", "VALIDATED"], 202, '"VALIDATING"'), (["UNSCHEDULED"], 202, '"UNSCHEDULED"'),
         (["RETRIEVING_PICTURE"], 202, '"RETRIEVING_PICTURE"')],
        {"job_seconds": 60},
    ),
    "job_seconds": Case(
        [("POST", SNAPS, {"snapshotName": "b", "executionOption": "ASYNCHRONOUS"}), LATER, ("GET", SNAPS)],
        [(0.0, 200, '"b"'), (6.0, 200, '!"b"')],
    ),
    "defined_shown": Case([LINKED], [(True, 200, '"defined"'), (False, 200, '!"defined"')]),
    "nocopy_percent": Case(
        [("GET", "{rep}")], [(0, 200, '"percentageCopied": 0'), (100, 200, '"percentageCopied": 100')],
    ),
    "tracks": Case([RELINK], [("total", 200, '"tracks": 163840'), ("remaining", 200, '"tracks": 50000')]),
    "flags": Case(
        [READY],
        [("bool", 200, '"snapvx_target": true'), ("text", 200, '"snapvx_target": "true"')],
    ),
    "generation_calls": Case(
        [("GET", SNAPS + "/first_data/generation/0")],
        [("works", 200, "first_data"), ("fails", 500, "by generation")],
    ),
    "snapids_key": Case(
        [("GET", SNAPS + "/first_data/snapid")],
        [("snapids", 200, '"snapids"'), ("snap_ids", 200, '"snap_ids"')],
    ),
    "gone_snapshot": Case(
        [("DELETE", SNAPS + "/SA_n/snapid/1")],
        [("404", 404, "cannot be found"), ("500", 500, "No snapshot information found")],
    ),
    "role_refusal": Case([("as monitor", *MAKE)], [("403", 403, "monitor"), ("500", 500, "monitor")]),
    "page_size": Case(
        [("GET", VOLUME.rsplit("/", 1)[0])], [(1000, 200, "00B20"), (2, 200, "!00B20")],
    ),
    "iterator_seconds": Case(
        [("GET", VOLUME.rsplit("/", 1)[0]), LATER, ("GET", "{iterator}")],
        [(180.0, 200, "00B20"), (4.0, 404, "expired")],
    ),
    "change_status": Case([MAKE], [("by_call", 201, "SA_n"), ("200", 200, "SA_n")]),
}  # fmt: skip


def test_every_switch_has_a_case_that_begins_with_its_default() -> None:
    fields = {**SnapvxSwitches.model_fields, **UnisphereSwitches.model_fields}
    assert set(CASES) == set(fields)
    usual = {**SnapvxSwitches().model_dump(), **UnisphereSwitches().model_dump()}
    for name, case in CASES.items():
        assert case.answers[0][0] == usual[name], name
        assert len(case.answers) > 1, name
        words = get_args(fields[name].annotation) if get_origin(fields[name].annotation) is Literal else ()
        assert set(map(str, words)) <= {str(a[0]) for a in case.answers}, (
            f"{name}: not every setting is tried"
        )


def test_every_setting_says_what_it_rests_on() -> None:
    """And each that is tried is on the page, if it is no number."""
    table = coverage_rest.table()
    assert {name for section in table.values() for name in section} == set(CASES)
    for section in table.values():
        for name, switch in section.items():
            for _, sure, source in switch["settings"]:
                assert sure in errors.SURE and source in errors.table()["sources"], name
                assert sure == "assumed" or source != "none", name
            if name != "job_states":
                assert [x[0] for x in switch["settings"]] == [a[0] for a in CASES[name].answers], name


class Player:
    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.array = bench.world.array(PM)
        self.iterator = ""
        self.seen: dict[str, Any] = {}
        self.begun: asyncio.Future[Any] | None = None

    def path(self, path: str) -> str:
        self.seen |= self.bench.snapshots()
        found = self.seen
        for word, (group, name) in {
            "first": (SOURCE, "first_data"), "rep": ("prod_rep_sg", "first_rep"), "new": (SOURCE, "SA_n"),
            "newrep": ("prod_rep_sg", "SA_rep"), "b": (SOURCE, "b"),
        }.items():  # fmt: skip
            if path == f"{{{word}}}":
                return f"{group}/snapshot/{name}/snapid/{found[name]['snapid']}"
        return self.iterator if path == "{iterator}" else path

    async def play(self, step: Step) -> tuple[int | None, str]:
        match step:
            case ("later", seconds):
                await self.bench.clock.advance(seconds)
            case ("grow",):
                self.array.storage_groups[SOURCE].append(self.array.devices[0xA20])
            case ("clone", source, target):
                self.bench.world.snapvx(self.array).drop((source, target))
                self.array.create([(source, target)], precopy=False, copy=True, differential=True)
            case ("clone with a link",):
                return 0, self.cloned()
            case ("left", name):
                device = self.array.device(name)
                return 0, device.spoiled or f"a point in time, {device.left}"
            case ("begin", *call):
                self.begun = asyncio.ensure_future(self.play(tuple(call)))
                await asyncio.sleep(0.01)
            case ("end",):
                assert self.begun is not None
                await self.bench.clock.advance(5)
                assert (await self.begun)[0] == 200
            case ("as monitor", *call):
                return await self.call("monitor", *call)
            case _:
                return await self.call("admin", *step)
        return None, ""

    def cloned(self) -> str:
        from lab.array.refused import Refused

        try:
            self.array.create([(0xA20, 0xB20)], precopy=False, copy=True, differential=True)
        except Refused as refused:
            return refused.key
        return "done"

    async def call(self, login: str, method: str, path: str, body: Any = None) -> tuple[int | None, str]:
        status, found = await self.bench.rest(method, self.path(path), body, login=f"{login}:of-the-lab")
        if isinstance(found, dict) and "maxPageSize" in found:
            self.iterator = f"/common/Iterator/{found['id']}"
        return status, json.dumps(found)


@pytest.mark.parametrize(
    ("name", "answer"),
    [(name, answer) for name, case in CASES.items() for answer in case.answers],
    ids=lambda v: v if isinstance(v, str) else str(v[0]),
)
@pytest.mark.may_break(1, 2, 6, 13, 14)
async def test_a_setting(powermax: Any, name: str, answer: tuple[Any, int, str]) -> None:
    case, (value, status, part) = CASES[name], answer
    player = Player(powermax)
    needed = {word for step in case.steps for word in step if isinstance(word, str)}
    if "{new}" in needed or name == "name_reuse":
        await player.play(MAKE)
    if "{newrep}" in needed:
        await player.play(("POST", "prod_rep_sg/snapshot", {"snapshotName": "SA_rep"}))
    powermax.set(**{**case.also, name: value})
    got, said = None, ""
    for step in case.steps:
        got, said = await player.play(step)
    assert got == status and (part[1:] not in said if part.startswith("!") else part in said), said
    await powermax.clock.advance(30)


@pytest.mark.may_break(1)
async def test_a_target_is_not_ready_during_a_link(powermax: Any) -> None:
    player = Player(powermax)
    await player.play(MAKE)
    powermax.set(link_target_not_ready="during", change_seconds=8)
    await player.play(("begin", *RELINK))
    assert '"Not Ready"' in (await player.play(READY))[1]
    await powermax.clock.advance(8)
    assert '"Ready"' in (await player.play(READY))[1]


@pytest.mark.may_break(1)
async def test_a_target_is_ready_once_it_is_defined(powermax: Any) -> None:
    player = Player(powermax)
    await player.play(MAKE)
    powermax.set(link_target_not_ready="until_defined", **SLOW)
    await player.play(link("{new}", "Relink"))
    assert '"Not Ready"' in (await player.play(READY))[1]
    await powermax.clock.advance(21)
    assert '"Ready"' in (await player.play(READY))[1]


@pytest.mark.parametrize("version", ["9.2", "10.0", "10.1", "10.2", "10.3", "10.4"])
async def test_versions_in_paths(powermax: Any, version: str) -> None:
    powermax.set(version=version)
    own = version.replace(".", "")
    older = version in ("9.2", "10.0", "10.1")
    for path, good in ((own, True), ("100", version != "9.2"), ("92", older), ("105", False)):
        status, _ = await powermax.rest("GET", f"/{path}/system/symmetrix")
        assert status == (200 if good else 404), path
    status, found = await powermax.rest("GET", SNAPS)
    if version == "9.2":
        groups = f"/92/replication/symmetrix/{PM}/storagegroup/"
        assert (await powermax.rest("GET", groups + SNAPS))[1] == {"name": ["first_data", "before_upgrade"]}
        status, _ = await powermax.rest("GET", f"{groups}{TARGET}/snapshot")
        assert status == 404
    else:
        assert "sl_snapshot_name" in found


@pytest.mark.may_break(1, 13)
async def test_answers_lag_behind_the_array(powermax: Any) -> None:
    """The old link shows until the new one does; what was ended shows for as long."""
    player = Player(powermax)
    await player.play(MAKE)
    powermax.set(lag_s=15)
    await powermax.clock.advance(15)
    await player.play(link("{new}", "Relink"))
    for linked in ("first", "new"):
        first, new = [(await player.play(("GET", path)))[1] for path in ("{first}", "{new}")]
        assert ('"linked": true' in first, '"linked": true' in new) == (linked == "first", linked == "new")
        await powermax.clock.advance(15)
    path = player.path("{first}")
    assert (await powermax.rest("DELETE", path))[0] == 204
    assert (await powermax.rest("GET", path))[0] == 200
    await powermax.clock.advance(15)
    assert (await powermax.rest("GET", path))[0] == 404


def test_states_that_no_unfinished_job_has_are_refused() -> None:
    with pytest.raises(ValueError, match="job_states"):
        UnisphereSwitches(job_states=["DONE"])
