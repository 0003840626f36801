"""One real OpenSSH server with options of its own, for as long as a test needs it."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.server.openssh import find

CONFIG = """\
ListenAddress 127.0.0.1
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


@contextmanager
def sshd(
    folder: Path, host_keys: list[Path], authorized: str, options: Mapping[str, object]
) -> Iterator[int]:
    """Its port.

    :param options: lines of sshd_config.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "authorized_keys").write_text(authorized)
    lines = [f"Port {port}", f"AllowUsers {getpass.getuser()}"]
    lines += [f"AuthorizedKeysFile {folder / 'authorized_keys'}", *(f"HostKey {key}" for key in host_keys)]
    lines += [f"{name} {value}" for name, value in options.items()]
    (folder / "sshd_config").write_text(CONFIG + "\n".join(lines) + "\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = folder / "sshd.log"
    words = [find(), "-D", "-e", "-f", str(folder / "sshd_config")]
    with log.open("wb") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        end = time.monotonic() + 10
        while "Server listening" not in log.read_text():
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait(10)
