"""A lab and a configuration that have production too: what a merge-back overwrites."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import SERVICES, SYMID

HOST = "prodcvi"
PRODUCTION = {
    "hosts": [{"connection": HOST, "family": "hpux"}],
    "resources": [
        {"vg": {"name": "vgCVI", "map_file": "/etc/lvmconf/vgCVI.map"}},
        {"fs": {"dev": "/dev/vgCVI/lv_CVI", "mnt": "/prodcvi", "type": "vxfs"}},
    ],
}


def with_production(config: dict[str, Any], *, up: bool = False) -> dict[str, Any]:
    """The lab's configuration with the host that uses the sources of service aastmphpux."""
    disks = [
        {"array": SYMID, "device": device, "path": f"/dev/disk/disk{number}"}
        for number, device in enumerate(("1234", "1235"), 1)
    ]
    volumes = [
        {"name": "lv_CVI", "fs": "vxfs", "megabytes": 20000, "devices": ["1234"]},
        {"name": "lv_CVIARCH", "fs": "vxfs", "megabytes": 20000, "devices": ["1235"]},
    ]
    group = {"name": "vgCVI", "map_file": "/etc/lvmconf/vgCVI.map", "devices": disks, "active": up}
    host = {
        "name": HOST,
        "connection_id": HOST,
        "family": "hpux",
        "interfaces": [{"name": "lan900", "address": "192.168.32.50/22"}],
        "volume_groups": [{**group, "logical_volumes": volumes}],
        "mounts": [{"device": "/dev/vgCVI/lv_CVI", "directory": "/prodcvi", "mounted": up}],
    }
    return {**deepcopy(config), "hosts": [*deepcopy(config["hosts"]), host]}


def services(path: Path, **more: Any) -> Path:
    """The example's services, of which two say how production is proven down; they share it.

    :param more: further keys of service aastmphpux.
    """
    loaded = yaml.load(SERVICES.read_text(), Loader=yaml.CSafeLoader)
    loaded["services"]["aastmphpux"] |= {"production": deepcopy(PRODUCTION), **more}
    loaded["services"]["lnxpp"] |= {"production": deepcopy(PRODUCTION)}
    path.write_text(yaml.dump(loaded, Dumper=yaml.CSafeDumper, sort_keys=False))
    return path
