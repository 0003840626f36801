"""What a table of mounted file systems says of one device and one directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clones.resources.base import Probe
from clones.resources.reading import ELSEWHERE, down, lines, unknown, up
from clones.steps import Result

MOUNTED = "mounted"
UNMOUNTED = "unmounted"


@dataclass(frozen=True)
class Mount:
    """One row, in the order of the table.

    :param device: in the one spelling in which devices of that family are compared.
    :param line: the row as it was printed.
    """

    device: str
    directory: str
    line: str


def read_mounts(
    result: Result, row: Callable[[str], Mount | None], name: str, device: str, directory: str
) -> Probe:
    """What a whole table says, a line a mount.

    :param row: reads one line; None when it is no row of that table.
    :param name: of the table, for the evidence.
    """
    read = [(line, row(line)) for line in lines(result.stdout)]
    found = judge([mount for _, mount in read if mount], device, directory)
    foreign = [line for line, mount in read if mount is None]
    # A line that cannot be read may be the one that shows it in use.
    return unknown(f"not a row of {name}: {foreign[0]}") if foreign and found.at == UNMOUNTED else found


def judge(mounts: Sequence[Mount], device: str, directory: str) -> Probe:
    """Whether the device or the directory is in use.

    Mounts can be stacked: the last row of a directory is the one that is seen there.
    """
    on_directory = [mount for mount in mounts if mount.directory == directory]
    if on_directory and on_directory[-1].device == device:
        return up(MOUNTED, on_directory[-1].line)
    other = next((m for m in mounts if m.device == device and m.directory != directory), None)
    if other:
        return up(ELSEWHERE, f"{device} is not on {directory}: {other.line}")
    if on_directory:
        return up(ELSEWHERE, f"another device is on {directory}: {on_directory[-1].line}")
    if not any(mount.directory == "/" for mount in mounts):
        # Every running system has one: without it the table is not whole, and absence proves nothing.
        return unknown(f"no row for / among {len(mounts)} mounts: the table cannot be trusted")
    return down(UNMOUNTED, f"neither {device} nor {directory} among {len(mounts)} mounts")
