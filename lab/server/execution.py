"""One command of an SSH session: what the faults make of it, its entry in the journal, its reply."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache

import asyncssh

from lab.faults import Fault
from lab.journal import ACTOR, CONNECTION, Record
from lab.server.session import Line, Server, Session
from lab.shell.parser import hands_lines_on
from lab.shell.process import Lines, ShellProcess
from lab.shell.streams import Buffer, LiveInput, Output, TextInput
from lab.world import World

GONE = (
    OSError,
    asyncssh.Error,
    asyncssh.BreakReceived,
    asyncssh.SignalReceived,
    asyncssh.TerminalSizeChanged,
)
"""What a session that is gone raises."""


_BLANK = re.compile(r"[ \t\r\n]*+")
_WORD = re.compile(r"""(?:[^ \t\r\n'"\\]++|'[^']*+'|"(?:[^"\\]|\\.)*+"|\\.)++""", re.DOTALL)
_QUOTED = re.compile(r"""'([^']*+)'|"((?:[^"\\]|\\.)*+)"|\\(.)""", re.DOTALL)


class _Dropped(Exception):
    """The connection of a command is gone; nothing more comes of it."""


@lru_cache(maxsize=1024)
def split(command: str) -> tuple[str, ...]:
    """Its words as `shlex.split` has them, which takes a line character by character; none when it does not
    fall into words."""
    words = []
    at = _BLANK.match(command).end()  # type: ignore[union-attr]
    while at < len(command):
        found = _WORD.match(command, at)
        after = _BLANK.match(command, found.end()) if found else None
        if not found or not after or (after.end() == found.end() < len(command)):
            return ()
        words.append(_QUOTED.sub(_meant, found[0]))
        at = after.end()
    return tuple(words)


def _meant(quoted: re.Match[str]) -> str:
    single, double, escaped = quoted.groups()
    if double is not None:
        return re.sub(r'\\(["\\])', r"\1", double)
    return single if single is not None else escaped


class Execution:
    """One command: faults of the line, the shell, the journal, the reply; in this order.

    A script that gives lines to `sh -c` is no command itself: each of its lines is met by faults and is
    journaled as one, which names the script's command as `within`. The reply is the script's.

    :param script: the script's, for one of its lines.
    """

    def __init__(
        self, server: Server, login: Line, process: Session, command: str,
        *, interactive: bool = False, script: Execution | None = None,
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
        within = {"within": script.command} if script else {}
        self.record = Record(
            self.world.clock, host=host.name, family=host.family, connection=login.number, login=login.user,
            command=command, words=list(split(command)), **within,
        )  # fmt: skip
        self.record.lose = self.login.abort

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
                with contextlib.suppress(*GONE):
                    stream.write(text)
        return sent

    async def _leave(self) -> None:
        """Let what was sent leave before the connection is torn down."""
        with contextlib.suppress(*GONE):
            await self.process.stdout.drain()
            await asyncio.sleep(0)

    def _journal(self, exit: int | None, status: int | None) -> None:
        """`exit` is what the client is told, `status` what the command ended with; null when neither."""
        entry = self.record.entry(exit=exit, stdout=self.stdout.text, stderr=self.stderr.text)
        self.world.journal.write({**entry, "status": status})

    async def run(self) -> None:
        CONNECTION.set(self.login.number)
        with contextlib.suppress(_Dropped):
            answered = self._by_gate(self.command)
            if answered is not None:
                status = await self._met(answered)
            elif hands_lines_on(self.command):
                status = await self._shell(self.stdout, self.stderr, lines=self._line).run(self.command)
                if not self.lines:
                    self._journal(status, status)
            else:
                status = await self._met(lambda out, err: self._shell(out, err).run(self.command))
            await self._answer(status)

    def _by_gate(self, line: str) -> Callable[[Output, Output], Awaitable[int]] | None:
        """What answers in place of a program: the host's gate; None: it lets the line through."""
        gate = self.host.gate
        answer = gate.answer(line) if gate else None
        if answer is None:
            return None

        async def say(out: Output, err: Output) -> int:
            out.write(answer.stdout)
            err.write(answer.stderr)
            if answer.refused:
                self.record.head["refused"] = answer.refused
            return answer.exit

        return say

    async def _line(self, shell: ShellProcess, text: str) -> int:
        """One of a script's lines, in the shell that the script has started for it."""
        self.lines += 1
        line = Execution(self.server, self.login, self.process, text, script=self)
        stdin, stdout, stderr = shell.fds[0], shell.fds[1], shell.fds[2]

        async def execute(out: Output, err: Output) -> int:
            shell.fds, shell.record = {0: stdin, 1: out, 2: err}, line.record
            return await shell.run(text)

        def printed() -> None:
            stdout.write(line.stdout.text)
            stderr.write(line.stderr.text)

        return await line._met(line._by_gate(text) or execute, printed)

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
            self.server.go_down(met["down"])
            raise _Dropped
        if "cut_before" in met or "hang" in met:
            await self._unanswered("hang" in met)
        if "cut_running" in met:
            self.login.abort()
            await self.world.clock.sleep(met["cut_running"].config.seconds or 0, alone=True)
        if "noise" in met:
            self.stdout.write(met["noise"].config.stdout)
        if "exit" in met:
            config = met["exit"].config
            self.stdout.write(config.stdout)
            self.stderr.write(config.stderr)
            status = config.exit or 0
        else:
            out, err = (Buffer(), Buffer()) if "silent" in met else (self.stdout, self.stderr)
            self.record.found = self.host.state()
            status = await execute(out, err)
            self.record.changed = _changes(self.record.found, self.host.state())
        if "cut_output" in met:
            self.stdout.keep(met["cut_output"].config.bytes or 0)
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
            self.login.abort()
            raise _Dropped
        if "delay" in met:
            await met["delay"].hold()
        if "slow" in met:
            replier.rate = met["slow"].config.rate or 1
        return status

    async def _unanswered(self, hang: bool) -> None:
        if hang:
            await self.login.gone.wait()
        self._journal(None, None)
        self.login.abort()
        raise _Dropped

    def _shell(self, out: Output, err: Output, lines: Lines | None = None) -> ShellProcess:
        async def read() -> str:
            with contextlib.suppress(*GONE):
                return await self.process.stdin.read()
            return ""

        async def readline() -> str:
            with contextlib.suppress(*GONE):
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
            with contextlib.suppress(*GONE):
                self.process.exit(status)

    async def _trickle(self, rate: float) -> None:
        """The output at `rate` bytes a lab second, in pieces of at most a quarter of a second."""
        piece = max(1, int(rate / 4))
        while not self.login.gone.is_set() and (sent := self._send(piece)):
            await self.world.clock.sleep(sent / rate)


async def second_administrator(world: World, host: str, command: str) -> None:
    """Somebody else's command on a host, on a session of his own, or call of a Unisphere: journaled as the
    actor "admin"."""
    if host in world.calls:
        await world.calls[host](command)
        return
    found = world.host(host)
    token = ACTOR.set("admin")
    connection = CONNECTION.set(None)
    try:
        record = Record(
            world.clock, host=found.name, family=found.family, connection=None, login="admin",
            command=command, words=command.split(),
        )  # fmt: skip
        out, err = Buffer(), Buffer()
        shell = found.shell(record, TextInput(), out, err)
        shell.login = found.administrator
        status = await shell.run(command)
        entry = record.entry(exit=status, stdout=out.text, stderr=err.text)
        world.journal.write({**entry, "status": status})
    finally:
        ACTOR.reset(token)
        CONNECTION.reset(connection)


def _changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is otherwise now on a host, in words."""
    changed = {**before, **after}
    return [
        f"{what}: {before.get(what, 'none')} -> {after.get(what, 'none')}"
        for what in changed
        if before.get(what) != after.get(what)
    ]
