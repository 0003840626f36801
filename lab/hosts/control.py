"""The control host: Solutions Enabler is installed in the two usual folders, and not in PATH over SSH."""

from __future__ import annotations

from lab.array.array import Array
from lab.config.hosts import HostConfig
from lab.hosts.host import Host
from lab.symcli import COMMANDS
from lab.world import World

FOLDERS = ("/usr/symcli/bin", "/opt/emc/SYMCLI/bin")


class ControlHost(Host):
    interactive_path = "/usr/bin:/bin:/usr/symcli/bin"

    def __init__(self, config: HostConfig, world: World) -> None:
        super().__init__(config, world)
        self.install(COMMANDS, FOLDERS)

    def state(self) -> dict[str, str]:
        return {
            f"device group {name}": " ".join(
                f"{ld}={member.device.number:04X}" for ld, member in members.items()
            )
            for array in self.arrays
            for name, members in array.groups.items()
        }

    @property
    def arrays(self) -> list[Array]:
        return [self.world.arrays[s] for s in self.config.arrays]
