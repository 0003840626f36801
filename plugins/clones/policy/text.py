"""The policy of a gate, as text (docs/decisions/0039-the-gate.md says the form).

The digest tells two policies apart by what they let through at any time: it is of the sorted lines of the
normal policy, so neither the order of services.yaml nor a comment changes it.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from clones.asking import one_trip
from clones.asking.fence import RUN
from clones.errors import ConfigError
from clones.policy.sent import Kind, Part, Sent, refuse_endless

FORM = "symclone-gate 1"
TIME = "%Y-%m-%dT%H:%M:%SZ"
_OTHER = re.compile(rb"[^A-Za-z0-9_@+=:,./-]")
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
"""What stands in a line as it is: as a word, and in a quoted one."""
_CLASS = re.compile(r"<[^<>]+>")
_TEXT = re.compile(r"<text:([^<>]+)>")


def written(word: str) -> str:
    """A word as it stands in a policy: each byte but letters, digits and a few signs as ``%XX``; an empty one
    as ``%``."""
    return _OTHER.sub(lambda found: b"%%%02X" % found[0][0], word.encode()).decode() or "%"


@dataclass(frozen=True)
class Rule:
    """A line of a policy, and why it is there.

    :param block: what each command that it lets through holds: the gate reads a large policy by that. Empty:
        it is always read.
    :param sets: the names of the sets that it names.
    """

    line: str
    reason: str
    block: str
    sets: tuple[str, ...]


@dataclass
class Made:
    """Rules as lines, with the texts and the sets that they name."""

    rules: dict[str, Rule] = field(default_factory=dict)
    """By line."""
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
                name = words[place + 1] if words[place + 1 :] else "text"
                parts.append(f"<text:{self.named(word, name)}>")
                continue
            whole, end = "", 0
            for found in samples.finditer(word):
                whole += (written(word[end : found.start()]) if found.start() > end else "") + stand_in(found)
                end = found.end()
            parts.append(whole + (written(word[end:]) if word[end:] or not whole else ""))
        for name, held in sent.sets.items():
            self.sets.setdefault(name, {}).update(dict.fromkeys(held))
        owner = () if sent.kind is Kind.LOOK else (sent.service,)
        line = " ".join((sent.kind, *owner, *parts))
        self.rules.setdefault(line, Rule(line, sent.reason, block_of(sent), tuple(sent.sets)))

    def lines(self) -> list[str]:
        """All that it lets through, without an order, and without the names of texts."""
        texts = {name: hashlib.sha256(text.encode()).hexdigest() for text, name in self.texts.items()}
        told = (_TEXT.sub(lambda found: f"<text:{texts[found[1]]}>", line) for line in self.rules)
        return sorted([*told, *(_set(name, sorted(words)) for name, words in self.sets.items())])

    def fixed(self) -> list[str]:
        """The lines of the texts."""
        return [f"text {name} {written(text)}" for text, name in self.texts.items()]

    def blocks(self, fences: Sequence[Fence] = ()) -> dict[str, list[str]]:
        """Sets, fences and rules, by block; those that stand in none by the empty text.

        A set stands in each block that names it: only those are read that count for a command.
        """
        found: dict[str, list[str]] = {"": []}
        for one in fences:
            found.setdefault(one.block, []).append(one.line)
        by_block: dict[str, list[Rule]] = {}
        for rule in self.rules.values():
            by_block.setdefault(rule.block, []).append(rule)
        for block, rules in by_block.items():
            lines = found.setdefault(block, [])
            lines += (_set(name, self.sets[name]) for name in dict.fromkeys(n for r in rules for n in r.sets))
            reason = ""
            for rule in rules:
                if rule.reason != reason:
                    lines.append(f"# {rule.reason}")
                reason = rule.reason
                lines.append(rule.line)
        return found


@dataclass(frozen=True)
class Fence:
    """Where the tokens of a service are on a host."""

    service: str
    folder: str

    @property
    def line(self) -> str:
        """As it stands in a policy."""
        return f"fence {self.service} {written(self.folder)}"

    @property
    def block(self) -> str:
        """As that of a rule."""
        return f"/{self.service}"


def _set(name: str, words: Iterable[str]) -> str:
    return f"set {name} {' '.join(map(written, words))}"


def block_of(sent: Sent) -> str:
    """What stands in each command of that rule, and in few others."""
    words, own = sent.command.words, f"/{sent.service}"
    if not sent.service:
        return ""
    samples = re.compile("|".join(map(re.escape, sent.free)) or "(?!)")
    fixed = [samples.sub("\n", word) for word in words]
    if sent.kind is Kind.CHANGE or any(own in word for word in fixed):
        return own
    for option, behind in itertools.pairwise(fixed):
        if option in ("-sid", "-g") and _PLAIN.fullmatch(behind):
            return behind
    return ""


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
    fences: Iterable[Fence],
    made: datetime,
    *,
    remedy: str,
    parts: Sequence[Part] = (),
    until: datetime | None = None,
    left_out: Sequence[str] = (),
) -> Policy:
    """Make the policy of a connection.

    :param every: all that it gets.
    :param fences: for each service whose changes go there.
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
    refuse_endless(parts, until)
    normal = Made()
    normal.named(RUN, "fence")
    normal.named(one_trip.SCRIPT, one_trip.NAME)
    for sent in every:
        if sent.part is Part.NORMAL:
            normal.add(sent)
    stand = list(dict.fromkeys(fences))
    about = [FORM, f"host {written(connection)}"]
    whole = sorted([*about, *normal.lines(), *(one.line for one in stand)])
    digest = hashlib.sha256("\n".join(whole).encode()).hexdigest()
    lines = [*about, f"made {made.strftime(TIME)}", f"of {digest}", f"remedy {written(remedy)}"]
    lines += [f"# left out: {sentence}" for sentence in left_out]
    more = Made(texts=dict(normal.texts))
    for sent in every:
        if sent.part in parts:
            more.add(sent)
    blocks = normal.blocks(stand)
    head = [*lines, *more.fixed(), *blocks.pop("")]
    parted = list(blocks.items())
    if until is not None:
        parted += [
            (f"{block} until {until.strftime(TIME)}", rows) for block, rows in more.blocks().items() if rows
        ]
    return Policy(digest, _put_together(head, parted))


def _put_together(head: Sequence[str], blocks: Sequence[tuple[str, Sequence[str]]]) -> str:
    """The head says where each block is."""
    begin, rows, bodies = 0, list(head), []
    for name, lines in blocks:
        body = "".join(f"{line}\n" for line in (f"for {name}", *lines))
        size = len(body.encode())
        rows.append(f"block {begin} {size} {name}")
        begin += size
        bodies.append(body)
    return "".join(f"{row}\n" for row in (*rows, "blocks")) + "".join(bodies)
