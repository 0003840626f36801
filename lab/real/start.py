"""Starting and ending what is real in a lab."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lab.real import loop
from lab.real.array import RealArray
from lab.real.host import RealError, RealHost, missing
from lab.world import World

LEFT_SECONDS = 10.0


def start(world: World, directory: Path) -> None:
    """Nothing, when the configuration asks for nothing real.

    :raises RealError: this machine can not do it.
    """
    arrays = [a for a in world.arrays.values() if isinstance(a, RealArray)]
    hosts = [h for h in world.hosts.values() if isinstance(h, RealHost)]
    if not arrays and not hosts:
        return
    if lacking := missing():
        raise RealError("real arrays and hosts need " + "; ".join(lacking))
    if removed := loop.sweep():
        world.journal.event("swept", devices=removed)
    for array in arrays:
        array.open(directory)
    for host in hosts:
        host.open(disk for array in arrays for disk in array.disks.values())


def stop(world: World) -> None:
    """:raises RealError: something stays behind."""
    for host in world.hosts.values():
        if isinstance(host, RealHost):
            host.close()
    left = [n for a in world.arrays.values() if isinstance(a, RealArray) for n in a.close()]
    end = time.monotonic() + LEFT_SECONDS
    while left and _own():
        if time.monotonic() > end:
            raise RealError(f"still in use: {', '.join(_own())}")
        time.sleep(0.05)


def _own() -> list[str]:
    return [f"/dev/{n} ({path})" for n, (pid, path) in loop.backing_files().items() if pid == os.getpid()]
