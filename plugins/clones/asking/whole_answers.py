"""Looks whose answer shows that it is whole.

A row that is missing from a table says "not in use". A table that was cut off says the same, also with exit
code 0. So a look prints one line more once its program has succeeded, and what does not end with that line
proves nothing (D2).
"""

from __future__ import annotations

END = "symclone-end"
SCRIPT = f'LC_ALL=C; export LC_ALL; "$@" && echo {END}'
"""Fixed text for ``/bin/sh -c``; the program and its arguments are its parameters. In one line, for csh."""
NAME = "look"


def whole(*words: str) -> tuple[str, ...]:
    """A command's words, so that a whole answer ends with :data:`END`.

    :param words: the program's absolute path and its arguments; it prints in the locale ``C``.
    """
    return ("/bin/sh", "-c", SCRIPT, NAME, *words)


def without_end(stdout: str) -> str | None:
    """What the program itself printed, or None when the answer is not whole.

    A program that does not end its last line has its end behind that line: it is not whole either.
    """
    text, found, rest = stdout.rpartition(f"{END}\n")
    if not found or rest or (text and not text.endswith("\n")):
        return None
    return text
