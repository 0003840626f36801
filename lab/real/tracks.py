"""Moving tracks from one file to another: those that differ, and no others."""

from __future__ import annotations

import os

CHUNK = 4 << 20


def move(source: int, target: int, size: int, track: int, *, write: bool = True) -> int:
    """Make the target equal to the source: how many tracks differed.

    Each track is read once. A source that is written meanwhile gives each track as it was at some moment,
    and not all of them the same moment.

    :param source: file descriptor.
    :param target: file descriptor.
    :param size: bytes to look at.
    :param track: bytes of a track.
    :param write: False: only count.
    """
    differing = 0
    for at in range(0, size, CHUNK):
        length = min(CHUNK, size - at)
        new, old = os.pread(source, length, at), os.pread(target, length, at)
        if new == old:
            continue
        for offset in range(0, length, track):
            piece = new[offset : offset + track]
            if piece != old[offset : offset + track]:
                differing += 1
                if write:
                    _write(target, piece, at + offset)
    return differing


def _write(file: int, data: bytes, at: int) -> None:
    while data:
        done = os.pwrite(file, data, at)
        data, at = data[done:], at + done
