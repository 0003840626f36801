"""What a procedure works on: one service, and how SYMCLI is called for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from clones.config import Host, Service, Symcli, Sync
from clones.errors import ConfigError


@dataclass(frozen=True)
class Scope:
    """One service of the configuration, by its name; one with target sets is on one of them.

    :param service: it has no target sets of its own (:meth:`clones.config.Service.on`): so nothing can be
        done to, or proven of, a set that nobody has named.
    :param symcli: of its control host; what is given for all control hosts becomes that.
    :param target_set: the one that ``service`` is on; empty for a service without.
    :param whole: the service with all its target sets; by default ``service``.
    :raises ConfigError: the service has target sets, and none is named.
    """

    name: str
    service: Service
    symcli: Symcli
    target_set: str = ""
    whole: Service | None = None

    def __post_init__(self) -> None:
        if self.service.sets:
            raise ConfigError(
                f"Service {self.name} has the target sets {', '.join(self.service.sets)}, and none is named.",
                "name the set",
            )
        object.__setattr__(self, "symcli", self.symcli.on(self.service.control_host))

    @classmethod
    def of(
        cls, name: str, service: Service, symcli: Symcli, target_set: str = "", *, any_set: bool = False
    ) -> Scope:
        """A service, on one of its target sets where it has any.

        :param any_set: when none is named, it is on the first: for what is about the whole service.
        :raises ConfigError: there is no such set, or none is named where there are some.
        """
        if any_set and service.sets:
            target_set = target_set or service.sets[0]
        if not target_set:
            return cls(name, service, symcli)
        return cls(name, service.on(target_set), symcli, target_set, service)

    @classmethod
    def each_set(cls, name: str, service: Service, symcli: Symcli) -> list[Scope]:
        """A service on each of its target sets, in order; one scope for a service without."""
        return [cls.of(name, service, symcli, one) for one in service.sets or ("",)]

    def on(self, target_set: str) -> Scope:
        """The same service on another of its target sets.

        :raises ConfigError: there is no such set.
        """
        return Scope.of(self.name, self.whole or self.service, self.symcli, target_set)

    def own(self) -> Scope:
        """With only the resources that are its target set's own; itself for a service without target sets."""
        if not self.target_set or self.whole is None:
            return self
        return replace(self, service=self.whole.own_of(self.target_set))

    def shared_on(self, target_set: str) -> Service:
        """The service on one of its target sets with only what is no set's own."""
        return (self.whole or self.service).shared_on(target_set)

    @property
    def who(self) -> str:
        """How errors and plans name it, as the beginning of a sentence."""
        return f"Service {self.name}" + (f", set {self.target_set}" if self.target_set else "")

    def set_to_plain(self) -> dict[str, str]:
        """The target set as JSON; nothing for a service without."""
        return {"set": self.target_set} if self.target_set else {}

    def all_sets(self) -> list[Scope]:
        """The same service on each of its target sets, in order; itself alone for a service without."""
        return [self.on(one) for one in self.whole.sets] if self.whole else [self]

    def others(self) -> list[Scope]:
        """The same service on each other of its target sets, in order; none for a service without."""
        return [self.on(one) for one in (self.whole.sets if self.whole else ()) if one != self.target_set]

    def key(self, sync: str) -> str:
        """By what a sync's copies are kept apart by target set: ``data``, or ``data/b``."""
        return f"{sync}/{self.target_set}" if self.target_set else sync

    @property
    def control_host(self) -> str:
        """Airflow connection id of the host with SYMCLI."""
        return self.service.control_host

    @property
    def unisphere(self) -> str:
        """Airflow connection id of the server that a service of SnapVX syncs is asked of."""
        assert self.service.unisphere is not None, "only such a service asks it"
        return self.service.unisphere

    def work_dir_on(self, host: str) -> str:
        """The folder for this project's own files on a host, by its connection.

        The control host has one folder, whatever else it is: the lock puts each try's token there
        (:mod:`clones.act.lock`), and a fence that looked in another one would know of no newer try.
        """
        own = [one.work_dir for one in self._listed(host) if one.work_dir]
        return own[0] if own and host != self.control_host else self.symcli.work_dir

    def work_dir_key(self, host: str) -> str:
        """What of services.yaml says which folder that is."""
        own = host != self.control_host and self._listed(host)
        return "`work_dir` of the host" if own else "`symcli.work_dir`"

    def _listed(self, host: str) -> list[Host]:
        """What the file says of a host; nothing of one that only runs hooks."""
        service = self.whole or self.service
        hosts = (*service.hosts, *(service.production.hosts if service.production else ()))
        return [one for one in hosts if one.connection == host]

    def service_hosts(self) -> list[str]:
        """Every host on which tasks stop or start a part of the service, by connection.

        With several target sets, the hosts of all: an earlier try may have worked on another set.
        """
        service, hosts = self.service, (self.whole or self.service).hosts
        hooks = (*service.before_stop, *service.before_start, *service.after_start, *service.probes)
        return list(dict.fromkeys([*(host.connection for host in hosts), *map(service.host_of, hooks)]))

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
        return f"{self.who}, sync {sync.name}"

    def of_one_sync(self, sync: Sync) -> Scope:
        """As much of it as looking at one sync takes: thousands of them wait in one process."""
        # Nothing is proven of the targets by a look: the word `unattended` only stands for what is left out.
        service = Service(
            control_host=self.control_host,
            unisphere=self.service.unisphere,
            sync_max_delay=self.service.sync_max_delay,
            run_deadline=self.service.run_deadline,
            resources=(),
            unattended=True,
            syncs=(sync,),
        )
        return Scope(self.name, service, self.symcli, self.target_set)

    def to_plain(self) -> dict[str, object]:
        """As JSON, to hand it to a trigger; :meth:`from_plain` reads it back."""
        return {
            "name": self.name,
            "service": self.service.model_dump(mode="json", exclude_unset=True),
            "symcli": self.symcli.model_dump(mode="json", exclude_unset=True),
            **self.set_to_plain(),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Scope:
        """The scope that :meth:`to_plain` wrote."""
        return cls(
            plain["name"],
            Service.model_validate(plain["service"]),
            Symcli.model_validate(plain["symcli"]),
            plain.get("set", ""),
        )
