"""The SSH side: one port and one host key a host, users by key only, loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shlex
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh

from lab.faults import Fault
from lab.hosts.host import Host
from lab.journal import ACTOR, Record
from lab.outage import Outage
from lab.shell.interpreter import Lines, Shell
from lab.shell.parser import hands_lines_on
from lab.shell.streams import Buffer, LiveInput, Output, TextInput
from lab.sshd_limits import Startups
from lab.world import World

LOOPBACK = "127.0.0.1"
# Those that cost least in this process; every client has one of them.
CIPHERS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"]
_GONE = (
    OSError,
    asyncssh.Error,
    asyncssh.BreakReceived,
    asyncssh.SignalReceived,
    asyncssh.TerminalSizeChanged,
)


class _Login(asyncssh.SSHServer):
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
        host: Host,
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
            server_factory=lambda: _Login(self),
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

    def close_port(self) -> None:
        if self._acceptor:
            self._acceptor.close()
            self._acceptor = None

    async def open_port(self) -> None:
        if self._acceptor is None:
            await self._listen()

    async def stop(self) -> None:
        await self.outage.stop()
        self.close_port()
        for connection in list(self.live):
            connection.abort()
        await asyncio.sleep(0)

    async def _process(self, process: asyncssh.SSHServerProcess[str]) -> None:
        login: _Login = process.get_extra_info("connection").get_owner()
        if process.subsystem is not None:
            process.exit(1)
            return
        if process.command is not None:
            await _Execution(self, login, process, process.command).run()
            return
        await self._interactive(login, process)

    async def _interactive(self, login: _Login, process: asyncssh.SSHServerProcess[str]) -> None:
        terminal = process.term_type is not None
        with contextlib.suppress(*_GONE):
            while True:
                if terminal:
                    process.stdout.write(f"{self.host.name}$ ")
                line = await process.stdin.readline()
                if not line or line.strip() in ("exit", "logout"):
                    break
                if line.strip():
                    await _Execution(self, login, process, line.strip(), interactive=True).run()
            process.exit(0)


class _Dropped(Exception):
    """The connection of a command is gone; nothing more comes of it."""


class _Execution:
    """One command: faults of the line, the shell, the journal, the reply; in this order.

    A script that gives lines to `sh -c` is no command itself: each of its lines is met by faults and is
    journaled as one, which names the script's command as `within`. The reply is the script's.

    :param script: the script's, for one of its lines.
    """

    def __init__(
        self, server: HostServer, login: _Login, process: asyncssh.SSHServerProcess[str], command: str,
        *, interactive: bool = False, script: _Execution | None = None,
    ) -> None:  # fmt: skip
        host = server.host
        self.server = server
        self.world, self.host, self.login, self.process = server.world, host, login, process
        self.command = command
        self.interactive = interactive
        self.script = script
        self.lines = 0
        self.rate: float | None = None
        """Bytes a lab second of the reply; None: at once."""
        self.stdout, self.stderr = Buffer(), Buffer()
        self._sent = [0, 0]
        try:
            words = shlex.split(command)
        except ValueError:
            words = []
        within = {"within": script.command} if script else {}
        self.record = Record(
            self.world.clock, host=host.name, family=host.family, connection=login.number, login=login.user,
            command=command, words=words, **within,
        )  # fmt: skip

    def _flush(self) -> None:
        self._send(None)

    def _send(self, limit: int | None) -> int:
        """Send up to `limit` bytes of what was not sent yet, stdout first. Returns how many were."""
        sent = 0
        pairs = ((self.stdout, self.process.stdout), (self.stderr, self.process.stderr))
        for index, (buffer, stream) in enumerate(pairs):
            text = buffer.text[self._sent[index] :]
            if limit is not None:
                # A character of several bytes is sent whole or not at all.
                room = max(0, limit - sent)
                text = text.encode(errors="surrogateescape")[:room].decode(errors="ignore")
            if text:
                self._sent[index] += len(text)
                sent += len(text.encode(errors="surrogateescape"))
                with contextlib.suppress(*_GONE):
                    stream.write(text)
        return sent

    async def _leave(self) -> None:
        """Let what was sent leave before the connection is torn down."""
        with contextlib.suppress(*_GONE):
            await self.process.stdout.drain()
            await asyncio.sleep(0)

    def _journal(self, exit: int | None, status: int | None) -> None:
        """`exit` is what the client is told, `status` what the command ended with; null when neither."""
        entry = self.record.entry(exit=exit, stdout=self.stdout.text, stderr=self.stderr.text)
        self.world.journal.write({**entry, "status": status})

    async def run(self) -> None:
        with contextlib.suppress(_Dropped):
            if hands_lines_on(self.command):
                status = await self._shell(self.stdout, self.stderr, lines=self._line).run(self.command)
                if not self.lines:
                    self._journal(status, status)
            else:
                status = await self._met(lambda out, err: self._shell(out, err).run(self.command))
            await self._answer(status)

    async def _line(self, shell: Shell, text: str) -> int:
        """One of a script's lines, in the shell that the script has started for it."""
        self.lines += 1
        line = _Execution(self.server, self.login, self.process, text, script=self)
        stdin, stdout, stderr = shell.fds[0], shell.fds[1], shell.fds[2]

        async def execute(out: Output, err: Output) -> int:
            shell.fds, shell.record = {0: stdin, 1: out, 2: err}, line.record
            return await shell.run(text)

        def printed() -> None:
            stdout.write(line.stdout.text)
            stderr.write(line.stderr.text)

        return await line._met(execute, printed)

    async def _met(
        self, execute: Callable[[Output, Output], Awaitable[int]], printed: Callable[[], None] = lambda: None
    ) -> int:
        """Execute as far as the faults that the command meets allow, and journal it. Gives its exit code.

        :param printed: called when all that it printed is there.
        :raises _Dropped: for the client it has no end.
        """
        met: dict[str, Fault] = {}
        for fault in reversed(self.world.faults.transport(self.host.names, self.command)):
            met[fault.config.kind] = fault
        self.record.faults += sorted(met)
        replier = self.script or self
        if self.script and {"down", "cut_before", "cut_running", "hang", "delay"} & set(met):
            replier._flush()  # what its lines before have printed
            await self._leave()
        if "down" in met:
            self._journal(None, None)
            self.server.outage.begin(met["down"])
            raise _Dropped
        if "cut_before" in met or "hang" in met:
            await self._unanswered("hang" in met)
        if "cut_running" in met:
            self.login.connection.abort()
            await self.world.clock.sleep(met["cut_running"].config.seconds or 0)
        if "noise" in met:
            self.stdout.write(met["noise"].config.stdout)
        if "exit" in met:
            config = met["exit"].config
            self.stdout.write(config.stdout)
            self.stderr.write(config.stderr)
            status = config.exit or 0
        else:
            out, err = (Buffer(), Buffer()) if "silent" in met else (self.stdout, self.stderr)
            status = await execute(out, err)
        lost = bool({"cut_after", "cut_bytes", "cut_running"} & set(met)) or self.login.gone.is_set()
        self._journal(None if lost else status, status)
        if "admin" in met:
            config = met["admin"].config
            await second_administrator(self.world, config.on or self.host.name, config.run or "")
        if "cut_bytes" in met and self.script:
            replier._flush()
        printed()
        if "cut_bytes" in met:
            replier._send(met["cut_bytes"].config.bytes or 0)
            await self._leave()
        if lost:
            self.login.connection.abort()
            raise _Dropped
        if "delay" in met:
            await asyncio.sleep(met["delay"].config.seconds or 0)
        if "slow" in met:
            replier.rate = met["slow"].config.rate or 1
        return status

    async def _unanswered(self, hang: bool) -> None:
        if hang:
            await self.login.gone.wait()
        self._journal(None, None)
        self.login.connection.abort()
        raise _Dropped

    def _shell(self, out: Output, err: Output, lines: Lines | None = None) -> Shell:
        async def read() -> str:
            with contextlib.suppress(*_GONE):
                return await self.process.stdin.read()
            return ""

        async def readline() -> str:
            with contextlib.suppress(*_GONE):
                return await self.process.stdin.readline()
            return ""

        source = LiveInput(read, readline, self._flush)
        shell = self.host.shell(self.record, source, out, err, interactive=self.interactive)
        shell.lines_of_scripts = lines
        return shell

    async def _answer(self, status: int) -> None:
        if self.rate is not None:
            await self._trickle(self.rate)
        self._flush()
        if not self.interactive:
            with contextlib.suppress(*_GONE):
                self.process.exit(status)

    async def _trickle(self, rate: float) -> None:
        """The output at `rate` bytes a lab second, in pieces of at most a quarter of a second."""
        piece = max(1, int(rate / 4))
        while not self.login.gone.is_set() and (sent := self._send(piece)):
            await self.world.clock.sleep(sent / rate)


async def second_administrator(world: World, host: str, command: str) -> None:
    """Somebody else's command, on a session of his own: journaled as the actor "admin"."""
    found = world.host(host)
    token = ACTOR.set("admin")
    try:
        record = Record(
            world.clock, host=found.name, family=found.family, connection=None, login="admin",
            command=command, words=command.split(),
        )  # fmt: skip
        out, err = Buffer(), Buffer()
        status = await found.shell(record, TextInput(), out, err).run(command)
        entry = record.entry(exit=status, stdout=out.text, stderr=err.text)
        world.journal.write({**entry, "status": status})
    finally:
        ACTOR.reset(token)
