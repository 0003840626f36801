"""What a table of mounted file systems says of one device and one directory.

A row about something else is passed over, however odd it is: raw blanks in options, no source. It must show
what it is about all the same, and name neither our device nor our directory. A line that does not show that
may be the one of ours that cannot be read: then nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clones.config import Fs, FsByDevice
from clones.resources.base import Probe
from clones.resources.reading import ELSEWHERE, down, unknown, up

MOUNTED = "mounted"
READ_ONLY = "read-only"
"""`Probe.at` of what is mounted where it should be, and cannot be written though nobody configured that:
it is in use, so a stop unmounts it, and it is not started."""
UNMOUNTED = "unmounted"


@dataclass(frozen=True)
class Mount:
    """One row, in the order of the table.

    :param device: in the one spelling in which devices of that family are compared.
    :param options: as they were printed, with commas between.
    :param line: the row as it was printed.
    :param told_apart: its words could be told apart for certain. Where they are not, by raw blanks or a
        missing one, whatever in it names ours makes it one that could be ours.
    """

    device: str
    directory: str
    options: str
    line: str
    told_apart: bool = True

    @property
    def read_only(self) -> bool:
        """Every family shows that as the option ``ro``."""
        return says_read_only(self.options)


def says_read_only(options: str | None) -> bool:
    """Whether mount options with commas between say so; the last one of the two counts."""
    told = [word for word in (options or "").split(",") if word in ("ro", "rw")]
    return told[-1:] == ["ro"]


ROW = re.compile(
    r"(?P<device>[^ \t]*)[ \t]+(?P<directory>/[^ \t]*)[ \t]+(?P<type>[^ \t/][^ \t]*)"
    r"[ \t]+(?P<options>.*[^ \t])[ \t]+\d+[ \t]+\d+[ \t\r]*"
)
"""``DEV DIR TYPE OPTIONS FREQ PASS``, as in fstab. DEV can be missing, and OPTIONS have raw blanks."""


def fstab_row(line: str) -> Mount | None:
    """One row of a table in the form of fstab; None when it does not show what it is about."""
    row = ROW.fullmatch(line)
    if not row:
        return None
    whole = bool(row["device"]) and not re.search("[ \t]", row["options"])
    return Mount(row["device"], row["directory"], row["options"], line, whole)


def read_mounts(
    rows: Sequence[str],
    row: Callable[[str], Mount | None],
    name: str,
    fs: Fs,
    device: str | None = None,
    beside: Sequence[str] = (),
) -> Probe:
    """What a whole table says, a line a mount.

    :param row: reads one line; None when that does not show what it is about.
    :param name: of the table, for the evidence.
    :param device: as of :func:`judge`.
    :param beside: as of :func:`judge`.
    """
    read = [(line, row(line)) for line in rows]
    found = judge([mount for _, mount in read if mount and mount.told_apart], fs, device, beside)
    if found.at != UNMOUNTED:
        return found
    for line, mount in read:
        if mount is None:
            return unknown(f"not a row of {name}: {line}")
        if not mount.told_apart and _names(line, fs.dev, device or fs.dev, fs.mnt):
            return unknown(f"this may be {fs.mnt}: {line}")
    return found


def _names(line: str, *ours: str) -> bool:
    """Whether one of them stands in the line as a whole word, or as a value of an option."""
    return any(re.search(rf"(?<![^\s=,:;]){re.escape(one)}(?![^\s,:;])", line) for one in ours)


def judge(mounts: Sequence[Mount], fs: Fs, device: str | None = None, beside: Sequence[str] = ()) -> Probe:
    """Whether the device or the directory of a file system is in use; of one by its device, only that.

    Mounts can be stacked: the last row of a directory is the one that is seen there.

    :param device: as the table writes it, when that is another name than the configured one.
    :param beside: the mount points of other file systems of the service on the same device, which say
        themselves whether they are mounted.
    """
    device, directory = device or fs.dev, fs.mnt
    on_directory = [mount for mount in mounts if mount.directory == directory]
    if on_directory and on_directory[-1].device == device:
        last = on_directory[-1]
        if last.read_only and not says_read_only(fs.mnt_opt):
            return up(READ_ONLY, f"it cannot be written, and `mnt_opt` does not say `ro`: {last.line}")
        return up(MOUNTED, last.line)
    by_device = isinstance(fs, FsByDevice)
    known = beside if by_device else (directory, *beside)
    other = next((m for m in mounts if m.device == device and m.directory not in known), None)
    if other:
        where = "hidden" if other.directory == directory else "not"
        return up(ELSEWHERE, f"{device} is {where} on {directory}: {other.line}")
    if on_directory and not by_device:
        return up(ELSEWHERE, f"another device is on {directory}: {on_directory[-1].line}")
    if not any(mount.directory == "/" for mount in mounts):
        # Every running system has one: without it the table is not whole, and absence proves nothing.
        return unknown(f"no row for / among {len(mounts)} mounts: the table cannot be trusted")
    ours = f"no {device}" if by_device else f"neither {device} nor {directory}"
    return down(UNMOUNTED, f"{ours} among {len(mounts)} mounts")
