"""What the cases run on: the example services in several variants, and the lab that has what these need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.config import LabConfig
from lab.config import load as load_lab

ROOT = Path(__file__).parents[1]
SERVICES = ROOT / "config" / "services.yaml"
CONTROL = "symcli_demo"
PRODUCTION_HOST = "prodcvi"
"""It has the sources of service aastmphpux in use when it is up; here it is down."""
PRODUCTION = {
    "hosts": [{"connection": PRODUCTION_HOST, "family": "hpux"}],
    "resources": [
        {"vg": {"name": "vgCVI", "map_file": "/etc/lvmconf/vgCVI.map"}},
        {"fs": {"dev": "/dev/vgCVI/lv_CVI", "mnt": "/prodcvi", "type": "vxfs"}},
    ],
}
SITE, SOURCE = "/opt/site/bin", "/opt/oracle/bin"
"""Where the programs of the hooks lie: on the hosts of the services, and on the one of the sources."""
MASK = f"{SITE}/mask"
"""What must succeed on the data of a copy before an application is started on it."""
APPLICATION = "/opt/pp/bin/ppctl"
PROGRAMS = {
    f"{SITE}/drain": False, f"{SITE}/answers": True, MASK: False,
    f"{SOURCE}/backup": False, f"{SOURCE}/log": False,
}  # fmt: skip
"""They take `start`, `stop` and `status`; and whether they run at first."""
OF_SERVICE = {
    "before_stop": [{"name": "drain", "command": [f"{SITE}/drain", "start"]}],
    "after_start": [{"name": "undrain", "command": [f"{SITE}/drain", "stop"]}],
    "probes": [{"name": "answers", "command": [f"{SITE}/answers", "status"]}],
}
OF_APPLICATIONS = {"before_start": [{"name": "mask", "command": [MASK, "start"]}]}
AROUND = {
    "before_activate": [
        {"name": "begin", "connection": PRODUCTION_HOST, "command": [f"{SOURCE}/backup", "start"]}
    ],
    "after_activate": [
        {"name": "end", "connection": PRODUCTION_HOST, "command": [f"{SOURCE}/backup", "stop"]},
        {"name": "switch", "connection": PRODUCTION_HOST, "command": [f"{SOURCE}/log", "start"]},
    ],
}


STARTED_BY_HAND = {
    "aastmphpux": "/usr/sbin/vgimport -m /var/lib/opensvc/vg_aastmphpux_vgCVI.map -s -N vgCVI; "
    "/usr/sbin/vgchange -a y vgCVI; /usr/sbin/mount -F vxfs /dev/vgCVI/lv_CVI /aaststcvi",
    "lnxpp": "/usr/sbin/vgchange -a y vg_ppdata; /usr/bin/mount -t ext4 /dev/vg_ppdata/lv_data /pp/data",
}
"""What somebody types on the host of a service who needs its file system right now."""


@dataclass(frozen=True)
class Variant:
    """One way in which the services are configured.

    :param retries: further tries of each task.
    """

    overlap: bool = True
    hooks: bool = False
    consistent: bool = True
    retries: int = 0

    def __str__(self) -> str:
        flags = [name for name in ("overlap", "hooks", "consistent") if getattr(self, name)]
        return "+".join([*flags, f"retries{self.retries}"])

    @classmethod
    def read(cls, text: str) -> Variant:
        """:raises ValueError: it is none."""
        words = text.split("+")
        overlap, hooks, consistent = (flag in words for flag in ("overlap", "hooks", "consistent"))
        return cls(overlap, hooks, consistent, int(words[-1].removeprefix("retries")))


VARIANTS = [
    Variant(overlap, hooks, consistent, retries)
    for overlap in (True, False)
    for hooks in (False, True)
    for consistent in (True, False)
    for retries in (0, 2)
]


@cache
def lab_config() -> LabConfig:
    """The demo's lab, with production's host and the programs of the hooks."""
    config = load_lab(None).model_dump()
    disks = [
        {"array": "000190101234", "device": device, "path": f"/dev/disk/disk{number}"}
        for number, device in enumerate(("1234", "1235"), 1)
    ]
    volumes = [
        {"name": "lv_CVI", "fs": "vxfs", "megabytes": 20000, "devices": ["1234"]},
        {"name": "lv_CVIARCH", "fs": "vxfs", "megabytes": 20000, "devices": ["1235"]},
    ]
    group = {"name": "vgCVI", "map_file": "/etc/lvmconf/vgCVI.map", "devices": disks, "active": False}
    config["hosts"].append(
        {
            "name": PRODUCTION_HOST,
            "connection_id": PRODUCTION_HOST,
            "family": "hpux",
            "interfaces": [{"name": "lan900", "address": "192.168.32.50/22"}],
            "volume_groups": [{**group, "logical_volumes": volumes}],
            "mounts": [{"device": "/dev/vgCVI/lv_CVI", "directory": "/prodcvi", "mounted": False}],
            "apps": [],
        }
    )
    for host in config["hosts"]:
        folder = {CONTROL: None, PRODUCTION_HOST: SOURCE}.get(host["connection_id"], SITE)
        host["apps"] += [
            {"name": path.rsplit("/", 1)[1], "command": path, "running": running}
            for path, running in PROGRAMS.items()
            if folder and path.startswith(folder)
        ]
    return load_lab(config)


@cache
def services(variant: Variant) -> dict[str, Any]:
    """The example services as that variant has them, as the YAML file does."""
    found: dict[str, Any] = yaml.safe_load(SERVICES.read_text(encoding="utf-8"))["services"]
    for about in found.values():
        about |= {
            "overlap": variant.overlap,
            "retries": variant.retries,
            "retry_delay": 10,
            "schedule": "none",
        }
        if about["resources"]:
            about["production"] = PRODUCTION
            about |= OF_SERVICE if variant.hooks else {}
            applications = any("app" in resource for resource in about["resources"])
            about |= OF_APPLICATIONS if variant.hooks and applications else {}
        for sync in about["syncs"]:
            sync["consistent"] = variant.consistent
            sync |= AROUND if variant.hooks else {}
    return found


def written(variant: Variant, folder: Path) -> Path:
    """The configuration file of a variant."""
    path = folder / f"{variant}.yaml"
    if not path.exists():
        text = yaml.safe_dump({"services": services(variant)}, sort_keys=False)
        path.write_text(text, encoding="utf-8")
    return path
