"""One command that a host must allow, and what the forms have in common."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from clones.become import Free
from clones.clean import cleaned


@dataclass(frozen=True)
class Allowed:
    """:param words: behind `become`: the program's absolute path and its arguments; what is free is a
        :class:`clones.become.Free`.
    :param why: what it is for.
    """

    words: tuple[str, ...]
    why: str

    @property
    def fixed(self) -> bool:
        """Whether each of its words is always the same."""
        return not any(isinstance(word, Free) for word in self.words)

    @property
    def line(self) -> str:
        """As a person types it, in one line."""
        return one_line(shlex.join(self.words))


def one_line(text: str) -> str:
    """A text for a comment: whatever it quotes, it ends with its line."""
    return " ".join(cleaned(text).split())


def programs(allowed: Sequence[Allowed]) -> dict[str, list[str]]:
    """By program what it is for, each reason once; in the order of their first commands."""
    found: dict[str, list[str]] = {}
    for one in allowed:
        reasons = found.setdefault(one.words[0], [])
        if one.why not in reasons:
            reasons.append(one.why)
    return found
