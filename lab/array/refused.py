"""What an array says when it does not do as it is told."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """The array refuses: `key` names the text in `symcli/messages.yaml`, `exit` is the exit code."""

    def __init__(self, key: str, exit: int = 1, **words: Any) -> None:
        super().__init__(key)
        self.key = key
        self.exit = exit
        self.words = words
