"""What every simulated host has: a name, a clock, files, programs and a shell."""

from __future__ import annotations

import itertools
import posixpath
from pathlib import Path
from typing import Any, ClassVar

from lab.config.hosts import HostConfig
from lab.filesystem import FileSystem
from lab.journal import Record
from lab.rights.account import Account
from lab.rights.gate import PROGRAM, Gate
from lab.rights.programs import FOLDERS
from lab.shell.call import Program
from lab.shell.interpreter import Shell
from lab.shell.streams import Input, Output
from lab.shell.tools import BIN, TOOLS
from lab.shell.wording import AixWording, GnuWording, HpuxWording, SunWording
from lab.world import World


class Host:
    """`programs` maps an absolute path to what runs there; a bare name is looked up through PATH."""

    default_path = "/usr/bin:/bin"
    interactive_path = default_path
    wording: GnuWording | HpuxWording | AixWording | SunWording = GnuWording()
    uname: ClassVar[dict[str, str]] = {"s": "Linux", "r": "4.18.0", "v": "#1 SMP", "m": "x86_64"}

    def __init__(self, config: HostConfig, world: World) -> None:
        self.config = config
        self.world = world
        self.clock = world.clock
        self.name = config.name
        self.connection_id = config.connection_id
        self.family: str = config.family
        self.login = config.login
        self.administrator = "root" if config.rights else config.login
        self.refusing = config.refuse_connections
        self.system = {**type(self).uname, "n": config.name}
        self.files = FileSystem(world.clock)
        self.files.full = lambda path: world.faults.full(self.names, path)
        self.home = "/root" if config.login == "root" else f"/home/{config.login}"
        self.files.add_directory(self.home, config.login, 0o700)
        self.programs: dict[str, Program] = {}
        self.running: dict[int, tuple[str, str]] = {}
        """Programs that run now: by process id, their login and words. They outlive their SSH session."""
        self._pids = itertools.count(2001)
        self.install(TOOLS, BIN)
        self.account = Account(config.family, config.rights)
        self.install(self.account.programs(), FOLDERS)
        self.gate: Gate | None = None
        if config.gate:
            self.gate = Gate(config.gate.policy, Path(config.gate.program or PROGRAM))
        for path, text in config.files.items():
            self.files.put(path, text, config.login)

    def install(self, programs: dict[str, Program], folders: tuple[str, ...]) -> None:
        for name, program in programs.items():
            for folder in folders:
                self.install_at(posixpath.join(folder, name), program)

    def install_at(self, path: str, program: Program) -> None:
        """It is a file too: once that is removed, the program is not found any more."""
        self.programs[path] = program
        self.files.add_program(path)

    def find_program(self, name: str, path: str) -> Program | None:
        folders = [""] if "/" in name else path.split(":")
        for folder in folders:
            place = posixpath.normpath(posixpath.join(folder, name))
            if place in self.programs and self.files.exists(place):
                return self.programs[place]
        return None

    def now(self) -> float:
        """The host's own clock, seconds since the epoch: it may be ahead of the lab's, or behind."""
        faults = self.world.faults.standing("skew", self.names)
        return self.clock.now() + self.config.clock_skew + sum(f.config.skew for f in faults)

    @property
    def names(self) -> tuple[str, str]:
        """The two names that faults and operations know it by."""
        return self.name, self.connection_id

    @property
    def timezone(self) -> str:
        """The zone that its clock is shown in."""
        for fault in self.world.faults.standing("skew", self.names):
            if fault.config.timezone is not None:
                return fault.config.timezone
        return self.config.timezone

    def next_pid(self) -> int:
        return next(self._pids)

    def shell(
        self, record: Record, stdin: Input, stdout: Output, stderr: Output, *, interactive: bool = False
    ) -> Shell:
        """The login shell of the SSH user. Its PATH is short unless it is interactive, as with sshd."""
        env = {
            "HOME": self.home,
            "LOGNAME": self.login,
            "USER": self.login,
            "SHELL": "/bin/sh",
            "PATH": self.interactive_path if interactive else self.default_path,
        }
        return Shell(self, self.login, record, stdin, stdout, stderr, env=env)

    def answers(self, address: str) -> bool:
        """Whether it has this IPv4 address up."""
        return False

    def uses_of(self, symid: str, number: int) -> list[str]:
        """What the host does with a device of an array now, in words; nothing when it leaves it alone."""
        return []

    def mounted_now(self) -> list[tuple[str, list[str]]]:
        """Each mount of a volume, in words, with the devices that it lies on."""
        return []

    def addresses_up(self) -> list[str]:
        """The IPv4 addresses that it has up now."""
        return []

    def state(self) -> dict[str, str]:
        """What commands can change here, beside files and the states of copies."""
        return {}

    def describe(self) -> dict[str, Any]:
        texts = {p: n.read() for p, n in self.files.nodes.items() if not n.directory and not n.source}
        directories = sorted(p for p, n in self.files.nodes.items() if n.directory)
        return {"name": self.name, "family": self.family, "files": texts, "directories": directories}
