"""Text of others, made harmless: what arrays, hosts and users say moves no cursor and draws no link.

What they say is quoted in logs, records, messages, approvals and on terminals. A control character in it
could hide a line, or write another over it; a mark of direction could turn a device number round. They are
written out, as ``\\x1b``, and never dropped: what cannot be read stays unreadable (D2).
"""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\r(?!\n)"
)
"""C0 without tab and line ends, DEL, C1, and what Unicode has to turn text round, hide it or end a line."""


_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|r(?!\\n)|(.))", re.DOTALL)
"""One escape of JSON; a backslash before a backslash is one, too."""


def cleaned(text: str) -> str:
    """The text, with each character that is not seen or acts on a terminal written out; lines stay lines."""
    if text.replace("\n", "").isprintable():  # as most is, and to know it takes a fourth of the time
        return text
    return _UNSEEN.sub(_written_out, text)


def one_line(text: str) -> str:
    """The same in one line, for what a person has typed."""
    return " ".join(cleaned(text).split())


def cleaned_json(text: str) -> str:
    """The same of JSON, also for what stands in it as an escape: it stays JSON, and reads as written out."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return cleaned(text)
    text = _ESCAPE.sub(_escaped_once_more, text) if "\\" in text else text
    if text.replace("\n", "").isprintable():
        return text
    return _UNSEEN.sub(lambda found: f"\\{_written_out(found)}", text)


def in_markdown(text: str) -> str:
    """The text where Markdown is read: no link, picture or tag comes of it."""
    return text.replace("](", "]\\(").replace("<", "\\<")


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _escaped_once_more(found: re.Match[str]) -> str:
    if found[1]:
        code = int(found[1], 16)
        acts = (
            0xD800 <= code < 0xE000 or _UNSEEN.match(chr(code)) is not None
        )  # half a pair cannot be printed
    else:
        acts = found[2] in ("b", "f", None)
    return f"\\{found[0]}" if acts else found[0]


def without_marks(text: str) -> str:
    """A text with what a host has printed: no begin or end of a group of Airflow's, which would hide it."""
    for mark in ("::group::", "::endgroup::"):
        text = text.replace(mark, mark.replace("::", r"\x3a:", 1))
    return text
