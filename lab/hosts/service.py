"""A host where copied disks are used: beside volume groups and mounts, addresses and applications."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from lab.config.hosts import AppConfig, HostConfig
from lab.hosts.mounts import Mount, MountingHost
from lab.shell.call import Call
from lab.world import World


@dataclass
class Address:
    """`interface` is the name it is shown under: `eth0`, or `lan900:1` on HP-UX."""

    interface: str
    value: ipaddress.IPv4Interface
    up: bool = True
    own: bool = False


@dataclass
class Process:
    pid: int
    name: str
    directory: str


@dataclass
class App:
    config: AppConfig
    running: bool
    processes: list[Process] = field(default_factory=list)


class ServiceHost(MountingHost):
    def __init__(self, config: HostConfig, world: World) -> None:
        super().__init__(config, world)
        self.interfaces = [i.name for i in config.interfaces]
        self.addresses: list[Address] = [
            Address(i.name, ipaddress.IPv4Interface(i.address), own=True)
            for i in config.interfaces
            if i.address
        ]
        for a in config.addresses:
            if a.up:
                self.addresses.append(Address(a.interface, ipaddress.IPv4Interface(a.address)))
        self.processes: list[Process] = []
        self.apps: dict[str, App] = {a.name: App(a, False) for a in config.apps}
        for app in self.apps.values():
            if app.config.running:
                self.start_app(app)
            if app.config.command:
                self.install_at(app.config.command, self._app_program(app))

    # processes and applications

    def users_of(self, directory: str) -> list[Process]:
        return [p for p in self.processes if (p.directory + "/").startswith(directory.rstrip("/") + "/")]

    def busy(self, mount: Mount) -> bool:
        below = [
            m
            for m in self.mounts
            if m is not mount and m.directory.startswith(mount.directory.rstrip("/") + "/")
        ]
        return bool(below or self.users_of(mount.directory))

    def occupy(self, directory: str, name: str = "sleep") -> int:
        """Let a process use a directory, for tests. Returns its pid."""
        process = Process(self.next_pid(), name, directory)
        self.processes.append(process)
        return process.pid

    def kill(self, processes: list[Process]) -> None:
        self.processes = [p for p in self.processes if p not in processes]
        for app in self.apps.values():
            if app.processes and not any(p in self.processes for p in app.processes):
                app.processes = []
                app.running = False

    def start_app(self, app: App) -> bool:
        """An application starts when everything that it uses is mounted."""
        if app.running:
            return True
        if any(self.mounted(d) is None for d in app.config.uses):
            return False
        app.running = True
        app.processes = [Process(self.next_pid(), app.config.name, d) for d in app.config.uses]
        self.processes += app.processes
        return True

    def stop_app(self, app: App) -> None:
        self.kill(app.processes)
        app.running, app.processes = False, []

    def record_app(self, app: App) -> None:
        """On record: the application uses what it runs on."""
        for directory in app.config.uses:
            mount = self.mounted(directory)
            vg, lv = (self.volume(mount.device) if mount else None) or ("", "")
            if vg:
                self._use(f"{app.config.name} running on {directory}", self.groups[vg].disks_of(lv))

    def _app_program(self, app: App) -> Any:
        """start, stop, status: exit 0 running, 1 not running, with a line of text (the lab's own)."""

        def program(call: Call) -> int:
            name = app.config.name
            action = " ".join(call.words)
            if action == "status":
                call.line(f"{name} is running" if app.running else f"{name} is not running")
                return 0 if app.running else 1
            if action == "start":
                if not self.start_app(app):
                    missing = [d for d in app.config.uses if self.mounted(d) is None]
                    return call.fail(f"{name}: cannot start, not mounted: {' '.join(missing)}")
                self.record_app(app)
                call.line(f"{name} started")
                return 0
            if action == "stop":
                self.stop_app(app)
                call.line(f"{name} stopped")
                return 0
            return call.fail(f"usage: {call.name} start|stop|status", 2)

        return program

    # for the journal, tests and the control port

    def answers(self, address: str) -> bool:
        return any(a.up and str(a.value.ip) == address for a in self.addresses)

    def addresses_up(self) -> list[str]:
        return [str(a.value.ip) for a in self.addresses if a.up]

    def state(self) -> dict[str, str]:
        found = {f"address {a.value.ip} on {a.interface}": "up" for a in self.addresses if a.up}
        found |= {f"volume group {v.name}": "active" for v in self.groups.values() if v.active}
        found |= {f"{m.device} on {m.directory}": "mounted" for m in self.mounts}
        return found | {f"application {n}": "running" for n, a in self.apps.items() if a.running}

    def describe(self) -> dict[str, Any]:
        return {
            **super().describe(),
            "mounts": [{"device": m.device, "directory": m.directory, "fs": m.fs} for m in self.mounts],
            "volume_groups": {
                v.name: {"known": v.known, "active": v.active, "missing": [d.path for d in v.missing]}
                for v in self.groups.values()
            },
            "addresses": [
                {
                    "interface": a.interface,
                    "address": str(a.value.ip),
                    "prefix": a.value.network.prefixlen,
                    "up": a.up,
                }
                for a in self.addresses
            ],
            "apps": {n: a.running for n, a in self.apps.items()},
        }


def with_mask(address: str, mask: str | None) -> ipaddress.IPv4Interface:
    """An address without a prefix as `ifconfig` takes it: with a mask, or by its class without one.

    :raises ValueError: it is no IPv4 address.
    """
    first = int(address.split(".")[0])
    classful = "255.0.0.0" if first < 128 else "255.255.0.0" if first < 192 else "255.255.255.0"
    return ipaddress.IPv4Interface(f"{address}/{mask or classful}")
