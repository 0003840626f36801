"""What a procedure works on: one service, and how SYMCLI is called for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clones.config import Service, Symcli, Sync


@dataclass(frozen=True)
class Scope:
    """One service of the configuration, by its name.

    :param symcli: of its control host; what is given for all control hosts becomes that.
    """

    name: str
    service: Service
    symcli: Symcli

    def __post_init__(self) -> None:
        object.__setattr__(self, "symcli", self.symcli.on(self.service.control_host))

    @property
    def control_host(self) -> str:
        """Airflow connection id of the host with SYMCLI."""
        return self.service.control_host

    def work_dir_on(self, host: str) -> str:
        """The folder for this project's own files on a host, by its connection."""
        own = [one.work_dir for one in self.service.hosts if one.connection == host and one.work_dir]
        return own[0] if own else self.symcli.work_dir

    def service_hosts(self) -> list[str]:
        """Every host on which tasks stop or start a part of the service, by connection."""
        service = self.service
        hooks = (*service.before_stop, *service.after_start, *service.probes)
        return list(dict.fromkeys([*(h.connection for h in service.hosts), *map(service.host_of, hooks)]))

    def begins_on(self, *syncs: str) -> list[str]:
        """The hosts on which the `before_activate` of these syncs run, by connection; without one, of all."""
        service = self.service
        hooks = [
            hook for sync in service.syncs if not syncs or sync.name in syncs for hook in sync.before_activate
        ]
        return list(dict.fromkeys(map(service.host_of, hooks)))

    def fenced_hosts(self) -> list[str]:
        """Every host beside the control host on which an earlier try may still act, by connection.

        An `after_activate` needs no fence (:mod:`clones.asking.fence`).
        """
        return list(dict.fromkeys([*self.service_hosts(), *self.begins_on()]))

    def subject(self, sync: Sync) -> str:
        """How every error names it."""
        return f"Service {self.name}, sync {sync.name}"

    def of_one_sync(self, sync: Sync) -> Scope:
        """As much of it as looking at one sync takes: thousands of them wait in one process."""
        # Nothing is proven of the targets by a look: the word `unattended` only stands for what is left out.
        service = Service(
            control_host=self.control_host,
            sync_max_delay=self.service.sync_max_delay,
            resources=(),
            unattended=True,
            syncs=(sync,),
        )
        return Scope(self.name, service, self.symcli)

    def to_plain(self) -> dict[str, object]:
        """As JSON, to hand it to a trigger; :meth:`from_plain` reads it back."""
        return {
            "name": self.name,
            "service": self.service.model_dump(mode="json", exclude_unset=True),
            "symcli": self.symcli.model_dump(mode="json", exclude_unset=True),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Scope:
        """The scope that :meth:`to_plain` wrote."""
        return cls(
            plain["name"], Service.model_validate(plain["service"]), Symcli.model_validate(plain["symcli"])
        )
