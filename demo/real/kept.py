"""What lies on a copy that is not in use: a checksum of its blocks, and whether anybody wrote to them."""

from __future__ import annotations

import hashlib
import os
import threading

from demo.real.site import SYMID, Copy
from lab import Lab
from lab.real.array import RealArray
from lab.real.disk import Disk
from lab.real.host import RealHost

BLOCK = 64 << 10
EMPTY = bytes(BLOCK)
LOOK_EVERY = 0.02  # seconds
TICK = 0.02
"""Seconds by which the date of a file may be too early."""


class Blocks:
    """The disks of a copy, past its host and the array: the files that they are kept in."""

    def __init__(self, lab: Lab, copy: Copy) -> None:
        assert lab.running
        array, host = lab.running.world.arrays[SYMID], lab.running.world.hosts[copy.name]
        assert isinstance(array, RealArray) and isinstance(host, RealHost)
        self._host = host
        self._disks: list[Disk] = [array.disks[int(number, 16)] for number in copy.targets.values()]

    @property
    def mounted(self) -> bool:
        return any(self._host.mounts_on(disk) for disk in self._disks)

    @property
    def written(self) -> tuple[int, ...]:
        """When each was last written to, nanoseconds: by its host as by the array."""
        return tuple(os.fstat(disk.file).st_mtime_ns for disk in self._disks)

    def checksum(self) -> str:
        """Of every byte, in hex; blocks of zeros are passed over, and where the others lie counts."""
        found = hashlib.blake2b(digest_size=8)
        for disk in self._disks:
            for at in range(0, disk.size, BLOCK):
                if (block := os.pread(disk.file, BLOCK, at)) != EMPTY[: len(block)]:
                    found.update(at.to_bytes(8, "big") + block)
            found.update(disk.size.to_bytes(8, "big"))
        return found.hexdigest()


class FormerKept:
    """Looks at the set that a run takes the service from, as long as the service is not on it.

    That begins once the other set is mounted, for then the former one is unmounted whole. It ends with the
    run, or when the former set is mounted again.
    """

    def __init__(self, former: Blocks, new: Blocks) -> None:
        self._former, self._new = former, new
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="former copy", daemon=True)
        self._written: tuple[int, ...] = ()
        self.checksums: list[str] = []
        """As the service left it; of a run that changed back, also once the new set was unmounted."""
        self.writes: list[float] = []
        """When it was seen to have been written to, epoch seconds."""
        self.mounted_again = False

    def __enter__(self) -> FormerKept:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def whole(self, until: float | None = None) -> bool:
        """Whether it was looked at, and is what the service left.

        :param until: when the service had not yet been started on it again, epoch seconds.
        """
        early = [at for at in self.writes if until is None or at < until - TICK]
        return len(set(self.checksums)) == 1 and not early and self.mounted_again is (until is not None)

    def _look(self) -> None:
        while not self._stop.wait(LOOK_EVERY) and not self._new.mounted:
            pass
        if self._stop.is_set():
            return
        self._written = self._former.written
        self.checksums.append(self._former.checksum())
        while not self._stop.wait(LOOK_EVERY) and not self.mounted_again:
            now = self._former.written
            if self._former.mounted:
                self.mounted_again = True
            elif now != self._written:
                self._written = now
                self.writes.append(max(now) / 1e9)
            elif len(self.checksums) == 1 and not self._new.mounted:
                checksum = self._former.checksum()
                if not self._former.mounted:  # else it was read while it was mounted
                    self.checksums.append(checksum)
