"""The YAML that declares arrays, sessions, hosts and faults, checked before anything starts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from lab.config.arrays import ArrayConfig
from lab.config.faults import FaultConfig, RandomFaultConfig
from lab.config.hosts import HostConfig, check_group, check_mounts
from lab.config.unisphere import UnisphereConfig
from lab.strict import Strict

# The same safe subset of YAML; the one in C reads 10,000 devices in a fraction of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEMO = Path(__file__).parent.with_name("demo.yaml")


class ConfigError(ValueError):
    """The lab's YAML can not be used; the text says where and why."""


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
    unispheres: list[UnisphereConfig] = Field(default_factory=list)
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
        reached: list[HostConfig | UnisphereConfig] = [*self.hosts, *self.unispheres]
        for what in ("name", "connection_id"):
            if len({getattr(one, what) for one in reached}) != len(reached):
                raise ValueError(f"two hosts have the same {what}")
        for unisphere in self.unispheres:
            for symid in [*unisphere.arrays, *unisphere.remote_arrays]:
                if symid not in arrays:
                    raise ValueError(f"unisphere {unisphere.name}: no array {symid}")
        volume_groups = [vg for host in self.hosts for vg in host.volume_groups]
        for host in self.hosts:
            for symid in host.arrays:
                if symid not in arrays:
                    raise ValueError(f"host {host.name}: no array {symid}")
            if host.real:
                real = {a.symid: arrays[a.symid] for a in self.arrays if a.real}
                host.real.check(host.name, real, host.files)
            for vg in host.volume_groups:
                check_group(host, vg, arrays, volume_groups)
            check_mounts(host)
        self._fault_hosts()
        return self

    def _fault_hosts(self) -> None:
        reached: list[HostConfig | UnisphereConfig] = [*self.hosts, *self.unispheres]
        known = {n for one in reached for n in (one.name, one.connection_id)}
        for fault in [*self.faults, *(r.fault for r in self.random_faults)]:
            for name in (fault.host, fault.on):
                if name is not None and name not in known:
                    raise ValueError(f"fault {fault.kind}: no host {name}")


@lru_cache(maxsize=4)
def read_yaml(text: str) -> Any:
    """What it says, the same object each time for the same text: nobody may change it.

    :raises yaml.YAMLError: it is no YAML.
    """
    return yaml.load(text, Loader=_LOADER)


def load(source: str | Path | dict[str, Any] | LabConfig | None = None) -> LabConfig:
    """Read and check a configuration: a path, its contents, or None for the demo's."""
    if isinstance(source, LabConfig):
        return source
    where = "configuration"
    if source is None or isinstance(source, str | Path):
        where = str(source or DEMO)
        try:
            raw = read_yaml(Path(source or DEMO).read_text(encoding="utf-8"))
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
