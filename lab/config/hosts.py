"""What the YAML says of a host: addresses, volume groups, mounts, applications, files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lab.config.real import RealHostConfig
from lab.config.rights import GateConfig, RightsConfig
from lab.strict import DeviceName, Name, Strict, Symid
from lab.volumes import Manager, volume_paths


class InterfaceConfig(Strict):
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*[0-9]$")]
    address: str | None = Field(default=None, description="the host's own address, CIDR form")


class DiskConfig(Strict):
    array: Symid
    device: DeviceName
    path: str | None = Field(default=None, description="how the host calls it")


class LogicalVolumeConfig(Strict):
    """`devices` are the disks of its group that it lies on, none for all of them. `after` are volumes of
    this host whose point in time its own must not be before. `mountpoint` is a ZFS data set's."""

    name: Name
    fs: str
    megabytes: int = Field(default=1024, gt=0)
    devices: list[DeviceName] = Field(default_factory=list)
    after: list[str] = Field(default_factory=list)
    mountpoint: Annotated[str, StringConstraints(pattern=r"^/")] | None = None


class VolumeGroupConfig(Strict):
    """A volume group, a VxVM disk group, a ZFS pool, or (`slice`) disks that are used as they are.

    `copy_of` is another group whose copy it is, of this host, or of another one where the host has several
    copies of it; then it is described as it is once it was given identifiers of its own; with the name of its
    source it has none at first. `clones_refused`:
    VxVM imports disks of a copy only when it is told that they are.
    `write_protected`: its disks can be read only.
    """

    name: Name
    manager: Manager = "lvm"
    copy_of: Name | None = None
    clones_refused: bool = False
    write_protected: bool = False
    devices: list[DiskConfig]
    map_file: str | None = None
    active: bool = True
    imported: bool = True
    logical_volumes: list[LogicalVolumeConfig]


class MountConfig(Strict):
    device: str
    directory: Annotated[str, StringConstraints(pattern=r"^/")]
    mounted: bool = True
    options: str | None = None
    write_rate: float = Field(default=0, ge=0, description="tracks a second, written while it is mounted")


class AddressConfig(Strict):
    interface: str
    address: str
    up: bool = True


class AppConfig(Strict):
    name: Name
    command: str | None = None
    unit: str | None = None
    running: bool = True
    uses: list[str] = Field(default_factory=list, description="mount points that it keeps busy while it runs")


class HostConfig(Strict):
    name: Name
    connection_id: Name
    family: Literal["control", "hpux", "linux", "aix", "sunos"]
    login: Name = "root"
    timezone: str = "UTC"
    clock_skew: float = Field(default=0, description="seconds that the host's clock is ahead of the lab's")
    arrays: list[Symid] = Field(default_factory=list)
    interfaces: list[InterfaceConfig] = Field(default_factory=list)
    addresses: list[AddressConfig] = Field(default_factory=list)
    volume_groups: list[VolumeGroupConfig] = Field(default_factory=list)
    mounts: list[MountConfig] = Field(default_factory=list)
    apps: list[AppConfig] = Field(default_factory=list)
    files: dict[str, str] = Field(default_factory=dict)
    refuse_connections: bool = False
    real: RealHostConfig | None = Field(default=None, description="it is this machine, behind a real sshd")
    rights: RightsConfig | None = Field(
        default=None, description="the account is not root and may do only what it may; none: it may do all"
    )
    gate: GateConfig | None = Field(default=None, description="what stands before its shell")

    @model_validator(mode="after")
    def _ordinary(self) -> HostConfig:
        if self.rights and self.login == "root":
            raise ValueError(f"host {self.name}: rights are of an account that is not root: give its login")
        if self.real and (self.rights or self.gate):
            raise ValueError(f"host {self.name}: a real host has its own rights and gate")
        return self


def check_group(
    host: HostConfig, vg: VolumeGroupConfig, arrays: dict[str, set[int]], groups: list[VolumeGroupConfig]
) -> None:
    """:raises ValueError: a group is not one that the host's family can have, of devices that are there.

    :param arrays: the device numbers of each array.
    :param groups: those of all hosts.
    """
    where = f"host {host.name}, {vg.name}"
    own = {int(d.device, 16) for d in vg.devices}
    if vg.copy_of is not None and not any(g.name == vg.copy_of and g is not vg for g in groups):
        raise ValueError(f"{where}: copy_of {vg.copy_of}: no such volume group on any host")
    for disk in vg.devices:
        if int(disk.device, 16) not in arrays.get(disk.array, set()):
            raise ValueError(f"{where}: no device {disk.device} in array {disk.array}")
    if host.family == "hpux" and vg.manager == "lvm" and not vg.map_file:
        raise ValueError(f"{where}: an HP-UX volume group needs map_file")
    if vg.manager in ("zpool", "slice") and host.family != "sunos":
        raise ValueError(f"{where}: {vg.manager} is for the sunos family")
    if vg.manager == "lvm" and host.family == "sunos":
        raise ValueError(f"{where}: the sunos family has no lvm; manager: zpool, slice or vxvm")
    for lv in vg.logical_volumes:
        for device in lv.devices:
            if int(device, 16) not in own:
                raise ValueError(f"{where}, {lv.name}: device {device} is not one of the group's")


def check_mounts(host: HostConfig) -> None:
    """:raises ValueError: a mount or an address is of a volume or an interface that is not there."""
    active: dict[str, bool] = {}
    for vg in host.volume_groups:
        for lv in vg.logical_volumes:
            path = volume_paths(host.family, vg.manager, vg.name, lv.name)[0]
            if path in active:
                raise ValueError(f"host {host.name}: two volumes are {path}")
            active[path] = vg.active
    for group in host.volume_groups:
        for lv in group.logical_volumes:
            for other in lv.after:
                if other not in active:
                    raise ValueError(f"host {host.name}, {lv.name}: after {other}: no such logical volume")
    for mount in host.mounts:
        if mount.device not in active:
            raise ValueError(f"host {host.name}: mount of {mount.device}: no such logical volume")
        if mount.mounted and not active[mount.device]:
            raise ValueError(
                f"host {host.name}: {mount.device} is mounted but its volume group is not active"
            )
    interfaces = {i.name for i in host.interfaces}
    for address in host.addresses:
        if address.interface.split(":")[0] not in interfaces:
            raise ValueError(f"host {host.name}: address {address.address}: no interface {address.interface}")
