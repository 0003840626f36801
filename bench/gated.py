"""A real OpenSSH server with three keys for it: without a gate, with one, and with one of 2,000 services.

The policies are those that `scripts/gate` makes: for the example services, and for so many on one control
host. Each has one look more, which is what is measured.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from bench.parse import services
from lab.server.openssh import find

ROOT = Path(__file__).parent.parent
CONTROL = "symcli_demo"
ACCOUNT = "symclone-bench"
SERVICES = 2000
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/server
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
AllowUsers {account}
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


def policy(config_file: Path, look: str) -> str:
    """The policy of the control host, with a look more."""
    from clones.policy.make import make
    from hooks.configuration import load

    text = make(CONTROL, load(str(config_file)), {}, datetime.now(UTC)).text
    head, blocks, rest = text.partition("\nblock ")
    return f"{head}\nlook {look}{blocks}{rest}"


def _policies(folder: Path, look: str) -> dict[str, str]:
    many = services(SERVICES)
    for service in many["services"].values():
        service["control_host"] = CONTROL
    (folder / "many.yaml").write_text(yaml.safe_dump(many))
    return {
        "gated": policy(ROOT / "config" / "services.yaml", look),
        "gated_2000": policy(folder / "many.yaml", look),
    }


@contextmanager
def connections(look: str) -> Iterator[dict[str, dict[str, Any]]]:
    """By name, each with a key of its own: `open`, `gated`, `gated_2000`.

    :param look: what the gates let through, too, as a policy writes it.
    """
    if os.getuid() != 0:
        raise SystemExit("scripts/bench ssh needs root: the gate trusts only what is root's")
    with _account(), tempfile.TemporaryDirectory(prefix="bench-gate-", dir="/var/lib") as name:
        folder = Path(name)
        folder.chmod(0o755)
        gate = folder / "symclone-gate"
        gate.write_bytes((ROOT / "gate" / "symclone-gate").read_bytes())
        gate.chmod(0o755)
        policies = {"open": "", **_policies(folder, look)}
        lines = []
        for key in ("server", *policies):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / key)]
            subprocess.run(words, check=True)
        for key, text in policies.items():
            path = folder / f"{key}.policy"
            path.write_text(text)
            path.chmod(0o644)
            forced = f'restrict,command="{gate} {path}" ' if text else ""
            lines.append(forced + (folder / f"{key}.pub").read_text())
        (folder / "authorized_keys").write_text("".join(lines))
        with _sshd(folder) as port:
            host_key = (folder / "server.pub").read_text().strip()
            yield {
                key: {
                    "conn_type": "ssh", "host": "127.0.0.1", "port": port, "login": ACCOUNT,
                    "extra": {"key_file": str(folder / key), "host_key": host_key},
                }
                for key in policies
            }  # fmt: skip


@contextmanager
def _account() -> Iterator[None]:
    """An account with a plain login shell: what that of root reads takes longer than a command."""
    words = [
        "useradd",
        "--no-create-home",
        "--home-dir",
        "/",
        "--shell",
        "/bin/sh",
        "--password",
        "*",
        ACCOUNT,
    ]
    subprocess.run(words, check=True)
    try:
        yield
    finally:
        subprocess.run(["userdel", "--force", ACCOUNT], check=True)


@contextmanager
def _sshd(folder: Path) -> Iterator[int]:
    """Its port."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    (folder / "sshd_config").write_text(CONFIG.format(port=port, folder=folder, account=ACCOUNT))
    with (folder / "sshd.log").open("wb") as log:
        words = [find(), "-D", "-e", "-f", str(folder / "sshd_config")]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        while "Server listening" not in (said := (folder / "sshd.log").read_text()):
            if process.poll() is not None:
                raise SystemExit(f"sshd has ended: {said}")
            time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait(10)
