"""A clock that goes on while the machine is suspended, and how old this process is by it."""

from __future__ import annotations

import os
import time
from pathlib import Path


def awake() -> float:
    """Seconds on a clock that goes on while the machine is suspended, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def pause(seconds: float) -> None:
    """Let seconds pass."""
    time.sleep(seconds)


def process_age() -> float | None:
    """Seconds since this process was begun, to a hundredth; None where that cannot be told.

    Field 22 of Linux's ``/proc/PID/stat`` is the start in ticks after boot (proc(5)).
    """
    try:
        # The program's name is in brackets, and may hold blanks.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        age = awake() - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
    return age if age >= 0 else None
