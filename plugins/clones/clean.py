"""Text of others, made harmless: what arrays, hosts and users say moves no cursor and draws no link.

What they say is quoted in logs, records, messages, approvals and on terminals. A control character in it
could hide a line, or write another over it; a mark of direction could turn a device number round; a mark of
Airflow's for a group of lines would hide what stands before it. They are written out, as ``\\x1b``, and never
dropped: what cannot be read stays unreadable (D2).
"""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]|\r(?!\n)"
)
"""C0 without tab and line ends, DEL, C1, what Unicode has to turn text round, hide it or end a line, and
halves of characters: a form over REST can hold one (``\\ud800`` in JSON), which nobody can write as UTF-8."""
_LINKS = re.compile(r"\](?=[(\[:])")
"""What makes a link of the words before it: an address, a name of one, or that it is one."""
_MARK = re.compile("::(?=(?:end)?group::)")
"""Wherever it stands in a record of the log, Airflow's page takes it for the begin or end of a group."""


_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|r(?!\\n)|(.))", re.DOTALL)
"""One escape of JSON; a backslash before a backslash is one, too."""


def cleaned(text: str) -> str:
    """The text, with all written out that is not seen, acts on a terminal or groups lines of a log."""
    if text.replace("\n", "").isprintable():  # as most is, and to know it takes a fourth of the time
        return without_marks(text)
    return without_marks(_UNSEEN.sub(_written_out, text))


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
    return _LINKS.sub(r"]\\", text).replace("<", "\\<")


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


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
    """A text without begins or ends of groups of Airflow's."""
    return _MARK.sub(r"\\x3a:", text) if "group::" in text else text
