"""Many services on one array and one control host: what the lab and services.yaml say of them."""

from __future__ import annotations

from typing import Any

SYMID = "000297600001"
CONTROL_HOST = "symcli_fleet"
SYNCS = ("data", "archivelogs")
RATE = 20000
"""Tracks that the array copies in a second of the lab."""


def names(count: int) -> list[str]:
    return [f"svc{number:02d}" for number in range(count)]


def pair(service: int, sync: int) -> tuple[str, str]:
    """Source and target of a sync."""
    first = 0x1000 + 4 * service + 2 * sync
    return f"{first:05X}", f"{first + 1:05X}"


def group(service: int, sync: int) -> str:
    """The device group of a sync."""
    return f"DG{service:02d}{SYNCS[sync].upper()}"


def control(service: int, sync: int, action: str) -> str:
    """A regular expression for a control command on the pair of a sync, with or without leading zeros."""
    source, target = (end.lstrip("0") for end in pair(service, sync))
    return rf"'0*{source} 0*{target}' env .* -noprompt {action}\b"


def lab(count: int) -> dict[str, Any]:
    """The lab's configuration; a copy takes about a second of the lab."""
    pairs = [pair(number, sync) for number in range(count) for sync in range(len(SYNCS))]
    array = {
        "symid": SYMID,
        "model": "PowerMax_8000",
        "microcode": "5978",
        "track_kb": 128,
        "device_width": 5,
        "copy_rate": RATE,
        "devices": [{"device": device, "megabytes": 1024} for one in pairs for device in one],
        "sessions": [
            {"source": source, "target": target, "age_hours": 20, "write_rate": 1} for source, target in pairs
        ],
    }
    array["device_groups"] = [
        {
            "name": group(number, sync),
            "devices": [
                {"name": "DEV001", "device": pair(number, sync)[0]},
                {"name": "CLONE001", "device": pair(number, sync)[1], "kind": "tgt"},
            ],
        }
        for number in range(count)
        for sync in range(len(SYNCS))
    ]
    control = {"name": "symcli01", "connection_id": CONTROL_HOST, "family": "control", "login": "symcli"}
    hosts = [_host(number, name) for number, name in enumerate(names(count))]
    return {"arrays": [array], "hosts": [{**control, "arrays": [SYMID]}, *hosts]}


def _disk(sync: int) -> str:
    return f"/dev/mapper/mpath{sync}"


def _host(number: int, name: str) -> dict[str, Any]:
    groups = [
        {
            "name": f"vg_{sync}",
            "devices": [{"array": SYMID, "device": pair(number, index)[1], "path": _disk(index)}],
            "logical_volumes": [{"name": "lv", "fs": "ext4", "megabytes": 1000}],
        }
        for index, sync in enumerate(SYNCS)
    ]
    mounts = [{"device": f"/dev/vg_{sync}/lv", "directory": f"/{sync}"} for sync in SYNCS]
    about = {"name": name, "connection_id": name, "family": "linux", "login": "root"}
    return {**about, "volume_groups": groups, "mounts": mounts}


def services(count: int) -> dict[str, Any]:
    """services.yaml."""
    return {
        "services": {
            name: {
                "control_host": CONTROL_HOST,
                "sync_max_delay": 1440,
                "schedule": "none",
                "hosts": [{"connection": name, "family": "linux"}],
                "resources": [
                    *({"vg": {"name": f"vg_{s}", "devices": [_disk(i)]}} for i, s in enumerate(SYNCS)),
                    *({"fs": {"dev": f"/dev/vg_{s}/lv", "mnt": f"/{s}", "type": "ext4"}} for s in SYNCS),
                ],
                "syncs": [
                    {
                        "name": sync,
                        "symid": SYMID,
                        "symdg": group(number, index),
                        "pairs": ["DEV001={}:CLONE001={}".format(*pair(number, index))],
                    }
                    for index, sync in enumerate(SYNCS)
                ],
                "poll_interval": 1,
                "retry_delay": 2,
            }
            for number, name in enumerate(names(count))
        }
    }
