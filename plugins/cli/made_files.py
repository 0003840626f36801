"""Files of the repository that are made of the code: written, or checked to be current."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def keep(files: Mapping[Path, Callable[[], str]], program: str, arguments: Sequence[str]) -> int:
    """Write what is not current; with ``--check`` only say it.

    :param files: by path, what makes its text.
    :param program: the module that writes them.
    :returns: the exit code: 1 when something was checked and is not current.
    """
    old = {
        path: text for path, make in files.items() for text in [make()]
        if not path.exists() or path.read_text() != text
    }  # fmt: skip
    if "--check" not in arguments:
        for path, text in old.items():
            path.write_text(text)
        return 0
    for path in old:
        print(f"{path}: is not current. What to do: run `python -m {program}` with PYTHONPATH=plugins")
    return 1 if old else 0
