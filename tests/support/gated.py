"""What a test sends, judged by the gate: all of it must be in the policy of the services.yaml that it used.

``pytest -p tests.support.gated tests/operators`` judges each test of these. The gate runs nothing here: its
``--judge`` only says what it would let through.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from clones.asking.fence import RUN, Token
from clones.asking.fence import Fence as FenceOf
from clones.asking.one_trip import Turns, take_apart
from clones.asking.steps import Command, Result
from clones.backends.symclone import output
from clones.backends.symclone.output import Group
from clones.config import Config, SymcliOfHosts
from clones.config.scope import Scope
from clones.errors import CloneError, ConfigError
from clones.policy.catalogue import fences, left_out, sent_to
from clones.policy.sent import Part
from clones.policy.text import policy
from hooks import configuration, ssh, symcli, symcli_async
from tests.gate.judging import GATE, Judge, judge

MADE, FAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


class Judges:
    """The gates of all hosts of a configuration, each of which is asked as long as it is needed."""

    def __init__(self) -> None:
        self._texts: dict[object, str | None] = {}
        self._judges: dict[str, Judge] = {}
        self._kept: list[Config] = []
        self._stack = ExitStack()
        self._place = Path(self._stack.enter_context(TemporaryDirectory()))

    def of(self, connection: str, config: Config, groups: Mapping[str, Group]) -> Judge | None:
        """The gate of a connection; None where nothing is sent to it."""
        shown = tuple((name, group.symid, *group.devices.items()) for name, group in sorted(groups.items()))
        key = (connection, id(config), shown)
        if key not in self._texts:
            self._kept.append(config)  # so that no other one gets its id
            self._texts[key] = policy_of(connection, config, groups)
        text = self._texts[key]
        return None if text is None else self.with_text(text)

    def with_text(self, text: str) -> Judge:
        """The gate with that policy."""
        if text not in self._judges:
            path = self._place / str(len(self._judges))
            path.write_text(text)
            self._judges[text] = self._stack.enter_context(judge(path))
        return self._judges[text]

    def close(self) -> None:
        """End them all."""
        self._stack.close()


def policy_of(connection: str, config: Config, groups: Mapping[str, Group]) -> str | None:
    """A policy with all parts; None where nothing is sent to that connection."""
    try:
        return policy(
            connection,
            sent_to(connection, config, groups),
            fences(connection, config),
            MADE,
            remedy="copy it",
            parts=[part for part in Part if part is not Part.NORMAL],
            until=FAR,
            left_out=left_out(connection, config, groups),
        ).text
    except ConfigError:
        return None


class Recorder:
    """What was sent, by which configurations."""

    def __init__(self) -> None:
        self.configs: list[Config] = []
        self.sent: list[Command] = []
        self.groups: dict[str, dict[str, Group]] = {}

    def loaded(self, config: Config) -> Config:
        if config not in self.configs:
            self.configs.append(config)
        return config

    def made(self, scope: Scope) -> None:
        """A service that an operator was given, and no file names."""
        if not any(scope.name in config.services for config in self.configs):
            symcli = SymcliOfHosts.model_validate(scope.symcli.model_dump(exclude_unset=True))
            service = scope.whole or scope.service
            self.loaded(Config(symcli=symcli, services={scope.name: service}))

    def came(self, command: Command, turns: Turns, result: Result) -> None:
        self.sent.append(command)
        nonce = turns._nonce
        for one in take_apart(turns.commands, nonce, result) if nonce else [replace(result, command=command)]:
            words = one.command.words
            if one.exit_code == 0 and {"-g", "list", "ld"} <= {*words}:
                group = words[words.index("-g") + 1]
                with contextlib.suppress(CloneError):
                    self.groups.setdefault(command.host, {}).setdefault(group, output.read_group(one.stdout))

    def refused(self, judges: Judges) -> list[str]:
        """What no policy of these configurations lets through."""
        found = []
        for command in self.sent:
            groups = self.groups.get(command.host, {})
            said = [
                one.says(line.encode())
                for config in self.configs
                if (one := judges.of(command.host, config, groups)) is not None
                for line in _lines(command, config)
            ]
            if "accept" not in said:
                found.append(f"{command.host}: {command.line()[:600]}\n      {said}")
        return list(dict.fromkeys(found))


def _lines(command: Command, config: Config) -> list[str]:
    """As it is sent; where a test drives a procedure without a lock, as it would be sent with one."""
    if not (command.changes and command.fenced) or command.words[2:3] == (RUN,):
        return [command.line()]
    token = Token(1, "0" * 16)
    return [
        FenceOf(one.service, token, {command.host: one.folder}).around(command).line()
        for one in fences(command.host, config)
    ]


@pytest.fixture(scope="session")
def judges() -> Iterator[Judges]:
    made = Judges()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def judged(monkeypatch: pytest.MonkeyPatch, judges: Judges) -> Iterator[Recorder]:
    """Whatever the test sends is in the policy."""
    seen = Recorder()
    load, read = configuration._load, symcli.SymcliHook._execute
    carry_out, drive = ssh.carry_out, symcli.SymcliHook.run
    running: set[int] = set()

    def _load(*about: Any) -> Config:
        return seen.loaded(load(*about))

    def run(self: Any, steps: Any) -> Any:
        running.add(id(self))
        try:
            return drive(self, steps)
        finally:
            running.discard(id(self))

    def execute(self: Any, client: Any, command: Command, turns: Turns) -> Result:
        result: Result = read(self, client, command, turns)
        if id(self) in running:  # else the test itself sends it, as somebody else
            seen.came(command, turns, result)
        return result

    async def carried(connection: Any, command: Command, turns: Turns) -> Result:
        result: Result = await carry_out(connection, command, turns)
        seen.came(command, turns, result)
        return result

    def post_init(self: Scope) -> None:
        made(self)
        seen.made(self)

    made = Scope.__post_init__
    monkeypatch.setattr(Scope, "__post_init__", post_init)
    monkeypatch.setattr(configuration, "_load", _load)
    monkeypatch.setattr(symcli.SymcliHook, "run", run)
    monkeypatch.setattr(symcli.SymcliHook, "_execute", execute)
    monkeypatch.setattr(symcli_async, "carry_out", carried)
    yield seen
    assert not (refused := seen.refused(judges)), "\n".join(refused)


def check(text: str) -> str:
    """What is wrong with a policy, as the gate says it; empty when it can be used."""
    with TemporaryDirectory() as place:
        path = Path(place) / "policy"
        path.write_text(text)
        done = subprocess.run(
            ["/usr/bin/perl", "-T", str(GATE), "--check", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    return done.stdout + done.stderr if done.returncode else ""
