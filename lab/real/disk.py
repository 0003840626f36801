"""A device of a real array: a file without a name, and a loop device on it while it is ready."""

from __future__ import annotations

import os
from pathlib import Path

from lab.real.loop import MARK, Loop
from lab.real.lvm import unmap

FAILING = "/sys/class/net/lo/speed"
"""A file of which each read fails: loopback has no speed (tried)."""


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
        self._leaving: Loop | None = None
        self._failing: Loop | None = None
        self._lingering: int | None = None

    @property
    def ready(self) -> bool:
        return self._loop is not None

    @property
    def shown(self) -> int:
        """The device number that a host's node has: of what fails every time while it is not ready."""
        loop = self._loop or self._failing
        return loop.rdev if loop else 0

    @property
    def used(self) -> int | None:
        """The device number under which somebody may use it: also that of before, if they did not let go."""
        return self._loop.rdev if self._loop else self._lingering

    def attach(self) -> None:
        """Make it ready. What failed is given up: call it once no node leads there."""
        if self._loop is None:
            self._loop, self._lingering = Loop(self.file, self._name), None

    def withhold(self) -> None:
        """Let it be there and fail, as a device does that is not ready; then :meth:`settle`."""
        if self._failing is None:
            file = os.open(FAILING, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._failing = Loop(file, self._name)
            finally:
                os.close(file)
        self._leaving, self._loop = self._loop, None

    def settle(self) -> None:
        """Every node leads to what is shown: give the other up."""
        if self._leaving is not None:
            loop, self._leaving = self._leaving, None
            self._lingering = None if loop.close() else loop.rdev
        if self._loop is not None and self._failing is not None:
            self._failing.close()
            self._failing = None

    def close(self) -> bool:
        """Give everything up. False: somebody uses the device still."""
        if self._loop is not None:
            unmap(self._loop.node.name)
            self._leaving, self._loop = self._loop, None
        self.settle()
        if self._failing is not None:
            self._failing.close()
        os.close(self.file)
        return self._lingering is None
