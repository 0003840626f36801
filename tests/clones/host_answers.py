"""Answers of hosts as case files write them down, and commands as they show them.

What a case gives as ``stdout`` is what the program prints. A look that shows its end gets it here, after exit
code 0, unless the case says ``cut: true``: then that is all that arrived.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from clones.asking.steps import Command, Result
from clones.asking.whole_answers import END, NAME
from clones.resources.reading import BECOME


def shown(command: Command) -> str:
    """Its line; of a script its name and arguments, for the text is fixed, also in what a script runs.

    Without the empty words of `become` that a script of a host without one gets.
    """
    words, names = command.words, ""
    while words[:2] == ("/bin/sh", "-c"):
        takes_become = words[2].startswith(BECOME) and words[4] == ""
        names, words = f"{names}sh {words[3]} ", words[5 if takes_become else 4 :]
    return (names + shlex.join(words)).rstrip()


def answered(command: Command, case: Mapping[str, Any]) -> Result:
    """:param case: any of ``exit_code`` (0), ``stdout``, ``stderr``, ``lost`` and ``cut``."""
    code, stdout = case.get("exit_code", 0), case.get("stdout", "")
    if shows_its_end(command) and code == 0 and not case.get("cut"):
        stdout += f"{END}\n"
    return Result(command, code, stdout, case.get("stderr", ""), lost=case.get("lost", ""))


def shows_its_end(command: Command) -> bool:
    """Whether it is a look that prints one line more once it has succeeded."""
    return command.words[:2] == ("/bin/sh", "-c") and command.words[3:4] == (NAME,)
