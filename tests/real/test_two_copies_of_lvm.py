"""Two copies of one volume group on real disks, by the real LVM: what a set's claim does, and what it is for.

Nothing is activated, so the kernel needs no device-mapper: what LVM reads and writes on disks is tried. Its
configuration, its locks and its devices file are the test's own, and it sees the test's disks only.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from clones.resources.linux import CLAIM_APART
from lab.real.loop import MARK, Loop
from tests.support.missing import Missing

SBIN = Path("/usr/sbin")
PROGRAMS = ("vgs", "vgcreate", "lvcreate", "vgimportclone", "vgchange", "vgrename", "lvmdevices")
BYTES = 16 << 20
CONFIG = """
devices {{ use_devicesfile={devices_file} hints="none" scan_lvs=0 external_device_info_source="none"
          multipath_component_detection=0 obtain_device_list_from_udev=0 {seen} }}
global {{ use_lvmpolld=0 locking_dir="{folder}/locks" }}
activation {{ udev_sync=0 udev_rules=0 verify_udev_operations=0 monitoring=0 }}
backup {{ backup=0 archive=0 }}
"""


class Disks:
    """A source and two targets. LVM sees the targets, as a host does that does not see production."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[int] = []
        self.loops: list[Loop] = []
        for name in ("source", "a", "b"):
            path = folder / f"{MARK}{os.getpid()}-{name}"
            path.write_bytes(b"")
            os.truncate(path, BYTES)
            self.files.append(os.open(path, os.O_RDWR | os.O_CLOEXEC))
            self.loops.append(Loop(self.files[-1], path.name))
        self.source, self.a, self.b = (str(loop.node) for loop in self.loops)
        for program in PROGRAMS:
            path = folder / program
            path.write_text(f'#!/bin/sh\nexec {SBIN}/lvm {program} --driverloaded n "$@"\n')
            path.chmod(0o755)
        (folder / "devices").mkdir()
        self.show(self.source)
        self.run("vgcreate", "vgprod", self.source)
        self.run("lvcreate", "-an", "-Zn", "-Wn", "-n", "data", "-L", "4M", "vgprod")
        self.show(self.a, self.b)

    def close(self) -> None:
        for loop, file in zip(self.loops, self.files, strict=True):
            loop.close()
            os.close(file)

    def show(self, *disks: str, devices_file: bool = False) -> None:
        """LVM sees these disks, or with a devices file those listed there."""
        patterns = [*(f"a|^{disk}$|" for disk in disks), "r|.*|"]
        seen = f"filter={json.dumps(patterns)}"
        text = CONFIG.format(
            folder=self.folder, devices_file=int(devices_file), seen="" if devices_file else seen
        )
        (self.folder / "lvm.conf").write_text(text)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = {"LC_ALL": "C", "LVM_SYSTEM_DIR": str(self.folder), "LVM_SUPPRESS_FD_WARNINGS": "1"}
        return subprocess.run(words, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)

    def run(self, program: str, *words: str) -> str:
        done = self._run(str(self.folder / program), *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, program: str, *words: str) -> str:
        done = self._run(str(self.folder / program), *words)
        assert done.returncode == 5, done.stdout + done.stderr
        return done.stderr

    def claim(self, name: str, disk: str) -> subprocess.CompletedProcess[str]:
        text = CLAIM_APART.replace(f"{SBIN}/", f"{self.folder}/")
        text = text.replace("/etc/lvm/devices/", f"{self.folder}/devices/")
        return self._run("/bin/sh", "-c", text, "claim", "", name, disk)

    def copy(self, *disks: str) -> None:
        """What an array does."""
        for disk in disks:
            subprocess.run(["dd", f"if={self.source}", f"of={disk}", "bs=1M", "conv=fsync"], check=True,
                           stderr=subprocess.DEVNULL)  # fmt: skip

    def sums(self) -> dict[str, str]:
        found = {}
        for disk in (self.source, self.a, self.b):
            with open(disk, "rb") as file:
                found[disk] = hashlib.file_digest(file, "sha256").hexdigest()
        return found

    @property
    def groups(self) -> dict[str, str]:
        rows = self.run("vgs", "--noheadings", "-o", "vg_name,pv_name").split("\n")
        return {row.split()[0]: row.split()[1] for row in rows if row.strip()}

    @property
    def identifiers(self) -> list[str]:
        return self.run("vgs", "--noheadings", "-o", "vg_uuid,pv_uuid").split()


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Disks]:
    if not (SBIN / "vgimportclone").exists():
        raise Missing("vgimportclone", "lvm2")
    made = Disks(tmp_path)
    yield made
    made.close()


def test_each_set_gets_identifiers_of_its_own_and_no_other_disk_is_touched(disks: Disks) -> None:
    disks.copy(disks.a, disks.b)  # two at once that nobody has claimed
    assert disks.groups == {"vgprod": disks.a}
    for name, disk in (("vg_b", disks.b), ("vg_a", disks.a), ("vg_b", disks.b)):
        before = disks.sums()
        if name in disks.groups:  # a new copy on a set, while the other one is as it was
            disks.copy(disk)
        assert disks.claim(name, disk).returncode == 0
        changed = {one for one, sum in disks.sums().items() if sum != before[one]}
        assert changed == {disk} and disks.groups[name] == disk
    assert disks.groups == {"vg_a": disks.a, "vg_b": disks.b}
    assert len({*disks.identifiers}) == 4
    before = disks.sums()
    assert disks.claim("vg_b", disks.b).returncode == 0 and disks.sums() == before  # once is enough


def test_until_then_no_copy_can_be_used_not_even_the_former_one(disks: Disks) -> None:
    disks.copy(disks.a, disks.b)
    assert "while PVs appear on duplicate devices" in disks.fails("vgchange", "-a", "y", "vgprod")
    assert "with duplicate PV devices" in disks.fails("vgchange", "--addtag", "x", "vgprod")
    disks.run("vgrename", "vgprod", "vg_a")  # it says that it cannot, and ends with 0
    assert disks.groups == {"vgprod": disks.a}
    assert disks.claim("vg_b", disks.b).returncode == 0
    disks.run("vgrename", "vgprod", "vg_a")
    assert disks.groups == {"vg_a": disks.a, "vg_b": disks.b}


@pytest.mark.parametrize("done", [1, 2], ids=["identifiers", "and the tag"])
def test_a_claim_that_was_killed_is_continued(disks: Disks, done: int) -> None:
    disks.copy(disks.b)
    steps = [
        ("vgimportclone", "--basevgname", "vg_b.claim", disks.b),
        ("vgchange", "--addtag", "identifiers_of=vg_b", "vg_b.claim"),
    ]
    for words in steps[:done]:
        disks.run(*words)
    identifiers = disks.identifiers
    assert disks.claim("vg_b", disks.b).returncode == 0
    assert disks.groups["vg_b"] == disks.b and disks.identifiers == identifiers


def test_a_set_whose_group_bears_its_sources_name(disks: Disks) -> None:
    """Its name says nothing, and it cannot be named while another set's fresh copy is there."""
    disks.copy(disks.a, disks.b)
    assert disks.claim("vg_b", disks.b).returncode == 0
    assert disks.claim("vgprod", disks.a).returncode == 0
    assert disks.groups == {"vgprod": disks.a, "vg_b": disks.b} and len({*disks.identifiers}) == 4
    disks.copy(disks.b)
    assert "Multiple VGs found with the same name" in disks.fails("vgchange", "-a", "n", "vgprod")
    assert "already exists" in disks.claim("vgprod", disks.a).stderr
    for name, disk in (("vg_b", disks.b), ("vgprod", disks.a)):
        assert disks.claim(name, disk).returncode == 0
    assert disks.groups == {"vgprod": disks.a, "vg_b": disks.b}


def test_the_name_of_another_set_is_refused(disks: Disks) -> None:
    disks.copy(disks.a, disks.b)
    assert disks.claim("vg_a", disks.a).returncode == 0
    before = disks.sums()
    refused = disks.claim("vg_a", disks.b)
    assert refused.returncode == 1 and disks.sums() == before
    assert f"vg_a is on other disks than {disks.b}: {disks.a}" in refused.stderr


def test_with_a_devices_file(disks: Disks) -> None:
    disks.show(devices_file=True)
    disks.run("lvmdevices", "--yes", "--adddev", disks.source)
    disks.copy(disks.a, disks.b)
    assert "Failed to find device" in disks.fails("vgimportclone", "--basevgname", "vg_b", disks.b)
    for _ in range(2):
        for name, disk in (("vg_a", disks.a), ("vg_b", disks.b)):
            assert disks.claim(name, disk).returncode == 0
        assert disks.groups == {"vgprod": disks.source, "vg_a": disks.a, "vg_b": disks.b}
        disks.copy(disks.a, disks.b)  # also where the disks are listed already
