"""The gate where a host has it: files of root in folders of root, and an account that they are for."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.gate.judging import GATE, with_blocks

LOGGER = "/usr/bin/logger"


@dataclass
class Installed:
    """:param folder: of root, all may read it.
    :param log: where the real `logger` sends its lines.
    """

    folder: Path
    log: socket.socket

    @property
    def gate(self) -> Path:
        return self.folder / "symclone-gate"

    @property
    def policy(self) -> Path:
        return self.folder / "policy"

    def allow(self, text: str) -> None:
        """:param text: a policy without the rows that say where its blocks are."""
        self.policy.write_text(with_blocks(text))
        self.policy.chmod(0o644)

    def has_logger(self, text: str | None) -> None:
        """:param text: a script in the place of `logger`; None: the host has none."""
        path = self.folder / "logger"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
            path.chmod(0o755)

    def has_real_logger(self) -> None:
        """The system's own, which is told another socket than its syslog's."""
        self.has_logger(f'#!/bin/sh\nexec {LOGGER} -u {self.folder}/log "$@"\n')

    def logged(self) -> str:
        """One line of syslog.

        :raises TimeoutError: none came within 10 s.
        """
        self.log.settimeout(10)
        return self.log.recv(65536).decode()

    def run(self, sent: str | bytes | None, **options: object) -> subprocess.CompletedProcess[bytes]:
        """As the account's login shell runs a forced command, without the server.

        :param sent: what the client has asked for; None: a login.
        """
        environment = {b"HOME": b"/", b"SSH_CONNECTION": b"192.0.2.7 40000 192.0.2.1 22"}
        more = options.pop("env", {})
        assert isinstance(more, Mapping)
        environment |= {os.fsencode(name): os.fsencode(value) for name, value in more.items()}
        if sent is not None:
            environment[b"SSH_ORIGINAL_COMMAND"] = sent.encode() if isinstance(sent, str) else sent
        words = ["/bin/sh", "-c", f"{self.gate} {self.policy}"]
        given = {"input": b"typed by somebody\n", "capture_output": True, "timeout": 60} | options
        return subprocess.run(words, env=environment, **given)  # type: ignore[call-overload,no-any-return]


@contextmanager
def installed() -> Iterator[Installed]:
    """In a folder of its own below /var/lib; in its text the path of `logger` and its time are others."""
    folder = Path(tempfile.mkdtemp(prefix="symclone-gate-test-", dir="/var/lib"))
    try:
        folder.chmod(0o755)
        text = GATE.read_text()
        for old, new in (
            (f"'{LOGGER}', '/bin/logger'", f"'{folder}/logger'"),
            ("SECONDS = 10;", "SECONDS = 1;"),
        ):
            assert text.count(old) == 1
            text = text.replace(old, new)
        (folder / "symclone-gate").write_text(text)
        (folder / "symclone-gate").chmod(0o755)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(str(folder / "log"))
            (folder / "log").chmod(0o666)
            one = Installed(folder, log)
            one.has_real_logger()
            yield one
    finally:
        shutil.rmtree(folder)


@contextmanager
def account(name: str) -> Iterator[pwd.struct_passwd]:
    """An account of this machine, with a home and without a password."""
    home = f"/var/lib/{name}"
    words = ["useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", "--password", "*", name]
    subprocess.run(
        ["userdel", "--force", "--remove", name], capture_output=True, check=False
    )  # of a killed run
    subprocess.run(words, check=True, capture_output=True)
    try:
        yield pwd.getpwnam(name)
    finally:
        subprocess.run(["userdel", "--force", "--remove", name], capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)
