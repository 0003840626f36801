"""A host where copied disks are used: addresses, volume groups, mounts and applications, as state."""

from __future__ import annotations

import ipaddress
import posixpath
import zlib
from dataclasses import dataclass, field
from typing import Any

from lab.array.session import Device
from lab.config.hosts import AppConfig, HostConfig, LogicalVolumeConfig, VolumeGroupConfig
from lab.hosts import beside, torn
from lab.hosts.host import Host
from lab.shell.call import Call
from lab.volumes import Manager, volume_paths
from lab.world import World


@dataclass
class Address:
    """`interface` is the name it is shown under: `eth0`, or `lan900:1` on HP-UX."""

    interface: str
    value: ipaddress.IPv4Interface
    up: bool = True
    own: bool = False


@dataclass
class Disk:
    symid: str
    device: Device
    path: str
    tags: set[str] = field(default_factory=set)
    """VxVM's, of `vxdisk settag`."""


@dataclass
class VolumeGroup:
    """`known`: the host has it in its tables (HP-UX: imported). Its disks are on the array.

    `left` is when this host gave it up by itself, in lab seconds; `clean` the points in time of the copies
    whose file systems were checked or unmounted here, by volume; `renewed` those of the copy that was given
    identifiers of its own (`lab.hosts.beside`).
    """

    config: VolumeGroupConfig
    disks: list[Disk]
    known: bool
    active: bool
    volumes: dict[str, LogicalVolumeConfig]
    left: float | None = None
    clean: dict[str, list[float]] = field(default_factory=dict)
    renewed: list[float] | None = None

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def missing(self) -> list[Disk]:
        """Disks that do not answer: their device is not ready on the array."""
        return [d for d in self.disks if not d.device.ready]

    def disks_of(self, volume: str) -> list[Disk]:
        """The disks that a volume lies on."""
        numbers = {int(d, 16) for d in self.volumes[volume].devices}
        return [d for d in self.disks if not numbers or d.device.number in numbers]

    def unready(self, volume: str) -> bool:
        """Whether a disk of the volume does not answer."""
        return any(not d.device.ready for d in self.disks_of(volume))

    @property
    def vgid(self) -> str:
        return f"{zlib.crc32(self.name.encode()):08x}{zlib.crc32(self.name[::-1].encode()):08x}"

    @property
    def megabytes(self) -> int:
        return sum(d.device.megabytes for d in self.disks)


@dataclass
class Mount:
    device: str
    directory: str
    fs: str
    options: str
    since: float


@dataclass
class Process:
    pid: int
    name: str
    directory: str


@dataclass(frozen=True)
class OtherUse:
    """What somebody else does with a disk, unseen by the host's own tables (Linux).

    `mounted` in another namespace, `open` under another name, `loop`: a loop device lies on it, `btrfs`: one
    of several disks of a mounted file system.
    """

    path: str
    how: str

    @property
    def claims(self) -> bool:
        """Whether the kernel then gives the disk to nobody else exclusively."""
        return self.how in ("mounted", "btrfs")


@dataclass
class App:
    config: AppConfig
    running: bool
    processes: list[Process] = field(default_factory=list)


class ServiceHost(Host):
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
        self.groups: dict[str, VolumeGroup] = {}
        for number, vg in enumerate(config.volume_groups):
            disks = [
                Disk(
                    d.array,
                    world.arrays[d.array].devices[int(d.device, 16)],
                    d.path or f"/dev/disk{number}{i}",
                )
                for i, d in enumerate(vg.devices)
            ]
            volumes = {lv.name: lv for lv in vg.logical_volumes}
            made = VolumeGroup(vg, disks, vg.imported, vg.active and vg.imported, volumes)
            self.groups[vg.name] = made
            if made.known:
                beside.renew(self, made)
            for lv in volumes:
                self.cleaned(made, lv)
        self.mounts: list[Mount] = []
        for m in config.mounts:
            self.files.add_directory(m.directory)
            if m.mounted:
                vg_name, lv_name = self.volume(m.device) or ("", "")
                fs = self.groups[vg_name].volumes[lv_name].fs
                options = m.options or self.default_options(fs)
                self.mounts.append(Mount(m.device, m.directory, fs, options, self.clock.now()))
        self.others: list[OtherUse] = []
        """For tests: what else the disks are used for."""
        self.processes: list[Process] = []
        self.apps: dict[str, App] = {a.name: App(a, False) for a in config.apps}
        for app in self.apps.values():
            if app.config.running:
                self.start_app(app)
            if app.config.command:
                self.install_at(app.config.command, self._app_program(app))

    def default_options(self, fs: str) -> str:
        return "rw"

    # volumes

    def volume(self, device: str) -> tuple[str, str] | None:
        """(volume group, logical volume) of a device path, whatever form the family gives it."""
        for vg in self.groups.values():
            for lv in vg.volumes:
                if device in self.paths(vg, lv):
                    return vg.name, lv
        return None

    def of(self, manager: Manager) -> dict[str, VolumeGroup]:
        """The groups of one volume manager."""
        return {n: g for n, g in self.groups.items() if g.config.manager == manager}

    def activate(self, vg: VolumeGroup) -> None:
        """The group's volumes can be used from now on; what is torn among them is put on record."""
        if vg.active:
            return
        vg.active = True
        self._use(f"volume group {vg.name} active", vg.disks)
        for lv in vg.volumes:
            self.torn(vg, lv, "activation")

    def deactivate(self, vg: VolumeGroup) -> None:
        if vg.active:
            vg.active = False
            self._release(f"volume group {vg.name} active", vg.disks)

    def torn(self, vg: VolumeGroup, lv: str, during: str) -> str | None:
        """Why the volume holds no single, ordered point in time; on record when it does not."""
        found = torn.reason(self, vg, lv)
        if found is not None:
            self.world.journal.event(
                "torn", host=self.name, volume=self.paths(vg, lv)[0], during=during, reason=found,
                devices=self._keys(vg.disks_of(lv)),
            )  # fmt: skip
        return found

    def foreign(self, vg: VolumeGroup) -> bool:
        """Whether somebody else had it in use when it was copied: the copy is younger than `left`."""
        times, _ = torn.points(self.world, vg.disks)
        return vg.left is None or any(t > vg.left for t in times)

    def dirty(self, vg: VolumeGroup, lv: str) -> bool:
        """Whether the file system was copied while it was mounted, and not checked since."""
        times, _ = torn.points(self.world, vg.disks_of(lv))
        return times != vg.clean.get(lv, [])

    def cleaned(self, vg: VolumeGroup, lv: str) -> None:
        vg.clean[lv] = torn.points(self.world, vg.disks_of(lv))[0]

    def _keys(self, disks: list[Disk]) -> list[str]:
        return [f"{d.symid}:{self.world.arrays[d.symid].name(d.device)}" for d in disks]

    def _use(self, what: str, disks: list[Disk]) -> None:
        """On record: the host uses disks from now on, and the states of the copies on them."""
        found: dict[str, str] = {}
        for disk in disks:
            array = self.world.arrays[disk.symid]
            sessions = [s for s in array.sessions_of(disk.device) if s.target is disk.device]
            found |= array.snapshot([(s.source.number, s.target.number) for s in sessions])
        self.world.journal.event("use", host=self.name, use=what, devices=self._keys(disks), states=found)

    def _release(self, what: str, disks: list[Disk]) -> None:
        self.world.journal.event("release", host=self.name, use=what, devices=self._keys(disks))

    def attach(self, device: str, directory: str, fs: str, options: str) -> None:
        """Mount: the caller has looked whether that works."""
        self.mounts.append(Mount(device, directory, fs, options, self.clock.now()))
        vg, lv = self.volume(device) or ("", "")
        self._use(f"{device} mounted on {directory}", self.groups[vg].disks_of(lv))

    def detach(self, mount: Mount) -> None:
        """Unmount: what was written meanwhile counts as changed on the targets of the copies."""
        self.mounts.remove(mount)
        vg, lv = self.volume(mount.device) or ("", "")
        disks = self.groups[vg].disks_of(lv)
        self.cleaned(self.groups[vg], lv)
        rate = next((m.write_rate for m in self.config.mounts if m.directory == mount.directory), 0.0)
        written = rate * (self.clock.now() - mount.since) / len(disks)
        for disk in disks:
            for session in self.world.arrays[disk.symid].sessions_of(disk.device):
                if session.target is disk.device and written:
                    session.changed_target = min(float(session.total), session.changed_target + written)
        self._release(f"{mount.device} mounted on {mount.directory}", disks)

    def paths(self, vg: VolumeGroup, lv: str) -> tuple[str, ...]:
        """Every name of a volume's device."""
        return volume_paths(self.family, vg.config.manager, vg.name, lv)

    def mounted(self, device_or_directory: str) -> Mount | None:
        """The last mount of a directory, or of a device under any of its names."""
        volume = self.volume(device_or_directory)
        for mount in reversed(self.mounts):
            if mount.directory == device_or_directory or mount.device == device_or_directory:
                return mount
            if volume and self.volume(mount.device) == volume:
                return mount
        return None

    def mounts_of(self, vg: VolumeGroup) -> list[Mount]:
        found = []
        for mount in self.mounts:
            volume = self.volume(mount.device)
            if volume and volume[0] == vg.name:
                found.append(mount)
        return found

    def users_of(self, directory: str) -> list[Process]:
        return [p for p in self.processes if (p.directory + "/").startswith(directory.rstrip("/") + "/")]

    def busy(self, mount: Mount) -> bool:
        below = [
            m
            for m in self.mounts
            if m is not mount and m.directory.startswith(mount.directory.rstrip("/") + "/")
        ]
        return bool(below or self.users_of(mount.directory))

    def uses_of(self, symid: str, number: int) -> list[str]:
        uses = []
        for vg in self.groups.values():
            if not any(d.symid == symid and d.device.number == number for d in vg.disks):
                continue
            paths = [d.path for d in vg.disks if d.symid == symid and d.device.number == number]
            uses += [f"{use.path} {use.how}" for use in self.others if use.path in paths]
            mounts = self.mounts_of(vg)
            uses += [f"{m.device} mounted on {m.directory}" for m in mounts]
            manager = vg.config.manager
            if vg.active and not mounts and manager != "slice":
                uses.append(f"volume group {vg.name} active")
            elif vg.known and manager == "vxvm" and not mounts:
                uses.append(f"disk group {vg.name} imported")
        return uses

    # processes and applications

    def occupy(self, directory: str, name: str = "sleep") -> int:
        """Let a process use a directory, for tests. Returns its pid."""
        process = Process(self.next_pid(), name, directory)
        self.processes.append(process)
        return process.pid

    def use_disk(self, path: str, how: str | None) -> None:
        """Let somebody else use a disk, for tests; None ends that."""
        if how not in (None, "mounted", "open", "loop", "btrfs"):
            raise ValueError(f"a disk is not used by {how}")
        self.others = [use for use in self.others if use.path != path]
        self.others += [OtherUse(path, how)] if how else []

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

    def answers(self, address: str) -> bool:
        return any(a.up and str(a.value.ip) == address for a in self.addresses)

    # for the journal, tests and the control port

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


def unslash(path: str) -> str:
    return posixpath.normpath(path) if path.startswith("/") else path
