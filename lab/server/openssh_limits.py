"""What a stock OpenSSH server refuses under load, for the lab's own: MaxStartups and MaxSessions.

The numbers and the way they are drawn are documented (sshd_config(5)): of the connections that have not
logged in yet, none is dropped below `start`, `rate` percent from there on, rising evenly to all at `full`.
"""

from __future__ import annotations

import random

from lab.config import SshdLimits


class Startups:
    """The connections of one host that have not logged in yet."""

    def __init__(self, limits: SshdLimits, host: str) -> None:
        self.limits = limits
        self.waiting: set[int] = set()
        self._chance = random.Random(f"{limits.seed} {host}")

    def percent(self) -> int:
        """How many percent of new connections are dropped now."""
        have, start, full = len(self.waiting), self.limits.startups, self.limits.most_startups
        rate = self.limits.startups_percent
        if have < start:
            return 0
        if have >= full or rate == 100:
            return 100
        return (100 - rate) * (have - start) // (full - start) + rate

    def drops(self) -> bool:
        """Whether the connection that has just come is dropped."""
        percent = self.percent()
        return percent == 100 or (percent > 0 and self._chance.randrange(100) < percent)
