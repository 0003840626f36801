"""8. Nothing that a user can type reaches a shell as anything but one quoted word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from lab.check.finding import Finding
from lab.check.history import History
from lab.shell.parser import SyntaxFault, literal_words, parse

# Text of these only can do no harm wherever it stands.
HARMLESS = re.compile(r"[A-Za-z0-9_.:/@%+=,\-]*")


def one_quoted_word(history: History) -> Iterator[Finding]:
    """With services every command must be one list of literal words; and what a note says that somebody
    typed must, wherever a command holds it, lie within one literal word."""
    typed: list[str] = []
    for entry in history.entries:
        if entry.get("event") == "note" and entry.get("note") == "typed":
            typed += [str(entry["text"])] if not HARMLESS.fullmatch(str(entry["text"])) else []
        if entry.get("event") != "command" or entry.get("actor"):
            continue
        command = str(entry["command"])
        try:
            words = _words(command)
        except SyntaxFault as fault:
            words = None
            if typed or history.services:
                yield Finding(8, entry["seq"], f"{fault}: {command}", host=entry["host"])
                continue
        if history.services and words is None:
            text = f"not one command of literal words: {command}"
            yield Finding(8, entry["seq"], text, host=entry["host"])
        for text in typed:
            if _reached(text, command) and not any(text in word for word in words or []):
                said = f"{text!r} is no part of one quoted word: {command}"
                yield Finding(8, entry["seq"], said, host=entry["host"])


@lru_cache(maxsize=4096)
def _words(command: str) -> list[str] | None:
    return literal_words(parse(command))


def _reached(text: str, command: str) -> bool:
    """Whether the command holds the text, with or without what quoting does to it."""
    return text in command or text.replace("'", "'\"'\"'") in command
