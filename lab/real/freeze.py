"""File systems held still by `fsfreeze` for as long as an activation takes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

# It thaws when its input ends, so also when the lab is killed: a frozen file system can not be unmounted, nor
# its device be given up.
SCRIPT = """
trap '' HUP INT TERM
thaw() { for at in $frozen; do fsfreeze --unfreeze "$at"; done; }
frozen=
for directory; do
    fsfreeze --freeze "$directory" || { thaw; exit 1; }
    frozen="$directory $frozen"
done
echo frozen
cat >/dev/null
thaw
"""


class FreezeError(RuntimeError):
    """A file system could not be frozen, or not be thawed; the text says why."""


@contextmanager
def frozen(directories: Mapping[int, list[str]]) -> Iterator[None]:
    """Hold the writers of these file systems; what they wrote before is on the devices.

    :param directories: process id of a mount namespace -> mount points in it.
    """
    with ExitStack() as stack:
        for pid, names in directories.items():
            if names:
                stack.enter_context(_frozen(pid, names))
        yield


@contextmanager
def _frozen(pid: int, directories: list[str]) -> Iterator[None]:
    words = ["nsenter", f"--target={pid}", "--mount", "/bin/sh", "-c", SCRIPT, "freeze", *directories]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        if process.stdout.readline() != "frozen\n":
            process.stdin.close()
            raise FreezeError(f"fsfreeze {' '.join(directories)}: {process.stderr.read().strip()}")
        try:
            yield
        finally:
            process.stdin.close()
            code, said = process.wait(), process.stderr.read().strip()
        if code != 0 or said:
            raise FreezeError(f"fsfreeze --unfreeze {' '.join(directories)}: {said or code}")
