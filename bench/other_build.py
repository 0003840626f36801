"""Another commit of this project beside this one, so that one run can measure both in turn."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parents[1]
"""The build that measures."""


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The folder of a commit's files, which is gone at the end.

    Its programs run with this build's packages: measure only what needs no others.

    :param commit: as git names one.
    :raises SystemExit: git knows no such commit.
    """
    with tempfile.TemporaryDirectory(prefix="bench-build-") as folder:
        path = Path(folder) / "build"
        made = _git("worktree", "add", "--quiet", "--detach", str(path), commit)
        if made.returncode:
            raise SystemExit(f"{commit} cannot be measured: {made.stderr.strip()}")
        try:
            yield path
        finally:
            _git("worktree", "remove", "--force", str(path))


@contextmanager
def builds(against: str | None) -> Iterator[dict[str, Path]]:
    """The folders of what is measured, by how the table names it: this build, and perhaps another one before.

    :param against: a commit; None: this build alone.
    """
    if against is None:
        yield {"this": HERE}
        return
    with checked_out(against) as other:
        yield {against: other, "this": HERE}


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(HERE), *words], capture_output=True, text=True, check=False)
