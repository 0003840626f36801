"""How a host uses the disks of its volume groups: activated, mounted, or unseen by its own tables.

What it begins and ends to use is put on record, with the states of the copies on those disks.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from lab.config.hosts import HostConfig
from lab.hosts import beside, torn
from lab.hosts.volume_groups import Disk, StorageHost, VolumeGroup
from lab.world import World


@dataclass
class Mount:
    device: str
    directory: str
    fs: str
    options: str
    since: float


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


class MountingHost(StorageHost):
    """Activates volume groups and mounts their file systems."""

    def __init__(self, config: HostConfig, world: World) -> None:
        super().__init__(config, world)
        for group in self.groups.values():
            if group.known and group.config.copy_of != group.name:
                beside.renew(self, group)
            for lv in group.volumes:
                self.cleaned(group, lv)
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

    def default_options(self, fs: str) -> str:
        return "rw"

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
            pairs = [(s.source.number, s.target.number) for s in array.copies_on(disk.device)]
            found |= {array.key(pair): array.state_of_copy(pair) for pair in pairs}
        self.world.journal.event("use", host=self.name, use=what, devices=self._keys(disks), states=found)

    def _release(self, what: str, disks: list[Disk]) -> None:
        self.world.journal.event("release", host=self.name, use=what, devices=self._keys(disks))

    def attach(self, device: str, directory: str, fs: str, options: str) -> None:
        """Mount: the caller has looked whether that works."""
        self.mounts.append(Mount(device, directory, fs, options, self.clock.now()))
        self._use(_text(self.mounts[-1]), self._disks_of(self.mounts[-1]))

    def detach(self, mount: Mount) -> None:
        """Unmount: what was written meanwhile counts as changed on the targets of the copies."""
        self.mounts.remove(mount)
        vg, lv = self.volume(mount.device) or ("", "")
        disks = self.groups[vg].disks_of(lv)
        self.cleaned(self.groups[vg], lv)
        rate = next((m.write_rate for m in self.config.mounts if m.directory == mount.directory), 0.0)
        written = rate * (self.clock.now() - mount.since) / len(disks)
        for disk in disks:
            for session in self.world.arrays[disk.symid].copies_on(disk.device):
                if written:
                    session.changed_target = min(float(session.total), session.changed_target + written)
        self._release(_text(mount), disks)

    def mounted_now(self) -> list[tuple[str, list[str]]]:
        return [(_text(mount), self._keys(self._disks_of(mount))) for mount in self.mounts]

    def _disks_of(self, mount: Mount) -> list[Disk]:
        vg, lv = self.volume(mount.device) or ("", "")
        return self.groups[vg].disks_of(lv)

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

    def use_disk(self, path: str, how: str | None) -> None:
        """Let somebody else use a disk, for tests; None ends that."""
        if how not in (None, "mounted", "open", "loop", "btrfs"):
            raise ValueError(f"a disk is not used by {how}")
        self.others = [use for use in self.others if use.path != path]
        self.others += [OtherUse(path, how)] if how else []

    def uses_of(self, symid: str, number: int) -> list[str]:
        uses = []
        for vg in self.groups.values():
            if not any(d.symid == symid and d.device.number == number for d in vg.disks):
                continue
            paths = [d.path for d in vg.disks if d.symid == symid and d.device.number == number]
            uses += [f"{use.path} {use.how}" for use in self.others if use.path in paths]
            mounts = self.mounts_of(vg)
            uses += map(_text, mounts)
            manager = vg.config.manager
            if vg.active and not mounts and manager != "slice":
                uses.append(f"volume group {vg.name} active")
            elif vg.known and manager == "vxvm" and not mounts:
                uses.append(f"disk group {vg.name} imported")
        return uses


def _text(mount: Mount) -> str:
    return f"{mount.device} mounted on {mount.directory}"


def unslash(path: str) -> str:
    return posixpath.normpath(path) if path.startswith("/") else path
