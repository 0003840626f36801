"""What a site configures: services, their syncs, pairs, hosts and resources.

Keys bear the predecessor's keyword where it has one. Unknown keys are errors. Reading a file, with the line
of each error, is :mod:`clones.config_file`; checks across services are :mod:`clones.config_checks`.
"""

from __future__ import annotations

import ipaddress
import zoneinfo
from collections import Counter
from typing import Annotated, Any, Literal, NoReturn

from croniter import croniter
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from clones.names import (
    AbsolutePath,
    ConnectionId,
    FsType,
    GroupName,
    HookName,
    InterfaceName,
    IpAddress,
    MountOptions,
    Netmask,
    ServiceName,
    SymId,
    SyncName,
    VolumeGroupName,
    Word,
    match_pair,
)

Seconds = Annotated[float, Field(gt=0, le=7 * 86400)]


class Model(BaseModel):
    """Strict about keys, immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Symcli(Model):
    """How SYMCLI is called on the control hosts."""

    bin: AbsolutePath = Field("/usr/symcli/bin", description="Folder of the SYMCLI programs.")
    work_dir: AbsolutePath = Field(
        "/var/tmp/symclone-airflow",
        description="Folder on the control host for locks and pair files, writable by the SSH account.",
    )
    command_timeout: Seconds = Field(
        1200,
        description="Seconds a control command may take in all; more than the 10 minutes that "
        "`-i 20 -c 30` may spend retrying while the array is locked.",
    )
    query_timeout: Seconds = Field(120, description="Seconds a status command may take in all.")
    retry_interval: int = Field(20, ge=1, le=600, description="`-i` of control commands, in seconds.")
    retry_count: int = Field(30, ge=1, le=1000, description="`-c` of control commands.")


class Hook(Model):
    """A command of the site's own, at a set place of every run."""

    name: HookName = Field(description="The last part of its task's id.")
    connection: ConnectionId | None = Field(
        None,
        description="Airflow connection (SSH) of the host that runs it: by default the first of `hosts`; "
        "around an activation required, as the source's host.",
    )
    command: tuple[Word, ...] = Field(
        min_length=1,
        description="A list of words, run without a shell; exit code 0: done. It must bear being run twice: "
        "after a lost session nobody knows whether it took effect.",
    )
    timeout: Seconds = Field(600, description="Seconds it may take in all.")
    blocking: bool = Field(
        True, description="false: its failure is a warning in the log, and the run goes on."
    )


Hooks = tuple[Hook, ...]


def _hooks_apart(place: str, hooks: Hooks) -> None:
    """Each has a task of its own, named after it."""
    names = [hook.name for hook in hooks]
    for index, name in enumerate(names):
        if name in names[:index]:
            _refuse(f"two hooks of `{place}` are named {name}; give each its own name", place, index)


def _refuse(message: str, *at: str | int) -> NoReturn:
    raise PydanticCustomError("hooks", "{message}", {"message": message, "at": at})


class Pair(Model):
    """One source device and its target, as configured: ``SOURCE:TARGET``.

    Device numbers are kept as integers; in a device group they are None unless pinned.
    """

    source: str
    target: str
    source_device: int | None = None
    target_device: int | None = None

    @property
    def label(self) -> str:
        """How logs and errors name the pair."""
        return f"{self.source} -> {self.target}"


class Sync(Model):
    """One ordered step of a service: the pairs that are recreated and activated together."""

    name: SyncName
    symid: SymId | None = Field(None, description="The array. Required when pairs are device numbers.")
    symdg: GroupName | None = Field(
        None, description="Device group on the control host. Pairs are then logical device names."
    )
    pairs: tuple[Pair, ...] = Field(
        min_length=1,
        description="`SOURCE:TARGET` each: logical names in a device group (`DEV001:CLONE001`, or pinned "
        "`DEV001=1234:CLONE001=4321`), else device numbers (`1234:4321`).",
    )
    precopy: bool = Field(
        True, description="Recreate with `-precopy`: copy changed tracks ahead of the split."
    )
    consistent: bool = Field(
        True, description="Activate with `-consistent`: all pairs at one point in time (D5)."
    )
    precopy_timeout: Seconds | None = Field(
        None,
        description="Before activating, wait up to so many seconds until the precopy has gone through all "
        "tracks once (`symclone verify -precopy -cycled`); none: activate at once.",
    )
    recreate_timeout: Seconds = Field(300, description="Seconds until all pairs must be seen prepared.")
    restore_timeout: Seconds = Field(
        86400, description="Seconds a merge-back's restore may take (used by the merge-back DAG)."
    )
    wait_for: Literal["copied", "active"] = Field(
        "copied",
        description="Start the service once all tracks are `copied`, or as soon as the pairs are `active`.",
    )
    copy_timeout: Seconds = Field(6 * 3600, description="Seconds to wait for `copied` after the activation.")
    recreate_while_copying: bool = Field(
        False, description="The array's microcode accepts recreate of a session that is CopyInProg."
    )
    before_activate: Hooks = Field(
        (),
        description="Commands on the source's host before the activation (Oracle: begin backup), in order.",
    )
    after_activate: Hooks = Field(
        (),
        description="Commands on the source's host after the activation (end backup, log switch), in order. "
        "Once a `before_activate` was begun they always run, also when the activation failed.",
    )

    @model_validator(mode="before")
    @classmethod
    def _split_pairs(cls, data: Any) -> Any:
        """Read the pairs in the form that the sync's `symdg` or `symid` calls for."""
        if not isinstance(data, dict) or not isinstance(data.get("pairs"), list | tuple):
            return data
        unknown = [key for key in data if key not in cls.model_fields]
        if unknown:  # said before the pairs, whose form would be misjudged after a misspelt `symdg`
            raise PydanticCustomError("extra_forbidden", "unknown key", {"at": (unknown[0],)})
        in_group = bool(data.get("symdg"))
        pairs: list[Any] = []
        for index, text in enumerate(data["pairs"]):
            if not isinstance(text, str):
                pairs.append(text)
                continue
            try:
                found = match_pair(text, in_group=in_group)
            except ValueError as error:
                raise PydanticCustomError(
                    "pair", "{message}", {"message": str(error), "at": ("pairs", index)}
                ) from None
            if not in_group:
                found |= {"source_device": found["source"], "target_device": found["target"]}
            for end in ("source_device", "target_device"):
                found[end] = int(found[end], 16) if found.get(end) else None  # type: ignore[arg-type, assignment]
            pairs.append(found)
        return {**data, "pairs": pairs}

    @model_validator(mode="after")
    def _one_way_to_name_pairs(self) -> Sync:
        if self.symid is None and self.symdg is None:
            raise ValueError("give `symdg` (pairs are logical names) or `symid` (pairs are device numbers)")
        return self

    @model_validator(mode="after")
    def _hooks_on_the_sources_host(self) -> Sync:
        for place, hooks in (
            ("before_activate", self.before_activate),
            ("after_activate", self.after_activate),
        ):
            _hooks_apart(place, hooks)
            for index, hook in enumerate(hooks):
                if hook.connection is None:
                    _refuse(f"hook {hook.name} needs `connection`: the source's host", place, index)
        return self

    @property
    def grouped(self) -> bool:
        """Whether pairs are logical names of a device group."""
        return self.symdg is not None


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


def _no_schedule(value: Any) -> Any:
    return None if value in ("", "none") else value


def _cron(value: str) -> str:
    if not croniter.is_valid(value):
        raise ValueError(
            f"{value!r} is no schedule; write five cron fields like 30 2 * * 1-5, a preset like @daily, or "
            "none"
        )
    return value


def _zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is no time zone; write it like Europe/Paris or UTC") from None
    return value


class Service(Model):
    """A service on copied disks, or only the syncs that feed other servers."""

    description: str = Field("", max_length=200)
    control_host: ConnectionId = Field(description="Airflow connection (SSH) of the host with SYMCLI.")
    schedule: Annotated[Annotated[str, AfterValidator(_cron)] | None, BeforeValidator(_no_schedule)] = Field(
        None, description="Cron expression of the scheduled refresh, or none."
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field("UTC", description="Time zone of the schedule.")
    sync_max_delay: Annotated[int, Field(gt=0)] = Field(
        description="Minutes after which a copy is too old (status `warn`)."
    )
    hosts: tuple[Host, ...] = Field(
        (), description="Where the service may run: started on the first, proven down on all."
    )
    resources: tuple[ResourceEntry, ...] = Field(
        description="In the order in which they are started. `[]` for a service that only has syncs."
    )
    unattended: bool = Field(
        False,
        description="Only with `resources: []`: nobody can prove that the targets are unused; "
        "whoever runs this service answers for it.",
    )
    syncs: tuple[Sync, ...] = Field(min_length=1, description="In the order in which they are made.")
    production: Production | None = Field(
        None,
        description="How production is proven down. With it the service gets a merge-back DAG; without it, "
        "none.",
    )
    approval_timeout: Seconds = Field(
        86400,
        description="Seconds that a merge-back or a retirement waits for the second person's approval, and "
        "that an approval is good for.",
    )
    before_stop: Hooks = Field((), description="Commands before the service is stopped, in order.")
    after_start: Hooks = Field(
        (), description="Commands after the service was started, also on its old copies, in order."
    )
    probes: Hooks = Field(
        (),
        description="Commands that try the service after its start, in order: a run is done only after them.",
    )
    restart_if_unchanged: bool = Field(
        True, description="After a failure before any copy was changed, start the service on the old copies."
    )
    overlap: bool = Field(
        True,
        description="Activate each sync as soon as the one before is active; false: only once it is copied.",
    )
    poll_interval: Seconds = Field(15, description="Seconds between two looks at a copy in progress.")
    turn_timeout: Seconds = Field(
        12 * 3600,
        description="Seconds that a run waits for its turn while another run of the service goes on.",
    )
    retries: int = Field(
        4, ge=0, le=20, description="Further tries of what may pass (locks, SSH): by default over 15 minutes."
    )
    retry_delay: Seconds = Field(60, description="Seconds before the first further try; doubled each time.")

    @model_validator(mode="after")
    def _resources_in_words(self) -> Service:
        if not self.resources and not self.unattended:
            raise ValueError(
                "`resources` is empty: a service that only drives other servers' copies must say "
                "`unattended: true`; otherwise list what runs on the copied disks"
            )
        if self.resources and self.unattended:
            raise ValueError("`unattended: true` goes only with `resources: []`; remove one of the two")
        if self.resources and not self.hosts:
            raise ValueError("`resources` need `hosts`: add the host on which they run")
        if self.production and self.unattended:
            raise ValueError(
                "`production` asks for a merge-back, before which the service must be proven down: list its "
                "`resources` instead of `unattended: true`"
            )
        if self.production:
            own = {host.connection for host in self.hosts}
            shared = [h.connection for h in self.production.hosts if h.connection in own]
            if shared and any(entry in self.resources for entry in self.production.resources):
                raise ValueError(
                    f"`production` lists a resource of the service itself on {shared[0]}, which proves "
                    "nothing about production; list what runs on the source disks"
                )
        names = Counter(sync.name for sync in self.syncs)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"two syncs are named {', '.join(sorted(twice))}; give each its own name")
        return self

    @model_validator(mode="after")
    def _hooks_have_a_place(self) -> Service:
        for place in ("before_stop", "after_start", "probes"):
            hooks: Hooks = getattr(self, place)
            if hooks and not self.resources:
                _refuse(
                    f"`{place}` needs `resources`: a service of syncs only is never stopped or started; "
                    "remove it, or use the syncs' `before_activate` and `after_activate`",
                    place,
                )
            _hooks_apart(place, hooks)
        return self

    def sync(self, name: str) -> Sync:
        """:raises ConfigError: when there is no such sync."""
        from clones.errors import ConfigError

        for sync in self.syncs:
            if sync.name == name:
                return sync
        known = ", ".join(sync.name for sync in self.syncs)
        raise ConfigError(f"There is no sync {name!r}.", f"name one of: {known}")


class Config(Model):
    """The whole of ``services.yaml``."""

    symcli: Symcli = Symcli()
    services: dict[ServiceName, Service]
