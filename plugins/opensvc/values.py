"""Durations, booleans and words as the agent writes them."""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:\d{1,9}[wdhms])+")
_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


def seconds(text: str, unit: int = 1) -> int:
    """A duration: ``1d3h``, ``30m``, or a bare number.

    :param unit: seconds that a bare number counts.
    :raises ValueError: when it is none.
    """
    text = text.strip().lower()
    if re.fullmatch(r"\d{1,9}", text):
        return int(text) * unit
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{shown(text)} is no duration like 90, 30m or 1d3h")
    return sum(int(number) * _UNITS[letter] for number, letter in re.findall(r"(\d+)([wdhms])", text))


def boolean(text: str) -> bool:
    """:raises ValueError: when it is neither true nor false."""
    word = text.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{shown(text)} is neither true nor false")


def fits(kind: Any, value: Any) -> str | None:
    """What is wrong with a value for a field of ``services.yaml``; None when nothing is.

    :param kind: the field's annotated type.
    """
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    return None


def shown(text: str) -> str:
    """A value in a message: quoted, on one line, cut."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
