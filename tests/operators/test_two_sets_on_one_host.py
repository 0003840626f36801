"""Two target sets on one host, on each family that can have them: prepared beside the running one, and
changed over to; and what their disks do to each other where a set has no identifiers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clones.act import change_over
from clones.act.prepare import prepare
from clones.asking.steps import Command, Steps
from clones.backends.symclone.act import resync, split
from clones.config import target_sets
from clones.config.scope import Scope
from clones.errors import MustWait, NotDone
from hooks.configuration import load
from hooks.symcli import SymcliHook
from lab import Lab
from tests.conftest import without_script
from tests.support.without_ssh import connect_directly

SYMID = "000190107777"
DISKS = {
    "linux": ("/dev/mapper/mpatha", "/dev/mapper/mpathb"),
    "hpux": ("/dev/disk/disk20", "/dev/disk/disk21"),
    "aix": ("hdisk3", "hdisk4"),
    "vxvm": ("c2t0d5", "c2t0d6"),
}
FS = {"linux": "xfs", "hpux": "vxfs", "aix": "jfs2", "vxvm": "vxfs"}
DEVICES = {
    "linux": ("/dev/vg_a/lv", "/dev/vg_b/lv"),
    "hpux": ("/dev/vg_a/lv", "/dev/vg_b/lv"),
    "aix": ("/dev/fsalv", "/dev/fsblv"),
    "vxvm": ("/dev/vx/dsk/vg_a/lv", "/dev/vx/dsk/vg_b/lv"),
}
PREPARED = {
    "linux": [
        "/usr/sbin/pvscan --cache",
        "claim vg_b /dev/mapper/mpathb",
        "/usr/sbin/vgchange -a y vg_b",
    ],
    "hpux": [
        "/usr/sbin/vgchgid /dev/rdisk/disk21",
        "/usr/sbin/vgimport -m /etc/lvmconf/vg_b.map vg_b /dev/disk/disk21",
        "/usr/sbin/vgchange -a y vg_b",
        "/usr/sbin/fsck -F vxfs /dev/vg_b/lv",
    ],
    "aix": ["recreate vg_b fsb hdisk4", "/usr/sbin/fsck -p -V jfs2 /dev/fsblv"],
    "vxvm": [
        "/usr/sbin/vxdctl enable",
        "/usr/sbin/vxdisk settag copy_of_vg_b c2t0d6",
        "/usr/sbin/vxdg -tC -n vg_b -o useclonedev=on -o updateid -o tag=copy_of_vg_b import vgprod",
        "/usr/sbin/vxvol -g vg_b -f startall",
        "/usr/sbin/fsck -F vxfs /dev/vx/rdsk/vg_b/lv",
    ],
}
"""What is sent to the host to make a fresh copy of set b ready."""
RELEASED = {
    "linux": ["own vg_b /dev/mapper/mpathb", "/usr/sbin/vgchange -a n vg_b"],
    "hpux": ["/usr/sbin/vgchange -a n vg_b", "keep"],
    "aix": ["/usr/sbin/varyoffvg vg_b"],
    "vxvm": ["/usr/sbin/vxvol -g vg_b stopall", "/usr/sbin/vxdg deport vg_b"],
}


def family(kind: str) -> str:
    return "sunos" if kind == "vxvm" else kind


def lab_config(kind: str) -> dict[str, Any]:
    """A host that sees the copies of both sets, and not their source."""

    def group(name: str, device: str, path: str, lv: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "manager": "vxvm" if kind == "vxvm" else "lvm",
            "devices": [{"array": SYMID, "device": device, "path": path}],
            "logical_volumes": [{"name": lv, "fs": FS[kind]}],
            **({"map_file": f"/etc/lvmconf/{name}.map"} if kind == "hpux" else {}),
            **more,
        }

    def host(name: str, *groups: dict[str, Any], mounts: dict[str, str]) -> dict[str, Any]:
        places = [{"device": device, "directory": directory} for device, directory in mounts.items()]
        about = {"name": name, "connection_id": name, "family": family(kind)}
        return {**about, "volume_groups": list(groups), "mounts": places}

    names = ("fsalv", "fsblv", "lv") if kind == "aix" else ("lv", "lv", "lv")
    off: dict[str, Any] = {"active": False, "imported": kind == "linux"}
    a, b = (path if "/" in path or kind == "vxvm" else f"/dev/{path}" for path in DISKS[kind])
    source = {"linux": "/dev/vgprod/lv", "hpux": "/dev/vgprod/lv", "aix": "/dev/lv"}
    return {
        "arrays": [
            {
                "symid": SYMID,
                "copy_rate": 13000,
                "devices": [{"device": one, "megabytes": 1024} for one in ("0C01", "0D01", "0E01")],
                "sessions": [
                    {"source": "0C01", "target": target, "age_hours": hours}
                    for target, hours in (("0D01", 26), ("0E01", 50))
                ],
            }
        ],
        "hosts": [
            {"name": "control", "connection_id": "control", "family": "control", "arrays": [SYMID]},
            host(
                "prod01",
                group("vgprod", "0C01", a, names[2]),
                mounts={source.get(kind, "/dev/vx/dsk/vgprod/lv"): "/prod"},
            ),
            host(
                "both01",
                group("vg_a", "0D01", a, names[0], copy_of="vgprod"),
                group("vg_b", "0E01", b, names[1], copy_of="vgprod", **off),
                mounts={DEVICES[kind][0]: "/copy"},
            ),
        ],
    }


def service(kind: str) -> dict[str, Any]:
    a, b = DISKS[kind]
    dev = DEVICES[kind]
    vg: dict[str, Any] = {"name": "vg_a", "devices": [a], "by_set": {"b": {"name": "vg_b", "devices": [b]}}}
    if kind == "hpux":
        vg["map_file"] = "/etc/lvmconf/vg_a.map"
        vg["by_set"]["b"]["map_file"] = "/etc/lvmconf/vg_b.map"
    if kind == "aix":
        vg["lv_prefix"] = "fsa"
        vg["by_set"]["b"]["lv_prefix"] = "fsb"
    if kind == "vxvm":
        vg |= {"manager": "vxvm", "source_name": "vgprod"}
    fs = {"dev": dev[0], "mnt": "/copy", "type": FS[kind], "by_set": {"b": {"dev": dev[1]}}}
    return {
        "control_host": "control",
        "sync_max_delay": 11520,
        "hosts": [{"connection": "both01", "family": family(kind)}],
        "resources": [{"vg": vg}, {"fs": fs}],
        "syncs": [
            {"name": "data", "symid": SYMID, "targets": {"a": ["0C01:0D01"], "b": ["0C01:0E01"]}},
        ],
    }


class Bench:
    """A service on a lab; what is done to it is done by the procedures alone."""

    def __init__(self, lab: Any, config: Path) -> None:
        self.lab, self.config = lab, config
        self.sent: list[str] = []

    def on(self, name: str) -> Scope:
        config = load(self.config)
        return Scope.of("twin", config.services["twin"], config.symcli, name)

    def do(self, make: Callable[[], Steps[Any]]) -> None:
        for _ in range(20):
            try:
                with SymcliHook() as hosts:
                    hosts.run(self._watched(make()))
                return
            except MustWait:
                self.lab.advance(600)
        raise AssertionError("it waits for ever")

    def _watched(self, steps: Steps[Any]) -> Steps[Any]:
        answer: Any = None
        while True:
            try:
                asked = steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = yield asked
            if isinstance(asked, Command) and asked.changes and asked.host == "both01":
                self.sent.append(asked.title or without_script(asked.line()))

    def copy(self, name: str) -> None:
        """A fresh copy on that set."""
        scope = self.on(name)
        (sync,) = scope.service.syncs
        self.do(lambda: resync(scope, sync))
        self.do(lambda: split(scope, sync))
        self.lab.advance(3600)

    def prepare(self, name: str) -> None:
        self.do(lambda: prepare(self.on(name)))

    def change_over(self, former: str, new: str) -> None:
        self.do(lambda: change_over.stop(self.on(former)))
        self.do(lambda: change_over.start(self.on(new)))

    def take_sent(self) -> list[str]:
        sent, self.sent = self.sent, []
        return sent

    @property
    def mounts(self) -> dict[str, str]:
        return dict(self.lab.host("both01").mounts())

    def used(self, name: str) -> list[str]:
        """The devices on which the group of that set became active last."""
        found = [e["devices"] for e in self.lab.journal if e.get("use") == f"volume group vg_{name} active"]
        devices: list[str] = found[-1]
        return devices


Make = Callable[[dict[str, Any], dict[str, Any]], Bench]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    running: list[Any] = []

    def start(config: dict[str, Any], twin: dict[str, Any]) -> Bench:
        path = tmp_path / "services.yaml"
        path.write_text(yaml.safe_dump({"services": {"twin": twin}}))
        lab = Lab(config, directory=tmp_path / "lab", clock="manual", services=path, ports=False)
        running.append(lab.__enter__())
        connect_directly(monkeypatch, lab)
        return Bench(lab, path)

    yield start
    for lab in running:
        lab.__exit__(None, None, None)


@pytest.mark.parametrize("kind", DISKS)
def test_prepared_beside_the_running_one_and_changed_over(make: Make, kind: str) -> None:
    bench = make(lab_config(kind), service(kind))
    a, b = DEVICES[kind]
    bench.copy("b")
    bench.take_sent()
    bench.prepare("b")
    assert bench.take_sent() == PREPARED[kind]
    assert bench.mounts == {"/copy": a}
    assert bench.used("b") == [f"{SYMID}:0E01"]
    bench.prepare("b")  # what is ready is left alone, but for the check of a file system
    assert not [one for one in bench.take_sent() if "fsck" not in one and "startall" not in one]
    bench.change_over("a", "b")
    assert bench.mounts == {"/copy": b}
    # And the other way round, and back to the former copy as it is.
    bench.copy("a")
    bench.prepare("a")
    bench.change_over("b", "a")
    assert bench.mounts == {"/copy": a} and bench.used("a") == [f"{SYMID}:0D01"]
    bench.prepare("b")
    bench.change_over("a", "b")
    assert bench.mounts == {"/copy": b} and bench.used("b") == [f"{SYMID}:0E01"]


@pytest.mark.parametrize("kind", DISKS)
def test_what_was_prepared_is_taken_down_before_the_next_copy(make: Make, kind: str) -> None:
    bench = make(lab_config(kind), service(kind))
    bench.copy("b")
    bench.prepare("b")
    bench.take_sent()
    bench.copy("b")
    sent = bench.take_sent()
    assert [one.split(" /etc")[0] for one in sent][: len(RELEASED[kind])] == RELEASED[kind] or kind == "hpux"
    assert bench.mounts == {"/copy": DEVICES[kind][0]}
    bench.prepare("b")
    bench.change_over("a", "b")


@pytest.mark.root_login("it sends what no services.yaml asks for")
@pytest.mark.parametrize("kind", ["linux", "hpux", "aix"])
def test_without_identifiers_of_its_own_a_set_is_not_found(
    make: Make, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent above is needed: as for a service that shares its host with nobody, it does not do."""
    monkeypatch.setattr(target_sets, "beside_another", lambda service: {})
    bench = make(lab_config(kind), service(kind))
    bench.copy("b")
    with pytest.raises(NotDone, match=r"vgchange -a y vg_b|vgimport|importvg"):
        bench.prepare("b")
    assert bench.mounts == {"/copy": DEVICES[kind][0]}


def test_linux_a_claim_that_was_killed_half_way_is_continued(make: Make) -> None:
    bench = make(lab_config("linux"), service("linux"))
    bench.copy("b")
    for command in (
        "vgimportclone --basevgname vg_b.claim /dev/mapper/mpathb",
        "vgchange --addtag identifiers_of=vg_b vg_b.claim",
    ):
        bench.lab.fault("admin", host="both01", match="pvscan", run=command, count=1)
        bench.prepare("b")
        bench.take_sent()
        bench.copy("b")
    bench.prepare("b")
    bench.change_over("a", "b")
    assert bench.mounts == {"/copy": "/dev/vg_b/lv"}


def test_linux_with_a_devices_file_that_does_not_list_the_sets_disks(make: Make) -> None:
    config = lab_config("linux")
    listed = "IDTYPE=devname IDNAME=/dev/mapper/mpatha DEVNAME=/dev/mapper/mpatha\n"
    config["hosts"][2]["files"] = {"/etc/lvm/devices/system.devices": listed}
    bench = make(config, service("linux"))
    for _ in range(2):
        bench.copy("b")
        bench.prepare("b")
    bench.change_over("a", "b")
    assert bench.mounts == {"/copy": "/dev/vg_b/lv"}


def test_linux_the_first_set_bears_its_sources_name_as_before_there_were_sets(make: Make) -> None:
    """It has its source's identifiers as well, until it is refreshed or started again."""
    config, twin = lab_config("linux"), service("linux")
    config["hosts"][2]["volume_groups"][0]["name"] = "vgprod"
    config["hosts"][2]["mounts"][0]["device"] = "/dev/vgprod/lv"
    twin["resources"][0]["vg"]["name"] = "vgprod"
    twin["resources"][1]["fs"]["dev"] = "/dev/vgprod/lv"
    bench = make(config, twin)
    bench.copy("b")
    bench.prepare("b")
    bench.change_over("a", "b")
    assert bench.mounts == {"/copy": "/dev/vg_b/lv"}
    bench.prepare("a")  # back, without a new copy
    bench.change_over("b", "a")
    assert bench.mounts == {"/copy": "/dev/vgprod/lv"}
    # While a fresh copy on the other set bears that name too, nobody can name the group: it stays as it is.
    bench.copy("b")
    with pytest.raises(NotDone, match="volume group vgprod is on other disks"):
        bench.do(lambda: change_over.stop(bench.on("a")))
    bench.do(lambda: change_over.start(bench.on("a")))
    assert bench.mounts == {"/copy": "/dev/vgprod/lv"}
    bench.prepare("b")
    bench.change_over("a", "b")
    bench.copy("a")
    bench.prepare("a")
    bench.change_over("b", "a")
    assert bench.mounts == {"/copy": "/dev/vgprod/lv"}
