"""When a copy that is waited for is looked at next.

The device list shows whole percents only, never how many tracks are still protected: all that is told of the
rate comes from them. Times are seconds of any clock that only goes forward. Only a look says that a copy has
ended; what is estimated here never does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from clones.durations import about

PATIENCE = 0.005
"""The part of a wait that may be lost after its end, where that is more than the shortest pause: 3 minutes
after 10 hours."""
GROWTH = 0.25
"""The most that a pause may add to the time waited so far: the rate may change at any time."""
REMEMBERED = 12
"""Looks from which the rate is taken, so that it follows the array."""
EARLY = 0.25
"""The part of its pause by which a wait is looked at early when there is a look for others anyway."""


@dataclass(frozen=True)
class Bounds:
    """Of the pause between two looks, in seconds. An upper bound below the lower one counts as the lower."""

    lower: float
    upper: float

    def hold(self, seconds: float) -> float:
        """The pause nearest to this one that is within the bounds."""
        return max(self.lower, min(seconds, self.upper))


class Progress:
    """What the looks at one copy have shown so far."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._began: float | None = None
        self._looks: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)

    def see(self, at: float, percent: int | None) -> None:
        """Add a look.

        :param percent: copied of the pair that is furthest behind, None when it was not shown.
        """
        if self._began is None:
            self._began = at
        if percent is None:
            return
        if self._looks and percent < self._looks[-1][1]:  # another copy has begun
            self._began = at
            self._looks.clear()
        self._looks.append((at, percent))

    @property
    def percent(self) -> int | None:
        """As it was last shown."""
        return self._looks[-1][1] if self._looks else None

    @property
    def rate(self) -> float | None:
        """Percent a second over the last looks, None as long as none of them showed it move."""
        if not self._looks or self._looks[-1][1] == self._looks[0][1]:
            return None
        (first, fewest), (last, most) = self._looks[0], self._looks[-1]
        return (most - fewest) / (last - first) if last > first else None

    @property
    def seconds_left(self) -> float | None:
        """From the last look until all is copied at this rate, None when there is no rate."""
        rate, percent = self.rate, self.percent
        return None if rate is None or percent is None else (100 - percent) / rate

    def pause(self) -> float:
        """Seconds from the last look to the next.

        Half of the time that the copy takes at least: what is shown as 40 % may be all but 41 %, and what
        moved by 1 % may have moved by all but 2 %.
        """
        if self._began is None or not self._looks:
            return self.bounds.lower
        (first, fewest), (last, most) = self._looks[0], self._looks[-1]
        waited = last - self._began
        at_least = max(0, 99 - most) * (last - first) / (most - fewest + 1)
        return self.bounds.hold(max(min(at_least / 2, waited * GROWTH), waited * PATIENCE))

    def line(self) -> str:
        """For the log: percent, rate and what is left."""
        if self.percent is None:
            return "percent not shown"
        rate, left = self.rate, self.seconds_left
        if rate is None or left is None:
            return f"{self.percent}% copied, rate not known yet"
        return f"{self.percent}% copied, {rate * 60:.3g}% a minute, {about(left)} left"


def backoff(failures: int, bounds: Bounds, chance: float) -> float:
    """Seconds until a host that could not be asked is tried again: doubled each time, and spread.

    :param failures: in a row, 1 or more.
    :param chance: 0 to 1, drawn for each pause, so that those who failed together do not come back together.
    """
    longest = bounds.hold(bounds.lower * 2.0 ** min(failures, 30))
    return longest * (0.5 + 0.5 * chance)
