"""When a service is refreshed: five cron fields in a time zone."""

from __future__ import annotations

import functools
import re
import zoneinfo
from datetime import datetime
from typing import Annotated, Any

from croniter import croniter
from pydantic import AfterValidator, BeforeValidator

PRESETS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_NAMES = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC SUN MON TUE WED THU FRI SAT".replace(" ", "|")
_FIELD = re.compile(rf"(?:[0-9*/,#?LW-]|{_NAMES})+", re.IGNORECASE)
"""croniter also draws times by lot (R) and by a hash (H): another one in each process that reads the file."""

_ANY_TIME = datetime(2026, 1, 1)


def or_none(value: Any) -> Any:
    """``none`` and an empty text as None."""
    return None if value in ("", "none") else value


@functools.lru_cache(maxsize=2048)  # many services have one schedule, and to look when it comes takes long
def _cron(value: str) -> str:
    """:raises ValueError: not five fields or a preset, a time drawn by lot, or one that never comes."""
    fields = value.split()
    five = len(fields) == 5 and all(_FIELD.fullmatch(field) for field in fields)
    if not (five or value in PRESETS) or not croniter.is_valid(value):
        raise ValueError(
            f"{value!r} is no schedule; write five cron fields like 30 2 * * 1-5, a preset like @daily, or "
            "none"
        )
    try:
        croniter(value, _ANY_TIME).get_next(datetime)
    except ValueError:
        raise ValueError(
            f"{value!r} never comes: no year has such a day; fix the day and the month, or give none"
        ) from None
    return " ".join(fields)


_ELSEWHERE = frozenset({"localtime", "posixrules", "Factory"})
"""Zones that are another one on another machine, or none."""


@functools.lru_cache(maxsize=512)
def _zone(value: str) -> str:
    try:
        if value in _ELSEWHERE:
            raise ValueError("a machine's own")
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is no time zone; write it like Europe/Paris or UTC") from None
    return value


Schedule = Annotated[Annotated[str, AfterValidator(_cron)] | None, BeforeValidator(or_none)]
TimeZone = Annotated[str, AfterValidator(_zone)]
