"""The SSH side: one port and one host key a host, users by key only, loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import Any

import asyncssh

from lab.faults import Fault
from lab.server.execution import GONE, Execution
from lab.server.openssh_limits import Startups
from lab.server.outage import Outage
from lab.world import AnyHost, World

LOOPBACK = "127.0.0.1"
# Those that cost least in this process; every client has one of them.
CIPHERS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"]


class Login(asyncssh.SSHServer):
    """One connection. `gone` is set when it ends."""

    def __init__(self, owner: HostServer) -> None:
        self.owner = owner
        self.number = next(owner.numbers)
        self.gone = asyncio.Event()
        self.user = ""
        self.sessions: set[asyncssh.SSHServerSession[str]] = set()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.owner.live.add(conn)
        self.connection = conn
        self.owner.event("connect", self.number)
        startups = self.owner.startups
        if startups is None:
            return
        if startups.drops():
            self.owner.event("startup_dropped", self.number, waiting=len(startups.waiting))
            conn.abort()
        else:
            startups.waiting.add(self.number)

    def abort(self) -> None:
        self.connection.abort()

    def auth_completed(self) -> None:
        if self.owner.startups:
            self.owner.startups.waiting.discard(self.number)

    def session_requested(self) -> asyncssh.SSHServerSession[str]:
        limits = self.owner.limits
        if limits and len(self.sessions) >= limits.sessions:
            self.owner.event("session_refused", self.number, sessions=len(self.sessions))
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")
        session = _Session(self.owner._process, self.sessions)
        self.sessions.add(session)
        return session

    def connection_lost(self, exc: Exception | None) -> None:
        self.auth_completed()
        self.owner.live.discard(self.connection)
        self.gone.set()
        self.owner.event("disconnect", self.number, login=self.user, error=str(exc) if exc else None)

    def begin_auth(self, username: str) -> bool:
        self.user = username
        return True

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return False

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self.owner.host.login and key == self.owner.client_key


class _Session(asyncssh.SSHServerProcess[str]):
    """One session of a connection; `among` are those that are open."""

    def __init__(self, process: Any, among: set[asyncssh.SSHServerSession[str]]) -> None:
        super().__init__(process, None, 3, False)
        self._among = among

    def exit(self, status: int) -> None:
        self._among.discard(self)
        super().exit(status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._among.discard(self)
        super().connection_lost(exc)


class HostServer:
    def __init__(
        self,
        world: World,
        host: AnyHost,
        key: asyncssh.SSHKey,
        client_key: asyncssh.SSHKey,
        numbers: itertools.count[int],
        address: str = LOOPBACK,
    ) -> None:
        self.world = world
        self.host = host
        self.key = key
        self.client_key = client_key
        self.numbers = numbers
        self.address = address
        self.port = 0
        self.limits = world.config.sshd_limits
        self.startups = Startups(self.limits, host.name) if self.limits else None
        self.live: set[asyncssh.SSHServerConnection] = set()
        self.outage = Outage(self)
        self._acceptor: asyncssh.SSHAcceptor | None = None

    def event(self, event: str, number: int, **words: Any) -> None:
        self.world.journal.event(
            event, host=self.host.name, family=self.host.family, connection=number, **words
        )

    async def start(self) -> None:
        """Listen; the port is chosen at the first start and kept."""
        await self._listen()
        self.world.faults.watchers.append(self.outage.told)
        self.outage.standing()
        if self.host.refusing:
            await self.refuse(True)

    async def _listen(self) -> None:
        self._acceptor = await asyncssh.listen(
            self.address,
            self.port,
            server_factory=lambda: Login(self),
            server_host_keys=[self.key],
            encoding="utf-8",
            errors="surrogateescape",
            agent_forwarding=False,
            x11_forwarding=False,
            encryption_algs=CIPHERS,
            gss_host=None,
            reuse_address=True,
            backlog=1024,
        )
        self.port = self._acceptor.get_port()

    async def refuse(self, refusing: bool) -> None:
        """Close the port or open it again; connections that are there stay."""
        self.host.refusing = refusing
        if refusing:
            self.close_port()
        elif not self.outage.lasting:
            await self.open_port()

    def go_down(self, fault: Fault) -> None:
        self.outage.begin(fault)

    def close_port(self) -> None:
        if self._acceptor:
            self._acceptor.close()
            self._acceptor = None

    def drop(self) -> None:
        """Close the port, and end every connection."""
        self.close_port()
        for connection in list(self.live):
            connection.abort()

    async def open_port(self) -> None:
        if self._acceptor is None:
            await self._listen()

    async def stop(self) -> None:
        await self.outage.stop()
        self.drop()
        await asyncio.sleep(0)

    async def _process(self, process: asyncssh.SSHServerProcess[str]) -> None:
        login: Login = process.get_extra_info("connection").get_owner()
        if process.subsystem is not None:
            process.exit(1)
            return
        if process.command is not None:
            await Execution(self, login, process, process.command).run()
            return
        await self._interactive(login, process)

    async def _interactive(self, login: Login, process: asyncssh.SSHServerProcess[str]) -> None:
        terminal = process.term_type is not None
        with contextlib.suppress(*GONE):
            while True:
                if terminal:
                    process.stdout.write(f"{self.host.name}$ ")
                line = await process.stdin.readline()
                if not line or line.strip() in ("exit", "logout"):
                    break
                if line.strip():
                    await Execution(self, login, process, line.strip(), interactive=True).run()
            process.exit(0)
