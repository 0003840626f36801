"""What runs on the copied disks, and where."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import Field, field_validator, model_validator

from clones.config.model import Model, Seconds
from clones.names import (
    AbsolutePath,
    ConnectionId,
    FsType,
    InterfaceName,
    IpAddress,
    MountOptions,
    Netmask,
    SyncName,
    VolumeGroupName,
    Word,
)


class Ip(Model):
    """An address that the service brings up."""

    ipname: IpAddress = Field(description="The address.")
    ipdev: InterfaceName = Field(description="Interface; on HP-UX with the alias number (`lan900:1`).")
    netmask: Netmask = Field(description="`255.255.252.0` or a prefix length.")
    timeout: Seconds = 30

    @model_validator(mode="after")
    def _netmask_fits(self) -> Ip:
        try:
            ipaddress.ip_interface(f"{self.ipname}/{self.netmask}")
        except ValueError:
            raise ValueError(f"netmask {self.netmask} does not go with address {self.ipname}") from None
        return self


class Vg(Model):
    """A volume group on the copied disks."""

    name: VolumeGroupName
    map_file: AbsolutePath | None = Field(
        None, description="HP-UX: map file for vgimport and vgexport. Required there."
    )
    timeout: Seconds = 180


class Fs(Model):
    """A file system on the copied disks."""

    dev: AbsolutePath = Field(description="Block device.")
    mnt: AbsolutePath = Field(description="Mount point.")
    type: FsType
    mnt_opt: MountOptions | None = Field(None, description="Mount options.")
    timeout: Seconds = Field(600, description="Seconds for each of check, mount and unmount.")


class App(Model):
    """An application, by its own commands (each a list of words, run without a shell)."""

    name: SyncName
    start: tuple[Word, ...] = Field(min_length=1)
    stop: tuple[Word, ...] = Field(min_length=1)
    check: tuple[Word, ...] = Field(min_length=1, description="Exit code 0: it runs.")
    down_exit_codes: tuple[int, ...] = Field(
        (1, 3), description="Exit codes of `check` that mean: it does not run. Any other is unknown."
    )
    timeout: Seconds = 600

    @field_validator("down_exit_codes")
    @classmethod
    def _codes_of_the_program(cls, codes: tuple[int, ...]) -> tuple[int, ...]:
        for code in codes:
            if not 1 <= code <= 125:
                raise ValueError(
                    f"{code} never means down: 0 is up, and 126 and above come from the shell or SSH"
                )
        return codes


Resource = Ip | Vg | Fs | App


class ResourceEntry(Model):
    """One resource: exactly one of the kinds, as the only key."""

    ip: Ip | None = None
    vg: Vg | None = None
    fs: Fs | None = None
    app: App | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> ResourceEntry:
        if len(self.model_fields_set) != 1 or self.resource is None:
            raise ValueError("a resource has exactly one key: `ip`, `vg`, `fs` or `app`")
        return self

    @property
    def resource(self) -> Resource | None:
        return self.ip or self.vg or self.fs or self.app


class Host(Model):
    """A host on which the copied disks are used."""

    connection: ConnectionId = Field(description="Airflow connection (SSH).")
    family: Literal["hpux", "linux"] = Field(description="Decides the commands that are sent.")


class Production(Model):
    """What uses the source disks. A merge-back overwrites these: all of it must say that it is down."""

    hosts: tuple[Host, ...] = Field(
        min_length=1, description="Every host that may use the source disks; nothing is stopped there."
    )
    resources: tuple[ResourceEntry, ...] = Field(
        min_length=1, description="What runs on the source disks; only probed, never started or stopped."
    )
