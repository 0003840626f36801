"""One copy session between a source and a target: its state and the tracks it still has to move."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field

from lab import states


@dataclass(eq=False)
class Device:
    """A disk of the array. `number` is its device number, `tracks` its size in tracks."""

    number: int
    megabytes: int
    tracks: int
    configuration: str = "TDEV"
    ready: bool = True
    identifier: str | None = None
    left: float | None = None
    """The point in time that an ended link has left on it, seconds since the epoch."""
    spoiled: str = ""
    """Why what an ended link has left on it is no use; empty when it is."""
    writes: tuple[float, float | None] = (0.0, None)
    """What production writes on it: tracks a second, on at most so many tracks."""

    def written(self, since: float, until: float) -> float:
        """How many tracks production has written on between two moments."""
        rate, working_set = self.writes
        limit = self.tracks if working_set is None else min(self.tracks, working_set)
        return min(limit, max(0.0, until - since) * rate)


@dataclass(eq=False)
class Session:
    """Numbers are tracks; times are lab seconds since the epoch; rates are tracks per second.

    `protected` are the tracks that the target still has to get. `changed` are those written on the source
    since the last activation, `changed_target` those on the target; a recreate copies these and no others.
    The source writes `write_rate` tracks a second, but never dirties more than `working_set` of them; the
    target likewise, while it is ready. That the two sets do not overlap is assumed. `vse` is a virtual copy.
    """

    source: Device
    target: Device
    state: str
    last_action: float
    protected: float = 0.0
    changed: float = 0.0
    changed_target: float = 0.0
    write_rate: float = 0.0
    working_set: float | None = None
    target_write_rate: float = 0.0
    target_working_set: float | None = None
    background_copy: bool = True
    differential: bool = True
    vse: bool = False
    cycled: bool = False
    point_in_time: float | None = None
    mark: float = 0.0
    pending: tuple[float, str] | None = field(default=None)
    busy: dict[Session, None] | None = field(default=None, repr=False)

    @property
    def activated(self) -> str:
        """The state that an activation leads to."""
        if self.vse:
            return states.COPY_ON_WRITE
        return states.COPY_IN_PROG if self.background_copy else states.COPY_ON_ACCESS

    @property
    def total(self) -> int:
        return self.source.tracks

    @property
    def moving(self) -> bool:
        return self.state in states.MOVING and self.protected > 0

    @property
    def protected_tracks(self) -> int:
        return min(self.total, math.ceil(self.protected - 1e-6))

    @property
    def changed_tracks(self) -> int:
        return math.floor(self.changed + 1e-6)

    @property
    def changed_target_tracks(self) -> int:
        return math.floor(self.changed_target + 1e-6)

    @property
    def percent(self) -> int:
        """Copied part in percent, rounded down (captured: 39.75 prints 39)."""
        if self.total <= 0:
            return 100
        return (self.total - self.protected_tracks) * 100 // self.total

    @property
    def drain(self) -> float:
        """Tracks a second that writes put back on to what is being copied ahead of activation."""
        return self.write_rate if self.state == states.PRECOPY else 0.0

    def catch_up(self, now: float, share: float = 0.0) -> None:
        """Bring the numbers to `now`; `share` is the copy rate that this session had since its mark."""
        seconds = now - self.mark
        if seconds <= 0:
            return
        self.mark = now
        if self.state in states.COUNTING:
            touched = self._count(seconds)
            if self.state in states.COPIED_WHEN_TOUCHED:
                self.protected = max(0.0, self.protected - touched)
                if self.protected < 1e-6:
                    self.protected = 0.0
                    self.arrive()
        if self.state == states.RECREATED:
            written = self.write_rate * seconds
            limit = self._limit(self.working_set)
            self.protected = max(self.protected, min(limit, self.protected + written))
        elif self.moving:
            left = self.protected + self.drain * seconds - share * seconds
            self.protected = min(self.total, max(0.0, left))
            if self.protected < 1e-6:
                self.protected = 0.0
                self.arrive()

    def _limit(self, working_set: float | None) -> float:
        return self.total if working_set is None else min(self.total, working_set)

    def _count(self, seconds: float) -> float:
        """Count what both sides write, and give the tracks that were not touched before."""
        before = self.changed + self.changed_target
        self.changed = max(
            self.changed, min(self._limit(self.working_set), self.changed + self.write_rate * seconds)
        )
        if self.target.ready:
            limit = self._limit(self.target_working_set)
            grown = self.changed_target + self.target_write_rate * seconds
            self.changed_target = max(self.changed_target, min(limit, grown))
        return self.changed + self.changed_target - before

    def arrive(self) -> None:
        """Nothing is left to move: what the state becomes."""
        if self.state == states.COPY_IN_PROG or self.state in states.COPIED_WHEN_TOUCHED:
            self.state = states.COPIED
        elif self.state == states.REST_IN_PROG:
            self.state = states.RESTORED
            self.changed = self.changed_target = 0.0
        elif self.state == states.PRECOPY:
            self.cycled = True

    def enter(self, state: str, now: float) -> None:
        """Take a state and the side effects that it has on the target."""
        self.state = state
        self.mark = now
        if state in states.TARGET_NOT_READY:
            self.target.ready = False
        elif state in states.ACTIVE:
            self.target.ready = True
        if state in states.MOVING and self.protected <= 0:
            self.arrive()
        self.be_busy()

    def be_busy(self) -> None:
        """Tell the array that this session needs the clock, if it does."""
        if self.busy is not None and (self.moving or self.pending is not None):
            self.busy[self] = None

    def weight(self, spread: float) -> float:
        """Its part of the array's copy rate, beside 1 for the average: the same for a pair at every start."""
        chance = zlib.crc32(f"{self.source.number}>{self.target.number}".encode()) / 2**32
        return 1.0 + spread * (2 * chance - 1)
