"""How much a resync would move, and how long that may take, from what the last runs showed.

Only an estimate: nothing is ever decided by it. Tracks are the array's own unit of 64 or 128 KB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from clones.asking.steps import ESTIMATE, Steps, note
from clones.backends import backend_of
from clones.config import Sync
from clones.config.scope import Scope
from clones.durations import about
from clones.errors import CloneError
from clones.states import PairSeen, SyncSeen, Tools, device_text

JUST_BEGUN = timedelta(minutes=10)
"""A last action further off the control host's clock was not of this recreate, or is by another clock: clocks
of different zones are a quarter of an hour apart at least."""


@dataclass(frozen=True)
class Pace:
    """What a completed run showed of one sync.

    :param tracks: that differed when it began, None when they were not shown.
    :param seconds: from its recreate until all was copied.
    """

    tracks: int | None
    seconds: float

    def to_plain(self) -> dict[str, Any]:
        """As JSON; :meth:`read` reads it back."""
        return {"tracks": self.tracks, "seconds": self.seconds}

    @classmethod
    def read(cls, plain: Mapping[str, Any] | None) -> Pace | None:
        """What :meth:`to_plain` wrote, None for nothing."""
        return cls(plain["tracks"], plain["seconds"]) if plain else None


@dataclass(frozen=True)
class Estimate:
    """Of one sync's resync and copy.

    :param tracks: to be copied, None when that is not known.
    :param seconds: it may take, None when that is not known.
    :param why: what it is taken from.
    :param pairs: tracks of each pair, by ``SOURCE:TARGET`` in hexadecimal; without those that are not shown.
    """

    tracks: int | None
    seconds: float | None
    why: str
    pairs: Mapping[str, int] = field(default_factory=dict)

    def line(self) -> str:
        """For the log."""
        tracks = "tracks not known" if self.tracks is None else f"{self.tracks} tracks"
        time = "time not known" if self.seconds is None else about(self.seconds)
        return f"{tracks}, {time}: {self.why}"

    def to_plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "tracks": self.tracks,
            "seconds": self.seconds,
            "why": self.why,
            "pairs": dict(self.pairs),
        }


def estimate(tracks: int | None, last: Pace | None, uncounted: str = Tools().uncounted) -> Estimate:
    """From what differs now and what the last completed run showed.

    :param uncounted: why the first is not shown.
    """
    if tracks is None:
        if last is None:
            return Estimate(None, None, f"{uncounted}, and no completed run recorded how long a copy takes")
        return Estimate(None, last.seconds, f"{uncounted}; this is the time of the last copy")
    if last is None or not last.tracks or last.seconds <= 0:
        known = "no earlier run" if last is None else "the last run recorded no tracks: no earlier run"
        return Estimate(tracks, None, f"{known} recorded a copy rate")
    rate = last.tracks / last.seconds
    return Estimate(tracks, tracks / rate, f"the last copy moved {rate:.0f} tracks a second")


def pair_key(source: str, target: str) -> str:
    """How a pair is named among the tracks of an estimate.

    :param source: device number in hexadecimal, with or without zeros before it.
    """
    return ":".join(number.lstrip("0").zfill(4) for number in (source, target))


def pace(
    estimated: int | None, recreated: Mapping[str, Any] | None, copied: Mapping[str, Any] | None
) -> Pace | None:
    """What a run showed of a sync, None when it did not copy it from beginning to end.

    :param estimated: tracks that differed when the run began.
    :param recreated: what was seen after the recreate, as :func:`clones.observe.sync.to_plain` writes it.
    :param copied: the same at the end of the wait for Copied.
    """
    if not recreated or not copied:
        return None
    shown = [pair["last_action"] for pair in recreated["pairs"] if pair["last_action"]]
    if len(shown) < len(recreated["pairs"]):
        return None
    begun, looked = datetime.fromisoformat(min(shown)), datetime.fromisoformat(recreated["clock"])
    if abs(looked - begun) > JUST_BEGUN:
        return None
    seconds = (datetime.fromisoformat(copied["clock"]) - begun).total_seconds()
    return Pace(estimated, seconds) if seconds > 0 else None


def look(
    scope: Scope, sync: Sync, seen: SyncSeen, pairs: Sequence[PairSeen], last: Pace | None
) -> Steps[Estimate]:
    """Ask how much differs, and log the estimate. That it cannot be asked fails nothing.

    :param pairs: those that would be recreated.
    """
    try:
        found = yield from backend_of(sync).differing(scope, sync, seen)
    except CloneError as error:
        yield from note(
            f"How much differs in sync {sync.name} could not be asked: {error.what}", warning=True
        )
        found = {}
    shown = [found.get((pair.source or 0, pair.target or 0)) for pair in pairs]
    tracks = None if None in shown else sum(number for number in shown if number is not None)
    ends = {pair_key(device_text(source), device_text(target)): n for (source, target), n in found.items()}
    guess = replace(estimate(tracks, last, seen.tools.uncounted), pairs=ends)
    yield from note(f"Estimate for sync {sync.name}: {guess.line()}", kind=ESTIMATE)
    return guess
