"""The site: one array with real blocks, production, and two test instances of which one is made wrongly.

Both are copies of the same two devices of production: data and archived WAL. `pgtest` splits them in this
order; `pgwrong`, to show what the order is for, splits the archived WAL first.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.operations import Operations
from lab.real.host import missing
from lab.real.lvm import lvm_environment

HERE = Path(__file__).parent
SYMID = "000190101234"
CONTROL, PRODUCTION = "symcli_real", "pgprod"
MEGABYTES = {"data": 192, "archive": 320}  # an xfs of less than 300 is refused
DEVICES, VGIMPORTCLONE = Path("/proc/devices"), Path("/usr/sbin/vgimportclone")
FILE_SYSTEMS = {"data": "ext4", "archive": "xfs"}
SOURCES = {"data": "2001", "archive": "2002"}
SYNCS = {"data": "data", "archivelogs": "archive"}
"""A sync's name -> what is on its device."""


@dataclass(frozen=True)
class Copy:
    """A service on copies of production; it and its host have one name."""

    name: str
    order: tuple[str, str]
    targets: dict[str, str]


RIGHT = Copy("pgtest", ("data", "archivelogs"), {"data": "2003", "archive": "2004"})
WRONG = Copy("pgwrong", ("archivelogs", "data"), {"data": "2005", "archive": "2006"})


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs, as Debian installs them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    return found[-1].parent if found else None


def device_mapper() -> bool:
    """Whether LVM is to be had: by the kernel, and its program that takes in a copy on the same machine."""
    return "device-mapper" in DEVICES.read_text().split() and VGIMPORTCLONE.exists()


def lacking() -> list[str]:
    """What this machine lacks for the site, in words."""
    found = missing()
    wanted = {
        "/usr/sbin/sshd": "openssh-server",
        "/usr/sbin/mkfs.xfs": "xfsprogs",
        "/usr/sbin/mkfs.ext4": "e2fsprogs",
    }
    found += [f"{path} (package {package})" for path, package in wanted.items() if not Path(path).exists()]
    if programs() is None:
        found.append("PostgreSQL (package postgresql)")
    elif programs() and int(programs().parts[4]) < 15:  # type: ignore[union-attr]
        found.append("PostgreSQL 15 or newer: before, a backup is begun by another function")
    return found


def array(*copies: Copy) -> dict[str, Any]:
    """The array, with the sessions of these copies."""
    devices = [
        {"device": number, "megabytes": MEGABYTES[what]}
        for numbers in (SOURCES, *(copy.targets for copy in copies))
        for what, number in numbers.items()
    ]
    sessions = [
        {"source": SOURCES[what], "target": copy.targets[what]} for copy in copies for what in SOURCES
    ]
    return {"symid": SYMID, "copy_rate": 1000, "real": True, "devices": devices, "sessions": sessions}


def control() -> dict[str, Any]:
    """The control host, which is simulated."""
    named = {"name": "symcli", "connection_id": CONTROL, "family": "control", "login": "symcli"}
    return {**named, "arrays": [SYMID]}


def real_host(name: str, devices: Iterable[str], folder: str, script: str, group: str = "") -> dict[str, Any]:
    """A host that is this machine.

    :param devices: that it sees.
    :param folder: below `/srv`, where it mounts.
    :param script: that is its command `/srv/bin/database`.
    :param group: how its volume groups' names begin; empty: it has none.
    """
    settings = f"BIN={programs()} LVM={group}\n"
    settings += "".join(f"export {setting}={value}\n" for setting, value in lvm_environment().items())
    text = "#!/bin/sh\n" + settings + (HERE / script).read_text()
    return {
        "name": name,
        "connection_id": name,
        "family": "linux",
        "files": {"/srv/bin/database": text},
        "real": {
            "disks": [{"array": SYMID, "device": n, "path": f"/srv/array/{n}"} for n in devices],
            "directories": [f"/srv/{folder}/{what}" for what in SOURCES],
        },
    }


def postgresql() -> dict[str, Any]:
    """The application of each copy."""
    commands = {verb: ["/srv/bin/database", verb] for verb in ("start", "stop", "check")}
    return {"app": {"name": "postgresql", "down_exit_codes": [3], **commands}}


def source_hooks(sync: str) -> dict[str, list[dict[str, Any]]]:
    """What production does around the activation of a sync."""
    before, after = (["begin"], ["end"]) if sync == "data" else (["switch"], [])
    return {
        place: [
            {"name": verb, "connection": PRODUCTION, "command": ["/srv/bin/database", verb]} for verb in verbs
        ]
        for place, verbs in (("before_activate", before), ("after_activate", after))
    }


@dataclass(frozen=True)
class Site:
    """:param lvm: put volume groups between devices and file systems."""

    lvm: bool

    def lab(self) -> dict[str, Any]:
        """The lab's configuration."""
        hosts = [
            control(),
            real_host(PRODUCTION, SOURCES.values(), "prod", "production.sh", self._group(PRODUCTION)),
            *(
                real_host(copy.name, copy.targets.values(), "test", "instance.sh", self._group(copy.name))
                for copy in (RIGHT, WRONG)
            ),
        ]
        return {"arrays": [array(RIGHT, WRONG)], "hosts": hosts}

    def _group(self, name: str) -> str:
        return f"vg_{name}" if self.lvm else ""

    def services(self) -> dict[str, Any]:
        """The product's configuration, `services.yaml`."""
        return {"services": {copy.name: self._service(copy) for copy in (RIGHT, WRONG)}}

    def device(self, copy: Copy, what: str) -> str:
        """What a file system of a copy lies on: its path on the copy's host."""
        return f"/dev/{self._group(copy.name)}_{what}/lv" if self.lvm else f"/srv/array/{copy.targets[what]}"

    def force(self, lab: Operations, copy: Copy) -> None:
        """Open a copy that PostgreSQL refuses, as nobody should: what is lost stays lost."""
        devices = [self.device(copy, what) for what in copy.targets]
        inside(lab, copy.name, "/srv/bin/database", "force", *devices)

    def _service(self, copy: Copy) -> dict[str, Any]:
        group = self._group(copy.name)
        # The kernel mounts no second xfs of one identifier, unless it is told to.
        options = {"xfs": {"mnt_opt": "nouuid"}}
        resources: list[dict[str, Any]] = []
        for what in copy.targets if self.lvm else ():
            resources.append({"vg": {"name": f"{group}_{what}"}})
        for what in copy.targets:
            kind = FILE_SYSTEMS[what]
            fs = {"dev": self.device(copy, what), "mnt": f"/srv/test/{what}", "type": kind}
            resources.append({"fs": {**fs, **options.get(kind, {})}})
        resources.append(postgresql())
        return {
            "control_host": CONTROL,
            "schedule": "none",
            "sync_max_delay": 60,
            "hosts": [{"connection": copy.name, "family": "linux"}],
            "resources": resources,
            "syncs": [self._sync(copy, sync) for sync in copy.order],
            "poll_interval": 1,
            "retries": 0,
        }

    def _sync(self, copy: Copy, sync: str) -> dict[str, Any]:
        what, hooks = SYNCS[sync], source_hooks(sync)
        if self.lvm:
            command = ["/srv/bin/database", "rename", what, f"/srv/array/{copy.targets[what]}"]
            hooks["after_activate"].append({"name": "rename", "connection": copy.name, "command": command})
        pair = f"{SOURCES[what]}:{copy.targets[what]}"
        return {"name": sync, "symid": SYMID, "pairs": [pair], **hooks}


def inside(lab: Operations, host: str, *words: str) -> str:
    """Run a command on a real host, past SSH: what it printed.

    :raises RuntimeError: it failed; with what it said.
    """
    pid = lab.host(host).describe()["pid"]
    enter = ["nsenter", f"--target={pid}", "--mount", "--pid", "--", *words]
    done = subprocess.run(enter, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{host}: {' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def make_production(lab: Operations) -> None:
    """File systems on the source devices, and PostgreSQL running on them."""
    nodes = [f"/srv/array/{number}" for number in SOURCES.values()]
    inside(lab, PRODUCTION, "/srv/bin/database", "make", *nodes)
