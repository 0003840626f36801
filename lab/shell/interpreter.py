"""Runs what the parser understood: expansion, redirection, and -e and -C."""

from __future__ import annotations

import asyncio
import fnmatch
import inspect
import re
from typing import Any

from lab.filesystem import FileError
from lab.shell.builtin import BUILTINS, SPECIAL
from lab.shell.call import Call, Program
from lab.shell.parser import (
    AndOr,
    Command,
    Compound,
    For,
    Group,
    Loop,
    Pipe,
    Redirect,
    Script,
    SyntaxFault,
    Word,
    parse,
)
from lab.shell.process import ExitShell, ShellProcess
from lab.shell.streams import Buffer, FileOutput, Output, TextInput

MAX_DEPTH = 20
SPECIAL_IN_NAMES = re.compile(r"[*?\[]")


class RedirectFault(Exception):
    pass


class Shell(ShellProcess):
    """Runs the language."""

    _substituted: int | None = None
    """The exit code of the last command substitution."""

    # running

    async def run(self, text: str) -> int:
        try:
            script = parse(text)
        except SyntaxFault as fault:
            self.fds[2].write(self.host.wording.syntax(self.name, fault.line, fault.token))
            return 2
        if self.depth > MAX_DEPTH:
            self.fds[2].write(f"{self.name}: too many nested shells\n")
            return 2
        try:
            return await self.execute(script)
        except ExitShell as leaving:
            return leaving.status

    async def execute(self, script: Script) -> int:
        for one in script.lists:
            await self._and_or(one)
        return self.status

    async def _and_or(self, one: AndOr) -> None:
        for index, command in enumerate(one.commands):
            if index and (one.links[index - 1] == "&&") != (self.status == 0):
                continue
            self.status = await self._one(command)
            # -e does not look at a command that is followed by && or ||.
            if self.status and "e" in self.options and index == len(one.commands) - 1:
                raise ExitShell(self.status)

    async def _one(self, command: Compound | Pipe) -> int:
        match command:
            case Loop():
                return await self._loop(command)
            case For():
                return await self._loop_over(command)
            case Group():
                return await self.execute(command.body)
            case Pipe():
                return await self._pipe(command)
            case _:
                return await self._command(command)

    async def _pipe(self, pipe: Pipe) -> int:
        """One after the other: nothing here waits for what another one prints. It ends as the last one."""
        status, printed = 0, None
        for part in pipe.commands:
            following = None if part is pipe.commands[-1] else Buffer()
            shell = self._subshell(following)
            if printed is not None:
                shell.fds[0] = TextInput(printed.text)
            try:
                status = await shell._one(part)
            except ExitShell as leaving:
                status = leaving.status
            printed = following
        return status

    async def _loop(self, loop: Loop) -> int:
        status = 0
        while await self._holds(loop.condition):
            status = await self.execute(loop.body)
            await asyncio.sleep(0)  # one without an end holds only itself up
        return status

    async def _loop_over(self, loop: For) -> int:
        status = 0
        for field in [text for word in loop.words for text in await self._fields(word)]:
            self.variables[loop.name] = field
            status = await self.execute(loop.body)
        return status

    async def _holds(self, condition: Script) -> bool:
        before = self.options & {"e"}
        self.options -= before  # -e does not look at a condition
        try:
            return await self.execute(condition) == 0
        finally:
            self.options |= before

    async def _command(self, command: Command) -> int:
        self._substituted = None
        fields = [text for word in command.words for text in await self._fields(word)]
        assigned = [(name, await self._joined(word)) for name, word in command.assignments]
        special = bool(fields) and fields[0] in SPECIAL
        saved = dict(self.fds)
        try:
            for redirect in command.redirects:
                await self._redirect(redirect)
            if not fields:
                for name, value in assigned:
                    self.variables[name] = value
                return self._substituted or 0
            if fields == ["exec"]:
                saved = dict(self.fds)
            return await self._run(fields, assigned)
        except RedirectFault as fault:
            self.fds = dict(saved)
            self.fds[2].write(f"{fault}\n")
            if special:
                raise ExitShell(1) from None
            return 1
        finally:
            self.fds = saved

    async def _run(self, fields: list[str], assigned: list[tuple[str, str]]) -> int:
        name = fields[0]
        if name in BUILTINS:
            if name in SPECIAL:
                for key, value in assigned:
                    self.variables[key] = value
            return await _settle(BUILTINS[name], self._call(fields, dict(assigned)))
        return await self.program(fields, dict(assigned))

    async def program(
        self,
        argv: list[str],
        extra: dict[str, str],
        env: dict[str, str] | None = None,
        *,
        becomes: int | None = None,
    ) -> int:
        call = self._call(argv, extra, env)
        found = self.host.find_program(argv[0], call.env.get("PATH", "/usr/bin:/bin"))
        if found is None:
            self.fds[2].write(self.host.wording.not_found(self.name, argv[0]))
            self.record.calls.append({"words": list(argv), "exit": 127})
            return 127
        entry: dict[str, Any] = {"words": list(argv), "exit": None}
        self.record.calls.append(entry)
        call.pid = becomes or self.host.next_pid()
        self.host.running[call.pid] = (self.login, " ".join(argv))
        try:
            lose = self.record.lose
            stalled = self.host.world.faults.stall(self.host.names, " ".join(argv)) if lose else 0.0
            if lose and stalled:
                lose()
                await self.host.clock.sleep(stalled, alone=True)
                self.record.found = self.host.state()
            refused = self.host.account.refused(self.login, argv)
            if refused is None:
                status = await _settle(found, call)
            else:
                self.fds[2].write(refused.text)
                status = refused.exit
        finally:
            self.host.running.pop(call.pid, None)  # what it became has ended before it
        entry["exit"] = status
        return status

    def _call(self, argv: list[str], extra: dict[str, str], env: dict[str, str] | None = None) -> Call:
        given = self.environment(extra) if env is None else env
        return Call(argv, given, self.fds[0], self.fds[1], self.fds[2], self, self.host, self.record)

    def child(self, name: str, env: dict[str, str], stdout: Output | None = None) -> Shell:
        shell = Shell(
            self.host, self.login, self.record, self.fds[0], stdout or self.fds[1], self.fds[2],
            env=env, name=name, depth=self.depth + 1,
        )  # fmt: skip
        shell.cwd, shell.umask = self.cwd, self.umask
        return shell

    async def _capture(self, script: Script) -> str:
        buffer = Buffer()
        shell = self._subshell(buffer)
        try:
            status = await shell.execute(script)
        except ExitShell as leaving:
            status = leaving.status
        self._substituted = status
        return buffer.text.rstrip("\n")

    def _subshell(self, stdout: Output | None) -> Shell:
        shell = self.child(self.name, self.environment(), stdout)
        shell.variables = dict(self.variables)
        shell.exported = set(self.exported)
        shell.parameters = list(self.parameters)
        shell.options = set(self.options)
        shell.status = self.status
        shell.pid = self.pid
        return shell

    # redirection

    async def _redirect(self, redirect: Redirect) -> None:
        target = await self._joined(redirect.target)
        if redirect.operator == ">&":
            if target not in ("1", "2") or int(target) not in self.fds:
                raise RedirectFault(f"{self.name}: {target}: bad file descriptor")
            self.fds[redirect.fd] = self.fds[int(target)]
            return
        files = self.host.files
        try:
            path = files.resolve(target, self.cwd)
            if redirect.operator == "<":
                self.fds[0] = TextInput(files.read(path, self.login))
                return
            exclusive = redirect.operator == ">" and "C" in self.options
            files.open(path, self.login, self.umask, append=redirect.operator == ">>", exclusive=exclusive)
        except FileError as error:
            raise RedirectFault(self.host.wording.redirect(self.name, target, error.text)) from None
        self.fds[redirect.fd] = FileOutput(files, path)

    # expansion

    def _value(self, name: str) -> str:
        if name.isdigit():
            index = int(name)
            if index == 0:
                return self.name
            return self.parameters[index - 1] if index <= len(self.parameters) else ""
        known = {"#": str(len(self.parameters)), "?": str(self.status), "$": str(self.pid)}
        if name in ("@", "*"):
            return " ".join(self.parameters)
        return known.get(name, self.variables.get(name, ""))

    async def _joined(self, word: Word) -> str:
        """A word as one text: no splitting, no file names (assignments and redirections)."""
        texts = []
        for part in word:
            if part.kind == "text":
                texts.append(part.value)
            elif part.kind == "var":
                texts.append(self._value(part.value))
            else:
                assert part.script is not None
                texts.append(await self._capture(part.script))
        return "".join(texts)

    async def _fields(self, word: Word) -> list[str]:
        """The fields that a word becomes: (text, pattern) pairs until the end, for quotes hide `*`."""
        only = word[0] if len(word) == 1 else None
        if only and only.kind == "text" and (only.quoted or not SPECIAL_IN_NAMES.search(only.value)):
            return [only.value]
        done: list[tuple[str, str]] = []
        text, pattern, begun = "", "", False

        def add(piece: str, quoted: bool) -> None:
            nonlocal text, pattern, begun
            text += piece
            pattern += SPECIAL_IN_NAMES.sub(r"[\g<0>]", piece) if quoted else piece
            begun = True

        def end() -> None:
            nonlocal text, pattern, begun
            if begun:
                done.append((text, pattern))
            text, pattern, begun = "", "", False

        for part in word:
            if part.kind == "text":
                add(part.value, part.quoted)
                continue
            if part.kind == "var" and part.value == "@":
                for index, parameter in enumerate(self.parameters):
                    if index:
                        end()
                    self._add_split(parameter, part.quoted, add, end)
                if not self.parameters and len(word) <= 2:
                    return []  # "$@" without parameters is no word at all
                continue
            if part.kind == "var":
                value = self._value(part.value)
            else:
                assert part.script is not None
                value = await self._capture(part.script)
            self._add_split(value, part.quoted, add, end)
        end()
        fields: list[str] = []
        for plain, glob in done:
            fields.extend(self._names(glob) or [plain] if SPECIAL_IN_NAMES.search(glob) else [plain])
        return fields

    @staticmethod
    def _add_split(value: str, quoted: bool, add: Any, end: Any) -> None:
        if quoted:
            add(value, True)
            return
        for index, piece in enumerate(re.split(r"[ \t\n]+", value)):
            if index:
                end()
            if piece:
                add(piece, False)

    def _names(self, pattern: str) -> list[str]:
        """File names that match; hidden ones only when asked for by a dot."""
        files = self.host.files
        absolute = pattern.startswith("/")
        found = ["/" if absolute else ""]
        for step in [p for p in pattern.split("/") if p]:
            following = []
            for base in found:
                directory = files.resolve(base or ".", self.cwd)
                if not files.is_directory(directory):
                    continue
                if SPECIAL_IN_NAMES.search(step):
                    names = fnmatch.filter(files.children(directory), step)
                    names = [name for name in names if step.startswith(".") or not name.startswith(".")]
                else:
                    names = [step] if files.exists(files.resolve(step, directory)) else []
                following += [base + name if base in ("", "/") else f"{base}/{name}" for name in names]
            found = following
        return sorted(found)


async def _settle(program: Program, call: Call) -> int:
    try:
        answer = program(call)
        return await answer if inspect.isawaitable(answer) else answer
    except FileError as error:
        # Its standard output is a file that can not be written any more.
        where = f"{call.shell.name}: " if call.argv[0] in BUILTINS else ""
        call.shell.complain(f"{where}{call.name}: write error: {error.text}\n")
        return 1
