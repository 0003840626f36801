"""How a duration is said, in logs, messages and records; the board's `time.js` says it in the same way.

A duration that was measured or is reckoned is said by :func:`spoken`. A setting is said as it stands in
services.yaml, in its own unit (``more than 1620 min``), so that it can be found there.
"""

from __future__ import annotations

from datetime import timedelta


def spoken(duration: timedelta | float) -> str:
    """``3 d 2 h``, ``4 h 10 min``, ``12 min``, ``40 s``: its two largest units, cut off and not rounded.

    :param duration: a number is of seconds; less than none is ``0 s``.
    """
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{whole} s"


def about(seconds: float) -> str:
    """An estimate: ``about 12 min``, rounded to the last unit that is said."""
    unit = 1 if seconds < 60 else 60 if seconds < 86400 else 3600
    return f"about {spoken(round(seconds / unit) * unit)}"
