"""What a table of mounted file systems says of one device and one directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clones.config import Fs
from clones.resources.base import Probe
from clones.resources.reading import ELSEWHERE, down, lines, unknown, up
from clones.steps import Result

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
    """

    device: str
    directory: str
    options: str
    line: str

    @property
    def read_only(self) -> bool:
        """Every family shows that as the option ``ro``."""
        return says_read_only(self.options)


def says_read_only(options: str | None) -> bool:
    """Whether mount options with commas between say so; the last one of the two counts."""
    told = [word for word in (options or "").split(",") if word in ("ro", "rw")]
    return told[-1:] == ["ro"]


def read_mounts(result: Result, row: Callable[[str], Mount | None], name: str, fs: Fs) -> Probe:
    """What a whole table says, a line a mount.

    :param row: reads one line; None when it is no row of that table.
    :param name: of the table, for the evidence.
    """
    read = [(line, row(line)) for line in lines(result.stdout)]
    found = judge([mount for _, mount in read if mount], fs)
    foreign = [line for line, mount in read if mount is None]
    # A line that cannot be read may be the one that shows it in use.
    return unknown(f"not a row of {name}: {foreign[0]}") if foreign and found.at == UNMOUNTED else found


def judge(mounts: Sequence[Mount], fs: Fs, device: str | None = None) -> Probe:
    """Whether the device or the directory of a file system is in use.

    Mounts can be stacked: the last row of a directory is the one that is seen there.

    :param device: as the table writes it, when that is another name than the configured one.
    """
    device, directory = device or fs.dev, fs.mnt
    on_directory = [mount for mount in mounts if mount.directory == directory]
    if on_directory and on_directory[-1].device == device:
        last = on_directory[-1]
        if last.read_only and not says_read_only(fs.mnt_opt):
            return up(READ_ONLY, f"it cannot be written, and `mnt_opt` does not say `ro`: {last.line}")
        return up(MOUNTED, last.line)
    other = next((m for m in mounts if m.device == device and m.directory != directory), None)
    if other:
        return up(ELSEWHERE, f"{device} is not on {directory}: {other.line}")
    if on_directory:
        return up(ELSEWHERE, f"another device is on {directory}: {on_directory[-1].line}")
    if not any(mount.directory == "/" for mount in mounts):
        # Every running system has one: without it the table is not whole, and absence proves nothing.
        return unknown(f"no row for / among {len(mounts)} mounts: the table cannot be trusted")
    return down(UNMOUNTED, f"neither {device} nor {directory} among {len(mounts)} mounts")
