"""What runs on the copied disks, and where."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from clones import time_limits
from clones.become import NONE, Become
from clones.config.model import Model, Seconds
from clones.names import (
    AbsolutePath,
    BecomeWritten,
    ConnectionId,
    DiskName,
    FsDevice,
    FsType,
    InterfaceName,
    IpAddress,
    LvPrefix,
    MountOptions,
    Netmask,
    SetName,
    SyncName,
    VolumeGroupName,
    Word,
)


@lru_cache(maxsize=256)  # a site has a few
def _is_mask(netmask: str, of: str) -> bool:
    """Whether it is a mask of addresses of that kind."""
    try:
        ipaddress.ip_interface(f"{of}/{netmask}")
    except ValueError:
        return False
    return True


class IpOfSet(Model):
    """What of an address differs on one target set."""

    ipdev: InterfaceName | None = Field(
        None, description="Its interface on that set's host.", examples=["eth1"]
    )


class Ip(Model):
    """An address that the service brings up."""

    ipname: IpAddress = Field(description="The address.", examples=["192.168.32.41"])
    ipdev: InterfaceName = Field(
        description="Interface; on HP-UX and SunOS with the number of the alias (`lan900:1`, `e1000g0:1`), "
        "on AIX without.",
        examples=["lan900:1"],
    )
    netmask: Netmask = Field(
        description="`255.255.252.0` or a prefix length.", examples=["255.255.252.0", "22"]
    )
    timeout: Seconds = Field(
        time_limits.IP.seconds, description="Seconds that each of its commands may take.", examples=[60]
    )
    by_set: dict[SetName, IpOfSet] = Field(
        {},
        description="What differs on a target set, by its name; the rest is as above.",
        examples=[{"b": {"ipdev": "eth1"}}],
    )

    @model_validator(mode="after")
    def _netmask_fits(self) -> Ip:
        if not _is_mask(self.netmask, "::" if ":" in self.ipname else "0.0.0.0"):
            raise ValueError(f"netmask {self.netmask} does not go with address {self.ipname}")
        return self


class VgOfSet(Model):
    """What of a group differs on one target set."""

    name: VolumeGroupName | None = Field(None, description="Its name there.", examples=["vgCVI_b"])
    devices: tuple[DiskName, ...] | None = Field(
        None, description="Its disks there.", examples=[["/dev/mapper/mpathd"]]
    )
    map_file: AbsolutePath | None = Field(
        None, description="HP-UX: its map file there.", examples=["/var/lib/symclone/vgCVI_b.map"]
    )
    lv_prefix: LvPrefix | None = Field(None, description="AIX: its `lv_prefix` there.", examples=["fsb"])


class Vg(Model):
    """A volume group, a disk group of VxVM or a pool of ZFS on the copied disks."""

    name: VolumeGroupName = Field(
        description="The group's name, as the copy bears it on the host.", examples=["vgCVI"]
    )
    manager: Literal["lvm", "vxvm", "zfs"] = Field(
        "lvm",
        description="What manages the disks: the family's own LVM, Veritas VxVM (on every family) or ZFS (on "
        "SunOS). To be given on SunOS, which has no LVM.",
        examples=["vxvm"],
    )
    devices: tuple[DiskName, ...] = Field(
        (),
        description="The group's disks, as the host names them: `/dev/mapper/mpathb` on Linux, `hdisk4` on "
        "AIX, `/dev/rdisk/disk21` on HP-UX, `c2t0d3` in VxVM and on SunOS.",
        examples=[["/dev/mapper/mpathb", "/dev/mapper/mpathc"]],
    )
    same_host_as_source: bool = Field(
        False,
        description="The host also sees the disks that these are copies of: the copy gets identifiers, and "
        "the name, of its own before it is used. Needs `devices`.",
        examples=[True],
    )
    same_host_as_copies: bool = Field(
        False,
        description="The host also sees other copies of the same source: of a set beside another one it is "
        "so by itself. Goes with `same_host_as_source`; LVM on Linux then does not take the name alone for a "
        "sign that the copy has identifiers of its own.",
        examples=[True],
    )
    source_name: VolumeGroupName | None = Field(
        None,
        description="VxVM beside its source: the disk group's name there, which the copy bears until it is "
        "imported as `name`.",
        examples=["ppdg"],
    )
    map_file: AbsolutePath | None = Field(
        None,
        description="HP-UX: map file for vgimport and vgexport. Required there for LVM.",
        examples=["/var/lib/symclone/vgCVI.map"],
    )
    lv_prefix: LvPrefix = Field(
        "fs",
        description="AIX beside the source or another target set: what is put in front of the names of the "
        "copy's logical volumes, which are unique on a host; a name has at most 15 characters with it.",
        examples=["fsa"],
    )
    timeout: Seconds = Field(
        time_limits.VG.seconds, description="Seconds that each of its commands may take.", examples=[300]
    )
    by_set: dict[SetName, VgOfSet] = Field(
        {},
        description="What differs on a target set, by its name; the rest is as above.",
        examples=[{"b": {"name": "vgCVI_b", "devices": ["/dev/mapper/mpathd"]}}],
    )

    @model_validator(mode="after")
    def _beside_the_source(self) -> Vg:
        if len(set(self.devices)) != len(self.devices):
            raise ValueError("`devices` lists a disk twice; list each disk of the group once")
        if self.same_host_as_copies and not self.same_host_as_source:
            raise ValueError(
                "`same_host_as_copies` goes only with `same_host_as_source: true`; add that, or remove it"
            )
        if self.same_host_as_source and not self.devices:
            raise ValueError(
                "`same_host_as_source` needs `devices`: list all disks of the copy as the host names them, "
                "so that the disks of the source are never taken for them"
            )
        if self.same_host_as_source and self.manager == "zfs":
            raise ValueError(
                "ZFS cannot import a copy on a host that sees its source: both have the same identifier; use "
                "another host, and remove `same_host_as_source`"
            )
        needs_source_name = self.same_host_as_source and self.manager == "vxvm"
        if needs_source_name and self.source_name in (None, self.name):
            raise ValueError(
                "a disk group of VxVM beside its source needs `source_name`, the name of the source's disk "
                "group, and another one as its own `name`"
            )
        if self.source_name is not None and not needs_source_name and not self.by_set:
            raise ValueError(
                "`source_name` goes only with `manager: vxvm` and `same_host_as_source: true`; remove it"
            )
        return self


class FsOfSet(Model):
    """What of a file system differs on one target set."""

    dev: FsDevice | None = Field(None, description="Its device there.", examples=["/dev/vgCVI_b/lv_CVI"])
    mnt_opt: MountOptions | None = Field(
        None, description="Its mount options there: the log's device on AIX.", examples=["log=/dev/fsbloglv"]
    )


class Fs(Model):
    """A file system on the copied disks."""

    dev: FsDevice = Field(
        description="Block device; of ZFS the file system's name (`pppool/data`).",
        examples=["/dev/vgCVI/lv_CVI", "pppool/data"],
    )
    mnt: AbsolutePath = Field(description="Mount point.", examples=["/aaststcvi"])
    type: FsType = Field(description="Type of the file system.", examples=["vxfs", "ext4"])
    mnt_opt: MountOptions | None = Field(None, description="Mount options.", examples=["noatime,ro"])
    kill: bool = Field(
        False,
        description="true: whatever still uses the file system when it is to be unmounted is killed "
        "(`fuser -k`). false: the unmount fails, and nobody is harmed.",
        examples=[True],
    )
    timeout: Seconds = Field(
        time_limits.FS.seconds, description="Seconds for each of check, mount and unmount.", examples=[900]
    )
    by_set: dict[SetName, FsOfSet] = Field(
        {},
        description="What differs on a target set, by its name; the rest is as above.",
        examples=[{"b": {"dev": "/dev/vgCVI_b/lv_CVI"}}],
    )

    @model_validator(mode="after")
    def _device_of_that_type(self) -> Fs:
        if (self.type == "zfs") == self.dev.startswith("/"):
            raise ValueError(
                "`dev` of a `type: zfs` is a name like pppool/data; of any other type it is a device's path"
            )
        return self


def _beside_its_twin(fs: Fs, mnt_opt: str | None) -> dict[str, str]:
    """What a file system needs where another copy of it, with the same identifier, is seen.

    :raises ValueError: its type cannot be there.
    """
    if fs.type == "btrfs":
        raise ValueError(
            "the kernel takes two copies of one btrfs for one file system, for both have one identifier; "
            "give each set a host of its own (`sets` of the hosts)"
        )
    if fs.type == "xfs" and "nouuid" not in (mnt_opt or "").split(","):
        return {"mnt_opt": f"{mnt_opt},nouuid" if mnt_opt else "nouuid"}
    return {}


class FsByDevice(Fs):
    """A file system of one target set, and of that alone: it is in use where its device is mounted, anywhere.

    What else is mounted on `mnt` is none of it: another set's device is mounted there while the service runs
    on that one. Nobody configures this; :meth:`clones.config.Service.own_of` makes it.
    """


def _down_codes(codes: tuple[int, ...]) -> tuple[int, ...]:
    for code in codes:
        if not 1 <= code <= 125:
            raise ValueError(
                f"{code} never means down: 0 is up, and 126 and above come from the shell or SSH"
            )
    return codes


_Code = Annotated[int, Field(json_schema_extra={"minimum": 1, "maximum": 125})]
DownExitCodes = Annotated[tuple[_Code, ...], AfterValidator(_down_codes)]


class App(Model):
    """An application, by its own commands (each a list of words, run without a shell)."""

    name: SyncName = Field(description="How logs and errors name it.", examples=["pp"])
    start: tuple[Word, ...] = Field(
        min_length=1,
        description="Starts it. Exit code 0: it is started.",
        examples=[["/opt/pp/bin/ppctl", "start"]],
    )
    stop: tuple[Word, ...] = Field(
        min_length=1,
        description="Stops it. Exit code 0: it is stopped.",
        examples=[["/opt/pp/bin/ppctl", "stop"]],
    )
    check: tuple[Word, ...] = Field(
        min_length=1, description="Exit code 0: it runs.", examples=[["/opt/pp/bin/ppctl", "status"]]
    )
    down_exit_codes: DownExitCodes = Field(
        (1, 3),
        description="Exit codes of `check` that mean: it does not run. Any other is unknown.",
        examples=[[3]],
    )
    become: bool = Field(
        False,
        description="Run its commands through the host's `become`; false: the SSH account runs them.",
        examples=[True],
    )
    timeout: Seconds = Field(
        time_limits.APP.seconds, description="Seconds that each of its commands may take.", examples=[1200]
    )


class CommandOfSet(Model):
    """What of a command differs on one target set."""

    start: tuple[Word, ...] | None = Field(
        None, description="Brings it up there.", examples=[["/opt/site/bin/raw", "bind", "b"]]
    )
    stop: tuple[Word, ...] | None = Field(
        None, description="Takes it down there.", examples=[["/opt/site/bin/raw", "release", "b"]]
    )
    probe: tuple[Word, ...] | None = Field(
        None,
        description="Read-only. Exit code 0: it is up there.",
        examples=[["/opt/site/bin/raw", "show", "b"]],
    )


class Command(Model):
    """Anything else that lies on the copied disks, by the site's own commands (run without a shell)."""

    name: SyncName = Field(description="How logs and errors name it.", examples=["raw_devices"])
    start: tuple[Word, ...] = Field(
        min_length=1, description="Brings it up.", examples=[["/opt/site/bin/raw", "bind"]]
    )
    stop: tuple[Word, ...] = Field(
        min_length=1, description="Takes it down.", examples=[["/opt/site/bin/raw", "release"]]
    )
    probe: tuple[Word, ...] = Field(
        min_length=1,
        description="Read-only. Exit code 0: it is up.",
        examples=[["/opt/site/bin/raw", "show"]],
    )
    down_exit_codes: DownExitCodes = Field(
        (1, 3),
        description="Exit codes of `probe` that mean: it is down. Any other is unknown.",
        examples=[[1]],
    )
    become: bool = Field(
        False,
        description="Run the three through the host's `become`; false: the SSH account runs them.",
        examples=[True],
    )
    timeout: Seconds = Field(
        time_limits.COMMAND.seconds, description="Seconds for each of the three.", examples=[120]
    )
    by_set: dict[SetName, CommandOfSet] = Field(
        {},
        description="What differs on a target set, by its name; the rest is as above.",
        examples=[{"b": {"probe": ["/opt/site/bin/raw", "show", "b"]}}],
    )


Resource = Ip | Vg | Fs | App | Command


class ResourceEntry(Model):
    """One resource: exactly one of the kinds, as the only key."""

    ip: Ip | None = Field(
        None,
        description="An address.",
        examples=[{"ipname": "192.168.32.41", "ipdev": "lan900:1", "netmask": "255.255.252.0"}],
    )
    vg: Vg | None = Field(
        None,
        description="A volume group, a disk group or a pool.",
        examples=[{"name": "vgCVI", "map_file": "/var/lib/symclone/vgCVI.map"}],
    )
    fs: Fs | None = Field(
        None,
        description="A file system.",
        examples=[{"dev": "/dev/vgCVI/lv_CVI", "mnt": "/aaststcvi", "type": "vxfs"}],
    )
    app: App | None = Field(
        None,
        description="An application.",
        examples=[
            {
                "name": "pp",
                "start": ["/opt/pp/bin/ppctl", "start"],
                "stop": ["/opt/pp/bin/ppctl", "stop"],
                "check": ["/opt/pp/bin/ppctl", "status"],
            }
        ],
    )
    command: Command | None = Field(
        None,
        description="Anything else, by commands of the site.",
        examples=[
            {
                "name": "raw_devices",
                "start": ["/opt/site/bin/raw", "bind"],
                "stop": ["/opt/site/bin/raw", "release"],
                "probe": ["/opt/site/bin/raw", "show"],
            }
        ],
    )

    @model_validator(mode="after")
    def _one_kind(self) -> ResourceEntry:
        if len(self.model_fields_set) != 1 or self.resource is None:
            raise ValueError("a resource has exactly one key: `ip`, `vg`, `fs`, `app` or `command`")
        return self

    def on(self, target_set: str, *, apart: bool = False) -> ResourceEntry:
        """This resource as it is on one target set.

        :param apart: its hosts see the disks of another set too, which bear the same identifiers: a group of
            LVM gets its own, as beside its source.
        :raises ValueError: what is given for the set does not go with the rest.
        """
        resource = self.resource
        if resource is None or isinstance(resource, App) or not resource.by_set:
            return self
        (kind,) = self.model_fields_set
        common = resource.model_dump(exclude_unset=True, exclude={"by_set"})
        own = resource.by_set.get(target_set)
        differs = own.model_dump(exclude_none=True) if own else {}
        if apart and isinstance(resource, Vg):
            differs |= {"same_host_as_source": True, "same_host_as_copies": True}
        if apart and isinstance(resource, Fs):
            differs |= _beside_its_twin(resource, differs.get("mnt_opt", resource.mnt_opt))
        return ResourceEntry.model_validate({kind: {**common, **differs}})

    def own(self) -> ResourceEntry:
        """This resource as what proves its own disks unused: a file system by its device alone."""
        if self.fs is None:
            return self
        return self.model_copy(
            update={"fs": FsByDevice.model_validate(self.fs.model_dump(exclude_unset=True))}
        )

    @property
    def by_set(self) -> frozenset[str]:
        """The target sets of which it says that they differ."""
        resource = self.resource
        return frozenset() if resource is None or isinstance(resource, App) else frozenset(resource.by_set)

    @property
    def resource(self) -> Resource | None:
        return self.ip or self.vg or self.fs or self.app or self.command


class Host(Model):
    """A host on which the copied disks are used."""

    connection: ConnectionId = Field(description="Airflow connection (SSH).", examples=["aastmphpux"])
    family: Literal["hpux", "linux", "aix", "sunos"] = Field(
        description="Decides the commands that are sent.", examples=["hpux"]
    )
    become: BecomeWritten = Field(
        NONE,
        description="How the SSH account runs on this host what only root may: `none` (it is root, or needs "
        "not be), `sudo`, `doas`, `pfexec` (SunOS) or `pbrun`, or the absolute path of that program.",
        examples=["sudo"],
    )
    work_dir: AbsolutePath | None = Field(
        None,
        description="Folder on this host for the tokens that block earlier tries, writable by the SSH "
        "account; by default the `work_dir` of its service's control host (`symcli.work_dir`). A control "
        "host has no other one than that of its locks.",
        examples=["/var/tmp/symclone"],
    )
    sets: tuple[SetName, ...] = Field(
        (),
        description="The target sets on which the service runs here; by default all. A family that "
        "cannot have two sets on one host needs a host for each.",
        examples=[["a"]],
    )

    @property
    def root(self) -> Become:
        """What stands before a command that only root may run here."""
        return Become.read(self.become)


class DownCheck(Model):
    """A command that says whether the copies are still in use somewhere, above all on servers of others."""

    name: SyncName = Field(description="How logs and errors name it.", examples=["reports"])
    connection: ConnectionId = Field(
        description="Airflow connection (SSH) of the host that runs it.", examples=["rep1"]
    )
    command: tuple[Word, ...] = Field(
        min_length=1,
        description="A list of words, run without a shell; it must be read-only. Exit code 0: the copies "
        "are not in use there; 1: they are; any other: it gave no clear answer, and the run goes no "
        "further.",
        examples=[["/opt/site/bin/unused", "reports"]],
    )
    become: BecomeWritten = Field(
        NONE,
        description="How that host runs it as root, as `become` of a host; none: the account does.",
        examples=["sudo"],
    )
    timeout: Seconds = Field(
        time_limits.DOWN_CHECK.seconds, description="Seconds it may take in all.", examples=[30]
    )
    sets: tuple[SetName, ...] = Field(
        (),
        description="The target sets of which it tells whether they are in use there. Required where the "
        "service has target sets.",
        examples=[["a", "b"]],
    )


class Production(Model):
    """What uses the source disks. A merge-back overwrites these: all of it must say that it is down."""

    hosts: tuple[Host, ...] = Field(
        min_length=1,
        description="Every host that may use the source disks; nothing is stopped there.",
        examples=[[{"connection": "oraprod", "family": "hpux"}]],
    )
    resources: tuple[ResourceEntry, ...] = Field(
        min_length=1,
        description="What runs on the source disks; only probed, never started or stopped.",
        examples=[[{"fs": {"dev": "/dev/vgPROD/lv_CVI", "mnt": "/aaprdcvi", "type": "vxfs"}}]],
    )

    @model_validator(mode="after")
    def _the_source_itself(self) -> Production:
        if any(entry.by_set for entry in self.resources) or any(host.sets for host in self.hosts):
            raise ValueError(
                "`production` is the original, and has no target sets: remove `by_set` and `sets`"
            )
        for entry in self.resources:
            if entry.vg and entry.vg.same_host_as_source:
                raise ValueError(
                    f"vg {entry.vg.name} of `production` is the source itself: remove `same_host_as_source`"
                )
        return self
