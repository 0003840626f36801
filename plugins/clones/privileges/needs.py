"""The commands that an account must be allowed to run as root, each with why."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from clones.become import Become, Free
from clones.policy.sent import Part, Sent
from clones.privileges.allowed import Allowed

_MOST_REASONS = 3
_CLASSES = {"<hex16>": "[0-9a-f]" * 16}
"""Of samples with one length (docs/decisions/0039-the-gate.md)."""
_DEVICE = "[0-9A-Fa-f]{3,5}"
_DEVICES = f"{_DEVICE}(,{_DEVICE})*"
_STARTERS = re.compile(
    r"(?:b?a|da|pdk|m?k|t?c|[brz]|fi)?sh(?:\d[\d.]*)?|env|su|sudo|doas|(?:perl|python|ruby|php|lua|tclsh)[\d.]*|node|expect"
    r"|[gmn]?awk|sed|xargs|busybox|vim?|ex|ed|emacs|less|more|man|screen|tmux|script|ssh|scp|rsync|tar|zip|nice|nohup"
    r"|timeout|time|watch|chroot|nsenter|unshare|setsid|strace|gdb|systemd-run|at|crontab"
)
"""Programs that start what they are told to, or write where they are told to, by name."""
_STARTING_OPTIONS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


@dataclass(frozen=True)
class Need(Allowed):
    """:param part: when it is sent."""

    part: Part = Part.NORMAL

    @property
    def refused(self) -> str | None:
        """Why no rule may allow it, with what to do; None when one may."""
        program, *arguments = self.words
        if not program.startswith("/"):
            return f"`{program}` is no absolute path: write its absolute path in services.yaml"
        started = [word for at, word in enumerate(arguments) if at and arguments[at - 1] in _STARTING_OPTIONS]
        found = [one for one in (program, *started) if _STARTERS.fullmatch(posixpath.basename(one))]
        if found:
            return (
                f"{found[0]} starts or writes what it is told to: put the command into a file that root "
                "owns, and name that in services.yaml"
            )
        return None

    @property
    def same(self) -> tuple[str, ...]:
        """What is equal of commands whose programs lie in other folders: a host has one of them."""
        return (posixpath.basename(self.words[0]), *self.words[1:])


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

    @property
    def of_symcli(self) -> list[str]:
        """The programs of SYMCLI among them."""
        return list(dict.fromkeys(n.words[0] for n in self.needs if n.words[0].startswith(f"{self.symcli}/")))


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
    found: dict[tuple[tuple[str, ...], Part], dict[str, None]] = {}
    for sent in every:
        if sent.part is not Part.NORMAL and sent.part not in parts:
            continue
        reason = f"{sent.service}: {sent.reason}" if sent.service else sent.reason
        for words in sent.command.as_root:
            known = (tuple(_free(word, sent) for word in words), sent.part)
            found.setdefault(known, {})[reason] = None
    return [Need(words, _why(list(reasons)), part) for (words, part), reasons in found.items()]


def _why(reasons: list[str]) -> str:
    more = len(reasons) - _MOST_REASONS
    return "; ".join(reasons[:_MOST_REASONS]) + (f"; and {more} more" if more > 0 else "")


def _free(word: str, sent: Sent) -> str:
    """A word without samples: what may stand in their place is what may stand there.

    Of a class that nobody has thought of here nothing may, and the command is left out.
    """
    free = sent.free
    samples = [sample for sample in free if sample in word]
    if isinstance(word, Free) or not samples:
        return word
    shown, pattern = word, "".join(f"[{sign}]" if sign in "[*?" else sign for sign in word)
    for sample in samples:
        shown = shown.replace(sample, free[sample])
        pattern = pattern.replace(sample, _CLASSES.get(free[sample], ""))
    if free[samples[0]].startswith("<list:") and word == samples[0]:
        known = sent.sets.get(free[word].removeprefix("<list:").removesuffix(">"), ())
        return Free(shown, known[:1], _DEVICES)
    return Free(shown, (pattern,) if all(free[sample] in _CLASSES for sample in samples) else ())
