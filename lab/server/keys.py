"""Keys in the lab's directory: one for the client, one for each host. They are kept for the next start."""

from __future__ import annotations

import os
from pathlib import Path

import asyncssh


def load_or_make(path: Path, comment: str) -> asyncssh.SSHKey:
    """The ed25519 private key at `path`, made with mode 600 when there is none."""
    if path.exists():
        return asyncssh.read_private_key(str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key.export_private_key())
    return key


def public_line(key: asyncssh.SSHKey) -> str:
    """`ssh-ed25519 AAAA...`, without the comment."""
    return " ".join(key.export_public_key().decode("ascii").split()[:2])
