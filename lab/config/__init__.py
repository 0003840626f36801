"""The YAML that declares arrays, sessions, hosts and faults, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from lab import states
from lab.config.faults import FaultConfig
from lab.config.real import RealHostConfig
from lab.strict import DeviceName, Name, Strict, Symid
from lab.volumes import Manager, volume_paths

# The same safe subset of YAML; the one in C reads 10,000 devices in a fraction of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEMO = Path(__file__).parent.with_name("demo.yaml")


class ConfigError(ValueError):
    """The lab's YAML can not be used; the text says where and why."""


State = Annotated[str, StringConstraints(pattern="^(" + "|".join(states.ALL) + ")$")]


class Switches(Strict):
    """What is assumed about a real array and could be otherwise. Seconds are lab seconds."""

    recreate_from_copyinprog: Literal["refused", "accepted"] = "refused"
    control_messages_on: Literal["stderr", "stdout"] = "stderr"
    already_active_exit: Literal[18, 1] = 18
    already_recreated_exit: Literal[18, 1] = 18
    precopy: Literal["accepted", "refused", "ignored"] = "accepted"
    terminate_leaves_target: Literal["ready", "not_ready", "not_ready_if_unfinished"] = "ready"
    terminate_restored_leaves: Literal["Split", "Copied"] = "Split"
    create_seconds: float = Field(default=0, ge=0)
    terminate_seconds: float = Field(default=0, ge=0)
    verify_codes: dict[str, int] = Field(default_factory=dict)
    clone_flag_values: Literal["Enabled/Disabled", "True/False", "X/."] = "Enabled/Disabled"
    percent_sign: bool = False
    symdg_xml_prolog: bool = False
    symdg_device_width: Literal[4, 5] | None = None
    symdg_lists_targets: bool = True
    query_legend: bool = True
    modified_tracks_counted: bool = False
    recreate_from_copyonaccess: Literal["accepted", "refused"] = "accepted"
    restore_from_copyinprog: Literal["accepted", "refused"] = "accepted"
    copyinprog_needs_symforce: bool = True
    restinprog_needs_symforce: bool = True
    concurrent_needed: bool = False
    copy_option: Literal["accepted", "refused"] = "accepted"
    whole_group_needs_tgt: bool = False
    action_abbreviations: Literal["accepted", "refused"] = "accepted"
    verb_not_seen: Literal["initiated", "executed"] = "initiated"
    not_confirmed_exit: Literal[1, 0] = 1
    no_session_exit: Literal[1, 0] = 1
    no_groups_exit: Literal[1, 0] = 1
    verify_without_flag: Literal["copied", "refused"] = "copied"
    verify_waits_for_locks: bool = False
    default_interval: float = Field(default=10, gt=0)
    last_action_zone: Literal["control_host", "utc"] = "control_host"
    verbose_capacity: bool = True

    @model_validator(mode="after")
    def _flags(self) -> Switches:
        for flag in self.verify_codes:
            if f"-{flag}" not in states.VERIFY:
                raise ValueError(f"verify_codes: unknown flag {flag!r}")
        return self


class DeviceConfig(Strict):
    device: DeviceName
    megabytes: int = Field(gt=0)
    configuration: str = "TDEV"
    identifier: Name | None = None


class MemberConfig(Strict):
    name: Name
    device: DeviceName
    kind: Literal["std", "bcv", "tgt"] = "std"


class DeviceGroupConfig(Strict):
    name: Name
    type: Literal["REGULAR", "ANY", "RDF1", "RDF2"] = "REGULAR"
    devices: list[MemberConfig] = Field(default_factory=list)


class StorageGroupConfig(Strict):
    name: Name
    devices: list[DeviceName] = Field(default_factory=list)


class SessionConfig(Strict):
    """Tracks, tracks per second, hours before the lab's start."""

    source: DeviceName
    target: DeviceName
    state: State = "Copied"
    age_hours: float = Field(default=0, ge=0)
    changed_tracks: float = Field(default=0, ge=0)
    protected_tracks: float | None = Field(default=None, ge=0)
    write_rate: float = Field(default=0, ge=0)
    working_set: float | None = Field(default=None, ge=0)
    target_write_rate: float = Field(default=0, ge=0)
    target_working_set: float | None = Field(default=None, ge=0)
    background_copy: bool = True
    differential: bool = True


class ArrayConfig(Strict):
    symid: Symid
    model: str = "VMAX-1"
    microcode: str = "5876"
    cache_megabytes: int = 24576
    track_kb: Literal[64, 128] = 64
    device_width: Literal[4, 5] = 4
    copy_rate: float = Field(gt=0, description="tracks per second, shared by all moving sessions")
    progress_spread: float = Field(
        default=0.05, ge=0, lt=1, description="how far a pair's part of it may be from the average"
    )
    switches: Switches = Field(default_factory=Switches)
    real: bool = Field(default=False, description="its devices are loop devices of this machine; needs root")
    devices: list[DeviceConfig]
    device_groups: list[DeviceGroupConfig] = Field(default_factory=list)
    storage_groups: list[StorageGroupConfig] = Field(default_factory=list)
    sessions: list[SessionConfig] = Field(default_factory=list)

    @model_validator(mode="after")
    def _references(self) -> ArrayConfig:
        known = {int(d.device, 16): d for d in self.devices}
        if len(known) != len(self.devices):
            raise ValueError(f"array {self.symid}: a device is declared twice")
        for group in self.device_groups:
            for member in group.devices:
                if int(member.device, 16) not in known:
                    raise ValueError(
                        f"device group {group.name}: no device {member.device} in array {self.symid}"
                    )
        for storage in self.storage_groups:
            for device in storage.devices:
                if int(device, 16) not in known:
                    raise ValueError(
                        f"storage group {storage.name}: no device {device} in array {self.symid}"
                    )
        targets: set[int] = set()
        for session in self.sessions:
            source, target = int(session.source, 16), int(session.target, 16)
            for number in (source, target):
                if number not in known:
                    raise ValueError(f"session {session.source} > {session.target}: no device {number:04X}")
            if known[target].megabytes < known[source].megabytes:
                raise ValueError(f"session {session.source} > {session.target}: the target is smaller")
            if target in targets:
                raise ValueError(
                    f"session {session.source} > {session.target}: the target has a session already"
                )
            targets.add(target)
        return self


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

    `copy_of` is another group of the host whose copy it is; then it is described as it is once it was given
    identifiers of its own. `clones_refused`: VxVM imports disks of a copy only when it is told that they are.
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


class RandomFaultConfig(Strict):
    """A fault that a seed may set: `draws` times, each with `probability`.

    Each that is drawn lets 0 to `within` more matching commands pass first.
    """

    fault: FaultConfig
    probability: float = Field(ge=0, le=1)
    draws: int = Field(default=1, ge=1)
    within: int = Field(default=0, ge=0)


class SshdLimits(Strict):
    """What OpenSSH's server refuses by default (documented: `MaxStartups` and `MaxSessions` of sshd_config).

    Of the connections that have not logged in yet, from the `startups`th on so many percent are dropped at
    random, rising to all of them at `most_startups`. `seed` makes the chance the same at every start.
    """

    startups: int = Field(default=10, ge=1)
    startups_percent: int = Field(default=30, ge=0, le=100)
    most_startups: int = Field(default=100, ge=1)
    sessions: int = Field(default=10, ge=1)
    seed: int = 0


class LabConfig(Strict):
    arrays: list[ArrayConfig]
    hosts: list[HostConfig]
    faults: list[FaultConfig] = Field(default_factory=list)
    random_faults: list[RandomFaultConfig] = Field(default_factory=list)
    sshd_limits: SshdLimits | None = None

    @field_validator("sshd_limits", mode="before")
    @classmethod
    def _limits(cls, value: Any) -> Any:
        # `true` is a stock sshd, `false` is none of it.
        return SshdLimits() if value is True else None if value is False else value

    @model_validator(mode="after")
    def _references(self) -> LabConfig:
        arrays = {a.symid: {int(d.device, 16) for d in a.devices} for a in self.arrays}
        if len(arrays) != len(self.arrays):
            raise ValueError("an array is declared twice")
        names = [g.name for a in self.arrays for g in a.device_groups]
        if len(set(names)) != len(names):
            raise ValueError("a device group name is used twice")
        for what in ("name", "connection_id"):
            if len({getattr(h, what) for h in self.hosts}) != len(self.hosts):
                raise ValueError(f"two hosts have the same {what}")
        for host in self.hosts:
            for symid in host.arrays:
                if symid not in arrays:
                    raise ValueError(f"host {host.name}: no array {symid}")
            if host.real:
                real = {a.symid: arrays[a.symid] for a in self.arrays if a.real}
                host.real.check(host.name, real, host.files)
            for vg in host.volume_groups:
                _check_group(host, vg, arrays)
            _check_mounts(host)
        self._fault_hosts()
        return self

    def _fault_hosts(self) -> None:
        known = {n for h in self.hosts for n in (h.name, h.connection_id)}
        for fault in [*self.faults, *(r.fault for r in self.random_faults)]:
            for name in (fault.host, fault.on):
                if name is not None and name not in known:
                    raise ValueError(f"fault {fault.kind}: no host {name}")


def _check_group(host: HostConfig, vg: VolumeGroupConfig, arrays: dict[str, set[int]]) -> None:
    where = f"host {host.name}, {vg.name}"
    own = {int(d.device, 16) for d in vg.devices}
    if vg.copy_of is not None and vg.copy_of not in {g.name for g in host.volume_groups if g is not vg}:
        raise ValueError(f"{where}: copy_of {vg.copy_of}: no such volume group on this host")
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


def _check_mounts(host: HostConfig) -> None:
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


def load(source: str | Path | dict[str, Any] | LabConfig | None = None) -> LabConfig:
    """Read and check a configuration: a path, its contents, or None for the demo's."""
    if isinstance(source, LabConfig):
        return source
    where = "configuration"
    if source is None or isinstance(source, str | Path):
        where = str(source or DEMO)
        try:
            raw = yaml.load(Path(source or DEMO).read_text(encoding="utf-8"), Loader=_LOADER)
        except OSError as error:
            raise ConfigError(f"{where}: {error.strerror}") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{where}: not YAML: {error}") from None
    else:
        raw = source
    try:
        return LabConfig.model_validate(raw)
    except ValidationError as error:
        lines = [f"{'.'.join(str(p) for p in e['loc']) or 'top level'}: {e['msg']}" for e in error.errors()]
        raise ConfigError(f"{where}:\n  " + "\n  ".join(lines)) from None
