from __future__ import annotations

from typing import Any

import pytest

S = "/usr/symcli/bin/symclone "
MAP = "/var/lib/opensvc/vg_aastmphpux_vgCVI.map"
HP, LX = "aastmphpux", "lnxpp01"


async def ok(bench: Any, host: str, *commands: str) -> str:
    text = ""
    for command in commands:
        status, text, err = await bench.run(host, command)
        assert status == 0, f"{command}: {err}"
    return text


async def test_hpux_addresses(bench: Any) -> None:
    rows = [line.split() for line in (await ok(bench, HP, "/usr/bin/netstat -in")).splitlines()]
    assert rows[0] == ["Name", "Mtu", "Network", "Address", "Ipkts", "Ierrs", "Opkts", "Oerrs", "Coll"]
    assert ["lan900:1", "1500", "192.168.32.0", "192.168.32.41"] in [r[:4] for r in rows]
    out = await ok(bench, HP, "ifconfig lan900:1")
    assert out == (
        "lan900:1: flags=1843<UP,BROADCAST,RUNNING,MULTICAST,CKO>\n"
        "\tinet 192.168.32.41 netmask fffffc00 broadcast 192.168.35.255\n"
    )
    await ok(bench, HP, "/usr/sbin/ifconfig lan900:1 0.0.0.0")
    assert "192.168.32.41" not in await ok(bench, HP, "netstat -in")
    assert await bench.run(HP, "ifconfig lan900:1") == (1, "", "ifconfig: no such interface\n")
    assert (await bench.run(HP, "ping 192.168.32.41 -n 1"))[0] == 1
    await ok(bench, HP, "ifconfig lan900:1 192.168.32.41 netmask 255.255.252.0 up", "ping 192.168.32.41 -n 1")
    assert "192.168.32.41" in await ok(bench, HP, "netstat -in")
    assert (await bench.run(HP, "ifconfig lan7 1.2.3.4 up"))[0] == 1


async def test_hpux_service_down_and_up(bench: Any) -> None:
    assert "VG Status                   available" in await ok(bench, HP, "vgdisplay vgCVI")
    for form, line in {
        "mount": "/aaststcvi on /dev/vgCVI/lv_CVI ioerror=",
        "mount -v": "/dev/vgCVI/lv_CVI on /aaststcvi type vxfs ioerror=",
        "mount -p": "/dev/vgCVI/lv_CVI /aaststcvi vxfs ioerror=",
        "bdf": "/dev/vgCVI/lv_CVI ",
    }.items():
        assert line in await ok(bench, HP, form)
    status, _, err = await bench.run(HP, "vgchange -a n vgCVI")
    assert (status, err) == (1, 'vgchange: Couldn\'t deactivate volume group "vgCVI":\nDevice busy\n')
    assert (await bench.run(HP, f"vgexport -m {MAP} -s vgCVI"))[0] == 1
    await ok(bench, HP, "/usr/sbin/umount /aaststcvi", "vgchange -a n vgCVI")
    assert "/aaststcvi" not in await ok(bench, HP, "mount -v")
    status, _, err = await bench.run(HP, "umount /aaststcvi")
    assert status == 1 and "cannot find /aaststcvi in /etc/mnttab" in err
    _, _, err = await bench.run(HP, "vgdisplay vgCVI")
    assert "Volume group not activated." in err
    status, _, err = await bench.run(HP, "mount -F vxfs /dev/vgCVI/lv_CVI /aaststcvi")
    assert status == 1 and "No such device or address" in err
    await ok(bench, HP, f"rm {MAP}", f"vgexport -m {MAP} -s vgCVI", f"test -s {MAP}")
    _, _, err = await bench.run(HP, "vgdisplay -v vgCVI")
    assert 'does not exist in the "/etc/lvmtab" file.' in err
    assert (await bench.run(HP, "vgchange -a y vgCVI"))[0] == 1
    await ok(bench, HP, f"vgimport -m {MAP} -s -N vgCVI", "vgchange -c n vgCVI", "vgchange -a y vgCVI")
    assert (await bench.run(HP, f"vgimport -m {MAP} -s -N vgCVI"))[0] == 1
    await ok(bench, HP, "fsck -F vxfs -y /dev/vgCVI/lv_CVI", "mount -F vxfs /dev/vgCVI/lv_CVI /aaststcvi")
    status, _, err = await bench.run(HP, "mount -F vxfs /dev/vgCVI/lv_CVI /aaststcvi")
    assert status == 1 and "is already mounted" in err


@pytest.mark.may_break(1, 4)
async def test_hpux_not_ready_target(bench: Any) -> None:
    await ok(bench, HP, "umount /aaststcvi", "vgchange -a n vgCVI")
    await ok(bench, "symcli01", S + "-g DGCVI recreate -nop")
    assert bench.events("corruption") == []
    status, _, err = await bench.run(HP, "vgchange -a y vgCVI")
    assert status == 1 and "Quorum not present" in err and "/dev/disk/disk21" in err
    await ok(bench, HP, f"vgexport -m {MAP} -s vgCVI")
    assert (await bench.run(HP, f"vgimport -m {MAP} -s -N vgCVI"))[0] == 1
    await ok(bench, "symcli01", S + "-g DGCVI activate -nop")
    await ok(bench, HP, f"vgimport -m {MAP} -s -N vgCVI", "vgchange -a y vgCVI")


@pytest.mark.parametrize(
    ("steps", "use"),
    [
        ([], "/dev/vgCVI/lv_CVI mounted on /aaststcvi"),
        (["umount /aaststcvi"], "volume group vgCVI active"),
    ],
)
@pytest.mark.may_break(1)
async def test_recreate_under_a_user_is_corruption(bench: Any, steps: list[str], use: str) -> None:
    for step in steps:
        await ok(bench, HP, step)
    await ok(bench, "symcli01", S + "-g DGCVI recreate -nop")
    (event,) = bench.events("corruption")
    assert (event["host"], event["device"], event["use"], event["action"]) == (HP, "4321", use, "recreate")


async def test_a_refused_recreate_is_no_corruption(bench: Any) -> None:
    bench.world.array("234").put((0x1234, 0x4321), "CopyInProg")
    assert (await bench.run("symcli01", S + "-g DGCVI recreate -nop"))[0] == 1
    assert bench.events("corruption") == []


async def test_linux_addresses(bench: Any) -> None:
    line = "2: eth0    inet 192.168.40.17/24 brd 192.168.40.255 scope global secondary eth0\\       valid_lft"
    assert line in await ok(bench, LX, "/sbin/ip -o addr show")
    assert "    inet 192.168.40.17/24 brd" in await ok(bench, LX, "ip addr show dev eth0")
    add = "ip addr add 192.168.40.17/24 dev eth0"
    assert await bench.run(LX, add) == (2, "", "RTNETLINK answers: File exists\n")
    await ok(bench, LX, "ip addr del 192.168.40.17/24 dev eth0")
    assert "192.168.40.17" not in await ok(bench, LX, "ip -o addr show")
    assert (await bench.run(LX, "ip addr del 192.168.40.17/24 dev eth0"))[0] == 2
    await ok(bench, LX, add, "arping -U -c 1 -I eth0 192.168.40.17", "ping -c 1 -W 1 192.168.40.17")
    assert (await bench.run(LX, "ip addr add 1.2.3.4/24 dev eth9"))[0] == 1
    assert (await bench.run(LX, "ip route"))[0] != 0


async def test_linux_service_down_and_up(bench: Any) -> None:
    mounts = await ok(bench, LX, "cat /proc/mounts")
    assert "/dev/mapper/vg_ppdata-lv_data /pp/data ext4 rw,relatime 0 0\n" in mounts
    assert mounts == await ok(bench, LX, "cat /proc/self/mounts")
    assert await bench.run(LX, "umount /pp/data") == (32, "", "umount: /pp/data: target is busy.\n")
    assert (await bench.run(LX, "/opt/pp/bin/ppctl status"))[:2] == (0, "pp is running\n")
    await ok(bench, LX, "/opt/pp/bin/ppctl stop")
    assert (await bench.run(LX, "/opt/pp/bin/ppctl status"))[:2] == (1, "pp is not running\n")
    status, _, err = await bench.run(LX, "vgchange -a n vg_ppdata")
    assert status == 5 and "contains a filesystem in use" in err
    assert "vg_ppdata-lv_data:1" in await ok(bench, LX, "dmsetup info -c --noheadings -o name,open")
    await ok(bench, LX, "umount /pp/data", "vgchange -a n vg_ppdata")
    assert await bench.run(LX, "umount /pp/data") == (32, "", "umount: /pp/data: not mounted.\n")
    assert "lv_data -wi-------" in await ok(bench, LX, "lvs --noheadings -o lv_name,lv_attr vg_ppdata")
    assert "lv_data" not in await ok(bench, LX, "dmsetup info -c --noheadings")
    mount = "mount -t ext4 /dev/vg_ppdata/lv_data /pp/data"
    assert (await bench.run(LX, mount))[::2] == (
        32,
        "mount: /pp/data: special device /dev/vg_ppdata/lv_data does not exist.\n",
    )
    assert (await bench.run(LX, "e2fsck -p /dev/vg_ppdata/lv_data"))[0] == 8
    assert (await bench.run(LX, "/opt/pp/bin/ppctl start"))[0] == 1
    await ok(
        bench, LX, "pvscan --cache", "vgchange -a y vg_ppdata", "e2fsck -p /dev/vg_ppdata/lv_data", mount
    )
    assert (await bench.run(LX, mount))[0] == 32
    await ok(bench, LX, "/opt/pp/bin/ppctl start")


async def test_linux_not_ready_target(bench: Any) -> None:
    await ok(bench, LX, "/opt/pp/bin/ppctl stop", "umount /pp/data", "vgchange -a n vg_ppdata")
    await ok(bench, "symcli01", "printf '01A10 01AB4\\n01A11 01AB5\\n' > /tmp/p")
    await ok(bench, "symcli01", S + "-sid 001 -f /tmp/p recreate -nop")
    assert await bench.run(LX, "vgs vg_ppdata") == (
        5,
        "",
        '  Volume group "vg_ppdata" not found\n  Cannot process volume group vg_ppdata\n',
    )
    assert (await bench.run(LX, "vgchange -a y vg_ppdata"))[0] == 5
    assert (await bench.run(LX, "sg_turs /dev/mapper/mpathb"))[0] == 2
    await ok(bench, "symcli01", S + "-sid 001 -f /tmp/p activate -nop")
    await ok(bench, LX, "vgchange -a y vg_ppdata", "vgs --noheadings -o vg_name,tags vg_ppdata")
    assert bench.events("corruption") == []


async def test_fuser_kills_what_keeps_a_mount_busy(bench: Any) -> None:
    bench.world.host(HP).occupy("/aaststcvi/sub")
    status, _, err = await bench.run(HP, "umount /aaststcvi")
    assert status == 1 and "Device busy" in err
    await ok(bench, HP, "fuser -kc /aaststcvi", "umount /aaststcvi")


async def test_systemd_units(make_bench: Any) -> None:
    from lab.config import load

    config = load().model_dump()
    config["hosts"][2]["apps"] = [{"name": "pp", "unit": "pp.service", "uses": ["/pp/data"]}]
    bench = make_bench(config)
    assert await bench.run(LX, "systemctl is-active pp") == (0, "active\n", "")
    await ok(bench, LX, "systemctl stop pp.service")
    assert await bench.run(LX, "systemctl is-active pp.service") == (3, "inactive\n", "")
    await ok(bench, LX, "umount /pp/data")
    assert (await bench.run(LX, "systemctl start pp"))[0] == 1
    assert (await bench.run(LX, "systemctl start other"))[0] == 5


@pytest.mark.parametrize(
    ("how", "held", "command", "shown"),
    [
        (
            "mounted",
            True,
            "find /proc -name mountinfo | grep -w 253:0",
            "77 22 253:0 / /var/lib/container rw",
        ),
        ("btrfs", True, 'find -L /sys/fs/btrfs -e "253:0"', "/sys/fs/btrfs/1b5c-77/devices/dm-0/dev:253:0"),
        ("open", False, "find /proc -exec /usr/bin/stat {} +", "61b0 fd:0 /proc/4000/fd/3"),
        ("loop", False, "losetup -ln", "/dev/loop0 "),
    ],
)
async def test_linux_a_disk_that_somebody_else_uses(
    bench: Any, how: str, held: bool, command: str, shown: str
) -> None:
    """It is in no table of the host; the kernel holds what is mounted, and what is only open it does not."""
    await ok(bench, LX, "/opt/pp/bin/ppctl stop", "umount /pp/data", "vgchange -a n vg_ppdata")
    setbsz = f"blockdev --setbsz {await ok(bench, LX, 'blockdev --getbsz /dev/dm-0')} /dev/dm-0".replace(
        "\n", ""
    )
    await ok(bench, LX, setbsz)
    assert shown not in (await bench.run(LX, command))[1]
    bench.world.host(LX).use_disk("/dev/mapper/mpathb", how)
    busy = (1, "", "blockdev: ioctl error on BLKBSZSET: Device or resource busy\n")
    assert await bench.run(LX, setbsz) == (busy if held else (0, "", ""))
    assert shown in (await bench.run(LX, command))[1]
    bench.world.host(LX).use_disk("/dev/mapper/mpathb", None)
    await ok(bench, LX, setbsz, "vgchange -a y vg_ppdata")
    assert await bench.run(LX, setbsz) == busy


@pytest.mark.parametrize(
    "command",
    ["lsblk", "lsblk -o NAME /dev/mapper/mpathb", "lsblk -rno NAME /x", "blockdev --getsz /dev/dm-0",
     "blockdev --getbsz /dev/dm-77", "find / -name x"],
)  # fmt: skip
async def test_linux_refuses_what_it_does_not_know_of_disks(bench: Any, command: str) -> None:
    assert (await bench.run(LX, command))[0] != 0
