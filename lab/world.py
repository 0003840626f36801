"""Everything that is simulated, in one place: arrays, hosts, clock, journal and faults.

It knows hosts by what `AnyHost` says of them; their kinds are above it, and `lab.building` puts them in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from lab import states
from lab.array.array import Array
from lab.array.refused import Refused
from lab.array.sessions import Pair
from lab.array.snapvx import SnapVX
from lab.clock import Clock
from lab.config import LabConfig
from lab.faults import Faults
from lab.filesystem import FileSystem
from lab.journal import Journal, Record
from lab.rights.gate import Gate
from lab.shell.process import ShellProcess
from lab.shell.streams import Input, Output


class AnyHost(Protocol):
    """What the world, the servers and the operations ask of a host."""

    world: World
    name: str
    connection_id: str
    family: str
    login: str
    administrator: str
    """The account of whoever is a second administrator there."""
    refusing: bool
    """Whether it takes no new connections."""
    files: FileSystem
    gate: Gate | None
    """What judges the command lines that come in; None: nothing stands before the shell."""

    @property
    def names(self) -> tuple[str, str]:
        """The two names that faults and operations know it by."""

    def shell(
        self, record: Record, stdin: Input, stdout: Output, stderr: Output, *, interactive: bool = False
    ) -> ShellProcess:
        """The login shell of the SSH user."""

    def answers(self, address: str) -> bool:
        """Whether it has this IPv4 address up."""

    def uses_of(self, symid: str, number: int) -> list[str]:
        """What it does with a device of an array now, in words; nothing when it leaves it alone."""

    def mounted_now(self) -> list[tuple[str, list[str]]]:
        """Each mount of a volume, in words, with the devices that it lies on."""

    def addresses_up(self) -> list[str]:
        """The IPv4 addresses that it has up now."""

    def state(self) -> dict[str, str]:
        """What commands can change here, beside files and the states of copies."""

    def describe(self) -> dict[str, Any]:
        """It as plain data, for tests and the control port."""


class World:
    """`arrays` by Symmetrix id and `hosts` by name are empty at first."""

    def __init__(self, config: LabConfig, clock: Clock, journal: Journal) -> None:
        self.config = config
        self.clock = clock
        self.journal = journal
        self.faults = Faults(clock, journal)
        self.arrays: dict[str, Array] = {}
        self.hosts: dict[str, AnyHost] = {}
        self.calls: dict[str, Callable[[str], Awaitable[None]]] = {}
        """By the names of what is no host, a Unisphere: how a second administrator calls it."""

    def started(self, services: Any = None) -> None:
        """The journal's first entry: the configured pairs and groups, which a checker may allow, what is
        mounted, and on which hosts each address is up."""
        pairs: dict[str, str] = {}
        groups: dict[str, dict[str, str]] = {}
        for array in self.arrays.values():
            pairs |= {array.key(p): array.state_of_copy(p) for p in [*array.links, *array.sessions]}
            for name, members in array.groups.items():
                groups[name] = {m: array.name(member.device) for m, member in members.items()}
        uses = [
            {"host": host.name, "use": use, "devices": devices}
            for host in self.hosts.values()
            for use, devices in host.mounted_now()
        ]
        addresses: dict[str, list[str]] = {}
        for host in self.hosts.values():
            for address in host.addresses_up():
                addresses.setdefault(address, []).append(host.name)
        about = {"services": services} if services else {}
        if self.config.unispheres:
            about["snapshots"] = {a.symid: self.snapvx(a).describe() for a in self.arrays.values()}
            about["storage_groups"] = {
                a.symid: {name: [a.name(d) for d in devices] for name, devices in a.storage_groups.items()}
                for a in self.arrays.values()
            }
        self.journal.event(
            "start", speed=self.clock.speed, manual=self.clock.manual, pairs=pairs, groups=groups,
            uses=uses, addresses=addresses, **about,
        )  # fmt: skip

    def draw(self, seed: int) -> list[int]:
        """Faults by seed; the numbers of those that were set."""
        return self.faults.draw(seed, self.config.random_faults)

    def known(self, name: str) -> None:
        """:raises KeyError: neither a host nor a Unisphere has that name."""
        if name not in self.calls:
            self.host(name)

    def host(self, name: str) -> AnyHost:
        for host in self.hosts.values():
            if name in (host.name, host.connection_id):
                return host
        raise KeyError(f"no host {name!r}; one of {', '.join(self.hosts)}")

    def array(self, symid: str) -> Array:
        found = [a for s, a in self.arrays.items() if s.endswith(symid)]
        if len(found) != 1:
            raise KeyError(f"no single array {symid!r}; one of {', '.join(self.arrays)}")
        return found[0]

    def uses(self, symid: str, number: int) -> list[tuple[str, str]]:
        """(host, what it does with the device) for every host that uses it now."""
        return [(h.name, use) for h in self.hosts.values() for use in h.uses_of(symid, number)]

    def answers(self, address: str) -> bool:
        """Whether any host has the IPv4 address up."""
        return any(host.answers(address) for host in self.hosts.values())

    def spoil(self, array: Array, numbers: list[int], action: str) -> None:
        """`action` takes these devices away or changes their data: whoever uses one is corrupted."""
        for number in numbers:
            for host, use in self.uses(array.symid, number):
                self.journal.event(
                    "corruption",
                    host=host,
                    symid=array.symid,
                    device=array.name(number),
                    use=use,
                    action=action,
                )

    def snapvx(self, array: Array) -> SnapVX:
        """What can be done with the snapshots of an array."""
        return SnapVX(array, lambda numbers, action: self.spoil(array, numbers, action))

    def pair(self, array: Array, source: str, target: str) -> Pair:
        try:
            return array.device(source).number, array.device(target).number
        except Refused:
            raise KeyError(f"no device {source} or {target} in array {array.symid}") from None

    def describe(self, symid: str, source: str, target: str) -> dict[str, Any]:
        """A session as plain data: tracks are integers, times lab seconds since the epoch."""
        array = self.array(symid)
        pair = self.pair(array, source, target)
        session = array.session(pair)
        target_device = array.devices[pair[1]]
        head = {"symid": array.symid, "source": array.name(pair[0]), "target": array.name(pair[1])}
        if session is None:
            return {**head, "state": states.NONE, "target_ready": target_device.ready}
        return {
            **head,
            "state": session.state,
            "percent": session.percent,
            "total_tracks": session.total,
            "protected_tracks": session.protected_tracks,
            "changed_tracks": session.changed_tracks,
            "last_action": session.last_action,
            "point_in_time": session.point_in_time,
            "cycled": session.cycled,
            "target_ready": target_device.ready,
        }
