"""A look at a host's programs and folders, as the account that is logged in: one command for all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clones.asking.steps import Command, Steps, run
from clones.errors import Unknown
from clones.time_limits import SMALL_LOOK

PROGRAM_IN_A_TEXT = re.compile(r"""(?<![\w./"'$=])/(?:usr/)?s?bin/[a-z]\w+""")
"""A program that a text for the shell names by its path."""
_TESTS = {"there": "-e", "folder": "-d", "writable": "-w", "executable": "-x"}


@dataclass(frozen=True)
class HostFiles:
    """What was seen.

    :param uid: the account's number, None when the host did not say.
    :param seen: path -> the words of ``there``, ``folder``, ``writable``, ``executable`` that hold for it.
    """

    uid: int | None
    seen: dict[str, frozenset[str]]

    def runs(self, path: str) -> bool:
        """Whether it is a program that the account may execute."""
        return "executable" in self.seen[path] and "folder" not in self.seen[path]


def look_at_files(host: str, paths: Sequence[str]) -> Steps[HostFiles]:
    """:raises Unknown: the host did not answer for every path."""
    distinct = list(dict.fromkeys(paths))
    result = yield from run(_command(host, distinct))
    said = set(result.stdout.splitlines())
    silent = [path for number, path in enumerate(distinct) if f"path {number} looked at" not in said]
    if result.exit_code != 0 or silent:
        raise Unknown(
            f"Host {host}: its programs and folders are not known: {result.ending()}: {result.said()}",
            "check that its SSH account may run `/bin/sh -c`; the log has the command and its output",
        )
    uid = next((found[1] for line in result.stdout.splitlines() if (found := _UID.fullmatch(line))), None)
    return HostFiles(
        int(uid) if uid is not None else None,
        {
            path: frozenset(word for word in _TESTS if f"path {number} {word}" in said)
            for number, path in enumerate(distinct)
        },
    )


_UID = re.compile(r"uid (\d+)")


_TEXT = (
    'LC_ALL=C; export LC_ALL; echo "uid $(/usr/bin/id -u)"; n=0; while test $# -gt 0; do '
    + "".join(f'test {test} "$1" && echo "path $n {word}"; ' for word, test in _TESTS.items())
    + 'echo "path $n looked at"; n=$(expr $n + 1); shift; done; exit 0'
)
"""PATH...: the same few tests for each. The text is always the same: a host that lets through only what it
knows can know it."""


def _command(host: str, paths: Sequence[str]) -> Command:
    words = ("/bin/sh", "-c", _TEXT, "look", *paths)
    return Command(host, words, SMALL_LOOK.seconds, title=f"check {len(paths)} programs and folders")
