"""One thing that is sent to a host, with samples in the place of what is free in it."""

from __future__ import annotations

import enum
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from clones.asking.steps import Command, Finished, Note, Result, Steps, Together, answer
from clones.errors import CloneError, ConfigError


class Kind(enum.StrEnum):
    """What a gate asks of it."""

    LOOK = "look"
    CHANGE = "change"
    BARE = "bare"


class Part(enum.StrEnum):
    """When it is sent. All but the first need an approval."""

    NORMAL = "normal"
    PROVISION = "provision"
    RETIRE = "retire"
    MERGE_BACK = "merge-back"


TOKEN, TOKEN_BEFORE = "900000000001.5a5a5a5a5a5a5a5a", "900000000002.6b6b6b6b6b6b6b6b"
NODES = "dm-9"
PATH = "sdsamplepath"
"""Samples that no configuration holds."""
MOST_REASONS = 3
"""Of one rule, in its comment."""


def refuse_endless(parts: Sequence[Part], until: datetime | None) -> None:
    """:raises ConfigError: what is beside the normal part has no end."""
    if parts and until is None:
        raise ConfigError(
            f"{', '.join(parts)}: these make, end or overwrite copies: they need an end.",
            "add `--until 2026-01-31T18:00` (UTC)",
        )


@dataclass(frozen=True)
class Sent:
    """One command that a connection gets.

    :param command: as its builder makes it, without the fence. It holds samples.
    :param service: whose it is; empty for what is of no service.
    :param reason: what it is for: words for a comment.
    :param free: sample -> what may stand in its place, as a policy writes it: ``<token>``, ``<in:files>+``.
    :param sets: the words of the sets that `free` names.
    """

    command: Command
    service: str
    reason: str
    part: Part = Part.NORMAL
    free: Mapping[str, str] = field(default_factory=dict, hash=False)
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def kind(self) -> Kind:
        """Whether it may be asked, goes behind the fence of its service, or changes something without it."""
        if not self.command.changes:
            return Kind.LOOK
        return Kind.CHANGE if self.command.fenced else Kind.BARE

    @property
    def fixed(self) -> tuple[object, ...]:
        """What makes it the same rule as another one."""
        owner = "" if self.kind is Kind.LOOK else self.service
        return (self.kind, owner, self.part, self.command.words, tuple(self.free.items()))


def once(every: Iterable[Sent]) -> list[Sent]:
    """Each rule once, with the reasons and the sets of all."""
    alike: dict[tuple[object, ...], list[Sent]] = {}
    for one in every:
        alike.setdefault(one.fixed, []).append(one)
    return [_as_one(some) for some in alike.values()]


def _as_one(some: Sequence[Sent]) -> Sent:
    reasons = list(dict.fromkeys(one.reason for one in some))
    more = [f"and {len(reasons) - MOST_REASONS} more"] if len(reasons) > MOST_REASONS else []
    sets: dict[str, dict[str, None]] = {}
    for one in some:
        for name, words in one.sets.items():
            sets.setdefault(name, {}).update(dict.fromkeys(words))
    return replace(
        some[0],
        reason="; ".join([*reasons[:MOST_REASONS], *more]),
        sets={name: tuple(words) for name, words in sets.items()},
    )


def sends(steps: Steps[object], reply: Callable[[Command], Result]) -> Iterator[Command]:
    """What a procedure sends when it gets these answers.

    :param reply: the answer to a command.
    """
    try:
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                asked = answer(steps)
            elif isinstance(asked, Together):
                yield from asked.commands
                asked = answer(steps, [reply(one) for one in asked.commands])
            else:
                yield asked
                asked = answer(steps, reply(asked))
    except CloneError:
        return


def places(every: Iterable[Sent]) -> list[str]:
    """What only root may be able to write, or whoever can decides what is run as root, or where it acts: the
    programs that `become` runs, and the folders above each path that stands behind it.

    :param every: all that a connection gets. A path that holds a sample is of this project's own folder.
    """
    found: dict[str, None] = {}
    for sent in every:
        for words in sent.command.as_root:
            for word in words:
                if not word.startswith("/") or any(sample in word for sample in sent.free):
                    continue
                if word is words[0]:
                    found[word] = None
                while (word := posixpath.dirname(word)) not in found:
                    found[word] = None
    return list(found)
