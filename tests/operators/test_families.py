"""A service on each family is stopped, its copy refreshed and it is started on it, against the lab."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from operators.service import ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from tests.conftest import ROOT, connect, new_context, perform

FAMILIES = ROOT / "lab" / "families.yaml"
SERVICES = Path(__file__).with_name("families.yaml")
PROBES = (
    "ifconfig -a",
    "lspv",
    "/usr/sbin/mount",
    "cat ",
    "zpool list",
    "vxdg list",
    "vgdisplay",
    "mount -p",
)
PROBES = (*PROBES, "ip -o", "dmsetup")

HOSTS = {"aixpp": "aixpp01", "sunpp": "sunpp01", "lnxvx": "lnxvx01"}
STOPS = {
    "aixpp": [
        "/usr/sbin/umount /pp",
        "/usr/sbin/varyoffvg ppvg",
        "/usr/sbin/exportvg ppvg",
        "/usr/sbin/ifconfig en0 192.168.50.11 delete",
    ],
    "sunpp": [
        "/usr/sbin/umount /pp/vx",
        "/usr/sbin/umount /pp/ufs",
        "/usr/sbin/zfs unmount pppool/data",
        "/usr/sbin/vxvol -g ppdg stopall",
        "/usr/sbin/vxdg deport ppdg",
        "/usr/sbin/zpool export pppool",
        "/usr/sbin/ifconfig e1000g0:1 unplumb",
    ],
    "lnxvx": ["/usr/bin/umount /lx", "/usr/sbin/vxvol -g lxdg stopall", "/usr/sbin/vxdg deport lxdg"],
}
STARTS = {
    "aixpp": [
        "/usr/sbin/ifconfig en0 192.168.50.11 netmask 255.255.255.0 alias",
        "/usr/sbin/importvg -n -y ppvg hdisk4",
        "/usr/sbin/varyonvg ppvg",
        "/usr/sbin/fsck -p -V jfs2 /dev/pplv",
        "/usr/sbin/mount -v jfs2 /dev/pplv /pp",
    ],
    "sunpp": [
        "/usr/sbin/ifconfig e1000g0:1 plumb 192.168.51.11 netmask 255.255.255.0 broadcast + up",
        "/usr/sbin/zpool import -f -N -o cachefile=none pppool",
        "/usr/sbin/vxdctl enable",
        "import ppdg",
        "/usr/sbin/vxvol -g ppdg -f startall",
        "/usr/sbin/zfs mount pppool/data",
        "check /dev/rdsk/c2t0d4s6",
        "/usr/sbin/mount -F ufs /dev/dsk/c2t0d4s6 /pp/ufs",
        "check /usr/sbin/fsck -F /dev/vx/rdsk/ppdg/vol01",
        "/usr/sbin/mount -F vxfs /dev/vx/dsk/ppdg/vol01 /pp/vx",
    ],
    "lnxvx": [
        "/usr/sbin/vxdctl enable",
        "import lxdg",
        "/usr/sbin/vxvol -g lxdg -f startall",
        "check /usr/sbin/fsck -t /dev/vx/dsk/lxdg/vol01",
        "/usr/bin/mount -t vxfs /dev/vx/dsk/lxdg/vol01 /lx",
    ],
}


class Bench:
    """A lab with services, and the tasks of a refresh."""

    def __init__(self, lab: Any, config: Path) -> None:
        self.lab, self.config = lab, config

    def _data(self, service: str, task: str) -> dict[str, Any]:
        return {"task_id": task, "service": service, "config": str(self.config)}

    def stop(self, service: str) -> None:
        ServiceStopOperator(**self._data(service, "stop")).execute(new_context())  # type: ignore[arg-type]

    def refresh(self, service: str) -> None:
        """Recreate, and activate in time."""
        for kind in (SymcloneRecreateOperator, SymcloneActivateOperator):
            perform(self.lab, kind(**self._data(service, kind.__name__), sync="data"), new_context())
            self.lab.advance(3600)

    def start(self, service: str) -> None:
        ServiceStartOperator(**self._data(service, "start")).execute(new_context())  # type: ignore[arg-type]

    def changes(self, host: str) -> list[str]:
        """What changed something on a host, in order; of a script its name and arguments."""
        sent = [e["command"] for e in self.lab.journal if e.get("host") == host and e.get("command")]
        looks = re.compile(r"env LC_ALL=C (?:\S*/)?(?:" + "|".join(PROBES) + ")")
        return [
            re.sub(r"^/bin/sh -c '(?:[^']|'\"'\"')*' ", "", one)
            for one in sent
            if not looks.match(one) and one != "env LC_ALL=C /usr/sbin/mount"
        ]


Make = Callable[[dict[str, Any], dict[str, Any]], Bench]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A lab of that configuration, with services of that one, on a clock that the test turns."""
    from lab import Lab

    running: list[Any] = []

    def start(config: dict[str, Any], services: dict[str, Any]) -> Bench:
        path = tmp_path / "services.yaml"
        path.write_text(yaml.safe_dump({"services": services}))
        lab = Lab(config, directory=tmp_path / "lab", clock="manual", services=path)
        running.append(lab.__enter__())
        connect(monkeypatch, lab.connections)
        return Bench(lab, path)

    yield start
    for lab in running:
        lab.__exit__(None, None, None)


def lab_config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FAMILIES.read_text())
    return loaded


def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(SERVICES.read_text())["services"]
    return loaded


@pytest.fixture
def bench(make: Make) -> Bench:
    return make(lab_config(), services())


@pytest.mark.parametrize("service", HOSTS)
def test_stop_refresh_start(bench: Bench, service: str) -> None:
    host = HOSTS[service]
    before = bench.lab.host(host).describe()
    bench.stop(service)
    assert bench.changes(host) == STOPS[service]
    down = bench.lab.host(host).describe()
    assert not down["mounts"]
    bench.refresh(service)
    bench.start(service)
    assert bench.changes(host)[len(STOPS[service]) :] == STARTS[service]
    after = bench.lab.host(host).describe()
    assert [after[key] for key in ("mounts", "addresses")] == [before[key] for key in ("mounts", "addresses")]


@pytest.mark.parametrize("service", HOSTS)
def test_what_is_already_so_is_left_alone(bench: Bench, service: str) -> None:
    host = HOSTS[service]
    bench.start(service)
    # Started volumes cannot be told from stopped ones by the probe: starting them again does nothing.
    assert [one for one in bench.changes(host) if "startall" not in one] == []
    bench.stop(service)
    done = len(bench.changes(host))
    bench.stop(service)
    assert len(bench.changes(host)) == done


@pytest.mark.parametrize("service", HOSTS)
def test_down_and_up_again_without_a_fresh_copy(bench: Bench, service: str) -> None:
    bench.stop(service)
    bench.start(service)
    assert bench.lab.host(HOSTS[service]).describe()["mounts"]
