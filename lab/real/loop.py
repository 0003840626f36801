"""Loop devices by ioctl: each ends with its last user, also when this process is killed.

Tried on Linux 6; LOOP_CONFIGURE is documented from 5.8 on.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import time
from pathlib import Path

from lab.real.lvm import unmap

_CONFIGURE, _GET_FREE = 0x4C0A, 0x4C82
_AUTOCLEAR = 4
# struct loop_config: fd, block size, struct loop_info64, eight reserved words (documented: linux/loop.h).
_CONFIG = struct.Struct("=II 5Q 4I 64s 64s 32s 2Q 8Q")
MARK = "symclone-lab-"
"""The backing files' names begin so, and go on with the lab's process id."""
_BACKING = re.compile(rf".*/{MARK}(\d+)-[^/]*(?: \(deleted\))?")
_BUSY_SECONDS = 1.0


class Loop:
    """One loop device on an open file, for as long as this holds it or somebody else uses it."""

    def __init__(self, file: int, name: str) -> None:
        """:raises OSError: there is none to be had."""
        with open("/dev/loop-control", "rb") as control:
            while True:
                self.number = fcntl.ioctl(control, _GET_FREE)
                self.node = Path(f"/dev/loop{self.number}")
                if not self.node.exists():
                    # Without udev or devtmpfs nobody else makes it.
                    os.mknod(self.node, 0o600 | 0o060000, os.makedev(7, self.number))
                self._fd = os.open(self.node, os.O_RDWR | os.O_CLOEXEC)
                info = (0, 0, 0, 0, 0, 0, 0, 0, _AUTOCLEAR, name.encode()[:63], b"", b"", 0, 0)
                try:
                    fcntl.ioctl(self._fd, _CONFIGURE, _CONFIG.pack(file, 0, *info, *[0] * 8))
                except OSError:
                    os.close(self._fd)
                    if not self._taken():
                        raise
                    continue  # somebody else was faster
                self.rdev = os.fstat(self._fd).st_rdev
                self._file = os.fstat(file).st_ino
                return

    def _taken(self) -> bool:
        return (Path("/sys/block") / self.node.name / "loop" / "backing_file").exists()

    def close(self) -> bool:
        """Give it up. False: somebody uses it still, and it lasts until they do no more."""
        os.close(self._fd)
        end = time.monotonic() + _BUSY_SECONDS  # udev may look at it for a moment
        while time.monotonic() < end:
            if not self._taken():
                return True
            time.sleep(0.01)
        return False


def backing_files() -> dict[str, tuple[int, str]]:
    """Loop device -> (process id of its lab, backing file), of all labs on this machine."""
    found = {}
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            name = path.read_text().strip()
            if match := _BACKING.fullmatch(name):
                found[path.parts[3]] = (int(match[1]), name)
    return found


def sweep() -> list[str]:
    """Free loop devices that device-mapper holds for labs that are gone: their names.

    What else might hold one is somebody's own, and the device ends with it.
    """
    stale = [name for name, (pid, _) in backing_files().items() if not Path(f"/proc/{pid}").exists()]
    for name in stale:
        unmap(name)
    return stale
