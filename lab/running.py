"""A lab that runs: its servers, and the operations that tests and the control port have on it.

Every operation is a method named `op_...` that takes and gives plain data.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import asyncssh
import yaml

from lab.building import build
from lab.clock import Clock
from lab.config import ConfigError, LabConfig, read_yaml
from lab.hosts.host import Host
from lab.hosts.service import ServiceHost
from lab.journal import Journal
from lab.real import start as real
from lab.real.host import RealHost
from lab.real.server import RealServer
from lab.rest_operations import RestOperations
from lab.rights.gate import PROGRAM, Gate
from lab.server import keys
from lab.server.control import ControlPort
from lab.server.memory import Connection, MemoryServer
from lab.server.openssh import SshdError, SshdServer
from lab.server.openssh_socket import CommandSocket
from lab.server.ssh import LOOPBACK, HostServer
from lab.world import AnyHost


class Running(RestOperations):
    def __init__(
        self, config: LabConfig, directory: Path | None, clock: Clock, rate_factor: float = 1.0,
        host: str = LOOPBACK, services: str | Path | dict[str, Any] | None = None, sshd: bool = False,
        ports: bool = True,
    ) -> None:  # fmt: skip
        """:param directory: for the journal, keys and sockets; None: of a lab that nobody connects to.
        :param host: name or address of this machine to listen on, written into the connections.
        :param services: whom the disks are for (`lab.check`), for whoever checks the journal; a file of it,
            else the one that `LAB_SERVICES` names.
        :param sshd: let real OpenSSH servers answer instead of the lab's own.
        :param ports: False: nothing listens anywhere, whoever is in this process connects by :meth:`connect`.
        """
        if config.sshd_limits and not ports:
            raise ConfigError("sshd_limits are kept on real ports only")
        self.services = _services(services or os.environ.get("LAB_SERVICES"))
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory or Path()
        self.clock = clock
        self.journal = Journal(clock, directory / "journal.jsonl" if directory is not None else None)
        self.world = build(config, clock, self.journal, rate_factor)
        self.numbers = itertools.count(1)
        self.servers: dict[str, HostServer | SshdServer] = {}
        self._make_unispheres()
        self.socket = self._socket() if sshd else None
        self.connections: dict[str, dict[str, Any]] = {}
        self.host = host
        self.ports = ports
        self.control = ControlPort(self.operate, host)

    def _socket(self) -> CommandSocket:
        path = self.directory / "lab.sock"
        if len(str(path.resolve())) > 100:
            raise SshdError(f"{path} is too long a name for a socket: choose a shorter directory")
        return CommandSocket(self.world, path, self.numbers)

    def _server(
        self, host: AnyHost, key: asyncssh.SSHKey, public: asyncssh.SSHKey
    ) -> HostServer | SshdServer:
        if isinstance(host, RealHost):
            path, line = self.directory / "keys" / f"host_{host.name}", keys.public_line(public)
            return RealServer(host, self.directory / "sshd", path, line, None, self.host)
        if not self.ports:
            return MemoryServer(self.world, host, key, public, self.numbers, len(self.servers) + 1)
        if self.socket is None:
            return HostServer(self.world, host, key, public, self.numbers, self.host)
        path = self.directory / "keys" / f"host_{host.name}"
        line = keys.public_line(public)
        return SshdServer(host, self.directory / "sshd", path, line, self.socket.path, self.host)

    async def start(self) -> None:
        """Open every port and write connections.json, connections.env and lab.json."""
        client_path = self.directory / "keys" / "id_ed25519"
        client = keys.load_or_make(client_path, "lab client")
        public = client.convert_to_public()
        try:
            real.start(self.world, self.directory)
        except BaseException:
            await self.stop()
            raise
        if self.socket:
            await self.socket.start()
        for host in self.world.hosts.values():
            key = keys.load_or_make(self.directory / "keys" / f"host_{host.name}", f"lab host {host.name}")
            server = self._server(host, key, public)
            self.servers[host.name] = server
            try:
                await server.start()
            except BaseException:
                await self.stop()
                raise
            self.connections[host.connection_id] = {
                "conn_type": "ssh",
                "host": self.host,
                "port": server.port,
                "login": server.login if isinstance(server, SshdServer) else host.login,
                "extra": {"key_file": str(client_path.resolve()), "host_key": keys.public_line(key)},
            }
        try:
            await self.start_unispheres()
        except BaseException:
            await self.stop()
            raise
        if self.ports:
            await self.control.start()
        self._write()
        self.world.started(self.services)

    def connect(self, port: int, user: str) -> Connection:
        """Log in where nothing listens, in the lab's event loop.

        :param port: of the host, as its connection has it.
        :raises KeyError: there is no such port.
        :raises OSError, asyncssh.PermissionDenied: as a login over a network.
        """
        for server in self.servers.values():
            if isinstance(server, MemoryServer) and server.port == port:
                return server.connect(user)
        raise KeyError(port)

    def _write(self) -> None:
        (self.directory / "connections.json").write_text(json.dumps(self.connections, indent=2) + "\n")
        (self.directory / "connections.env").write_text(self.exports())
        about = {
            "control": {"host": self.host, "port": self.control.port},
            "journal": str(self.journal.path.resolve()) if self.journal.path else None,
            "pid": os.getpid(),
        }
        (self.directory / "lab.json").write_text(json.dumps(about, indent=2) + "\n")

    def exports(self) -> str:
        """Shell lines that define the Airflow connections."""
        return "".join(
            f"export AIRFLOW_CONN_{name.upper()}='{json.dumps(c)}'\n" for name, c in self.connections.items()
        )

    async def stop(self) -> None:
        await self.stop_unispheres()
        for server in self.servers.values():
            await server.stop()
        if self.socket:
            await self.socket.stop()
        await self.control.stop()
        try:
            real.stop(self.world)
        finally:
            self.journal.event("stop")
            self.journal.close()

    async def operate(self, op: str, words: dict[str, Any]) -> Any:
        """Do an operation by name. KeyError, ValueError and TypeError say what is wrong with it."""
        method = getattr(self, f"op_{op}", None)
        if method is None:
            known = sorted(n[3:] for n in dir(self) if n.startswith("op_"))
            raise ValueError(f"unknown op {op!r}; one of {', '.join(known)}")
        return await method(**words)

    # operations

    async def op_ping(self) -> dict[str, Any]:
        return {"now": self.clock.now(), "at": self.clock.iso(), "manual": self.clock.manual}

    async def op_advance(self, seconds: float) -> dict[str, Any]:
        now = await self.clock.advance(seconds)
        return {"now": now, "at": self.clock.iso(now)}

    async def op_jump(self, on: bool = True) -> bool:
        self.clock.jumping = on
        return on

    async def op_connections(self) -> dict[str, Any]:
        return self.connections

    async def op_journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Entries with a `seq` above `since`."""
        return self.journal.entries[since:]

    async def op_session(self, symid: str, source: str, target: str) -> dict[str, Any]:
        return self.world.describe(symid, source, target)

    async def op_sessions(self) -> list[dict[str, Any]]:
        return [
            self.world.describe(a.symid, a.name(s), a.name(t))
            for a in self.world.arrays.values()
            for s, t in a.sessions
        ]

    async def op_set_state(
        self, symid: str, source: str, target: str, state: str, protected: float | None = None
    ) -> dict[str, Any]:
        array = self.world.array(symid)
        pair = self.world.pair(array, source, target)
        array.put(pair, state, protected)
        self._set(array, pair)
        return self.world.describe(symid, source, target)

    async def op_set_source(self, symid: str, source: str, target: str, new_source: str) -> dict[str, Any]:
        array = self.world.array(symid)
        pair = self.world.pair(array, source, target)
        other = array.device(new_source).number
        array.resource(pair, other)
        self._set(array, pair, (other, pair[1]))
        return self.world.describe(symid, new_source, target)

    async def op_set_last_action(
        self, symid: str, source: str, target: str, age_seconds: float
    ) -> dict[str, Any]:
        array = self.world.array(symid)
        session = array.session(self.world.pair(array, source, target))
        if session is None:
            raise KeyError("no such session")
        session.last_action = self.clock.now() - age_seconds
        return self.world.describe(symid, source, target)

    async def op_set_switch(self, symid: str, name: str, value: Any) -> dict[str, Any]:
        array = self.world.array(symid)
        if name in type(array.config.snapvx).model_fields:
            snapvx = {**array.config.snapvx.model_dump(), name: value}
            array.config.snapvx = type(array.config.snapvx).model_validate(snapvx)
            self.world.snapvx(array).changed()
            return array.config.snapvx.model_dump()
        merged = {**array.switches.model_dump(), name: value}
        array.switches = type(array.switches).model_validate(merged)
        array.config.switches = array.switches
        return array.switches.model_dump()

    async def op_set_rate(self, symid: str, tracks_per_second: float) -> dict[str, Any]:
        array = self.world.array(symid)
        array.settle()
        array.rate = tracks_per_second
        return {"symid": array.symid, "rate": array.rate}

    async def op_remove_session(self, symid: str, source: str, target: str) -> dict[str, Any]:
        array = self.world.array(symid)
        pair = self.world.pair(array, source, target)
        array.remove(pair)
        self._set(array, pair)
        return self.world.describe(symid, source, target)

    async def op_fault(self, **words: Any) -> int:
        for name in ("host", "on"):
            if words.get(name) is not None:
                self.world.known(words[name])
        return self.world.faults.add(**words)

    async def op_draw(self, seed: int) -> list[int]:
        """Set what the seed picks of the configuration's `random_faults`; gives the faults' numbers."""
        return self.world.draw(seed)

    async def op_faults(self) -> list[dict[str, Any]]:
        return self.world.faults.describe()

    async def op_clear_faults(self, id: int | None = None) -> bool:
        self.world.faults.clear(id)
        return True

    async def op_note(self, note: str, **words: Any) -> int:
        """Write a note into the journal (`lab.check` says which it reads); gives its line."""
        if {"event", "seq", "at", "wall", "actor"} & set(words):
            raise ValueError("a note has no event, seq, at, wall or actor of its own")
        return int(self.journal.event("note", note=note, **words)["seq"])

    async def op_refuse_connections(self, host: str, refuse: bool = True) -> bool:
        if await self.refuse_unisphere(host, refuse):
            return refuse
        await self.servers[self.world.host(host).name].refuse(refuse)
        return refuse

    async def op_host(self, host: str) -> dict[str, Any]:
        return self.world.host(host).describe()

    async def op_occupy(self, host: str, directory: str, name: str = "sleep") -> int:
        """Let a process use a directory of a service host; gives its pid."""
        found = self.world.host(host)
        if not isinstance(found, ServiceHost):
            raise ValueError(f"{host} is no service host")
        return found.occupy(directory, name)

    async def op_use_disk(self, host: str, path: str, how: str | None) -> None:
        """Let somebody else use a disk of a service host (`lab.hosts.mounts.OtherUse`); None ends that."""
        found = self.world.host(host)
        if not isinstance(found, ServiceHost):
            raise ValueError(f"{host} is no service host")
        found.use_disk(path, how)

    async def op_release(self, host: str, pid: int) -> bool:
        found = self.world.host(host)
        if isinstance(found, ServiceHost):
            found.kill([p for p in found.processes if p.pid == pid])
        return True

    async def op_write_file(self, host: str, path: str, text: str) -> bool:
        found = self.world.host(host)
        found.files.put(path, text, found.login)
        return True

    async def op_rights(self, host: str, **texts: str) -> None:
        """Put other rule files of `sudo`, `doas`, `pfexec` or `pbrun` in place; it must have rights."""
        self._simulated(host).account.change(**texts)

    async def op_gate(self, host: str, policy: str | None) -> None:
        """Put a gate with that policy before its shell, or take it away (None)."""
        found = self._simulated(host)
        found.gate = Gate(policy, found.gate.program if found.gate else PROGRAM) if policy else None

    def _simulated(self, host: str) -> Host:
        found = self.world.host(host)
        if not isinstance(found, Host) or isinstance(found, RealHost):
            raise ValueError(f"{host} is no simulated host")
        return found

    async def op_remove_file(self, host: str, path: str) -> bool:
        """Remove a file or a directory with what is in it."""
        self.world.host(host).files.remove_tree(path, "root")
        return True


def _services(given: str | Path | dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None or given == "":
        return None
    if isinstance(given, str | Path):
        try:
            given = read_yaml(Path(given).read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"services: {error}") from None
    if not isinstance(given, dict):
        raise ConfigError("services: expected a mapping of names to services")
    return dict(given.get("services", given))
