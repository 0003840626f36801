"""What the lab's YAML says of a host that is this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from lab.strict import DeviceName, Strict, Symid

ROOT = "/srv"
"""Everything that is a real host's own lies below: nobody outside of it sees what is there."""

PATTERN = rf"^{ROOT}(/[a-zA-Z0-9_\-][a-zA-Z0-9_.\-]*)+$"
Path = Annotated[str, StringConstraints(pattern=PATTERN)]


class RealDiskConfig(Strict):
    array: Symid
    device: DeviceName
    path: Path = Field(description="the block device's node")


class RealHostConfig(Strict):
    """`directories` are made, empty: mount points and the like. The host's `files` become executables."""

    disks: list[RealDiskConfig] = Field(default_factory=list)
    directories: list[Path] = Field(default_factory=list)

    def check(self, host: str, real: Mapping[str, set[int]], files: Iterable[str]) -> None:
        """:raises ValueError: a disk is of no real array, or a file would be this machine's.

        :param real: the device numbers of each real array.
        :param files: paths.
        """
        for path in files:
            if not re.fullmatch(PATTERN, path):
                raise ValueError(f"host {host}: {path}: a real host's files lie below {ROOT}")
        for disk in self.disks:
            if int(disk.device, 16) not in real.get(disk.array, set()):
                raise ValueError(f"host {host}: {disk.path}: no device {disk.device} in a real array")
