"""Services as the text of ``services.yaml``, with comments where a value needs a look."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import yaml

Scalar: TypeAlias = str | int | bool


@dataclass(frozen=True)
class Entry:
    """One key.

    :param value: a value, a list of values on one line, a mapping, or a list of mappings.
    :param comment: written above it.
    """

    key: str
    value: Scalar | Sequence[Scalar | Block] | Block
    comment: str = ""


@dataclass(frozen=True)
class Block:
    """A mapping: its keys in the order in which they are written."""

    entries: tuple[Entry, ...]


_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_WORDS_OF_YAML = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_WIDTH = 100


def to_yaml(services: Sequence[tuple[str, str, Block]]) -> str:
    """The whole file.

    :param services: name, comment and keys of each.
    """
    lines = [
        "# Made by scripts/import-opensvc. Every key is described in config/services.schema.json.",
        "# A value like <FILL IN: ...> is yours to give; until then the file is refused.",
        "services:",
    ]
    for name, comment, block in services:
        lines += [*_comment(comment, "  "), f"  {name}:", *_mapping(block, "    "), ""]
    return "\n".join(lines[:-1]) + "\n"


def _mapping(block: Block, indent: str) -> Iterator[str]:
    for entry in block.entries:
        yield from _comment(entry.comment, indent)
        yield from _entry(entry, indent)


def _entry(entry: Entry, indent: str) -> Iterator[str]:
    match entry.value:
        case Block():
            yield f"{indent}{entry.key}:"
            yield from _mapping(entry.value, f"{indent}  ")
        case str() | int():
            yield f"{indent}{entry.key}: {_scalar(entry.value)}"
        case values:
            words = [_scalar(value) for value in values if not isinstance(value, Block)]
            blocks = [value for value in values if isinstance(value, Block)]
            yield f"{indent}{entry.key}:" + ("" if blocks else f" [{', '.join(words)}]")
            for block in blocks:
                yield from _item(block, f"{indent}  ")


def _item(block: Block, indent: str) -> Iterator[str]:
    """A mapping as one of a list; the comment of its first key stands above the dash."""
    first, *others = block.entries
    yield from _comment(first.comment, indent)
    lines = [*_entry(first, f"{indent}  "), *_mapping(Block(tuple(others)), f"{indent}  ")]
    yield f"{indent}- {lines[0].strip()}"
    yield from lines[1:]


def _comment(text: str, indent: str) -> list[str]:
    """As lines that begin with ``#``, whatever is in it."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return [f"{indent}# {line}" for line in textwrap.wrap(printable, _WIDTH)]


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML:
        return value
    quoted: str = yaml.dump(value, default_style='"', width=10**9, allow_unicode=True)
    return quoted.strip()
