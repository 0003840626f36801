"""The values of ``services.yaml`` without the lines they are written on, for a file with nothing wrong in it.

A file of thousands of services is read from the parser's events, one by one: its tree of nodes with their
places, which errors need, costs several times as much. Whatever is not plain here is :class:`Odd`: then
:mod:`clones.services_yaml.file` reads the text by its nodes, and says what is wrong, and where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from clones.config.placeholders import still_to_fill_in

SPECIAL = {"true": True, "false": False, "null": None, "~": None, "": None}
"""Plain scalars that are no text; any other is, as it is written."""


class Odd(Exception):
    """The text has something that only its nodes can tell."""


def values(text: str) -> Any:
    """The one document of a text, as mappings, lists, texts, true, false and None.

    :raises Odd: it is no YAML, has tags, a key twice, a value that contains itself or that is to be filled
        in, or is no mapping.
    """
    parser = yaml.CSafeLoader(text)
    try:
        found = _Reader(parser.get_event).document()
    except (yaml.YAMLError, RecursionError) as error:
        raise Odd from error
    finally:
        parser.dispose()
    if not isinstance(found, dict):
        raise Odd
    return found


def values_of_one(text: str, name: str) -> Any:
    """The same of a text with one service of it and all that stands beside the services.

    Lines of other services are left out. What looks like a service's key by its line is one, for the parser
    takes all that stands before that line as a whole document: it would refuse it if a quotation or a bracket
    were open there, and a text in a block is indented deeper. Nothing is made of what it reads there.

    :raises Odd: as :func:`values`, and where the service is not found like that.
    """
    section = _only(_SECTION.finditer(text))
    if any(mark in text for mark in _OTHER_LINE_ENDS):
        raise Odd
    first = _CONTENT.search(text, section.end())
    deep = first.end() - first.start() - 1 if first else 0
    if not deep:
        raise Odd
    after = _at_most(0).search(text, section.end())
    end = after.start() if after else len(text)
    key = _only(
        re.compile(f"^ {{{deep}}}{re.escape(name)}:(?=[ \n])", re.M).finditer(text, section.end(), end)
    )
    if _at_most(deep - 1).search(text, section.end(), key.start()):
        raise Odd
    following = _at_most(deep).search(text, key.end(), end)
    for before in (section.start(), key.start(), end if after else 0):
        _refuse_what_is_open(text[:before])
    own = text[key.start() : following.start() if following else end]
    found = values(text[: section.end()] + own + text[end:])
    services = found.get("services")
    if not isinstance(services, dict) or list(services) != [name]:
        raise Odd
    return found


_SECTION = re.compile(r"^services:[ ]*(?:#.*)?\n", re.M)
_CONTENT = re.compile(r"^ *[^ #\n]", re.M)
_OTHER_LINE_ENDS = "\r\x85\u2028\u2029"


def _at_most(indentation: int) -> re.Pattern[str]:
    """The beginning of a line that is not indented deeper, and holds more than a remark."""
    return re.compile(f"^ {{0,{indentation}}}[^ #\n]", re.M)


def _only(found: Iterator[re.Match[str]]) -> re.Match[str]:
    """:raises Odd: there is none, or more than one."""
    match, more = next(found, None), next(found, None)
    if match is None or more is not None:
        raise Odd
    return match


def _refuse_what_is_open(text: str) -> None:
    parser = yaml.CSafeLoader(text)
    try:
        parser.raw_parse()
    except yaml.YAMLError as error:
        raise Odd from error
    finally:
        parser.dispose()


class _Reader:
    """:param take: gives the parser's next event."""

    def __init__(self, take: Callable[[], Event | None]) -> None:
        self._take = take
        self._anchored: dict[str, Any] = {}

    def document(self) -> Any:
        self._take()
        if type(self._take()) is not DocumentStartEvent:
            raise Odd
        found = self._value(self._take())
        if type(self._take()) is not DocumentEndEvent or type(self._take()) is not StreamEndEvent:
            raise Odd
        return found

    def _value(self, event: Any) -> Any:
        kind = type(event)
        if kind is AliasEvent:
            if event.anchor not in self._anchored:  # also inside the value that has it
                raise Odd
            return self._anchored[event.anchor]
        if event.tag is not None:
            raise Odd
        found: Any
        if kind is ScalarEvent:
            found = event.value
            if found[:1] == "<" and (found == "<<" or still_to_fill_in(found) is not None):
                raise Odd
            if event.implicit[0] and found in SPECIAL:
                found = SPECIAL[found]
        elif kind is MappingStartEvent:
            found = self._mapping()
        else:
            found = self._list()
        if event.anchor is not None:
            if event.anchor in self._anchored:
                raise Odd
            self._anchored[event.anchor] = found
        return found

    def _list(self) -> list[Any]:
        take, value, found = self._take, self._value, list[Any]()
        while type(event := take()) is not SequenceEndEvent:
            found.append(value(event))
        return found

    def _mapping(self) -> dict[str, Any]:
        take, value = self._take, self._value
        merged, found = dict[str, Any](), dict[str, Any]()
        while type(event := take()) is not MappingEndEvent:
            if type(event) is not ScalarEvent or event.tag is not None or event.anchor is not None:
                raise Odd
            key, plain = event.value, event.implicit[0]
            if plain and key == "<<":
                merged |= _to_merge(value(take()))
                continue
            if key in found or key == "<<" or (plain and key in SPECIAL):
                raise Odd
            found[key] = value(take())
        return merged | found if merged else found


def _to_merge(value: Any) -> dict[str, Any]:
    """What `<<` brings in: of several mappings the first counts."""
    merged: dict[str, Any] = {}
    for one in reversed(value if isinstance(value, list) else [value]):
        if not isinstance(one, dict):
            raise Odd
        merged |= one
    return merged
