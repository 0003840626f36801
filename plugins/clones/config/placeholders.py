"""Values that only the site knows: written by an import, refused by the loader until they are filled in."""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(r"<FILL IN: (.*)>", re.DOTALL)


def fill_in(what: str) -> str:
    """A value that is to be filled in.

    :param what: what belongs there, in words.
    """
    return f"<FILL IN: {what}>"


def still_to_fill_in(value: str) -> str | None:
    """What belongs in the place of a placeholder; None for any other value."""
    found = _PLACEHOLDER.fullmatch(value)
    return found and found[1]
