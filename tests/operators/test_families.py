"""A service on each family is stopped, its copy refreshed and it is started on it, against the lab."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clones.errors import NotDone, Refused, Unknown
from operators.service import ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from tests.conftest import ROOT, new_context, perform, puts_token, sent, without_script
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

FAMILIES = ROOT / "lab" / "families.yaml"
SERVICES = Path(__file__).with_name("families.yaml")
LOOKS = ("look ", "env LC_ALL=C ")
# What makes disks usable changes none.
USABLE = re.compile(r"(?:/usr/sbin/multipath -r|rescan) ")

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
        "/usr/sbin/vxdg -tC -o useclonedev=on -o updateid import ppdg",
        "/usr/sbin/vxvol -g ppdg -f startall",
        "/usr/sbin/zfs mount pppool/data",
        "check /dev/rdsk/c2t0d4s6",
        "/usr/sbin/mount -F ufs /dev/dsk/c2t0d4s6 /pp/ufs",
        "/usr/sbin/fsck -F vxfs /dev/vx/rdsk/ppdg/vol01",
        "/usr/sbin/mount -F vxfs /dev/vx/dsk/ppdg/vol01 /pp/vx",
    ],
    "lnxvx": [
        "/usr/sbin/vxdctl enable",
        "/usr/sbin/vxdisk settag copy_of_lxdg emc0_0b06",
        "/usr/sbin/vxdg -tC -o useclonedev=on -o updateid -o tag=copy_of_lxdg import lxdg",
        "/usr/sbin/vxvol -g lxdg -f startall",
        "/usr/sbin/fsck -t vxfs /dev/vx/dsk/lxdg/vol01",
        "/usr/bin/mount -t vxfs -w /dev/vx/dsk/lxdg/vol01 /lx",
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
        shown = [without_script(one) for one in sent if not USABLE.search(one) and not puts_token(one)]
        return [one for one in shown if not one.startswith(LOOKS)]


Make = Callable[[dict[str, Any], dict[str, Any]], Bench]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A lab of that configuration, with services of that one, on a clock that the test turns."""
    from lab import Lab

    running: list[Any] = []

    def start(config: dict[str, Any], services: dict[str, Any]) -> Bench:
        path = tmp_path / "services.yaml"
        path.write_text(yaml.safe_dump({"services": services}))
        lab = Lab(config, directory=tmp_path / "lab", clock="manual", services=path, ports=False)
        running.append(lab.__enter__())
        connect_directly(monkeypatch, lab)
        return Bench(lab, path)

    yield start
    for lab in running:
        lab.__exit__(None, None, None)


def lab_config() -> dict[str, Any]:
    loaded: dict[str, Any] = load_yaml(FAMILIES.read_text())
    return loaded


def services() -> dict[str, Any]:
    loaded: dict[str, Any] = load_yaml(SERVICES.read_text())["services"]
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


@pytest.mark.parametrize("code", [12, 33, 34, 36])
@pytest.mark.parametrize("service", ["sunpp", "lnxvx"])
def test_a_vxfs_whose_log_cannot_be_replayed_is_left_as_it_is(bench: Bench, service: str, code: int) -> None:
    bench.stop(service)
    bench.refresh(service)
    before = len(bench.changes(HOSTS[service]))
    said = "UX:vxfs fsck: ERROR: V-3-20749: file system does not contain a valid log\n"
    bench.lab.fault(host=HOSTS[service], match="fsck -. vxfs", kind="exit", exit=code, stderr=said)
    with pytest.raises(Refused, match=rf"exit code {code}: UX:vxfs fsck: ERROR: V-3-20749"):
        bench.start(service)
    sent = bench.changes(HOSTS[service])[before:]
    assert len([one for one in sent if "fsck" in one and "vxfs" in one]) == 1
    assert not [one for one in sent if "mount" in one and "vxfs" in one]


@pytest.mark.parametrize("service", HOSTS)
def test_a_table_that_arrives_in_part_is_no_proof(bench: Bench, service: str) -> None:
    """Each look that is cut at a line's end, its exit code being 0, keeps the copy from being overwritten."""
    host = HOSTS[service]
    bench.stop(service)
    sent = bench.lab.running.journal.entries
    looks = {e["command"]: e["stdout"] for e in sent if " look " in e.get("command", "")}
    tables = {one: text for one, text in looks.items() if text.endswith("symclone-end\n")}
    assert len(tables) > 1
    for command, text in tables.items():
        size = len(text) - len("symclone-end\n")
        bench.lab.fault("cut_output", host=host, match=f"^{re.escape(command)}$", bytes=size, count=1)
        recreate = SymcloneRecreateOperator(**bench._data(service, "recreate"), sync="data")  # type: ignore[arg-type]
        with pytest.raises(Unknown, match="cut off"):
            recreate.execute(new_context())
        bench.lab.clear_faults()
    assert not [e for e in bench.lab.journal if " recreate " in e.get("command", "")]


SYMID = "000190105678"
COPY_DISKS = {
    "linux": "/dev/mapper/mpathb",
    "hpux": "/dev/disk/disk21",
    "aix": "/dev/hdisk4",
    "vxvm": "c2t0d6",
}
FS = {"linux": "xfs", "hpux": "vxfs", "aix": "jfs2", "vxvm": "vxfs"}
DEVICES = {
    "linux": ("/dev/vgprod/lv", "/dev/vgcopy/lv"),
    "hpux": ("/dev/vgprod/lv", "/dev/vgcopy/lv"),
    "aix": ("/dev/lv", "/dev/fslv"),
    "vxvm": ("/dev/vx/dsk/vgprod/lv", "/dev/vx/dsk/vgcopy/lv"),
}
OWN = {
    "linux": [
        "/usr/sbin/pvscan --cache",
        "claim vgcopy /dev/mapper/mpathb",
        "/usr/sbin/vgchange -a y vgcopy",
    ],
    "hpux": [
        "/usr/sbin/vgchgid /dev/rdisk/disk21",
        "/usr/sbin/vgimport -m /etc/lvmconf/vgcopy.map vgcopy /dev/disk/disk21",
        "/usr/sbin/vgchange -a y vgcopy",
    ],
    "aix": ["recreate vgcopy hdisk4"],
    "vxvm": [
        "/usr/sbin/vxdctl enable",
        "/usr/sbin/vxdisk settag copy_of_vgcopy c2t0d6",
        "/usr/sbin/vxdg -tC -n vgcopy -o useclonedev=on -o updateid -o tag=copy_of_vgcopy import vgprod",
        "/usr/sbin/vxvol -g vgcopy -f startall",
    ],
}
"""How the copy gets an identity of its own, for the first time and again."""


@pytest.mark.parametrize("service", ["aixpp", "sunpp", "lnxvx"])
def test_without_its_group_a_file_system_is_no_proof(make: Make, service: str) -> None:
    """Unmounted, it leaves its group active under the copy."""
    alone = services()[service]
    alone["resources"] = [entry for entry in alone["resources"] if "vg" not in entry]
    bench = make(lab_config(), {service: alone})
    bench.stop(service)
    with pytest.raises(Refused, match="cannot be proven down"):
        bench.refresh(service)
    assert sent(bench.lab, "symclone") == []


@pytest.mark.parametrize("service", ["aixpp", "sunpp"])
def test_a_disk_of_the_copy_in_a_group_of_another_name(make: Make, service: str) -> None:
    """An administrator has imported the copy by hand, under a name of his own, and works on it."""
    config = lab_config()
    host = next(host for host in config["hosts"] if host["name"] == HOSTS[service])
    group, *others = host["volume_groups"]
    volume = group["logical_volumes"][0]
    host["addresses"] = []
    group["name"] = "testvg"
    if service == "aixpp":
        volume["name"] = "testlv"
    else:
        volume["mountpoint"] = "/dba"
    host["mounts"] = [{"device": "/dev/testlv" if service == "aixpp" else "testvg/data", "directory": "/dba"}]
    for other in others:
        other |= {"imported": False, "active": False}
    bench = make(config, services())
    with pytest.raises(Refused, match="testvg"):
        bench.refresh(service)
    assert sent(bench.lab, "symclone") == []


def beside(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A lab with one host that has the source in use and the copy, and the service on the copy."""
    family = "sunos" if kind == "vxvm" else kind
    source_lv, copy_lv = DEVICES[kind]

    def group(name: str, device: str, path: str, **more: Any) -> dict[str, Any]:
        lv = ("lv" if name == "vgprod" else "fslv") if kind == "aix" else "lv"
        return {
            "name": name,
            "manager": "vxvm" if kind == "vxvm" else "lvm",
            "devices": [{"array": SYMID, "device": device, "path": path}],
            "logical_volumes": [{"name": lv, "fs": FS[kind]}],
            **({"map_file": f"/etc/lvmconf/{name}.map"} if kind == "hpux" else {}),
            **more,
        }

    config = lab_config()
    config["hosts"] = [
        config["hosts"][0],
        {
            "name": "both01",
            "connection_id": "both01",
            "family": family,
            "volume_groups": [
                group("vgprod", "0A06", {"linux": "/dev/mapper/mpatha", "hpux": "/dev/disk/disk20",
                                         "aix": "/dev/hdisk3", "vxvm": "c2t0d5"}[kind]),
                group("vgcopy", "0B06", COPY_DISKS[kind], copy_of="vgprod"),
            ],
            "mounts": [
                {"device": source_lv, "directory": "/prod"},
                {"device": copy_lv, "directory": "/copy"},
            ],
        },
    ]  # fmt: skip
    vg: dict[str, Any] = {
        "name": "vgcopy",
        "devices": [COPY_DISKS[kind].removeprefix("/dev/") if kind == "aix" else COPY_DISKS[kind]],
        "same_host_as_source": True,
    }
    if kind == "hpux":
        vg["map_file"] = "/etc/lvmconf/vgcopy.map"
    if kind == "vxvm":
        vg |= {"manager": "vxvm", "source_name": "vgprod"}
    host = {"connection": "both01", "family": family}
    service = {
        **services()["lnxvx"],
        "hosts": [host],
        "resources": [{"vg": vg}, {"fs": {"dev": copy_lv, "mnt": "/copy", "type": FS[kind]}}],
        "production": {
            "hosts": [host],
            "resources": [{"fs": {"dev": source_lv, "mnt": "/prod", "type": FS[kind]}}],
        },
    }
    return config, {"twin": service}


@pytest.mark.parametrize("kind", COPY_DISKS)
def test_beside_its_source(make: Make, kind: str) -> None:
    bench = make(*beside(kind))
    source = bench.lab.host("both01").volume_groups()["vgprod"]
    for fresh in (True, False, True):  # also twice, and once without a new copy
        bench.stop("twin")
        assert bench.lab.host("both01").mounts() == {"/prod": DEVICES[kind][0]}
        if fresh:
            bench.refresh("twin")
        before = len(bench.changes("both01"))
        bench.start("twin")
        started = bench.changes("both01")[before:]
        assert started[: len(OWN[kind])] == OWN[kind]
        assert ("nouuid" in started[-1]) == (kind == "linux")
        assert bench.lab.host("both01").mounts() == dict(zip(("/prod", "/copy"), DEVICES[kind], strict=True))
        assert bench.lab.host("both01").volume_groups()["vgprod"] == source


def test_two_copies_of_one_disk_group_on_one_host(make: Make) -> None:
    """Each start imports its own; the lab would take the first of them by itself."""
    config, twin = beside("vxvm")
    other = load_yaml(yaml.safe_dump({"host": config["hosts"][1], "service": twin["twin"]}))
    group = other["host"]["volume_groups"][1]
    group |= {"name": "vgfirst", "devices": [{"array": SYMID, "device": "0B05", "path": "c2t0d7"}]}
    config["hosts"][1]["volume_groups"].insert(0, group)
    config["hosts"][1]["mounts"].append({"device": "/dev/vx/dsk/vgfirst/lv", "directory": "/first"})
    vg, fs = (entry[kind] for entry, kind in zip(other["service"]["resources"], ("vg", "fs"), strict=True))
    vg |= {"name": "vgfirst", "devices": ["c2t0d7"]}
    fs |= {"dev": "/dev/vx/dsk/vgfirst/lv", "mnt": "/first"}
    other["service"]["syncs"] = [
        {**other["service"]["syncs"][0], "symdg": "DGSUN", "pairs": ["DEV003=0A05:CLONE003=0B05"]}
    ]
    bench = make(config, {"twin": twin["twin"], "first": other["service"]})
    for service in ("twin", "first"):
        bench.stop(service)
        bench.refresh(service)
    for service, name, device in (("twin", "vgcopy", "0B06"), ("first", "vgfirst", "0B05")):
        bench.start(service)
        used = [e["devices"] for e in bench.lab.journal if e.get("use") == f"volume group {name} active"]
        assert used[-1] == [f"{SYMID}:{device}"]


@pytest.mark.parametrize("kind", ["linux", "hpux"])
def test_the_lab_takes_no_copy_for_its_source(make: Make, kind: str) -> None:
    """What the commands above are for: without them neither the copy is found nor its file system mounted."""
    config, twin = beside(kind)
    del twin["twin"]["production"]
    twin["twin"]["resources"][0]["vg"]["same_host_as_source"] = False
    bench = make(config, twin)
    bench.stop("twin")
    bench.refresh("twin")
    with pytest.raises(NotDone, match=r"vgimport|vgchange -a y vgcopy"):
        bench.start("twin")


def test_the_sources_group_is_never_taken_for_the_copy(make: Make) -> None:
    """It bears the configured name, and the copy does not."""
    config, twin = beside("linux")
    del twin["twin"]["production"]
    twin["twin"]["resources"] = twin["twin"]["resources"][:1]
    twin["twin"]["resources"][0]["vg"]["name"] = "vgprod"
    bench = make(config, twin)
    with pytest.raises(NotDone, match="vgprod is on other disks than /dev/mapper/mpathb: /dev/mapper/mpatha"):
        bench.stop("twin")
    assert bench.lab.host("both01").volume_groups()["vgprod"]["active"]
    assert not any("vgchange" in one for one in bench.changes("both01"))


def test_a_release_that_wants_to_be_told_that_they_are_copies(make: Make) -> None:
    config = lab_config()
    (group,) = [
        vg for host in config["hosts"] for vg in host.get("volume_groups", []) if vg["name"] == "lxdg"
    ]
    group["clones_refused"] = True
    bench = make(config, services())
    bench.stop("lnxvx")
    bench.refresh("lnxvx")
    bench.start("lnxvx")
    assert bench.lab.host("lnxvx01").mounts()


def test_two_subvolumes_of_one_btrfs(make: Make) -> None:
    """Each is down while only the other one is mounted, so that both are started."""
    config, directories = lab_config(), ("/data", "/logs")
    config["hosts"][1:] = [
        {
            "name": "lnxbt01",
            "connection_id": "lnxbt01",
            "family": "linux",
            "volume_groups": [
                {
                    "name": "vgbt",
                    "devices": [{"array": SYMID, "device": "0B06", "path": "/dev/mapper/mpathb"}],
                    "logical_volumes": [{"name": "lv", "fs": "btrfs"}],
                }
            ],
            "mounts": [{"device": "/dev/vgbt/lv", "directory": one} for one in directories],
        }
    ]
    made = [
        {"fs": {"dev": "/dev/vgbt/lv", "mnt": one, "type": "btrfs", "mnt_opt": f"subvol=@{one[1:]}"}}
        for one in directories
    ]
    vg = {"vg": {"name": "vgbt", "devices": ["/dev/mapper/mpathb"]}}
    hosts = [{"connection": "lnxbt01", "family": "linux"}]
    bench = make(config, {"lnxbt": {**services()["lnxvx"], "hosts": hosts, "resources": [vg, *made]}})
    bench.stop("lnxbt")
    bench.refresh("lnxbt")
    before = len(bench.changes("lnxbt01"))
    bench.start("lnxbt")
    assert bench.lab.host("lnxbt01").mounts() == dict.fromkeys(directories, "/dev/vgbt/lv")
    assert [one for one in bench.changes("lnxbt01")[before:] if "mount" in one] == [
        f"/usr/bin/mount -t btrfs -w -o subvol=@{one[1:]} /dev/vgbt/lv {one}" for one in directories
    ]


def write_protected() -> dict[str, Any]:
    config = lab_config()
    for host in config["hosts"]:
        for group in host.get("volume_groups", []):
            group["write_protected"] = group["name"] == "lxdg"
    return config


def test_a_disk_that_is_write_protected_is_not_mounted_read_only(make: Make) -> None:
    bench = make(write_protected(), services())
    bench.stop("lnxvx")
    bench.refresh("lnxvx")
    with pytest.raises(NotDone, match="explicit read-write mode requested"):
        bench.start("lnxvx")
    assert not bench.lab.host("lnxvx01").mounts()


def test_what_somebody_mounted_read_only_is_not_up_and_can_be_stopped(make: Make) -> None:
    bench = make(write_protected(), services())
    bench.stop("lnxvx")
    bench.refresh("lnxvx")
    by_hand = "/usr/bin/mount -t vxfs /dev/vx/dsk/lxdg/vol01 /lx"  # without -w it is mounted, and ends with 0
    bench.lab.fault("admin", host="lnxvx01", match="fsck -t vxfs", run=by_hand, count=1)
    services_off = {**services()["lnxvx"], "rollback": False}
    bench.config.write_text(yaml.safe_dump({"services": {"lnxvx": services_off}}))
    with pytest.raises(NotDone, match="already mounted"):
        bench.start("lnxvx")
    assert bench.lab.host("lnxvx01").mounts()
    with pytest.raises(NotDone, match=r"should be up and is up \[read-only\]: it cannot be written"):
        bench.start("lnxvx")
    with pytest.raises(Refused, match="read-only"):
        bench.refresh("lnxvx")
    bench.stop("lnxvx")
    assert not bench.lab.host("lnxvx01").mounts()


@pytest.mark.parametrize(
    ("service", "directory"), [("aixpp", "/pp"), ("sunpp", "/pp/ufs"), ("sunpp", "/pp/zfs"), ("lnxvx", "/lx")]
)
def test_nobody_is_killed_unless_it_is_allowed(make: Make, service: str, directory: str) -> None:
    allowed = services()
    for resource in allowed[service]["resources"]:
        if "fs" in resource:
            resource["fs"]["kill"] = resource["fs"]["mnt"] == directory
    bench = make(lab_config(), {service: allowed[service], "careful": services()[service]})
    bench.lab.host(HOSTS[service]).occupy(directory)
    with pytest.raises(NotDone, match=f"fs {directory} on {HOSTS[service]}"):
        bench.stop("careful")
    assert directory in bench.lab.host(HOSTS[service]).mounts()
    bench.lab.jump()
    bench.stop(service)
    assert not bench.lab.host(HOSTS[service]).mounts()
