"""Reading JSON fields whose names and forms differ between versions of one API.

A field is looked up by each of its names; numbers and yes/no also come as text. What is missing is None, what
is there and is not of its kind is unreadable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from clones.errors import Unreadable

Body = Mapping[str, Any]

_HINT = "read the answer in the log; if its form is new, report it"
_EARLIEST, _LATEST = datetime(2000, 1, 1), datetime(2200, 1, 1)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WRITTEN = re.compile(
    r"(?P<time>\d\d:\d\d:\d\d) \w{3}, (?P<day>\d\d?) (?P<month>\w{3}) (?P<year>\d{4})(?: [A-Z]+)? "
    r"(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)"
)
"""``12:43:52 Sun, 21 Mar 2021 +0000``; some servers put a zone's name before its offset."""


def unreadable(what: str) -> Unreadable:
    """The error of an answer that cannot be read."""
    return Unreadable(f"Unisphere's answer cannot be read: {what}", _HINT)


def as_object(text: str) -> Body:
    """:raises Unreadable: it is no JSON object, as the page of a proxy."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise unreadable(f"it is no JSON: {text[:80]!r}") from None
    if not isinstance(found, dict):
        raise unreadable("it is no JSON object")
    return found


def field(body: Body, *names: str) -> Any:
    """The first of these that is there and not null."""
    return next((body[name] for name in names if body.get(name) is not None), None)


def number(body: Body, *names: str) -> int | None:
    """:raises Unreadable: it is there, and no whole number of 0 or more."""
    found = field(body, *names)
    if found is None:
        return None
    if isinstance(found, str) and re.fullmatch(r"\d{1,19}", found):
        return int(found)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise unreadable(f"{names[0]} is {found!r}, no number")
    return found


def yes(body: Body, *names: str) -> bool | None:
    """:raises Unreadable: it is there, and neither true nor false."""
    found = field(body, *names)
    if isinstance(found, str) and found.lower() in ("true", "false"):
        return found.lower() == "true"
    if found is not None and not isinstance(found, bool):
        raise unreadable(f"{names[0]} is {found!r}, neither true nor false")
    return found


def text(body: Body, *names: str) -> str | None:
    """:raises Unreadable: it is there, and no text."""
    found = field(body, *names)
    if found is not None and not isinstance(found, str):
        raise unreadable(f"{names[0]} is {found!r}, no text")
    return found


def many(body: Body, *names: str) -> list[Any] | None:
    """:raises Unreadable: it is there, and no list."""
    found = field(body, *names)
    if found is not None and not isinstance(found, list):
        raise unreadable(f"{names[0]} is no list")
    return found


def objects(body: Body, *names: str) -> list[Body] | None:
    """:raises Unreadable: it is there, and no list of objects."""
    found = many(body, *names)
    if found is not None and not all(isinstance(one, dict) for one in found):
        raise unreadable(f"{names[0]} has an entry that is no object")
    return found


def texts(body: Body, *names: str) -> list[str] | None:
    """Also one text in place of a list of one.

    :raises Unreadable: it is there, and no list of texts.
    """
    found = field(body, *names)
    if isinstance(found, str):
        return [found]
    found = many(body, *names)
    if found is not None and not all(isinstance(one, str) for one in found):
        raise unreadable(f"{names[0]} has an entry that is no text")
    return found


def milliseconds(body: Body, *names: str) -> datetime | None:
    """A time since 1970, in UTC without zone.

    :raises Unreadable: it is there, and no time.
    """
    found = number(body, *names)
    if found is None:
        return None
    try:
        at = datetime.fromtimestamp(found / 1000, UTC).replace(tzinfo=None, microsecond=0)
    except (ValueError, OverflowError, OSError):
        at = _LATEST
    if not _EARLIEST <= at < _LATEST:
        raise unreadable(f"{names[0]} is {found}, no time of a snapshot")
    return at


def written_time(body: Body, *names: str) -> datetime | None:
    """A time with its offset, as UTC without zone; None also where it cannot be read."""
    found = field(body, *names)
    parts = _WRITTEN.fullmatch(found.strip()) if isinstance(found, str) else None
    if parts is None or parts["month"] not in _MONTHS:
        return None
    month = _MONTHS.index(parts["month"]) + 1
    try:
        hour, minute, second = map(int, parts["time"].split(":"))
        local = datetime(int(parts["year"]), month, int(parts["day"]), hour, minute, second)
    except ValueError:
        return None
    offset = timedelta(hours=int(parts["hours"]), minutes=int(parts["minutes"]))
    return local - offset if parts["sign"] == "+" else local + offset
