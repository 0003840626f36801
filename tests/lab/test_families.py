"""AIX, SunOS and VxVM, tied to the array: a service goes down, its copy is refreshed, it comes up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.config import ConfigError, load

FAMILIES = Path(__file__).parents[2] / "lab" / "families.yaml"
S = "/usr/symcli/bin/symclone "
SE, AIX, SUN, LX = "symcli02", "aixpp01", "sunpp01", "lnxvx01"


@pytest.fixture
def bench(make_bench: Any) -> Any:
    return make_bench(FAMILIES)


async def ok(bench: Any, host: str, *commands: str) -> str:
    text = ""
    for command in commands:
        status, text, err = await bench.run(host, command)
        assert status == 0, f"{command}: {text}{err}"
    return text


async def no(bench: Any, host: str, command: str, part: str, exit: int = 1) -> None:
    status, out, err = await bench.run(host, command)
    assert status == exit and part in out + err, (command, status, out, err)


async def test_aix_service(bench: Any) -> None:
    assert "192.168.50.11" in await ok(bench, AIX, "netstat -in")
    await ok(bench, AIX, "ifconfig en0 192.168.50.11 delete")
    assert "192.168.50.11" not in await ok(bench, AIX, "/usr/bin/netstat -in")
    assert "192.168.50.10" in await ok(bench, AIX, "netstat -in")
    await no(bench, AIX, "ifconfig en0 192.168.50.11 delete", "0821-155")
    await no(bench, AIX, "ifconfig en9 1.2.3.4 alias", "en9 does not exist")
    await no(bench, AIX, "ping -c 1 192.168.50.11", "100% packet loss")

    assert "/dev/pplv        /pp " in await ok(bench, AIX, "mount")
    await no(bench, AIX, "varyoffvg ppvg", "0516-012")
    await no(bench, AIX, "exportvg ppvg", "0516-764")
    assert "open/syncd    /pp" in await ok(bench, AIX, "lsvg -l ppvg")
    await ok(bench, AIX, "umount /pp")
    await no(bench, AIX, "umount /pp", "0506-347")
    assert (await ok(bench, AIX, "lsvg -o")).split() == ["ppvg", "rootvg"]
    await ok(bench, AIX, "varyoffvg ppvg")
    assert (await ok(bench, AIX, "lsvg -o")).split() == ["rootvg"]
    assert (await ok(bench, AIX, "lsvg")).split() == ["rootvg", "ppvg"]
    await no(bench, AIX, "lsvg ppvg", "0516-010")
    await no(bench, AIX, "mount -v jfs2 /dev/pplv /pp", "device or address that does not exist")
    await ok(bench, AIX, "exportvg ppvg")
    await no(bench, AIX, "lsvg ppvg", "0516-306")
    rows = [line.split() for line in (await ok(bench, AIX, "lspv")).splitlines()]
    assert [r[0] for r in rows] == ["hdisk0", "hdisk4", "hdisk5"] and rows[1][2] == "None"

    await ok(bench, SE, f"{S}-g DGAIX -tgt recreate -nop")
    assert bench.events("corruption") == []
    await no(bench, AIX, "importvg -n -y ppvg hdisk4", "0516-776")
    await ok(bench, SE, f"{S}-g DGAIX -tgt activate -nop")
    await no(bench, AIX, "importvg -y ppvg hdisk9", "0516-306")
    assert await ok(bench, AIX, "importvg -n -y ppvg hdisk4") == "ppvg\n"
    await no(bench, AIX, "importvg -y ppvg hdisk5", "0516-360")
    await no(bench, AIX, "fsck -p -V jfs2 /dev/pplv", "Cannot open", 8)
    await ok(bench, AIX, "varyonvg ppvg", "fsck -p -V jfs2 /dev/pplv", "mount -v jfs2 /dev/pplv /pp")
    assert "VG STATE:           active" in await ok(bench, AIX, "lsvg ppvg")
    assert "ppvg            active" in await ok(bench, AIX, "lspv")
    await no(bench, AIX, "mount -v jfs2 /dev/pplv /pp", "is busy")
    await ok(bench, AIX, "ifconfig en0 192.168.50.11 netmask 255.255.255.0 alias", "ping -c 1 192.168.50.11")
    assert "inet 192.168.50.11 netmask 0xffffff00" in await ok(bench, AIX, "ifconfig en0")
    assert bench.events("torn") == []


@pytest.mark.may_break(1)
async def test_aix_busy_and_corrupted(bench: Any) -> None:
    bench.world.host(AIX).occupy("/pp/x")
    await no(bench, AIX, "umount /pp", "0506-349")
    await ok(bench, AIX, "fuser -k -x -c /pp", "umount /pp")
    await ok(bench, SE, f"{S}-g DGAIX -tgt recreate -nop")
    assert {e["use"] for e in bench.events("corruption")} == {"volume group ppvg active"}


@pytest.mark.may_break(5)
async def test_aix_torn(bench: Any) -> None:
    await ok(bench, AIX, "umount /pp", "varyoffvg ppvg")
    await ok(bench, SE, f"{S}-g DGAIX -tgt recreate -nop")
    await ok(bench, SE, f"{S}-g DGAIX activate -nop DEV001 sym ld CLONE001")
    await no(bench, AIX, "varyonvg ppvg", "0516-052")
    assert "PVMISSING" in await ok(bench, AIX, "varyonvg -f ppvg")
    await no(bench, AIX, "mount -v jfs2 /dev/pplv /pp", "input or output error")
    await ok(bench, AIX, "varyoffvg ppvg")
    await bench.clock.advance(9)
    await ok(bench, SE, f"{S}-g DGAIX activate -nop DEV002 sym ld CLONE002")
    await ok(bench, AIX, "varyonvg ppvg")
    await no(bench, AIX, "fsck -p -V jfs2 /dev/pplv", "logredo failed", 8)
    await no(bench, AIX, "mount -v jfs2 /dev/pplv /pp", "not formatted or the format is not correct")
    assert bench.events("torn")[-1]["reason"] == "different points in time, 9 s apart"


async def test_sunos_addresses(bench: Any) -> None:
    assert "e1000g0:1: flags=1000843<UP," in await ok(bench, SUN, "ifconfig -a")
    await ok(bench, SUN, "/usr/sbin/ifconfig e1000g0:1 unplumb")
    await no(bench, SUN, "ifconfig e1000g0:1 unplumb", "no such interface")
    await no(
        bench, SUN, "ifconfig e1000g0:1", "ifconfig: status: SIOCGLIFFLAGS: e1000g0:1: no such interface"
    )
    await no(bench, SUN, "ping 192.168.51.11", "no answer from 192.168.51.11")
    await ok(
        bench, SUN, "ifconfig e1000g0:1 plumb 192.168.51.11 netmask 255.255.255.0 broadcast + up",
        "ping 192.168.51.11",
    )  # fmt: skip
    assert "inet 192.168.51.11 netmask ffffff00 broadcast 192.168.51.255" in await ok(
        bench, SUN, "ifconfig e1000g0:1"
    )
    assert "192.168.51.11" in await ok(bench, SUN, "netstat -in")


async def test_sunos_zfs(bench: Any) -> None:
    assert await ok(bench, SUN, "zpool list -H -o name,health") == "pppool\tONLINE\n"
    assert "pppool/data" in await ok(bench, SUN, "zfs mount")
    assert await ok(bench, SUN, "zfs get -H -o value mounted pppool/data") == "yes\n"
    await ok(bench, SUN, "zpool export pppool")
    assert await ok(bench, SUN, "zpool list") == "no pools available\n"
    await no(bench, SUN, "zpool list pppool", "cannot open 'pppool': no such pool")
    await ok(bench, SE, f"{S}-g DGSUN recreate -nop DEV001 sym ld CLONE001")
    assert bench.events("corruption") == []
    await no(bench, SUN, "zpool import -f pppool", "no such pool available")
    await bench.clock.advance(60)
    await ok(bench, SE, f"{S}-g DGSUN activate -nop DEV001 sym ld CLONE001")
    assert "  pool: pppool" in await ok(bench, SUN, "zpool import")
    await no(bench, SUN, "zpool import pppool", "may be in use from other system")
    await ok(bench, SUN, "zpool import -f -o cachefile=/tmp/x -d /dev/dsk pppool")
    await no(bench, SUN, "zpool import -f pppool", "already created/imported")
    assert "/pp/zfs" in await ok(bench, SUN, "cat /etc/mnttab")
    await ok(bench, SUN, "zfs umount /pp/zfs")
    await no(bench, SUN, "zfs umount pppool/data", "not currently mounted")
    await ok(bench, SUN, "zfs mount pppool/data")
    await no(bench, SUN, "zfs mount pppool/data", "already mounted")
    await no(bench, SUN, "zfs mount pppool/other", "does not exist")
    bench.world.host(SUN).occupy("/pp/zfs")
    await no(bench, SUN, "zpool export pppool", "Device busy")
    await ok(bench, SUN, "zpool export -f pppool", "zpool import pppool")


async def test_sunos_ufs(bench: Any) -> None:
    raw, device = "/dev/rdsk/c2t0d4s6", "/dev/dsk/c2t0d4s6"
    assert f"{device} - /pp/ufs ufs - no rw" in await ok(bench, SUN, "mount -p")
    assert f"/pp/ufs on {device} read/write/" in await ok(bench, SUN, "mount")
    await no(bench, SUN, f"fsck -F ufs -m {raw}", "already mounted", 33)
    bench.world.host(SUN).occupy("/pp/ufs")
    await no(bench, SUN, "umount /pp/ufs", "umount: /pp/ufs busy")
    await ok(bench, SUN, "fuser -ck /pp/ufs", "umount /pp/ufs", f"fsck -F ufs -m {raw}")
    await no(bench, SUN, "umount /pp/ufs", "not in mnttab")
    await ok(bench, SE, f"{S}-g DGSUN recreate -nop DEV002 sym ld CLONE002")
    assert bench.events("corruption") == []
    await no(bench, SUN, f"mount -F ufs {device} /pp/ufs", "I/O error", 32)
    await bench.clock.advance(60)
    await ok(bench, SE, f"{S}-g DGSUN activate -nop DEV002 sym ld CLONE002")
    await no(bench, SUN, f"fsck -F ufs -m {raw}", "needs checking", 32)
    await no(bench, SUN, f"mount -F ufs {device} /pp/ufs", "Please run fsck", 32)
    await ok(bench, SUN, f"fsck -F ufs -y {raw}", f"fsck -F ufs -m {raw}", f"mount -F ufs {device} /pp/ufs")
    await no(bench, SUN, f"mount -F ufs {device} /pp/ufs", "already mounted", 32)


@pytest.mark.may_break(1)
async def test_sunos_recreate_under_each(bench: Any) -> None:
    await ok(bench, SE, f"{S}-g DGSUN -tgt recreate -nop")
    assert [e["use"] for e in bench.events("corruption")] == [
        "pppool/data mounted on /pp/zfs",
        "/dev/dsk/c2t0d4s6 mounted on /pp/ufs",
        "/dev/vx/dsk/ppdg/vol01 mounted on /pp/vx",
    ]


@pytest.mark.parametrize(
    ("host", "group", "pair", "dg", "mnt", "mount"),
    [
        (SUN, "DGSUN", "DEV003 sym ld CLONE003", "ppdg", "/pp/vx", "mount -F vxfs"),
        (LX, "DGVX", "DEV001 sym ld CLONE001", "lxdg", "/lx", "mount -t vxfs"),
    ],
)
@pytest.mark.may_break(1)
async def test_vxvm(bench: Any, host: str, group: str, pair: str, dg: str, mnt: str, mount: str) -> None:
    device = f"/dev/vx/dsk/{dg}/vol01"
    assert f"{dg:<12} enabled,cds" in await ok(bench, host, "vxdg list")
    assert "online" in await ok(bench, host, "vxdisk -o alldgs list")
    status, _, err = await bench.run(host, f"vxdg deport {dg}")
    assert status and "V-5-1-584" in err
    status, _, err = await bench.run(host, f"vxvol -g {dg} stopall")
    assert status and "in use" in err
    await ok(bench, host, f"umount {mnt}", f"vxvol -g {dg} stopall")
    await ok(bench, SE, f"{S}-g {group} recreate -nop {pair}")
    (event,) = bench.events("corruption")
    assert event["use"] == f"disk group {dg} imported"
    await ok(bench, host, f"vxdg deport {dg}")
    assert dg not in await ok(bench, host, "vxdg list")
    await no(bench, host, f"vxdg -t import {dg}", "No valid disk found containing disk group")
    assert "error" in await ok(bench, host, "vxdisk list")
    await bench.clock.advance(60)
    await ok(bench, SE, f"{S}-g {group} activate -nop {pair}")
    assert f"({dg})" in await ok(bench, host, "vxdisk -o alldgs list")
    await no(bench, host, f"vxdg -t import {dg}", "in use by another host")
    await ok(bench, host, f"vxdg -tC import {dg}")
    status, _, _ = await bench.run(host, f"{mount} {device} {mnt}")
    assert status
    await ok(bench, host, f"vxvol -g {dg} -f startall")
    if host == SUN:
        await no(bench, host, f"fsck -F vxfs -m /dev/vx/rdsk/{dg}/vol01", "needs checking", 32)
        await ok(bench, host, f"fsck -F vxfs -y /dev/vx/rdsk/{dg}/vol01")
    else:
        await no(bench, host, f"{mount} {device} {mnt}", "V-3-26881", 32)
        await no(bench, host, f"fsck {device}", "only -t vxfs", 8)
        await ok(bench, host, f"fsck -t vxfs {device}")
    await ok(bench, host, f"{mount} {device} {mnt}")
    assert device in await ok(bench, host, "mount")
    await no(bench, host, f"vxdg -tCf import {dg}", "exists and is imported")


@pytest.mark.parametrize(
    "command",
    [
        "recreatevg",
        "recreatevg -y ppvg hdisk4",
        "getlvodm -v nope",
        "lqueryvg -p hdisk99 -v",
        "varyonvg nope",
        "lsvg -z",
        "importvg -y x",
        "varyonvg",
        "mount a",
        "umount",
        "fsck",
        "netstat",
        "ifconfig",
        "fuser",
    ],
)
async def test_aix_refuses_what_it_does_not_know(bench: Any, command: str) -> None:
    assert (await bench.run(AIX, command))[0] != 0


@pytest.mark.parametrize(
    "command",
    ["zpool", "zpool dance", "zpool import -x p", "zpool export", "zfs", "zfs dance", "zfs mount a b",
     "zfs get mounted", "zfs list -o colour", "mount a", "umount", "fsck -F hsfs x", "netstat", "ifconfig",
     "vxdctl dance", "vxdg -o dance import ppdg", "vxdg -o useclonedev=on import nowhere",
     "vxdg", "vxdg dance ppdg", "vxvol startall", "vxvol -g nowhere startall", "vxdisk show"],
)  # fmt: skip
async def test_sunos_refuses_what_it_does_not_know(bench: Any, command: str) -> None:
    assert (await bench.run(SUN, command))[0] != 0


@pytest.mark.parametrize(
    ("host", "group", "part"),
    [
        (1, {"manager": "zpool"}, "for the sunos family"),
        (2, {"manager": "lvm"}, "has no lvm"),
        (
            1,
            {"logical_volumes": [{"name": "pplv", "fs": "jfs2", "devices": ["0B03"]}]},
            "not one of the group's",
        ),
        (
            1,
            {"logical_volumes": [{"name": "pplv", "fs": "jfs2", "after": ["/dev/x"]}]},
            "no such logical volume",
        ),
    ],
)
def test_wrong_groups_are_named(host: int, group: dict[str, Any], part: str) -> None:
    config = load(FAMILIES).model_dump()
    config["hosts"][host]["volume_groups"][0] |= group
    with pytest.raises(ConfigError, match=part):
        load(config)
