"""The agent's schedules (``02:00-06:00@241 mon-fri``) as cron, and what cron does not say of them.

A schedule is one definition or a JSON list of them: ``[!] TIMERANGES [DAYS [WEEKS [MONTHS]]]``. A time range
is a window with the least minutes between two runs in it; a run starts at the first moment that fits, which
is the window's beginning (``~``: a random moment in it).
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field

from clones.config.schedule import Schedule
from opensvc.values import fits, seconds, shown

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_NTH = {
    **{word: n for n, word in enumerate(["first", "second", "third", "fourth", "fifth"], 1)},
    **{word: n for n, word in enumerate(["1st", "2nd", "3rd", "4th", "5th"], 1)},
    "last": -1,
}
_EVERY_DAY = frozenset(range(1, 8))
_EVERY_MONTH = frozenset(range(1, 13))
_DAY = 1440


class Unclear(ValueError):
    """No cron is near enough to be proposed; the text says why."""


@dataclass(frozen=True)
class Planned:
    """What a schedule becomes.

    :param cron: five fields, or None: never.
    :param differs: what the cron does not say, or says otherwise; empty: it is the same.
    """

    cron: str | None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class _When:
    """One cron line.

    :param weekdays: Monday is 1; None: ``special`` says the days.
    :param special: the fields for day of month and day of week.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    weekdays: frozenset[int] | None
    special: tuple[str, str]
    months: frozenset[int]

    def days(self) -> tuple[object, ...]:
        return self.weekdays, self.special, self.months


@dataclass
class _Notes:
    said: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        if text not in self.said:
            self.said.append(text)


def to_cron(definition: str) -> Planned:
    """The nearest cron of a schedule.

    :raises Unclear: when nothing near it can be said with one cron line, or it is no schedule.
    """
    notes, whens, excluded = _Notes(), list[_When](), frozenset[int]()
    for text in _members(definition):
        if text.startswith("!"):
            excluded |= _excluded(text)
        else:
            whens += _whens(text, notes)
    if excluded:
        if any(when.weekdays is None for when in whens):
            raise Unclear("days of the month with an exclusion (!) cannot be said in cron")
        whens = [
            _When(when.minutes, when.hours, left, when.special, when.months)
            for when in whens
            if (left := (when.weekdays or frozenset()) - excluded)
        ]
    if not whens:
        return Planned(None)
    first, *others = whens
    for other in others:
        if other.days() == first.days() and other.minutes == first.minutes:
            first = _When(first.minutes, first.hours | other.hours, *first.days())  # type: ignore[arg-type]
        else:
            notes.add(f"a service has one cron line: the runs of `{_line(other)}` are left out")
    cron = _line(first)
    if fits(Schedule, cron):
        raise Unclear(f"{shown(definition)} cannot be said in cron")
    return Planned(cron, tuple(notes.said))


def from_old_keywords(period: str | None, days: str | None, interval: str | None) -> str:
    """A definition from the keywords of older agents: ``sync_period``, ``sync_days``, ``sync_interval``.

    :param period: JSON: ``["03:59", "05:59"]`` or a list of such.
    :param days: JSON: ``["monday", ...]``.
    :raises Unclear: when they cannot be read.
    """
    try:
        ranges = json.loads(period) if period else []
        names = json.loads(days) if days else []
        if ranges and all(isinstance(one, str) for one in ranges):
            ranges = [ranges]
        windows = [f"{begin}-{end}" for begin, end in ranges] or [""]
        short = [_DAYS[_LONG_DAYS.index(name.lower())] for name in names]
        every = f"@{seconds(interval, 60) // 60}" if interval else ""
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Unclear("sync_period, sync_days or sync_interval cannot be read") from None
    return f"{','.join(f'{window}{every}' or '*' for window in windows)} {','.join(short) or '*'}"


def _members(definition: str) -> list[str]:
    text = definition.strip()
    if text.startswith("["):
        try:
            members = json.loads(text)
        except (ValueError, RecursionError):
            raise Unclear(f"{shown(text)} is no JSON list") from None
        if not all(isinstance(member, str) for member in members):
            raise Unclear(f"{shown(text)} is no list of texts")
        return [member.strip() for member in members if member.strip()]
    return [text] if text else []


def _whens(text: str, notes: _Notes) -> list[_When]:
    words = text.split()
    if len(words) > 4:
        raise Unclear(f"{shown(text)} has more than time ranges, days, weeks and months")
    ranges, days, weeks, months = [*words, *("*",) * (4 - len(words))]
    weekdays, special = _days(days, notes)
    if weeks != "*":
        notes.add(f"cron knows no weeks of the year: it runs in every week, not only in {weeks}")
    in_months = _months(months)
    found = []
    for one in ranges.split(","):
        times = _times(one, notes)
        if times:
            found.append(_When(*times, weekdays, special, in_months))
    return found


def _excluded(text: str) -> frozenset[int]:
    words = text[1:].split()
    if len(words) == 2 and words[0] == "*":
        weekdays, _ = _days(words[1], _Notes())
        if weekdays is not None:
            return weekdays
    raise Unclear(f"the exclusion {shown(text)} cannot be said in cron")


def _times(text: str, notes: _Notes) -> tuple[frozenset[int], frozenset[int]] | None:
    """Minutes and hours of a time range; None: never."""
    window, at, every = text.partition("@")
    if window.startswith("~"):
        notes.add("the agent took a random moment of the window; cron takes its beginning")
        window = window[1:]
    try:
        between = -(-seconds(every, 60) // 60) if at else None
    except ValueError as error:
        raise Unclear(str(error)) from None
    if between == 0:
        return None
    if window in ("", "*"):
        return _all_day(between, notes)
    begin, dash, last = window.partition("-")
    start = _minute(begin, notes)
    length = (_minute(last, notes) - start) % _DAY if dash else 0
    if between is None or between > length:
        if length:
            notes.add(
                f"cron has no windows: the run starts at {begin}; the rest of {window}, in which the agent "
                "made up for a missed beginning, is not carried over"
            )
        return frozenset({start % 60}), frozenset({start // 60})
    notes.add(f"the agent counts {between} minutes from the last run, cron goes by the clock")
    times = {(start + step) % _DAY for step in range(0, length + 1, between)}
    minutes, hours = frozenset(time % 60 for time in times), frozenset(time // 60 for time in times)
    if {hour * 60 + minute for hour in hours for minute in minutes} != times:
        notes.add(f"not every run of {text} can be said in one cron line; one an hour is left")
        minutes = frozenset({start % 60})
        hours = frozenset(hour for hour in hours if (hour * 60 + start % 60 - start) % _DAY <= length)
    return minutes, hours


def _all_day(between: int | None, notes: _Notes) -> tuple[frozenset[int], frozenset[int]]:
    notes.add("the agent runs at any time of the day and counts from the last run; cron goes by the clock")
    if between is not None and between > _DAY:
        notes.add(f"one run in {between} minutes is more than a day: cron runs once a day")
    if between is not None and between < 60:
        step = next(step for step in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60) if step >= between)
        return frozenset(range(0, 60, step)), frozenset(range(24))
    every = min(24, -(-(between or _DAY) // 60))
    step = next(step for step in (1, 2, 3, 4, 6, 8, 12, 24) if step >= every)
    return frozenset({0}), frozenset(range(0, 24, step))


def _minute(text: str, notes: _Notes) -> int:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d))?", text)
    if not found:
        raise Unclear(f"{shown(text)} is no time of day")
    if int(found[3] or 0):
        notes.add(f"cron knows no seconds: {text} begins on the minute")
    return int(found[1]) * 60 + int(found[2])


def _days(text: str, notes: _Notes) -> tuple[frozenset[int] | None, tuple[str, str]]:
    """The weekdays; or None, with the cron fields for day of month and day of week."""
    weekdays, special = frozenset[int](), list[tuple[str, str]]()
    for part in text.split(","):
        names, colon, which = part.partition(":")
        days = _EVERY_DAY if names in ("*", "") else _range(names, _DAYS, _LONG_DAYS, notes)
        if not colon:
            weekdays |= days
            continue
        try:
            nth = _NTH.get(which) or int(which)
        except ValueError:
            raise Unclear(f"{shown(part)} names no day of the month") from None
        if days == _EVERY_DAY and (nth == -1 or 1 <= nth <= 31):
            special.append(("L" if nth == -1 else str(nth), "*"))
        elif nth == -1 or 1 <= nth <= 5:
            notes.add(
                f"{part} is taken as its documentation says, of the weekdays in a month; agent 2.1 runs "
                "only if that weekday is that day of the month"
            )
            fields = [f"L{day % 7}" if nth == -1 else f"{day % 7}#{nth}" for day in sorted(days)]
            special.append(("*", ",".join(fields)))
        else:
            raise Unclear(f"{shown(part)} cannot be said in cron")
    if not special:
        return weekdays, ("*", "")
    if weekdays or len({dom == "*" for dom, _ in special}) > 1:
        raise Unclear(f"{shown(text)} mixes weekdays and days of the month, which cron takes otherwise")
    doms = ",".join(dict.fromkeys(dom for dom, _ in special if dom != "*")) or "*"
    return None, (doms, ",".join(dow for _, dow in special if dow != "*") or "*")


def _months(text: str) -> frozenset[int]:
    months = frozenset[int]()
    for part in text.split(","):
        names, percent, modulo = part.partition("%")
        chosen = _EVERY_MONTH if names in ("*", "") else _range(names, _MONTHS, tuple(_LONG_MONTHS), _Notes())
        if percent:
            divisor, _, shift = modulo.partition("+")
            if not re.fullmatch(r"0*[1-9]\d?(\+\d{1,2})?", modulo):
                raise Unclear(f"{shown(part)} names no months")
            chosen = frozenset(month for month in chosen if (month + int(shift or 0)) % int(divisor) == 0)
        months |= chosen
    if not months:
        raise Unclear(f"{shown(text)} is never")
    return months


def _range(text: str, short: tuple[str, ...], long: tuple[str, ...], notes: _Notes) -> frozenset[int]:
    begin, dash, end = text.partition("-")
    first, last = (_named(word, short, long, notes) for word in (begin, end if dash else begin))
    if first > last:
        raise Unclear(
            f"{shown(text)} goes round the end, and the agent reads {short[last - 1]}-{short[first - 1]}"
        )
    return frozenset(range(first, last + 1))


def _named(word: str, short: tuple[str, ...], long: tuple[str, ...], notes: _Notes) -> int:
    name = word.lower()
    if name in short:
        return short.index(name) + 1
    if name in long:
        if short is _DAYS:
            notes.add(f"{name} is taken as what it says; agent 2.1 reads whole names of days a day early")
        return long.index(name) + 1
    if re.fullmatch(r"\d{1,2}", name) and 1 <= int(name) <= len(short):
        if short is _DAYS:
            notes.add(f"day {name} is taken as {short[int(name) - 1]}, as agent 2.1 counts (from Monday, 1)")
        return int(name)
    raise Unclear(f"{shown(word)} is neither of {short[0]} ... {short[-1]} nor 1 to {len(short)}")


def _line(when: _When) -> str:
    dom, dow = when.special
    if when.weekdays is not None:
        dow = _field(frozenset(day % 7 for day in when.weekdays), 0, 7)
    return " ".join(
        (_field(when.minutes, 0, 60), _field(when.hours, 0, 24), dom, _field(when.months, 1, 12), dow)
    )


def _field(numbers: frozenset[int], low: int, count: int) -> str:
    """The shortest of ``*``, ``*/5`` and ``1-5,7``."""
    if len(numbers) == count:
        return "*"
    steps = [step for step in range(2, count // 2) if numbers == frozenset(range(0, count, step))]
    if steps and low == 0 and count != 7:
        return f"*/{steps[0]}"
    parts = []
    for _, group in itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(number) for number in run]
    return ",".join(parts)
