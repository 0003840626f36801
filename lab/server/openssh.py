"""The same hosts behind real OpenSSH servers: one `sshd` a host, its commands handed to the running lab.

Each `sshd` is our own process, on a port of loopback, with the lab's host key, and lets in the user who runs
the lab, by the lab's client key only; without root it can let in nobody else. Whatever the client asks for
goes to the simulated host's shell (ForceCommand), so absolute paths as /usr/symcli/bin/symclone work. The
SYMCLI commands also lie as executables in DIR/sshd/HOST/bin, for a shell or an `sshd` of one's own.

A lost session is a killed command here: `sshd` then tells the client a signal and no exit status, and keeps
the connection. Who connects stands in `sshd.log` of the host, not in the journal.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from lab.symcli import COMMANDS
from lab.world import AnyHost

LAUNCHER = Path(__file__).with_name("openssh_launcher.py")
PACKAGE = "openssh-server"
CONFIG = """\
Port {port}
ListenAddress {address}
HostKey {key}
PidFile none
AuthorizedKeysFile {keys}
StrictModes no
UsePAM no
AllowUsers {user}
PermitRootLogin prohibit-password
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
DisableForwarding yes
PermitUserRC no
PermitUserEnvironment no
PrintMotd no
{forced}LogLevel VERBOSE
{limits}"""


class SshdError(RuntimeError):
    """`sshd` cannot be run; the text says why and what to install."""


def find() -> str:
    """The path of `sshd`; it must be run by its absolute path."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        raise SshdError(f"no sshd on this machine: install the package {PACKAGE}")
    return found


def install(directory: Path, host: AnyHost, path: Path) -> Path:
    """Write the launchers of a host and give the one that is its login shell."""
    folder = directory / host.name / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    text = f"#!{sys.executable} -IS\n" + LAUNCHER.read_text(encoding="utf-8")
    text = text.replace("@SOCKET@", str(path.resolve())).replace("@HOST@", host.name)
    names = COMMANDS if host.family == "control" else {}
    for name in ("lab-shell", *names):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder / "lab-shell"


class SshdServer:
    """One real `sshd`. It has the interface of `lab.server.ssh.HostServer`."""

    own_group = False

    def __init__(
        self, host: AnyHost, directory: Path, key: Path, client_line: str, path: Path, address: str
    ) -> None:
        self.host = host
        self.directory = directory / host.name
        self.key = key
        self.client_line = client_line
        self.address = address
        self.login = getpass.getuser()
        self.port = 0
        self.socket = path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.directory / "sshd.log"

    async def start(self) -> None:
        await self._listen()
        if self.host.refusing:
            await self.refuse(True)

    async def _listen(self) -> None:
        program = find()
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.directory.mkdir(parents=True, exist_ok=True)
        keys = self.directory / "authorized_keys"
        keys.write_text(self.client_line + "\n")
        if not self.port:
            with socket.socket() as free:
                free.bind((self.address, 0))
                self.port = free.getsockname()[1]
        file = self.directory / "sshd_config"
        file.write_text(
            CONFIG.format(
                port=self.port, address=self.address, key=self.key.resolve(), keys=keys.resolve(),
                user=self.login, forced=self._forced(), limits=self._limits(),
            )
        )  # fmt: skip
        words = self._words(program, "-D", "-e", "-f", str(file.resolve()))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=self.own_group
            )
        for _ in range(200):
            if self._process.poll() is not None:
                break
            try:
                _, writer = await asyncio.open_connection(self.address, self.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
        raise SshdError(f"sshd of {self.host.name} does not answer: {self.log.read_text()[-500:]}")

    def _forced(self) -> str:
        """Whatever is asked for goes to the simulated host's shell."""
        shell = install(self.directory.parent, self.host, self.socket).resolve()
        return f"ForceCommand {shlex.quote(str(shell))}\n"

    def _words(self, *words: str) -> list[str]:
        return list(words)

    def _end(self) -> None:
        assert self._process
        self._process.terminate()

    def _limits(self) -> str:
        """It draws whom it drops by itself, without the configured seed. Its own defaults are limits, too."""
        limits = self.host.world.config.sshd_limits
        if limits is None:
            return "MaxStartups 1000\nMaxSessions 1000\n"
        startups = f"{limits.startups}:{limits.startups_percent}:{limits.most_startups}"
        return f"MaxStartups {startups}\nMaxSessions {limits.sessions}\n"

    async def refuse(self, refusing: bool) -> None:
        """End the listening process or start another; connections that are there stay."""
        self.host.refusing = refusing
        if refusing:
            await self.stop()
        elif self._process is None:
            await self._listen()

    async def stop(self) -> None:
        if self._process:
            self._end()
            await asyncio.to_thread(self._process.wait, 10)
            self._process = None
