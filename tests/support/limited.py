"""Tests once more on hosts as a site should have them: no account is root, before each shell is a gate.

``pytest -p tests.support.limited tests/operators``: whatever services.yaml a test has, its hosts have
``become: sudo``; sudo allows what :mod:`clones.privileges` prints for it, and the gates have the policy that
:mod:`clones.policy` makes of it. Both follow when a test changes its services.yaml, as if it had been copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from clones.backends.symclone.output import Group
from clones.become import Become
from clones.config import Config
from clones.errors import ConfigError
from clones.policy.catalogue import sent_to
from clones.policy.make import make
from clones.policy.sent import Part
from clones.privileges.forms import FORMS
from clones.privileges.needs import Asked, needs
from clones.services_yaml import file
from hooks import configuration
from hooks.driver import Driver
from lab import Lab
from lab.config import LabConfig
from lab.config.hosts import HostConfig
from lab.config.rights import GateConfig, RightsConfig
from lab.operations import Operations
from lab.rights.gate import Gate
from lab.shell.words import split
from tests.support.loaded import BECOME
from tests.support.with_become import KIND, with_become

ACCOUNT = "refresh"
EMPTY = f"symclone-gate 1\nhost {{}}\nmade 2026-01-01T00:00:00Z\nof {'0' * 64}\nremedy none\nblocks\n"
"""The policy of a host that nothing is sent to."""
EXTRA = tuple(part for part in Part if part is not Part.NORMAL)
MADE, FAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
_BEFORE = re.compile(rf"(?<='){Become.read(KIND).text}(?=')|{Become.read(KIND).text} ")
"""What `become` adds to a line: the parameter of a text, or what stands before a command."""


def limited(config: LabConfig) -> LabConfig:
    """The same lab, without any account that is root."""
    return config.model_copy(update={"hosts": [_limited(host) for host in config.hosts]})


def _limited(host: HostConfig) -> HostConfig:
    if host.real:
        return host
    about = {
        "login": ACCOUNT if host.login == "root" else host.login,
        "rights": RightsConfig(sudo="", root_only=["/usr/symcli/bin/*", "/opt/emc/SYMCLI/bin/*"]),
        "gate": GateConfig(policy=EMPTY.format(host.connection_id)),
    }
    return host.model_copy(update=about)


@lru_cache(maxsize=256)
def _written(connection: str, account: str, config: Keyed, groups: Groups) -> tuple[str, str]:
    """The sudoers file and the gate's policy of a host."""
    read = {name: Group(symid, dict(devices)) for name, symid, devices in groups.of}
    try:
        policy = make(connection, config.config, read, MADE, EXTRA, FAR).text
        needed = needs(sent_to(connection, config.config, read), EXTRA)
    except ConfigError:  # nothing is sent there
        return "", EMPTY.format(connection)
    symcli = config.config.symcli.on(connection).bin
    asked = Asked(connection, account, Become.read(KIND), needed, MADE, symcli, FAR)
    return FORMS[KIND](asked).text, policy


class Keyed:
    """A configuration that is told apart by what it is."""

    def __init__(self, config: Config) -> None:
        self.config, self._key = config, config.model_dump_json()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keyed) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


class Groups:
    """The device groups of a control host, as the lab has them."""

    def __init__(self, lab: Lab, names: list[str]) -> None:
        assert lab.running
        found = []
        for symid in names:
            for name, members in lab.running.world.arrays[symid].groups.items():
                devices = tuple((ld, member.device.number) for ld, member in members.items())
                found.append((name, symid, devices))
        self.of = tuple(found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Groups) and self.of == other.of

    def __hash__(self) -> int:
        return hash(self.of)


class Site:
    """The labs of one test, and the services.yaml whose rules and policies their hosts have."""

    def __init__(self) -> None:
        self.labs: list[Lab] = []
        self.config: Keyed | None = None
        self.of_the_product = 0
        """How many procedures are being run."""

    def uses(self, config: Config) -> None:
        if self.config is None or self.config.config is not config:
            self.config = Keyed(config)
            for lab in self.labs:
                self.put(lab)

    def put(self, lab: Lab) -> None:
        """Copy rules and policies to the hosts of a lab."""
        if lab.running is None or self.config is None:
            return
        for host in lab.config.hosts:
            if host.rights is None:
                continue
            groups = Groups(lab, host.arrays)
            found: Any = lab.running.world.host(host.name)
            rules, policy = _written(host.connection_id, host.login, self.config, groups)
            found.account.change(sudo=rules)
            found.gate = Gate(policy)

    @contextmanager
    def opened(self, *, to_root: bool) -> Iterator[None]:
        """No gate is there.

        :param to_root: and nobody asks for rights.
        """
        hosts: list[Any] = [h for lab in self.labs if lab.running for h in lab.running.world.hosts.values()]
        before = [(host, host.gate, host.account.rights) for host in hosts]
        for host in hosts:
            host.gate = None
            host.account.rights = None if to_root else host.account.rights
        try:
            yield
        finally:
            for host, gate, rights in before:
                host.gate, host.account.rights = gate, rights


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what says that it is about an account that is root, and why, and what is the same again."""
    left_out = [item for item in items if item.get_closest_marker("root_login") or _once_more(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _once_more(item: pytest.Item) -> bool:
    """Whether it is on another kind of array than the first, and nothing but answers depends on that: gates
    and sudo see what is sent, and no kind of array is sent a line in a form that the first is not."""
    if item.get_closest_marker("same_for_hosts"):
        return True
    kind = getattr(item, "callspec", None)
    other = bool(kind and kind.params.get("arrays"))
    return other and item.get_closest_marker("on_each_array") is None


@pytest.fixture(autouse=True)
def limited_hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Every lab of the test has them."""
    site, drive, execute = Site(), Driver.run, Driver.execute
    validate, read, start, entries = file._validate, configuration._load, Lab.start, Operations.entries
    configuration._load.cache_clear()

    def _validate(data: Any, path: str, *about: Any) -> Config:
        config = validate(with_become(data), path, *about)
        if path == "the service given to the operator":
            site.uses(config)
        return config

    def _load(path: str, stat: Any, only: str | None) -> Config:
        config = read(path, stat, only)
        try:
            site.uses(config if only is None else read(path, stat, None))
        except ConfigError:
            site.uses(config)
        return config

    def started(lab: Lab) -> Lab:
        lab.config = limited(lab.config)
        start(lab)
        site.labs.append(lab)
        if isinstance(lab._services, Path) and site.config is None:  # a program may be the first to use it
            with suppress(ConfigError):
                configuration.load(lab._services)
        site.put(lab)
        return lab

    def without_become(lab: Operations, since: int = 0) -> list[dict[str, Any]]:
        """What tests read of the journal is what was done, whoever did it."""
        return [_plain(entry) for entry in entries(lab, since)]

    def run(self: Any, steps: Any) -> Any:
        site.of_the_product += 1
        try:
            return drive(self, steps)
        finally:
            site.of_the_product -= 1

    def by_hand(self: Any, command: Any, *about: Any) -> Any:
        """What a test sends without a procedure is of somebody else, who is root there. What it changes
        without a fence nobody would send: that it may be is tried elsewhere."""
        unfenced = command.changes and command.fenced and self.fence is None
        if site.of_the_product and not unfenced:
            return execute(self, command, *about)
        with site.opened(to_root=not site.of_the_product):
            return execute(self, command, *about)

    monkeypatch.setenv(BECOME, "1")
    monkeypatch.setattr(Driver, "run", run)
    monkeypatch.setattr(Driver, "execute", by_hand)
    monkeypatch.setattr(file, "_validate", _validate)
    monkeypatch.setattr(configuration, "_load", _load)
    monkeypatch.setattr(Lab, "start", started)
    monkeypatch.setattr(Operations, "entries", without_become)
    yield site
    read.cache_clear()


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    if entry.get("event") != "command":
        return entry
    command, words = _without_become(entry["command"])
    calls = [call for call in entry["calls"] if call["words"][:1] != list(Become.read(KIND).words[:1])]
    return {**entry, "command": command, "words": list(words), "calls": calls}


@lru_cache(maxsize=1024)
def _without_become(line: str) -> tuple[str, tuple[str, ...]]:
    """A command line and its words: a test reads the whole journal again and again."""
    command = _BEFORE.sub("", line)
    try:
        return command, tuple(split(command))
    except ValueError:
        return command, ()
