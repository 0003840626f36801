"""What is mounted in a namespace, and on which device it stands in the end."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mount:
    """`device` is the number that stat(2) gives."""

    device: int
    directory: str
    fs: str


def mounts(pid: int) -> list[Mount]:
    """Those of the process's mount namespace; none when it is gone."""
    try:
        text = Path(f"/proc/{pid}/mountinfo").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    found = []
    for line in text.splitlines():
        words = line.split(" ")
        major, minor = map(int, words[2].split(":"))
        directory = words[4].encode().decode("unicode_escape").encode("latin-1").decode()
        found.append(Mount(os.makedev(major, minor), directory, words[words.index("-") + 1]))
    return found


def stands_on(device: int, below: int) -> bool:
    """Whether a block device is another one or, by device-mapper, lies on it."""
    if device == below:
        return True
    slaves = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/slaves")
    if not slaves.is_dir():
        return False
    for slave in slaves.iterdir():
        major, minor = map(int, (slave / "dev").read_text().split(":"))
        if stands_on(os.makedev(major, minor), below):
            return True
    return False
