"""Snapshots and links of an array: what they hold, how they are copied, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lab.array.refused import Refused
from lab.config import ConfigError, load
from tests.lab.conftest import PM, POWERMAX, START

SOURCE, TARGET = "prod_data_sg", "test_data_sg"
PAIR = (0xA10, 0xB10)
LX = "lnxpm01"


@pytest.fixture
def array(powermax: Any) -> Any:
    return powermax.world.array(PM)


@pytest.fixture
def snapvx(powermax: Any, array: Any) -> Any:
    return powermax.world.snapvx(array)


def refusal(do: Any) -> str:
    with pytest.raises(Refused) as caught:
        do()
    return caught.value.key


def test_at_the_start_there_is_what_the_configuration_says(powermax: Any, array: Any) -> None:
    found = powermax.snapshots()
    assert list(found) == ["before_upgrade", "first_data", "first_arch", "DailyDefault", "first_rep"]
    assert [(k["source"], k["target"], k["state"], k["percent"]) for k in found["first_data"]["links"]] == [
        ("00A10", "00B10", "Copied", 100), ("00A11", "00B11", "Copied", 100),
    ]  # fmt: skip
    assert found["first_rep"]["links"][0]["state"] == "Linked"
    assert found["first_data"]["at"] == START - 26 * 3600
    assert len({s["snapid"] for s in found.values()}) == 5
    start = powermax.journal.entries[0]
    assert start["pairs"][f"{PM}:00A10>00B10"] == "Copied" and start["storage_groups"][PM][TARGET]
    assert [s["name"] for s in start["snapshots"][PM]] == list(found)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"snapshots": [{"group": "none_sg", "name": "x"}]}, "no storage group none_sg"),
        ({"links": [{"group": SOURCE, "snapshot": "x", "target": TARGET}]}, "has no snapshot x"),
        (
            {"links": [{"group": SOURCE, "snapshot": "first_data", "target": "test_arch_sg"}]},
            "as many devices",
        ),
        (
            {"links": [{"group": SOURCE, "snapshot": "first_data", "target": TARGET}] * 2},
            "is a target already",
        ),
        ({"writes": [{"device": "00FFF", "rate": 1}]}, "no device 00FFF"),
        ({"snapshots": [{"group": SOURCE, "name": "a" * 33}]}, "snapshots.0.name"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(change: dict[str, Any], says: str) -> None:
    config = load(POWERMAX).model_dump()
    config["arrays"][0] |= change
    with pytest.raises(ConfigError, match=says):
        load(config)


async def test_a_relink_copies_what_has_changed_and_the_target_has_the_new_time(
    powermax: Any, array: Any, snapvx: Any
) -> None:
    made = snapvx.establish(SOURCE, "new", ours=True)
    assert powermax.snapshots()["first_data"]["links"], "a snapshot touches no target"
    links = snapvx.relink(SOURCE, made, TARGET, copy=True, exact=True)
    # In a day the working set has changed, and no more.
    assert [k.protected for k in links] == [50000, 50000] and links[0].total == 163840
    assert links[0].state == "CopyInProg" and links[0].percent == 69 and links[0].point_in_time == START
    await powermax.clock.advance(4)
    array.settle()
    assert sum(k.protected for k in links) == pytest.approx(100000 - 4 * 13000)
    await powermax.clock.advance(4)
    assert [array.state_of_copy(p) for p in ((0xA10, 0xB10), (0xA11, 0xB11))] == ["Copied", "Copied"]
    assert powermax.snapshots()["first_data"]["links"] == []


async def test_sessions_and_links_share_the_arrays_rate(powermax: Any, array: Any, snapvx: Any) -> None:
    array.remove((0xA20, 0xB20))
    snapvx.drop((0xA20, 0xB20))
    array.create([(0xA20, 0xB20)], precopy=False, copy=True, differential=True)
    array.activate([(0xA20, 0xB20)])
    links = snapvx.relink(SOURCE, snapvx.establish(SOURCE, "n"), TARGET, copy=True, exact=True)
    await powermax.clock.advance(3)
    session = array.session((0xA20, 0xB20))
    moved = session.total - session.protected + 100000 - sum(k.protected for k in links)
    assert moved == pytest.approx(3 * 13000)


def test_a_relink_without_copy_copies_nothing(snapvx: Any, array: Any) -> None:
    (first, _) = snapvx.relink(SOURCE, snapvx.establish(SOURCE, "n"), TARGET, copy=False, exact=True)
    assert first.state == "Linked" and not array.links.busy
    snapshot = first.snapshot
    (again, _) = snapvx.set_mode(snapshot, TARGET, copy=True)
    assert again is first and first.state == "CopyInProg" and first.protected == 50000
    assert refusal(lambda: snapvx.set_mode(snapshot, TARGET, copy=True)) == "already_in_desired_state"


def test_what_a_host_has_written_on_the_target_is_copied_again(snapvx: Any, array: Any) -> None:
    array.links[PAIR].changed_target = 700.0
    snapshot = snapvx.array.links[PAIR].snapshot
    first, second = snapvx.relink(SOURCE, snapshot, TARGET, copy=True, exact=True)
    assert (first.protected, second.protected) == (700, 0), "reset to the same snapshot"


def test_names_are_generations_and_snapids_stay(snapvx: Any, array: Any) -> None:
    old, new = snapvx.establish(SOURCE, "same"), snapvx.establish(SOURCE, "same")
    now = array.clock.now()
    assert (snapvx.generation(SOURCE, new, now), snapvx.generation(SOURCE, old, now)) == (0, 1)
    assert old.snapid != new.snapid
    snapvx.terminate(SOURCE, new)
    assert snapvx.generation(SOURCE, old, now) == 0


async def test_what_has_ended_long_ago_is_forgotten_but_its_snapid_is_not_given_again(
    powermax: Any, snapvx: Any, array: Any
) -> None:
    gone = snapvx.establish(SOURCE, "gone")
    snapvx.terminate(SOURCE, gone)
    await powermax.clock.advance(3599)
    snapvx.settle()
    assert gone in array.snapshots
    await powermax.clock.advance(2)
    made = snapvx.establish(SOURCE, "new")
    assert gone not in array.snapshots and made.snapid > gone.snapid


def test_a_terminate_ends_a_restore_first_then_the_snapshot(powermax: Any, snapvx: Any) -> None:
    made = snapvx.establish(SOURCE, "n")
    snapvx.restore(SOURCE, made)
    assert refusal(lambda: snapvx.restore(SOURCE, made)) == "already_in_desired_state"
    assert snapvx.terminate(SOURCE, made) == "restore"
    assert snapvx.terminate(SOURCE, made) == "snapshot"
    assert "n" not in powermax.snapshots()


def test_a_linked_one_and_a_secure_one_are_not_ended(powermax: Any, snapvx: Any, array: Any) -> None:
    assert refusal(lambda: snapvx.terminate(SOURCE, array.links[PAIR].snapshot)) == "snapshot_linked"
    powermax.set(secure="accepted")
    snapvx = powermax.world.snapvx(array)
    made = snapvx.establish(SOURCE, "n", secure_until=START + 3600)
    assert refusal(lambda: snapvx.terminate(SOURCE, made)) == "snapshot_secured"
    assert refusal(lambda: snapvx.set_secure(made, START + 60)) == "secure_not_shorter"


async def test_an_expired_one_goes_by_itself_but_a_linked_one_when_it_is_unlinked(
    powermax: Any, snapvx: Any
) -> None:
    snapvx.establish(SOURCE, "free", expires=START + 60)
    linked = snapvx.establish(SOURCE, "linked", expires=START + 60)
    snapvx.relink(SOURCE, linked, TARGET, copy=False, exact=True)
    await powermax.clock.advance(61)
    found = powermax.snapshots()
    assert "free" not in found and "linked" in found
    snapvx.unlink(linked, TARGET)
    assert "linked" not in powermax.snapshots()


@pytest.mark.may_break(5)
async def test_what_an_unlink_leaves(powermax: Any, snapvx: Any, array: Any) -> None:
    device = array.devices[0xB10]
    snapvx.unlink(array.links[PAIR].snapshot, TARGET)
    assert device.left == START - 26 * 3600 and not device.spoiled
    made = snapvx.establish(SOURCE, "n")
    assert refusal(lambda: snapvx.relink(SOURCE, made, TARGET, copy=True, exact=True)) == "no_link_target"
    snapvx.link(SOURCE, made, TARGET, copy=True, exact=True)
    assert refusal(lambda: snapvx.unlink(made, TARGET)) == "link_copies"
    snapvx.unlink(made, TARGET, symforce=True)
    assert device.left is None and "before it was copied" in device.spoiled
    await powermax.run(LX, "vgchange -ay vg_data")
    assert "00B10 was unlinked" in powermax.events("torn")[0]["reason"]


@pytest.mark.may_break(5)
async def test_a_service_on_two_snapshots_is_torn(powermax: Any, snapvx: Any) -> None:
    made = snapvx.establish(SOURCE, "n")
    with pytest.raises(Refused, match="failed_midway"):
        snapvx.relink(SOURCE, made, TARGET, copy=True, exact=True, first=1)
    await powermax.run(LX, "vgchange -ay vg_data")
    assert powermax.events("torn")[0]["reason"].startswith("different points in time")
    use = powermax.events("use")[0]
    assert use["states"] == {f"{PM}:00A10>00B10": "CopyInProg", f"{PM}:00A11>00B11": "Copied"}


@pytest.mark.may_break(1, 3)
async def test_whoever_uses_a_device_is_on_record(powermax: Any, snapvx: Any) -> None:
    await powermax.run(LX, "vgchange -ay vg_data")
    snapvx.relink(SOURCE, snapvx.establish(SOURCE, "n"), TARGET, copy=True, exact=True)
    found = powermax.events("corruption")
    assert [(e["device"], e["action"]) for e in found] == [("00B10", "relink"), ("00B11", "relink")]


def test_a_clone_session_and_a_link_exclude_each_other(powermax: Any, snapvx: Any, array: Any) -> None:
    pair = (0xA20, 0xB20)
    create = {"precopy": False, "copy": True, "differential": True}
    with pytest.raises(Refused, match="target_busy"):
        array.create([pair], **create)
    powermax.set(clone_to_link_target="accepted")
    array.create([pair], **create)
    snapvx.drop(pair)
    made = snapvx.establish("prod_rep_sg", "n")

    def link() -> None:
        powermax.world.snapvx(array).link("prod_rep_sg", made, "test_rep_sg", copy=True, exact=True)

    assert refusal(link) == "target_busy"
    powermax.set(link_to_clone_target="accepted")
    link()
    assert len(array.copies_on(array.devices[0xB20])) == 2


async def test_symcli_shows_which_devices_are_sources_and_targets(make_bench: Any) -> None:
    config = load(POWERMAX).model_dump()
    host = {"name": "se01", "connection_id": "se01", "family": "control", "login": "se", "arrays": [PM]}
    bench = make_bench({**config, "hosts": [*config["hosts"], host]})
    for device, source, target in (("00A10", True, False), ("00B10", False, True), ("00A20", True, False)):
        _, out, _ = await bench.run("se01", f"/usr/symcli/bin/symdev -sid 001 show {device} -output xml_e")
        assert f"<snapvx_source>{source}<" in out and f"<snapvx_target>{target}<" in out
    status, _, err = await bench.run(
        "se01", "echo 00A20 00B20 > /tmp/p; /usr/symcli/bin/symclone -sid 001 -f /tmp/p create -nop"
    )
    assert status == 1 and "already a Copy session Target device" in err


def test_pairs_by_position_and_by_the_best_match(snapvx: Any, array: Any) -> None:
    snapvx.unlink(array.links[PAIR].snapshot, TARGET)
    made = snapvx.establish(SOURCE, "n")
    links = snapvx.link(SOURCE, made, TARGET, copy=False, exact=False)
    assert [(k.source.number, k.target.number) for k in links] == [(0xA10, 0xB11), (0xA11, 0xB10)]
    exact = {"copy": False, "exact": True}
    assert refusal(lambda: snapvx.relink(SOURCE, made, TARGET, **exact)) == "relink_other_source"
    assert refusal(lambda: snapvx.link(SOURCE, made, "test_rep_sg", **exact)) == "counts_differ"
    small = snapvx.establish("prod_rep_sg", "n")
    assert refusal(lambda: snapvx.link("prod_rep_sg", small, "prod_rep_sg", **exact)) == "same_device"
    big = snapvx.establish("prod_data_sg", "big")
    array.storage_groups["small_sg"] = [array.devices[0xB12], array.devices[0xB20]]
    snapvx.drop((0xA12, 0xB12))
    snapvx.drop((0xA20, 0xB20))
    assert refusal(lambda: snapvx.link(SOURCE, big, "small_sg", **exact)) == "size_mismatch"


def test_too_many_snapshots(powermax: Any, array: Any) -> None:
    powermax.set(snapshots_a_source=4)
    snapvx = powermax.world.snapvx(array)
    snapvx.establish(SOURCE, "fourth")
    assert refusal(lambda: snapvx.establish(SOURCE, "fifth")) == "too_many_snapshots"


def test_a_group_that_has_grown(powermax: Any, snapvx: Any, array: Any) -> None:
    made = snapvx.establish(SOURCE, "n")
    array.storage_groups[SOURCE] = [*array.storage_groups[SOURCE], array.devices[0xA20]]
    assert refusal(lambda: snapvx.terminate(SOURCE, made)) == "group_grew"
    assert snapvx.terminate(SOURCE, made, force=True) == "snapshot"


def test_a_nocopy_target_with_snapshots_is_not_unlinked(snapvx: Any, array: Any) -> None:
    snapvx.establish("test_rep_sg", "cascade")
    snapshot = array.links[(0xA20, 0xB20)].snapshot
    assert refusal(lambda: snapvx.unlink(snapshot, "test_rep_sg")) == "target_has_snapshots"
