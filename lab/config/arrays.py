"""What the YAML says of an array: devices, groups, sessions, and what is assumed of it (switches)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lab import states
from lab.config.snapvx import LinkConfig, SnapshotConfig, SnapvxSwitches, WritesConfig
from lab.strict import DeviceName, Name, Strict, Symid

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
    snapvx: SnapvxSwitches = Field(default_factory=SnapvxSwitches)
    snapshots: list[SnapshotConfig] = Field(default_factory=list)
    links: list[LinkConfig] = Field(default_factory=list)
    writes: list[WritesConfig] = Field(default_factory=list)

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
        self._snapshots(known, targets)
        return self

    def _snapshots(self, known: dict[int, DeviceConfig], targets: set[int]) -> None:
        groups = {g.name: [int(d, 16) for d in g.devices] for g in self.storage_groups}
        if self.real and (self.snapshots or self.links):
            raise ValueError(f"array {self.symid}: a real array has no snapshots")
        for snapshot in self.snapshots:
            if not groups.get(snapshot.group):
                raise ValueError(f"snapshot {snapshot.name}: no storage group {snapshot.group} with devices")
        for write in self.writes:
            if int(write.device, 16) not in known:
                raise ValueError(f"writes: no device {write.device} in array {self.symid}")
        for link in self.links:
            where = f"link {link.group} > {link.target}"
            if (link.group, link.snapshot) not in {(s.group, s.name) for s in self.snapshots}:
                raise ValueError(f"{where}: group {link.group} has no snapshot {link.snapshot}")
            pairs = list(zip(groups[link.group], groups.get(link.target, []), strict=False))
            if not len(pairs) == len(groups[link.group]) == len(groups.get(link.target, [])):
                raise ValueError(f"{where}: the groups do not have as many devices as each other")
            for source, target in pairs:
                if known[target].megabytes < known[source].megabytes:
                    raise ValueError(f"{where}: target {target:05X} is smaller than {source:05X}")
                if target in targets:
                    raise ValueError(f"{where}: target {target:05X} is a target already")
                targets.add(target)
