"""What the cases run on: the example services in several variants, and the lab that has what these need."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.config import LabConfig
from lab.config import load as load_lab

ROOT = Path(__file__).parents[1]
SITE, SOURCE = "/opt/site/bin", "/opt/oracle/bin"
"""Where the programs of the hooks lie: on the hosts of the services, and on the one of the sources."""
MASK = f"{SITE}/mask"
"""What must succeed on the data of a copy before an application is started on it."""
APPLICATION_STARTS = ("/opt/pp/bin/ppctl start", "/opt/lts/bin/ltsctl start")
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


@dataclass(frozen=True, eq=False)
class Site:
    """Services of one configuration, and the lab that they run on.

    :param services: the file with them.
    :param control_host: the connection of the host with SYMCLI.
    :param sources: the connection of the host that has the sources, and the hooks around an activation. Here
        it is down.
    :param by_hand: by service, what somebody types on its host who needs its file system right now.
    :param undone: by service, how he takes that back where no run does.
    """

    services: str
    control_host: str
    sources: str
    by_hand: dict[str, str]
    undone: dict[str, str] = field(default_factory=dict)

    def around(self) -> dict[str, Any]:
        """The hooks around an activation."""
        on = {"connection": self.sources}
        return {
            "before_activate": [{"name": "begin", **on, "command": [f"{SOURCE}/backup", "start"]}],
            "after_activate": [
                {"name": "end", **on, "command": [f"{SOURCE}/backup", "stop"]},
                {"name": "switch", **on, "command": [f"{SOURCE}/log", "start"]},
            ],
        }


EXAMPLE = Site(
    "config/services.yaml",
    "symcli_demo",
    "prodcvi",
    {
        "aastmphpux": "/usr/sbin/vgimport -m /var/lib/opensvc/vg_aastmphpux_vgCVI.map -s -N vgCVI; "
        "/usr/sbin/vgchange -a y vgCVI; /usr/sbin/mount -F vxfs /dev/vgCVI/lv_CVI /aaststcvi",
        "lnxpp": "/usr/sbin/vgchange -a y vg_ppdata; /usr/bin/mount -t ext4 /dev/vg_ppdata/lv_data /pp/data",
    },
)
TWO_SETS = Site(
    "docs/examples/two_sets.yaml",
    "symcli_sets",
    "lnxprd01",
    {
        "lnxts": "/usr/bin/mkdir /restore; /usr/sbin/vgchange -a y vg_lts_b; "
        "/usr/bin/mount -t xfs -o nouuid /dev/vg_lts_b/lv_data /restore",
        "hpxts": "/usr/bin/mkdir /restore; /usr/sbin/mount -F vxfs /dev/vgHTSb/lv_data /restore",
        "sunts": "/usr/sbin/zpool import -f stspool",
    },
    {
        "lnxts": "/usr/bin/umount /restore",
        "hpxts": "/usr/sbin/umount /restore",
        "sunts": "/usr/sbin/zpool export stspool",
    },
)
ON_TWO_SETS = ("lnxts", "hpxts", "sunts")
PRODUCTION = {
    "hosts": [{"connection": EXAMPLE.sources, "family": "hpux"}],
    "resources": [
        {"vg": {"name": "vgCVI", "map_file": "/etc/lvmconf/vgCVI.map"}},
        {"fs": {"dev": "/dev/vgCVI/lv_CVI", "mnt": "/prodcvi", "type": "vxfs"}},
    ],
}
"""The host with the sources of service aastmphpux has them in use when it is up."""


def site_of(service: str) -> Site:
    return TWO_SETS if service in ON_TWO_SETS else EXAMPLE


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
def lab_config(site: Site) -> LabConfig:
    """The lab of a site, with the host of the sources, which is down, and the programs of the hooks."""
    config = load_lab(None if site is EXAMPLE else ROOT / "lab" / "two_sets.yaml").model_dump()
    if site is EXAMPLE:
        config["hosts"].append(_host_of_sources())
    for host in config["hosts"]:
        if host["connection_id"] == site.sources:
            for group in host["volume_groups"]:
                group["active"] = False
            for mount in host["mounts"]:
                mount["mounted"] = False
        folder = {site.control_host: None, site.sources: SOURCE}.get(host["connection_id"], SITE)
        there = [app["command"] for app in host["apps"]]
        host["apps"] += [
            {"name": path.rsplit("/", 1)[1], "command": path, "running": running}
            for path, running in PROGRAMS.items()
            if folder and path.startswith(folder) and path not in there
        ]
    return load_lab(config)


def _host_of_sources() -> dict[str, Any]:
    """Of the example: the demo's lab has none."""
    disks = [
        {"array": "000190101234", "device": device, "path": f"/dev/disk/disk{number}"}
        for number, device in enumerate(("1234", "1235"), 1)
    ]
    volumes = [
        {"name": "lv_CVI", "fs": "vxfs", "megabytes": 20000, "devices": ["1234"]},
        {"name": "lv_CVIARCH", "fs": "vxfs", "megabytes": 20000, "devices": ["1235"]},
    ]
    group = {"name": "vgCVI", "map_file": "/etc/lvmconf/vgCVI.map", "devices": disks, "active": False}
    return {
        "name": EXAMPLE.sources,
        "connection_id": EXAMPLE.sources,
        "family": "hpux",
        "interfaces": [{"name": "lan900", "address": "192.168.32.50/22"}],
        "volume_groups": [{**group, "logical_volumes": volumes}],
        "mounts": [{"device": "/dev/vgCVI/lv_CVI", "directory": "/prodcvi", "mounted": False}],
        "apps": [],
    }


@cache
def services(variant: Variant, site: Site) -> dict[str, Any]:
    """The services of a site as that variant has them, as the YAML file does."""
    text = (ROOT / site.services).read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    for about in found.values():
        about |= {
            "overlap": variant.overlap,
            "retries": variant.retries,
            "retry_delay": 10,
            "schedule": "none",
        }
        for place in (*OF_SERVICE, *OF_APPLICATIONS):
            about.pop(place, None)
        if about["resources"]:
            about |= {"production": PRODUCTION} if site is EXAMPLE else {}
            about |= OF_SERVICE if variant.hooks else {}
            applications = any("app" in resource for resource in about["resources"])
            about |= OF_APPLICATIONS if variant.hooks and applications else {}
        for sync in about["syncs"]:
            sync["consistent"] = variant.consistent
            sync |= site.around() if variant.hooks else {}
    return found


def written(variant: Variant, site: Site, folder: Path) -> Path:
    """The configuration file of a variant."""
    path = folder / f"{Path(site.services).stem}-{variant}.yaml"
    if not path.exists():
        text = yaml.safe_dump({"services": services(variant, site)}, sort_keys=False)
        path.write_text(text, encoding="utf-8")
    return path
