"""Copies of several moments under one file system, and copies in the wrong order."""

from __future__ import annotations

from typing import Any

import pytest

from lab.config import load

S = "/usr/symcli/bin/symclone "
HP, LX, SE = "aastmphpux", "lnxpp01", "symcli01"
LX_DOWN = ["/opt/pp/bin/ppctl stop", "umount /pp/data", "umount /pp/arch", "vgchange -an vg_ppdata vg_pparch"]


async def ok(bench: Any, host: str, *commands: str) -> None:
    for command in commands:
        status, _, err = await bench.run(host, command)
        assert status == 0, f"{command}: {err}"


async def pairs(bench: Any, action: str, *pairs: str) -> None:
    lines = "".join(p + "\\n" for p in pairs)
    await ok(bench, SE, f"printf '{lines}' > /tmp/p", f"{S}-sid 001 -f /tmp/p {action} -nop")


async def lnx_twice(bench: Any) -> None:
    """The two disks of vg_ppdata activated a minute apart."""
    await ok(bench, LX, *LX_DOWN)
    await pairs(bench, "recreate", "01A10 01AB4", "01A11 01AB5")
    await pairs(bench, "activate", "01A10 01AB4")
    await bench.clock.advance(60)
    await pairs(bench, "activate", "01A11 01AB5")


@pytest.mark.may_break(5)
async def test_a_torn_volume_fails_fsck_and_mount(bench: Any) -> None:
    await lnx_twice(bench)
    assert bench.events("torn") == []
    await ok(bench, LX, "vgchange -ay vg_ppdata")
    (event,) = bench.events("torn")
    assert (event["host"], event["volume"], event["during"]) == (LX, "/dev/vg_ppdata/lv_data", "activation")
    assert event["reason"] == "different points in time, 60 s apart"
    assert event["devices"] == ["000297600001:01AB4", "000297600001:01AB5"]
    status, _, err = await bench.run(LX, "e2fsck -p /dev/vg_ppdata/lv_data")
    assert status == 4 and "RUN fsck MANUALLY" in err
    status, _, err = await bench.run(LX, "mount -t ext4 /dev/vg_ppdata/lv_data /pp/data")
    assert status == 32 and "Structure needs cleaning" in err
    assert [e["during"] for e in bench.events("torn")] == ["activation", "fsck", "mount"]


async def test_recreated_and_activated_together_it_is_whole_again(bench: Any) -> None:
    await lnx_twice(bench)
    await bench.clock.advance(600)
    await pairs(bench, "recreate", "01A10 01AB4", "01A11 01AB5")
    await pairs(bench, "activate", "01A10 01AB4", "01A11 01AB5")
    await ok(bench, LX, "vgchange -ay vg_ppdata", "e2fsck -p /dev/vg_ppdata/lv_data")
    await ok(bench, LX, "mount -t ext4 /dev/vg_ppdata/lv_data /pp/data")
    assert bench.events("torn") == []


@pytest.mark.may_break(5)
async def test_a_pair_that_failed_is_not_active(bench: Any) -> None:
    await ok(bench, LX, *LX_DOWN)
    bench.world.array("001").put((0x1A11, 0x1AB5), "Failed")
    await ok(bench, LX, "vgchange -ay vg_ppdata")
    assert bench.events("torn")[0]["reason"] == "not active: 000297600001:01AB5 is Failed"


@pytest.mark.may_break(4)
async def test_logs_older_than_their_data_are_out_of_order(bench: Any) -> None:
    await ok(bench, HP, "umount /aaststcvi", "vgchange -a n vgCVI")
    await ok(bench, SE, S + "-g DGCVI recreate -nop", S + "-g DGCVIARCH recreate -nop")
    await ok(bench, SE, S + "-g DGCVIARCH activate -nop")
    await bench.clock.advance(5)
    await ok(bench, SE, S + "-g DGCVI activate -nop")
    await ok(bench, HP, "vgchange -a y vgCVI")
    (event,) = bench.events("torn")
    assert event["volume"] == "/dev/vgCVI/lv_CVIARCH"
    assert event["reason"] == "out of order: 5 s older than /dev/vgCVI/lv_CVI"
    await ok(bench, HP, "fsck -F vxfs -y /dev/vgCVI/lv_CVI")
    status, out, err = await bench.run(HP, "fsck -F vxfs -y /dev/vgCVI/lv_CVIARCH")
    assert status == 12 and "log replay in progress" in out and "check failure" in err
    status, _, err = await bench.run(HP, "mount -F vxfs /dev/vgCVI/lv_CVIARCH /aaststcvi")
    assert status == 1 and "until it has been cleaned by fsck" in err


async def test_use_and_release_are_on_record(bench: Any) -> None:
    await ok(bench, HP, "umount /aaststcvi", "vgchange -a n vgCVI", "vgchange -a y vgCVI")
    await ok(bench, HP, "mount -F vxfs /dev/vgCVI/lv_CVI /aaststcvi")
    uses = [(e["event"], e["use"]) for e in bench.journal.entries if e["event"] in ("use", "release")]
    mounted, active = "/dev/vgCVI/lv_CVI mounted on /aaststcvi", "volume group vgCVI active"
    assert uses == [("release", mounted), ("release", active), ("use", active), ("use", mounted)]
    assert bench.events("use")[1]["states"] == {"000190101234:1234>4321": "Copied"}


@pytest.mark.parametrize(("rate", "changed"), [(0.0, 0), (10.0, 600)])
async def test_writes_on_a_mounted_copy_are_changed_tracks(
    make_bench: Any, rate: float, changed: int
) -> None:
    config = load().model_dump()
    config["hosts"][1]["mounts"][0]["write_rate"] = rate
    bench = make_bench(config)
    await bench.clock.advance(60)
    await ok(bench, HP, "umount /aaststcvi")
    session = bench.world.array("234").sessions[(0x1234, 0x4321)]
    assert session.changed_target == changed
