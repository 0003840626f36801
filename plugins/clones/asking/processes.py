"""What runs on a host: its processes, asked for in the one form that every system knows, and read."""

from __future__ import annotations

import re

from clones.asking.fence import MARK
from clones.asking.steps import Command, Result
from clones.asking.whole_answers import whole, without_end
from clones.become import KINDS
from clones.errors import Unknown
from clones.time_limits import SMALL_LOOK


def list_processes(host: str) -> Command:
    """Every process of the host with its words, in the one form that every system knows."""
    return Command(host, whole("/usr/bin/ps", "-ef"), SMALL_LOOK.seconds, title="/usr/bin/ps -ef")


def processes(result: Result, host: str, subject: str) -> list[str]:
    """The rows of a list of processes.

    :raises Unknown: it is not whole, does not show the one who listed, or nobody else.
    """
    text = without_end(result.stdout) if result.exit_code == 0 else None
    rows = text.splitlines() if text else []
    if not rows or "PID" not in rows[0].split() or not any(re.search(r"\bps -ef$", row) for row in rows):
        raise Unknown(
            f"{subject}. What still runs on {host} could not be listed: {result.ending()}: {result.said()}",
            f"run `/usr/bin/ps -ef` as the SSH account on {host}, fix what it says, and wait for the retry",
        )
    if not _shows_others(rows[1:]):
        raise Unknown(
            f"{subject}. What still runs on {host} could not be listed: its account sees no process of root, "
            "so what became root is hidden from it",
            f"let the account see every process on {host}: on Linux without `hidepid` of /proc, or as a "
            "member of its `gid`; on SunOS with the privilege `proc_info`",
        )
    return rows[1:]


def _shows_others(rows: list[str]) -> bool:
    """Whether it shows processes of root: every system has some, and a command of ours may be one."""
    return any(row.split()[:1] in (["root"], ["0"]) for row in rows)


def may_begin(row: str, service: str) -> bool:
    """Whether it is the shell behind a service's fence, or may be: its words may be cut off.

    :param row: one that shows :data:`clones.asking.fence.MARK`.
    """
    folder = re.search(r"/fences/(\S*)", row)
    if folder is None:
        return True
    return folder[1] == service or (row.endswith(folder[0]) and service.startswith(folder[1]))


def words_of(row: str) -> list[str]:
    """The words of the process in one row; where the day of its start takes two words, they come one
    later."""
    words = row.split()[7:] or [""]
    return words[1:] if len(words) > 1 and re.fullmatch(r"(?:\d+-)?\d+:\d\d(?::\d\d)?", words[0]) else words


def spoken_row(row: str) -> str:
    """The command of one row for a message: what a shell is about to run, not the script that it runs, and
    without the host's `become`, which has a row of its own."""
    if MARK not in row:
        return " ".join(_behind_become(words_of(row)))
    behind = re.search(r"/fences/\S+ \S+ (.+)", row)
    said = " ".join(_behind_become(behind[1].split()) if behind else words_of(row)[:4])
    return f"{said} ... (about to begin)"


def _behind_become(words: list[str]) -> list[str]:
    """What `become` runs; all of it where it does not stand there, or is cut off behind it."""
    if words[0].rsplit("/", 1)[-1] not in KINDS:
        return words
    at = next((n for n, word in enumerate(words[1:], 1) if not word.startswith("-")), 0)
    return words[at:]
