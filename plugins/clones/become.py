"""How an account runs one command as root, without ever being asked for a password: `become` of a host.

=======  ========================  ==============================================  ==========
Kind     Sent before the command   That it never asks                              How sure
=======  ========================  ==============================================  ==========
sudo     ``/usr/bin/sudo -n``      ``-n``: fails where a password would be needed  documented
doas     ``/usr/bin/doas -n``      the same                                        documented
pfexec   ``/usr/bin/pfexec``       a rights profile knows no password              documented
pbrun    ``/usr/local/bin/pbrun``  its policy decides; it has no such option       assumed
=======  ========================  ==============================================  ==========

It stands directly before a program's absolute path, behind whatever else is sent: the fence, `env`, the text
of a look (docs/decisions/0040-become.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NONE = "none"
_OPTIONS = {"sudo": ("-n",), "doas": ("-n",), "pfexec": (), "pbrun": ()}
_PATHS = {
    "sudo": "/usr/bin/sudo",
    "doas": "/usr/bin/doas",
    "pfexec": "/usr/bin/pfexec",
    "pbrun": "/usr/local/bin/pbrun",
}
KINDS = tuple(_OPTIONS)


class Free(str):
    """A word of a command behind `become` that its host decides, like the kernel's name of a disk.

    :param shown: what stands for it in a message.
    :attr patterns: what the host's rules must allow in its place: letters, digits, signs and classes in
        brackets as of fnmatch, so that each pattern has one length and none matches a blank or a slash more.
    :attr expression: the same as one extended regular expression, where it has no one length; else empty.
    """

    patterns: tuple[str, ...]
    expression: str

    def __new__(cls, shown: str, patterns: Iterable[str] = (), expression: str = "") -> Free:
        word = super().__new__(cls, shown)
        word.patterns, word.expression = tuple(patterns), expression
        return word

    @property
    def example(self) -> str:
        """A word that may stand in its place; empty where there is none."""
        return re.sub(r"\[(.)[^\]]*\]", r"\1", self.patterns[0]) if self.patterns else ""


@dataclass(frozen=True)
class Become:
    """:param words: what stands before a command; empty: the account itself runs it."""

    words: tuple[str, ...] = ()

    @classmethod
    def read(cls, written: str) -> Become:
        """As services.yaml says it.

        :param written: ``none``, one of :data:`KINDS`, or the absolute path of one of these programs.
        :raises ValueError: it is none of these.
        """
        if written == NONE:
            return cls()
        kind = written.rpartition("/")[2]
        if kind not in _OPTIONS or (written != kind and not written.startswith("/")):
            raise ValueError(f"{written!r} is none of {NONE}, {', '.join(KINDS)}, or the path of one of them")
        return cls((_PATHS[kind] if written == kind else written, *_OPTIONS[kind]))

    def __bool__(self) -> bool:
        return bool(self.words)

    @property
    def kind(self) -> str:
        """`sudo`, `doas`, `pfexec`, `pbrun` or `none`."""
        return self.words[0].rpartition("/")[2] if self.words else NONE

    @property
    def text(self) -> str:
        """For a fixed text of the shell that takes it as one parameter and uses it unquoted; may be empty."""
        return " ".join(self.words)

    def __call__(self, *words: str) -> tuple[str, ...]:
        """A command's words as they are sent.

        :param words: the program's absolute path and its arguments.
        """
        return (*self.words, *words)

    def needs(self, *commands: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """What the host must allow for these: nothing where the account runs them by itself.

        :param commands: each as its words behind `become`.
        """
        return tuple(tuple(words) for words in commands) if self else ()
