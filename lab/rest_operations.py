"""What a running lab does with its Unispheres: their ports, and the operations on them, snapshots and links.

It is the part of :class:`lab.running.Running` that knows of REST.
"""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import Any

from lab import states
from lab.array.array import Array
from lab.array.sessions import Pair
from lab.journal import Journal
from lab.server.certificates import Authority
from lab.server.exchange import Reply, Request, call_as_administrator
from lab.server.execution import second_administrator
from lab.server.https import UnisphereServer
from lab.server.unisphere_memory import MemoryUnisphere
from lab.unisphere.unisphere import Unisphere
from lab.world import World


class RestOperations:
    directory: Path
    journal: Journal
    world: World
    numbers: itertools.count[int]
    connections: dict[str, dict[str, Any]]
    host: str
    ports: bool
    unispheres: dict[str, Unisphere]
    unisphere_ports: dict[str, UnisphereServer | MemoryUnisphere]
    ca_file = ""
    """Of the certificate authority of all Unispheres; empty when there is none."""

    def _make_unispheres(self) -> None:
        self.unispheres = {u.name: Unisphere(u, self.world) for u in self.world.config.unispheres}
        self.unisphere_ports = {}
        for unisphere in self.unispheres.values():
            for name in unisphere.names:
                self.world.calls[name] = partial(call_as_administrator, unisphere)

    async def start_unispheres(self) -> None:
        """Open their ports; each is a connection from then on."""
        if not self.unispheres:
            return
        folder = self.directory / "tls"
        authority = Authority(folder, "ca")
        self.ca_file = str(authority.file.resolve())
        for number, unisphere in enumerate(self.unispheres.values(), 1):
            port: UnisphereServer | MemoryUnisphere
            if self.ports:
                other = Authority(folder, "other-ca")
                port = UnisphereServer(unisphere, authority, other, self.numbers, self.host)
            else:
                port = MemoryUnisphere(unisphere, self.numbers, number)
            self.unisphere_ports[unisphere.name] = port
            await port.start()
            user = unisphere.config.users[0]
            self.connections[unisphere.connection_id] = {
                "conn_type": "http",
                "host": self.host,
                "port": port.port,
                "login": user.login,
                "password": user.password,
                "extra": {"ca_file": self.ca_file},
            }

    async def rest(self, port: int, request: Request, number: int | None = None) -> Reply:
        """Call a Unisphere where nothing listens, in the lab's event loop.

        :param port: of the Unisphere, as its connection has it.
        :param number: of the connection, as the journal shows it; None: a new one.
        :raises KeyError: there is no such port.
        :raises OSError: as over a network; :class:`ssl.SSLCertVerificationError` is one.
        """
        for server in self.unisphere_ports.values():
            if isinstance(server, MemoryUnisphere) and server.port == port:
                return await server.call(request, number)
        raise KeyError(port)

    async def stop_unispheres(self) -> None:
        for unisphere in self.unispheres.values():
            port = self.unisphere_ports.get(unisphere.name)
            await (port or unisphere).stop()

    async def refuse_unisphere(self, name: str, refuse: bool) -> bool:
        """Close a Unisphere's port or open it again; False when none has that name."""
        for unisphere in self.unispheres.values():
            if name in unisphere.names:
                await self.unisphere_ports[unisphere.name].refuse(refuse)
                return True
        return False

    def _set(self, array: Array, *pairs: Pair) -> None:
        """On record: a test put sessions into other states, as no command did."""
        self.journal.event("set", pairs={array.key(p): array.state_of_copy(p) for p in pairs})

    # operations

    async def op_set_unisphere_switch(self, unisphere: str, name: str, value: Any) -> dict[str, Any]:
        found = self.unisphere(unisphere)
        merged = {**found.switches.model_dump(), name: value}
        found.switches = type(found.switches).model_validate(merged)
        return found.switches.model_dump()

    def unisphere(self, name: str) -> Unisphere:
        for unisphere in self.unispheres.values():
            if name in unisphere.names:
                return unisphere
        raise KeyError(f"no Unisphere {name!r}; one of {', '.join(self.unispheres)}")

    async def op_unisphere(self, unisphere: str) -> dict[str, Any]:
        return self.unisphere(unisphere).describe()

    async def op_restart_unisphere(self, unisphere: str, finish: bool = False) -> None:
        """Its jobs and pages are gone; `finish`: what jobs had begun is done all the same."""
        self.unisphere(unisphere).restart(finish=finish)

    async def op_administrator(self, on: str, run: str) -> None:
        """Let a second administrator do something: a command on a host, `METHOD PATH [BODY]` on a
        Unisphere."""
        await second_administrator(self.world, on, run)

    async def op_snapshots(self, symid: str) -> list[dict[str, Any]]:
        return self.world.snapvx(self.world.array(symid)).describe()

    async def op_set_link(
        self, symid: str, source: str, target: str, snapid: int, state: str = "Copied", group: str = ""
    ) -> None:
        """Link a pair to a snapshot, in a state, whatever was there; `group` is the target's."""
        array = self.world.array(symid)
        pair = self.world.pair(array, source, target)
        snapshot = next((s for s in array.snapshots if s.snapid == snapid), None)
        if snapshot is None:
            raise KeyError(f"no snapshot {snapid}")
        if state not in (states.COPY_IN_PROG, states.COPIED, states.LINKED, states.FAILED):
            raise ValueError(f"a link is not {state}")
        self.world.snapvx(array).put(pair, snapshot, state, group)
        self._set(array, pair)

    async def op_remove_link(self, symid: str, source: str, target: str) -> None:
        array = self.world.array(symid)
        pair = self.world.pair(array, source, target)
        self.world.snapvx(array).drop(pair)
        self._set(array, pair)

    async def op_set_group(self, symid: str, group: str, devices: list[str]) -> None:
        """Let a storage group have these devices; it is made when it is not there, and gone without any."""
        array = self.world.array(symid)
        array.storage_groups[group] = [array.device(d) for d in devices]
        if not devices:
            del array.storage_groups[group]
