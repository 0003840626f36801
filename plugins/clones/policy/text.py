"""The policy of a gate, as text (docs/decisions/0039-the-gate.md says the form).

The digest tells two policies apart by what they let through at any time: it is of the sorted lines of the
normal policy, so neither the order of services.yaml nor a comment changes it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from clones.asking import fence, one_trip
from clones.errors import ConfigError
from clones.policy.sent import Kind, Part, Sent

FORM = "symclone-gate 1"
TIME = "%Y-%m-%dT%H:%M:%SZ"
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]")
_CLASS = re.compile(r"<[^<>]+>")


def written(word: str) -> str:
    """A word as it stands in a policy: each byte but letters, digits and a few signs as ``%XX``."""
    signs = (chr(byte) for byte in word.encode())
    return "".join(sign if _PLAIN.match(sign) else f"%{ord(sign):02X}" for sign in signs)


@dataclass(frozen=True)
class Rule:
    """A line of a policy, and why it is there."""

    line: str
    reason: str


@dataclass
class Made:
    """Rules as lines, with the texts and the sets that they name."""

    rules: list[Rule] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """By text its name."""
    sets: dict[str, dict[str, None]] = field(default_factory=dict)

    def named(self, text: str, name: str) -> str:
        """The name of a text; the same text has one.

        :param name: what it is called on the command line.
        """
        if text not in self.texts:
            plain = re.sub(r"[^A-Za-z0-9_-]", "-", name.rpartition("/")[2]) or "text"
            taken = set(self.texts.values())
            numbered = (f"{plain}-{number}" for number in range(2, len(taken) + 3))
            self.texts[text] = next(one for one in (plain, *numbered) if one not in taken)
        return self.texts[text]

    def add(self, sent: Sent) -> None:
        """Add the rule that lets it through."""
        words, count = sent.command.words, 0
        at: dict[str, int] = {}
        samples = re.compile("|".join(map(re.escape, sorted(sent.free, key=len, reverse=True))) or "(?!)")

        def stand_in(found: re.Match[str]) -> str:
            nonlocal count
            sample, kind = found[0], sent.free[found[0]]
            classes = len(_CLASS.findall(kind))
            if classes == 1 and sample in at:
                kind = f"<same:{at[sample]}>"
            count += classes
            at.setdefault(sample, count)
            return kind

        parts: list[str] = []
        for place, word in enumerate(words):
            if words[max(0, place - 2) : place] == ("/bin/sh", "-c"):
                count += 1
                parts.append(f"<text:{self.named(word, words[place + 1] if words[place + 1 :] else 'text')}>")
                continue
            whole, end = "", 0
            for found in samples.finditer(word):
                whole += written(word[end : found.start()]) + stand_in(found)
                end = found.end()
            parts.append(whole + written(word[end:]))
        for name, held in sent.sets.items():
            self.sets.setdefault(name, {}).update(dict.fromkeys(held))
        owner = () if sent.kind is Kind.LOOK else (sent.service,)
        line = " ".join((sent.kind, *owner, *parts))
        if line not in {rule.line for rule in self.rules}:
            self.rules.append(Rule(line, sent.reason))

    def definitions(self, besides: Made | None = None) -> list[str]:
        """The lines that define the texts and sets.

        :param besides: what is defined before them.
        """
        texts = {name: text for text, name in self.texts.items() if not besides or text not in besides.texts}
        sets = {name: words for name, words in self.sets.items() if not besides or name not in besides.sets}
        return [
            *(f"text {name} {written(text)}" for name, text in texts.items()),
            *(f"set {name} {' '.join(map(written, words))}" for name, words in sets.items()),
        ]


@dataclass(frozen=True)
class Policy:
    """The policy of one connection.

    :param digest: of the normal policy.
    :param text: as it is kept in a file.
    """

    digest: str
    text: str


def policy(
    connection: str,
    every: Sequence[Sent],
    fences: Iterable[tuple[str, str]],
    made: datetime,
    *,
    remedy: str,
    parts: Sequence[Part] = (),
    until: datetime | None = None,
    left_out: Sequence[str] = (),
) -> Policy:
    """Make the policy of a connection.

    :param every: all that it gets.
    :param fences: service and folder of its tokens, for each that may stand there.
    :param made: now, in UTC.
    :param remedy: what to copy where when it refuses something.
    :param parts: what it lets through beside the normal, until then.
    :param left_out: what it does not let through though services.yaml names it, in sentences.
    :raises ConfigError: there is nothing that this connection gets, or parts and no end.
    """
    if not every:
        raise ConfigError(
            f"No service of services.yaml sends anything to {connection!r}.",
            "name a connection of a control host or a host of services.yaml",
        )
    normal = Made()
    normal.named(fence.RUN, "fence")
    normal.named(one_trip.SCRIPT, one_trip.NAME)
    for sent in every:
        if sent.part is Part.NORMAL:
            normal.add(sent)
    stand = [f"fence {service} {written(folder)}" for service, folder in dict.fromkeys(fences)]
    rules = [rule.line for rule in normal.rules]
    about = [FORM, f"host {written(connection)}"]
    body = "\n".join(sorted([*about, *normal.definitions(), *stand, *rules]))
    digest = hashlib.sha256(body.encode()).hexdigest()
    lines = [*about, f"made {made.strftime(TIME)}", f"of {digest}", f"remedy {written(remedy)}"]
    lines += [f"# left out: {sentence}" for sentence in left_out]
    lines += [*normal.definitions(), *stand, *_explained(normal.rules)]
    if parts:
        lines += _more(every, normal, parts, until)
    return Policy(digest, "\n".join(lines) + "\n")


def _more(
    every: Sequence[Sent], normal: Made, parts: Sequence[Part], until: datetime | None
) -> Iterable[str]:
    """What is let through until then."""
    if until is None:
        raise ConfigError(
            f"{', '.join(parts)}: these change copies for good, or production: they need an end.",
            "add `--until 2026-01-31T18:00` (UTC)",
        )
    more = Made(texts=dict(normal.texts), sets={name: dict(words) for name, words in normal.sets.items()})
    for sent in every:
        if sent.part in parts:
            more.add(sent)
    yield f"until {until.strftime(TIME)}"
    yield from more.definitions(normal)
    yield from _explained(more.rules)


def _explained(rules: Iterable[Rule]) -> Iterable[str]:
    """Rules behind their reason; one reason for those that have the same."""
    before = ""
    for rule in rules:
        if rule.reason != before:
            yield f"# {rule.reason}"
        before = rule.reason
        yield rule.line
