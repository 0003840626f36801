"""The command-line programs, begun as forks of a process that has loaded them: that takes seconds.

From `main()` on everything is theirs: arguments, environment, output, exit code. That `python -m` begins them
is tested once for each program, beside what is tested here.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

PROGRAMS = ("cli.plan", "cli.preflight", "cli.status")
BECOME = "TESTS_ON_LIMITED_HOSTS"
"""In the environment: whatever services.yaml a program reads has `become` (:mod:`tests.support.limited`)."""
_FORKS = multiprocessing.get_context("forkserver")


def run_program(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """:param module: the program's, one of :data:`PROGRAMS`.
    :param words: its arguments.
    :returns: as of :func:`subprocess.run`. What takes longer than a minute is an error.
    """
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2] / "plugins")
    _FORKS.set_forkserver_preload([*PROGRAMS])
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = _FORKS.Process(
            target=_begin, args=(module, words, dict(os.environ), _FD(out), _FD(err)), daemon=True
        )
        process.start()
        process.join(60)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired([module, *words], 60)
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read())
    return subprocess.CompletedProcess([module, *words], process.exitcode, *said)


class _FD:
    """An open file on its way to another process."""

    def __init__(self, file: IO[str]) -> None:
        self.number = file.fileno()

    def __reduce__(self) -> Any:
        from multiprocessing.reduction import DupFd

        return _opened, (DupFd(self.number),)


def _opened(there: Any) -> int:
    return int(there.detach())


def _begin(module: str, words: tuple[str, ...], environment: dict[str, str], out: Any, err: Any) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *words]
    if BECOME in environment:
        from clones.services_yaml import file
        from tests.support.with_become import with_become

        validate = file._validate
        file._validate = lambda data, *about: validate(with_become(data), *about)
    sys.exit(importlib.import_module(module).main())
