"""A device of a real array: a file without a name, and a loop device on it while it is ready."""

from __future__ import annotations

import os
from pathlib import Path

from lab.real.loop import MARK, Loop
from lab.real.lvm import unmap


class Disk:
    """`symid` and `number` as the array has them; `size` in bytes. All bytes are zero at first."""

    def __init__(self, folder: Path, symid: str, number: int, size: int) -> None:
        self.symid, self.number, self.size = symid, number, size
        self._name = f"{MARK}{os.getpid()}-{symid}-{number:05X}"
        path = folder / self._name
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        path.unlink()  # losetup still shows the path, and the blocks go with the last user
        os.ftruncate(self.file, size)
        self._loop: Loop | None = None
        self._lingering: int | None = None

    @property
    def rdev(self) -> int | None:
        """Its device number while it is ready."""
        return self._loop.rdev if self._loop else None

    @property
    def used(self) -> int | None:
        """The device number under which somebody may use it: also that of before, if they did not let go."""
        return self.rdev if self._loop else self._lingering

    def attach(self) -> None:
        if self._loop is None:
            self._loop, self._lingering = Loop(self.file, self._name), None

    def detach(self) -> None:
        if self._loop is not None:
            loop, self._loop = self._loop, None
            self._lingering = None if loop.close() else loop.rdev

    def close(self) -> bool:
        """Give everything up. False: somebody uses the device still."""
        if self._loop is not None:
            unmap(self._loop.node.name)
        self.detach()
        os.close(self.file)
        return self._lingering is None
