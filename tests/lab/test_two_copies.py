"""A host that sees two copies of one source: what their like identifiers and names do, family by family."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operators.test_two_sets_on_one_host import SYMID, lab_config

S = f"/usr/symcli/bin/symclone -sid {SYMID} "
HOST = "both01"
A, B = "/dev/mapper/mpatha", "/dev/mapper/mpathb"


async def ok(bench: Any, *commands: str) -> str:
    text = ""
    for command in commands:
        status, text, err = await bench.run(HOST, command)
        assert status == 0, f"{command}: {text}{err}"
    return text


async def fails(bench: Any, command: str) -> str:
    status, text, err = await bench.run(HOST, command)
    assert status != 0, f"{command}: {text}{err}"
    return text + err


async def fresh(bench: Any, *targets: str) -> None:
    """New copies on these devices."""
    for target in targets:
        text = f"printf '0C01 {target}\\n' > /tmp/f && {S}-f /tmp/f -noprompt "
        for step in ("recreate", "activate"):
            status, out, err = await bench.run("control", text + step)
            assert status == 0, out + err
            await bench.clock.advance(3600)


@pytest.fixture
def linux(make_bench: Any) -> Any:
    """Nothing of the copies is mounted or active."""
    config = lab_config("linux")
    groups = config["hosts"][2]["volume_groups"]
    for group in groups:
        group["active"] = False
    config["hosts"][2]["mounts"] = [{**one, "mounted": False} for one in config["hosts"][2]["mounts"]]
    return make_bench(config)


async def test_linux_a_fresh_copy_bears_its_sources_name(linux: Any) -> None:
    assert (await ok(linux, "vgs --noheadings -o vg_name")).split() == ["vg_a", "vg_b"]
    await fresh(linux, "0E01")
    assert (await ok(linux, "vgs --noheadings -o vg_name")).split() == ["vg_a", "vgprod"]
    assert "not found" in await fails(linux, "vgchange -a y vg_b")


async def test_linux_no_group_of_two_copies_is_activated_or_changed(linux: Any) -> None:
    await fresh(linux, "0D01", "0E01")
    assert (await ok(linux, "vgs --noheadings -o vg_name,pv_name")).split() == ["vgprod", A]
    assert "while PVs appear on duplicate devices" in await fails(linux, "vgchange -a y vgprod")
    assert "with duplicate PV devices" in await fails(linux, "vgchange --addtag x vgprod")
    await ok(linux, "vgrename vgprod vg_a")  # it says that it cannot, and ends with 0
    assert (await ok(linux, "vgs --noheadings -o vg_name")).split() == ["vgprod"]
    await ok(linux, f"vgimportclone --basevgname vg_b {B}")
    assert (await ok(linux, "vgs --noheadings -o vg_name")).split() == ["vgprod", "vg_b"]
    await ok(linux, "vgchange -a y vg_b")


async def test_linux_a_name_that_is_taken_gets_a_number(linux: Any) -> None:
    await fresh(linux, "0E01")
    await ok(linux, f"vgimportclone --basevgname vg_a {B}")
    assert (await ok(linux, "vgs --noheadings -o vg_name")).split() == ["vg_a", "vg_a1"]
    assert "already exists" in await fails(linux, "vgrename vg_a1 vg_a")
    await ok(linux, "vgrename vg_a1 vg_b", "vgchange -a y vg_b")


async def test_linux_a_claim_under_the_name_that_the_group_bears_does_not_end(linux: Any) -> None:
    await fresh(linux, "0E01")
    assert "Can't get lock" in await fails(linux, f"vgimportclone --basevgname vgprod {B}")


async def test_linux_two_groups_with_one_name_cannot_be_named(linux: Any) -> None:
    await ok(linux, "vgrename vg_a vgprod")
    await fresh(linux, "0E01")
    assert (await ok(linux, "vgs --noheadings -o vg_name")).split() == ["vgprod", "vgprod"]
    for command in ("vgs vgprod", "vgchange -a n vgprod", "vgchange -a y vgprod"):
        assert "Multiple VGs found with the same name" in await fails(linux, command)


async def test_linux_groups_by_tag(linux: Any) -> None:
    await ok(linux, "vgchange --addtag own vg_b")
    assert (await ok(linux, "vgs --noheadings -o pv_name @own")).split() == [B]
    assert (await ok(linux, "vgs --noheadings -o pv_name @other")).split() == []
    await fresh(linux, "0E01")
    assert (await ok(linux, "vgs --noheadings -o pv_name @own")).split() == []


async def test_linux_with_a_devices_file(linux: Any) -> None:
    await ok(linux, "mkdir -p /etc/lvm/devices", "printf '' > /etc/lvm/devices/system.devices")
    assert "not found" in await fails(linux, "vgs vg_b")
    await fresh(linux, "0E01")
    claim = f"--basevgname vg_b {B}"
    assert "Failed to find device" in await fails(linux, f"vgimportclone {claim}")
    await ok(linux, f"vgimportclone --importdevices {claim}", "vgs vg_b")
    await fresh(linux, "0E01")
    await ok(linux, f"vgimportclone {claim}", "vgs vg_b")


async def test_aix_a_name_that_is_taken_is_replaced(make_bench: Any) -> None:
    """By the expected name one then finds the other set."""
    bench = make_bench(lab_config("aix"))
    await ok(bench, "umount /copy")
    assert "is in use" in (await bench.run(HOST, "recreatevg -y vg_b -Y fsa -L /fsa hdisk4"))[2]
    assert (await fails(bench, "fsck -p -V jfs2 /dev/fsblv")) != ""
    await ok(bench, "mount -v jfs2 /dev/fsalv /copy")
    assert "/dev/fsalv" in await ok(bench, "mount")
    await ok(bench, "varyoffvg vg_b", "exportvg vg_b", "recreatevg -y vg_b -Y fsb -L /fsb hdisk4")
    await ok(bench, "fsck -p -V jfs2 /dev/fsblv")


async def test_hpux_the_identifier_in_the_map_is_that_of_both(make_bench: Any) -> None:
    bench = make_bench(lab_config("hpux"))
    await fresh(bench, "0E01")
    await fails(bench, "vgimport -m /etc/lvmconf/vg_b.map -s -N vg_b")
    await fails(bench, "vgimport -m /etc/lvmconf/vg_b.map vg_b /dev/disk/disk21")
    await ok(bench, "vgchgid /dev/rdisk/disk21", "vgimport -m /etc/lvmconf/vg_b.map vg_b /dev/disk/disk21")
    await fails(bench, "vgchgid /dev/rdisk/disk20")  # the set in use


async def test_vxvm_without_a_tag_the_first_copy_comes_in_under_the_other_ones_name(make_bench: Any) -> None:
    bench = make_bench(lab_config("vxvm"))
    await ok(bench, "umount /copy", "vxvol -g vg_a stopall", "vxdg deport vg_a")
    words = "vxdg -tC -n vg_b -o useclonedev=on -o updateid"
    await ok(bench, f"{words} import vgprod")
    rows = [line.split() for line in (await ok(bench, "vxdisk list")).splitlines()]
    assert [row[0] for row in rows if row[3] == "vg_b"] == ["c2t0d5"]
    await ok(bench, "vxdg deport vg_b", "vxdisk settag mine c2t0d6", f"{words} -o tag=mine import vgprod")
    rows = [line.split() for line in (await ok(bench, "vxdisk list")).splitlines()]
    assert [row[0] for row in rows if row[3] == "vg_b"] == ["c2t0d6"]
