"""The lab of services with two target sets: what is in use at first, and what two copies on one host do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hooks.configuration import load
from lab import Lab
from lab.check import findings, read_services
from lab.check.services import pair_of
from lab.config import ConfigError
from lab.config import load as load_lab
from lab.direct import DirectLab
from tests.conftest import TWO_SETS, TWO_SETS_LAB
from tests.support.tables import load_yaml

SYMID = "000190107777"
S = f"/usr/symcli/bin/symclone -sid {SYMID} "


@pytest.fixture
def bench(make_bench: Any) -> Any:
    return make_bench(TWO_SETS_LAB)


async def ok(bench: Any, host: str, *commands: str) -> str:
    text = ""
    for command in commands:
        status, text, err = await bench.run(host, command)
        assert status == 0, f"{command}: {text}{err}"
    return text


def test_set_a_is_in_use_and_set_b_is_older() -> None:
    with Lab(TWO_SETS_LAB, clock="manual", ports=False) as lab:
        assert {host: lab.host(host).mounts() for host in ("lnxts01", "hpxts01", "sunts01", "sunts02")} == {
            "lnxts01": {"/lts/data": "/dev/vg_lts_a/lv_data", "/lts/arch": "/dev/vg_ltsarch_a/lv_arch"},
            "hpxts01": {"/hts/data": "/dev/vgHTSa/lv_data", "/hts/arch": "/dev/vgHTSa/lv_arch"},
            "sunts01": {"/sts": "stspool/data"},
            "sunts02": {},
        }
        for service in load(TWO_SETS).services.values():
            for target_set, hours in (("a", 26), ("b", 50)):
                for pair in (pair for sync in service.on(target_set).syncs for pair in sync.pairs):
                    found = lab.session(SYMID, f"{pair.source_device:04X}", f"{pair.target_device:04X}")
                    assert found["state"] == "Copied"
                    assert round((lab.now() - found["point_in_time"]) / 3600) == hours


def test_the_checks_read_each_set() -> None:
    groups = {
        "DGHTS": {"DEV001": "0C11", "SETA001": "0D11", "SETB001": "0E11"},
        "DGHTSARCH": {"DEV001": "0C12", "SETA001": "0D12", "SETB001": "0E12"},
    }
    found = {(one.name, one.target_set): one for one in read_services(TWO_SETS, groups)}
    assert list(found) == [(name, one) for name in ("lnxts", "hpxts", "sunts") for one in "ab"]
    assert found["lnxts", "b"].syncs[1].pairs == {pair_of(f"{SYMID}:0C03>0E03")}
    assert found["hpxts", "a"].syncs[0].pairs == {pair_of(f"{SYMID}:0C11>0D11")}
    assert found["hpxts", "b"].hosts == ("hpxts01",)
    assert [found["sunts", one].hosts for one in "ab"] == [("sunts01",), ("sunts02",)]


async def test_a_fresh_copy_is_found_once_it_has_identifiers_of_its_own(bench: Any) -> None:
    pairs = "0C01 0E01\\n0C02 0E02\\n"
    await ok(bench, "symcli_sets", f"printf '{pairs}' > /tmp/f", S + "-f /tmp/f -noprompt recreate -precopy")
    await bench.clock.advance(3600)
    await ok(bench, "symcli_sets", S + "-f /tmp/f -noprompt activate -consistent")
    host = "lnxts01"
    assert (await bench.run(host, "vgchange -a y vg_lts_b"))[0] == 5
    own = "vgimportclone --basevgname vg_lts_b /dev/mapper/mpathe /dev/mapper/mpathf"
    await ok(bench, host, own, "vgchange -a y vg_lts_b")


async def test_the_file_systems_of_two_copies_bear_the_same_identifier(bench: Any) -> None:
    host = "lnxts01"
    await ok(bench, host, "vgchange -a y vg_lts_b", "mkdir /other")
    mount = "mount -t xfs {}/dev/vg_lts_b/lv_data /other"
    assert (await bench.run(host, mount.format("")))[0] == 32
    await ok(bench, host, mount.format("-o nouuid "))
    await ok(bench, host, "umount /other", "/opt/lts/bin/ltsctl stop", "umount /lts/data", mount.format(""))


def test_a_copy_is_of_a_group_that_is_there() -> None:
    config = load_yaml(TWO_SETS_LAB.read_text())
    linux = next(host for host in config["hosts"] if host["name"] == "lnxts01")
    linux["volume_groups"][0]["copy_of"] = "vg_other"
    with pytest.raises(ConfigError, match="copy_of vg_other: no such volume group on any host"):
        load_lab(config)


DOWN = [
    "/opt/lts/bin/ltsctl stop",
    "umount /lts/arch",
    "umount /lts/data",
    "vgchange -a n vg_ltsarch_a",
    "vgchange -a n vg_lts_a",
]
UP_ON_B = [
    "vgchange -a y vg_lts_b",
    "vgchange -a y vg_ltsarch_b",
    "mount -t xfs /dev/vg_lts_b/lv_data /lts/data",
    "mount -t ext4 /dev/vg_ltsarch_b/lv_arch /lts/arch",
    "/opt/lts/bin/ltsctl start",
]
WELL = ["/opt/lts/bin/ltsctl status", "/opt/site/bin/answers status"]


@pytest.fixture
def direct() -> Iterator[DirectLab]:
    lab = DirectLab(load_lab(TWO_SETS_LAB), services=TWO_SETS)
    yield lab
    lab.close()


def type_in(lab: DirectLab, host: str, *commands: str) -> None:
    for command in commands:
        found = lab.execute(host, command, 1)
        assert found.exit == 0, (command, found)


def recreate_data_of_a(lab: DirectLab) -> None:
    lab.running.world.host("symcli_sets").files.put("/tmp/a", "0C01 0D01\n0C02 0D02\n")
    type_in(lab, "symcli_sets", S + "-f /tmp/a -noprompt recreate -precopy")


def broken(lab: DirectLab) -> list[int]:
    return sorted({found.invariant for found in findings(lab.running.journal.entries)})


def test_the_journal_of_a_change_over(direct: DirectLab) -> None:
    type_in(direct, "lnxts01", *DOWN, *UP_ON_B, *WELL)
    recreate_data_of_a(direct)
    assert broken(direct) == []


def test_the_set_that_was_left_is_kept_until_the_other_one_is_well(direct: DirectLab) -> None:
    type_in(direct, "lnxts01", *DOWN, *UP_ON_B, WELL[0])
    recreate_data_of_a(direct)
    assert broken(direct) == [12]


def test_the_set_in_use_is_overwritten(direct: DirectLab) -> None:
    recreate_data_of_a(direct)
    assert broken(direct) == [1, 12]


def test_the_other_set_is_mounted_too(direct: DirectLab) -> None:
    type_in(direct, "lnxts01", "vgchange -a y vg_ltsarch_b", "mkdir /other")
    type_in(direct, "lnxts01", "mount -t ext4 /dev/vg_ltsarch_b/lv_arch /other")
    assert broken(direct) == [11]


def test_the_service_is_on_the_hosts_of_two_sets(direct: DirectLab) -> None:
    type_in(direct, "sunts02", "zpool import -f -N stspool")
    assert broken(direct) == []
    type_in(direct, "sunts02", "ifconfig e1000g0:1 plumb 192.168.62.12 netmask 255.255.255.0 up")
    type_in(direct, "sunts02", "zfs mount stspool/data")
    said = "\n".join(findings(direct.running.journal.entries))
    assert "sunts has 192.168.62.12 on sunts01 and sunts02: ifconfig" in said
    assert "sunts runs on the sets a and b at once (stspool/data mounted on /sts)" in said
    assert broken(direct) == [11]
