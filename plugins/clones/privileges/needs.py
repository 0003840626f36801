"""The commands that an account must be allowed to run as root, each with why."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from clones.become import Become
from clones.policy.sent import Part, Sent

_MOST_REASONS = 3
_STARTERS = re.compile(
    r"(?:[abck]|da|pdk|tc|z|fi)?sh(?:\d[\d.]*)?|env|su|sudo|doas|perl[\d.]*|python[\d.]*|ruby[\d.]*|php[\d.]*|lua[\d.]*"
    r"|node|tclsh[\d.]*|expect|[gmn]?awk|sed|xargs|busybox|vim?|ex|ed|emacs|less|more|man|screen|tmux|script|ssh|scp"
    r"|rsync|tar|zip|nice|nohup|timeout|time|watch|chroot|nsenter|unshare|setsid|strace|gdb|systemd-run|at|crontab"
)
"""Programs that start what they are told to, or write where they are told to, by name."""
_STARTING_OPTIONS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


@dataclass(frozen=True)
class Need:
    """One command.

    :param words: its program's absolute path and its arguments. A word may be a :class:`clones.become.Free`, or
        hold samples.
    :param reasons: what it is for.
    :param free: sample in the words -> the class that may stand there (docs/decisions/0039-the-gate.md).
    """

    words: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    part: Part = Part.NORMAL
    free: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    @property
    def why(self) -> str:
        """In one line."""
        more = len(self.reasons) - _MOST_REASONS
        return "; ".join(self.reasons[:_MOST_REASONS]) + (f"; and {more} more" if more > 0 else "")

    @property
    def refused(self) -> str | None:
        """Why no rule may allow it, with what to do; None when one may."""
        program, *arguments = self.words
        if not program.startswith("/"):
            return f"`{program}` is no absolute path: write its absolute path in services.yaml"
        started = [word for at, word in enumerate(arguments) if at and arguments[at - 1] in _STARTING_OPTIONS]
        for one in (program, *started):
            if _STARTERS.fullmatch(posixpath.basename(one)):
                return (
                    f"{one} starts or writes what it is told to: put the command into a file that root owns, and "
                    "name that in services.yaml"
                )
        return None


@dataclass(frozen=True)
class Asked:
    """For whom rules are written.

    :param connection: of the host.
    :param account: the login name of its SSH account.
    :param symcli: the folder of SYMCLI's programs there.
    :param until: when what is beside the normal part ends, in UTC.
    """

    connection: str
    account: str
    become: Become
    needs: Sequence[Need]
    made: datetime
    symcli: str
    until: datetime | None = None


@dataclass(frozen=True)
class Written:
    """Rules as text.

    :param text: the file.
    :param place: where it belongs, with owner and mode, and how it is checked: a sentence.
    :param left_out: what is not in it, with what to do: sentences.
    """

    text: str
    place: str
    left_out: tuple[str, ...] = ()


def needs(every: Iterable[Sent], parts: Collection[Part] = ()) -> list[Need]:
    """Each command once, in the order in which they are first sent.

    :param every: all that a connection gets.
    :param parts: what is allowed beside the normal part.
    """
    found: dict[tuple[object, ...], Need] = {}
    for sent in every:
        if sent.part is not Part.NORMAL and sent.part not in parts:
            continue
        reason = f"{sent.service}: {sent.reason}" if sent.service else sent.reason
        for words in sent.command.as_root:
            free = {one: kind for one, kind in sent.free.items() if any(one in word for word in words)}
            key = (words, tuple(sorted(free.items())), sent.part)
            before = found.get(key, Need(words, (), sent.part, free))
            reasons = tuple(dict.fromkeys((*before.reasons, reason)))
            found[key] = Need(words, reasons, sent.part, free)
    return list(found.values())


def same_program(needed: Need) -> tuple[object, ...]:
    """What is equal of commands that differ only in the folder of their program: a host has one of them."""
    return (posixpath.basename(needed.words[0]), *needed.words[1:])
