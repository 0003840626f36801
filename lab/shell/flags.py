"""Short options in the POSIX way."""

from __future__ import annotations


class Usage(Exception):
    """An option that the program does not know, or one without its value."""


def read_flags(given: list[str], flags: str, valued: str = "") -> tuple[dict[str, str], list[str]]:
    """(options, the words after them); the options end at the first word without a dash."""
    found: dict[str, str] = {}
    words = list(given)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        at = 1
        while at < len(word):
            letter = word[at]
            at += 1
            if letter in flags:
                found[letter] = ""
            elif letter in valued:
                if at < len(word):
                    found[letter] = word[at:]
                elif words:
                    found[letter] = words.pop(0)
                else:
                    raise Usage(f"option requires an argument -- '{letter}'")
                break
            else:
                raise Usage(f"invalid option -- '{letter}'")
    return found, words
