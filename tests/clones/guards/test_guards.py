"""The guards: each look's reading as cases in YAML (`cases/guards/*.yaml`), and what explains what.

A case file has a family, a resource or a down_check, the guard's label and probe, and ``cases``: a result and
its reading. A case may have another family, resource or probe.
"""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import Any

import pytest

from clones.asking.steps import Command
from clones.config import Service
from clones.guards import Guard, guards
from clones.guards.disks import nodes
from clones.observe.findings import Level
from clones.observe.proof_down import GuardRow, Row, unexplained
from clones.preflight.rules import judge_guard
from clones.resources import drivers
from clones.resources.base import Probe, Use
from tests.clones.cases_in_tables import CASES
from tests.clones.host_answers import answered, shown
from tests.support.tables import load_yaml

FILES: dict[str, dict[str, Any]] = {
    path.stem: load_yaml(path.read_text(encoding="utf-8"))
    for path in sorted(Path(CASES / "guards").glob("*.yaml"))
}
ENTRIES = [
    pytest.param({**data, **entry}, id=f"{stem}: {entry['name']}")
    for stem, data in FILES.items()
    for entry in data["cases"]
]


def service(family: str, *resources: dict[str, Any], down_checks: Any = (), hosts: int = 1) -> Service:
    return Service.model_validate(
        {
            "control_host": "symcli",
            "sync_max_delay": 1440,
            "hosts": [{"connection": f"host{n}", "family": family} for n in range(hosts)],
            "resources": list(resources),
            "down_checks": list(down_checks),
            "syncs": [{"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}],
        }
    )


def guard(case: dict[str, Any]) -> Guard:
    resources = [case["resource"]] if "resource" in case else []
    checks = [case["down_check"]] if "down_check" in case else []
    found = {one.label: one for one in guards(service(case["family"], *resources, down_checks=checks))}
    label = (
        case["label"] if case["label"] in found else next(k for k in found if k.startswith(case["label"][:9]))
    )
    return found[label]


def read(it: Guard, case: dict[str, Any]) -> Probe:
    return it.read(answered(it.probe(), case))


@pytest.mark.parametrize("case", ENTRIES)
def test_reading(case: dict[str, Any]) -> None:
    probe = read(guard(case), case)
    assert (probe.use.value, probe.at) == (case["use"], case.get("at", "unknown")), probe.evidence
    assert case.get("evidence", "") in probe.evidence
    assert 0 < len(probe.evidence) <= 200 and probe.evidence.isprintable()


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_the_probe(data: dict[str, Any]) -> None:
    assert shown(guard(data).probe()) == data["probe"] and not guard(data).probe().changes
    for case in data["cases"]:
        if "probe" in case:
            assert shown(guard({**data, **case}).probe()) == case["probe"]


@pytest.mark.parametrize("exit_code", [None, 126, 127, 255, -1])
@pytest.mark.parametrize("case", ENTRIES)
def test_no_text_counts_when_it_was_not_run(case: dict[str, Any], exit_code: int | None) -> None:
    assert read(guard(case), {**case, "exit_code": exit_code}).use is Use.UNKNOWN


@pytest.mark.parametrize("data", [FILES[name] for name in FILES if name != "site-check"])
def test_garbage_is_never_down(data: dict[str, Any]) -> None:
    it, rng = guard(data), random.Random(data["label"])
    letters = string.printable + "\x00\x1b\x85  é"
    for exit_code in (0, 1, 2):
        for _ in range(200):
            text = "".join(rng.choices(letters, k=rng.randrange(1, 400))) + "x"
            assert (
                read(it, {"exit_code": exit_code, "stdout": text, "stderr": text[::-1]}).use is not Use.DOWN
            )


IP = {"ip": {"ipname": "192.168.40.17", "ipdev": "eth0", "netmask": "24"}}
VG = {"vg": {"name": "vg_data", "devices": ["/dev/mapper/mpathb"]}}
FS = {"fs": {"dev": "/dev/vg_data/lv", "mnt": "/data", "type": "ext4"}}
BARE = {"fs": {"dev": "/dev/sdq1", "mnt": "/bare", "type": "xfs"}}
CHECK = {"name": "reports", "connection": "rep1", "command": ["/opt/x"]}


def test_which_guards_a_service_has() -> None:
    """The address is asked for once; the disks on every host; other servers by the site's own word."""
    made = service("linux", IP, VG, FS, BARE, down_checks=[CHECK], hosts=2)
    assert [(one.host, one.label) for one in guards(made)] == [
        ("host0", "answer of 192.168.40.17"),
        ("host0", "disk /dev/mapper/mpathb"),
        ("host0", "disk /dev/sdq1"),
        ("host0", "mounts of /dev/mapper/mpathb, /dev/sdq1 in every namespace"),
        ("host0", "open files on /dev/mapper/mpathb, /dev/sdq1"),
        ("host0", "loops and exports of /dev/mapper/mpathb, /dev/sdq1"),
        ("host0", "processes on /dev/mapper/mpathb, /dev/sdq1"),
        ("host1", "disk /dev/mapper/mpathb"),
        ("host1", "disk /dev/sdq1"),
        ("host1", "mounts of /dev/mapper/mpathb, /dev/sdq1 in every namespace"),
        ("host1", "open files on /dev/mapper/mpathb, /dev/sdq1"),
        ("host1", "loops and exports of /dev/mapper/mpathb, /dev/sdq1"),
        ("host1", "processes on /dev/mapper/mpathb, /dev/sdq1"),
        ("rep1", "down_check reports"),
    ]


def on_sets(family: str, *resources: dict[str, Any]) -> Service:
    """With two target sets on one host."""
    plain = service(family, IP).model_dump(exclude_unset=True, mode="json")
    sync = {"name": "data", "symid": "000190101234", "targets": {"a": ["1234:4321"], "b": ["1234:4331"]}}
    return Service.model_validate({**plain, "resources": resources, "syncs": [sync]})


@pytest.mark.parametrize(
    ("family", "disks", "dev", "asked"),
    [
        ("linux", ["/dev/mapper/mpatha", "/dev/mapper/mpathb"], "/dev/vg_{}/lv",
         ["disk {1}", "mounts of {1} in every namespace", "open files on {1}", "loops and exports of {1}",
          "processes on {1}"]),
        ("linux", [], "/dev/mapper/mpath{}",
         ["disk {0}", "mounts of {0} in every namespace", "open files on {0}", "loops and exports of {0}",
          "processes on {0}"]),
        ("hpux", ["/dev/rdisk/disk21", "/dev/rdisk/disk22"], "/dev/vg_{}/lv", ["processes on {1}"]),
        ("aix", ["hdisk4", "hdisk5"], "/dev/fs{}lv", ["processes on {1}"]),
        ("sunos", [], "/dev/dsk/c2t0d{}s6", ["processes on {0}"]),
    ],
)  # fmt: skip
def test_a_target_set_is_guarded_by_its_own_disks(
    family: str, disks: list[str], dev: str, asked: list[str]
) -> None:
    fs: dict[str, Any] = {
        "dev": dev.format(1),
        "mnt": "/copy",
        "type": "ext4" if family == "linux" else "vxfs",
    }
    fs["by_set"] = {"b": {"dev": dev.format(2)}}
    made = [IP, {"fs": fs}]
    if disks:
        vg: dict[str, Any] = {"name": "vg_1", "devices": disks[:1], "map_file": "/etc/1", "lv_prefix": "fs1"}
        vg["by_set"] = {"b": {"name": "vg_2", "devices": disks[1:], "map_file": "/etc/2", "lv_prefix": "fs2"}}
        made.insert(1, {"vg": vg})
    found = [one.label for one in guards(on_sets(family, *made).own_of("b"))]
    assert found == [one.format(dev.format(2), *disks[1:]) for one in asked]


@pytest.mark.parametrize(
    ("up", "strange"),
    [
        ([], ["answer of", "disk", "down_check"]),
        ([("host1", "ip 192.168.40.17")], ["disk"]),
        ([("host0", "vg vg_data")], ["answer of"]),
        ([("host0", "fs /data")], ["answer of"]),
        ([("host1", "fs /data")], ["answer of", "disk"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("not_down", [Use.UP, Use.UNKNOWN])
def test_what_explains_a_guard_that_is_up(
    up: list[tuple[str, str]], strange: list[str], not_down: Use
) -> None:
    """With the address up somewhere an answer is nothing strange, nor are disks with a file system up."""
    made = service("linux", IP, VG, FS, down_checks=[CHECK], hosts=2)
    rows = [
        Row(host.connection, driver.label, Probe(use, "x", "x"), driver)
        for host in made.hosts
        for driver in drivers(made, host)
        for use in [not_down if (host.connection, driver.label) in up else Use.DOWN]
    ]
    around = [
        GuardRow(one.host, one.label, Probe(Use.UP, "x", "x"), one)
        for one in guards(made)
        if one.host in ("host0", "rep1") and one.label.startswith(("answer", "disk", "down_check"))
    ]
    found = [row.label for row in unexplained(rows, around)]
    assert len(found) == len(strange) and all(map(str.startswith, found, strange)), found


@pytest.mark.parametrize(
    ("disk", "asked"),
    [
        ("/dev/mapper/mpathb", ["/dev/mapper/mpathb"]),
        ("/dev/disk/disk21", ["/dev/disk/disk21", "/dev/rdisk/disk21"]),
        ("/dev/rdsk/c4t0d1", ["/dev/rdsk/c4t0d1", "/dev/dsk/c4t0d1"]),
        ("hdisk4", ["/dev/hdisk4", "/dev/rhdisk4"]),
        ("emc0_0b06", []),
        ("c2t0d3", []),
    ],
)
def test_by_which_names_fuser_is_asked(disk: str, asked: list[str]) -> None:
    assert list(nodes(disk)) == asked


def test_the_command_of_a_down_check_is_not_taken_for_a_change() -> None:
    (one,) = guards(service("linux", down_checks=[CHECK]))
    assert one.probe() == Command("rep1", ("/opt/x",), timeout=60)


@pytest.mark.parametrize(
    ("use", "address_up", "level"),
    [
        (Use.DOWN, False, Level.OK),
        (Use.UP, True, Level.OK),
        (Use.UP, False, Level.ERROR),
        (Use.UNKNOWN, True, Level.UNKNOWN),
    ],
)
def test_what_a_check_of_the_site_says_of_a_guard(use: Use, address_up: bool, level: Level) -> None:
    made = service("linux", IP)
    (one,) = guards(made)
    (driver,) = drivers(made, made.hosts[0])
    row = Row("host0", driver.label, Probe(Use.UP if address_up else Use.DOWN, "x", "x"), driver)
    found = judge_guard("there", GuardRow(one.host, one.label, Probe(use, "x", "it says so"), one), [row])
    assert found.level is level and "it says so" in found.what and bool(found.remedy) == (level != Level.OK)
