"""Any number of services alike behind one simulated control host, for what happens to many at once.

Each has syncs of one pair. With a host of its own a service has an address, a volume group and a file system
there; without, it is only its syncs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

CONTROL = "symcli_many"


@dataclass(frozen=True)
class ManyServices:
    """The lab's configuration and the services' own.

    :param count: of services; their names are `many000` and so on.
    :param syncs: of each.
    :param tracks: that a refresh copies in each sync of a service; the services take them in turn.
    :param copy_rate: tracks a second of an array, shared by all its copies that move.
    :param arrays: the services are on them in turn.
    :param hosts: whether each has a host.
    :param sshd_limits: whether the hosts refuse what a stock sshd refuses.
    :param options: further keys of each service.
    """

    count: int
    syncs: int = 1
    tracks: Sequence[int] = (1000,)
    copy_rate: float = 1000
    arrays: int = 1
    hosts: bool = False
    sshd_limits: bool = False
    options: dict[str, Any] | None = None

    @property
    def names(self) -> list[str]:
        """Of the services."""
        return [f"many{number:03}" for number in range(self.count)]

    def pairs(self, number: int) -> list[tuple[str, str]]:
        """Source and target of each sync of a service, by its number."""
        first = 2 * self.syncs * number + 0x1000
        return [(f"{first + 2 * sync:05X}", f"{first + 2 * sync + 1:05X}") for sync in range(self.syncs)]

    def symid(self, number: int) -> str:
        """The array of a service, by its number."""
        return f"{197600700 + number % self.arrays:012d}"

    def lab(self) -> dict[str, Any]:
        """For :class:`lab.Lab`."""
        arrays = [self._array(number) for number in range(self.arrays)]
        control = {"name": "control", "connection_id": CONTROL, "family": "control", "login": "symcli"}
        hosts: list[dict[str, Any]] = [{**control, "arrays": [array["symid"] for array in arrays]}]
        if self.hosts:
            hosts += [self._host(number, name) for number, name in enumerate(self.names)]
        return {"arrays": arrays, "hosts": hosts, "sshd_limits": self.sshd_limits}

    def services(self) -> dict[str, Any]:
        """As services.yaml has them."""
        return {"services": {name: self._service(number, name) for number, name in enumerate(self.names)}}

    def _array(self, first: int) -> dict[str, Any]:
        pairs = [(n, pair) for n in range(first, self.count, self.arrays) for pair in self.pairs(n)]
        return {
            "symid": self.symid(first),
            "model": "PowerMax_8000",
            "microcode": "5978",
            "track_kb": 128,
            "device_width": 5,
            "copy_rate": self.copy_rate,
            "devices": [{"device": name, "megabytes": 102_400} for _, pair in pairs for name in pair],
            "sessions": [
                {
                    "source": source,
                    "target": target,
                    "age_hours": 24,
                    "changed_tracks": self.tracks[number % len(self.tracks)],
                }
                for number, (source, target) in pairs
            ],
        }

    def _service(self, number: int, name: str) -> dict[str, Any]:
        syncs = [
            {"name": f"sync{index}", "symid": self.symid(number), "pairs": [f"{source}:{target}"]}
            for index, (source, target) in enumerate(self.pairs(number), 1)
        ]
        service = {
            "control_host": CONTROL,
            "sync_max_delay": 1440,
            "poll_interval": 1,
            "retry_delay": 1,
            "syncs": syncs,
            **(self.options or {}),
        }
        if not self.hosts:
            return {**service, "resources": [], "unattended": True}
        volumes = [f"vg_{name}_{index}" for index in range(self.syncs)]
        return {
            **service,
            "hosts": [{"connection": name, "family": "linux"}],
            "resources": [
                {"ip": {"ipname": f"{_network(number)}.17", "ipdev": "eth0", "netmask": 24}},
                *({"vg": {"name": vg, "devices": [f"/dev/mapper/{vg}"]}} for vg in volumes),
                *({"fs": {"dev": f"/dev/{vg}/lv", "mnt": f"/{vg}", "type": "ext4"}} for vg in volumes),
            ],
        }

    def _host(self, number: int, name: str) -> dict[str, Any]:
        volumes = {f"vg_{name}_{index}": pair[1] for index, pair in enumerate(self.pairs(number))}
        return {
            "name": name,
            "connection_id": name,
            "family": "linux",
            "login": "root",
            "interfaces": [{"name": "eth0", "address": f"{_network(number)}.10/24"}],
            "addresses": [{"interface": "eth0", "address": f"{_network(number)}.17/24"}],
            "volume_groups": [
                {
                    "name": vg,
                    "devices": [{"array": self.symid(number), "device": target, "path": f"/dev/mapper/{vg}"}],
                    "logical_volumes": [{"name": "lv", "fs": "ext4", "megabytes": 40000}],
                }
                for vg, target in volumes.items()
            ],
            "mounts": [{"device": f"/dev/{vg}/lv", "directory": f"/{vg}"} for vg in volumes],
        }


def _network(number: int) -> str:
    """The first three parts of a service's addresses, by its number."""
    return f"10.{7 + number // 256}.{number % 256}"
