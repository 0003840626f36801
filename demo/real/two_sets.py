"""The site of a service with two target sets: one test instance, whose host sees both copies of production.

The file systems lie on the disks as they are, so that host has two xfs with one identifier, and two ext4.
"""

from __future__ import annotations

from typing import Any

from demo.real.site import (
    CONTROL,
    FILE_SYSTEMS,
    PRODUCTION,
    RIGHT,
    SOURCES,
    SYMID,
    SYNCS,
    WRONG,
    Copy,
    array,
    control,
    postgresql,
    real_host,
    source_hooks,
)

NAME = "pgsets"
SETS = {
    "a": Copy(NAME, RIGHT.order, RIGHT.targets),
    "b": Copy(NAME, RIGHT.order, WRONG.targets),
}
"""By target set, the copy that it is."""


class TwoSets:
    """Its two configurations."""

    def lab(self) -> dict[str, Any]:
        """The lab's configuration."""
        both = [number for copy in SETS.values() for number in copy.targets.values()]
        hosts = [
            control(),
            real_host(PRODUCTION, SOURCES.values(), "prod", "production.sh"),
            real_host(NAME, both, "test", "instance.sh"),
        ]
        return {"arrays": [array(*SETS.values())], "hosts": hosts}

    def services(self) -> dict[str, Any]:
        """The product's configuration, `services.yaml`."""
        first, *others = SETS
        disks = {name: {w: f"/srv/array/{n}" for w, n in copy.targets.items()} for name, copy in SETS.items()}
        resources = [
            {
                "fs": {
                    "dev": disks[first][what],
                    "mnt": f"/srv/test/{what}",
                    "type": FILE_SYSTEMS[what],
                    "by_set": {name: {"dev": disks[name][what]} for name in others},
                }
            }
            for what in SOURCES
        ]
        syncs = [
            {
                "name": sync,
                "symid": SYMID,
                "targets": {
                    name: [f"{SOURCES[SYNCS[sync]]}:{copy.targets[SYNCS[sync]]}"]
                    for name, copy in SETS.items()
                },
                **source_hooks(sync),
            }
            for sync in SETS[first].order
        ]
        service = {
            "control_host": CONTROL,
            "schedule": "none",
            "sync_max_delay": 60,
            "hosts": [{"connection": NAME, "family": "linux"}],
            "resources": [*resources, postgresql()],
            "syncs": syncs,
            "poll_interval": 1,
            "retries": 0,
        }
        return {"services": {NAME: service}}
