"""One wait for the state of a sync: what each look says to it, what is worth telling, and how it ends.

Whoever asks the array is elsewhere; several waits may be served by one answer. Times: ``at`` is seconds of a
clock that only goes forward, ``now`` the time of day with a zone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clones.backends.place import Place, written_place
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.rules import Verdict, decide_wait
from clones.errors import CloneError
from clones.observe.next_look import EARLY, Bounds, Progress
from clones.states import State, SyncSeen

TELL_SECONDS = 60.0
"""Percent and rate are logged at most so often, or at every tenth of the copy."""
TENTH = 10
LAG = 5.0
"""Seconds until it is asked once more where a link does not show: what a management server shows may lag."""
SHOW_SECONDS = 15.0
"""Progress is published at most so often while the states stay: each time is a request to Airflow's API."""


@dataclass(frozen=True)
class Ended:
    """How a wait ended.

    :param status: ``reached``, ``refused`` (it cannot come, or must not be waited for) or ``late``.
    :param seen: the last look, None when there was none.
    """

    status: str
    message: str
    seen: SyncSeen | None = None


def may_lag(scope: Scope, seen: SyncSeen) -> bool:
    """Whether a pair without a link proves nothing yet."""
    return scope.service.snapshots and any(pair.state is State.NONE for pair in seen.pairs)


class Wait:
    """Waits for a state or group of states, see :func:`clones.states.wanted_states`.

    :param deadline: the time of day after which the wait is over.
    :param place: where the devices are, when that was already looked up.

    :attr:`due` is when it wants to be looked at next, :attr:`ended` how it ended.
    """

    def __init__(
        self,
        scope: Scope,
        sync: Sync,
        wanted: str,
        deadline: datetime,
        bounds: Bounds,
        place: Place | None = None,
    ) -> None:
        self.scope = scope
        self.sync = sync
        self.wanted = wanted
        self.deadline = deadline
        self.place = place or written_place(sync)
        self.progress = Progress(bounds)
        self.due = 0.0
        self.ended: Ended | None = None
        self._pause = bounds.lower
        self._lines: list[str] = []
        self._report: dict[str, Any] | None = None
        self._seen: SyncSeen | None = None
        self._trouble = ""
        self._states: tuple[tuple[State, str], ...] | None = None
        self._told_at = 0.0
        self._told_percent: int | None = None
        self._had_rate = False
        self._shown_at = 0.0
        self._to_show = False
        self._saw_none = False

    @property
    def subject(self) -> str:
        """How the log names it."""
        return self.scope.subject(self.sync)

    @property
    def has_news(self) -> bool:
        """Whether there is something to log, to publish or to end with."""
        return bool(self._lines or self._report or self.ended)

    def lines(self) -> Iterator[str]:
        """What to log, once each."""
        lines, self._lines = self._lines, []
        yield from lines

    def report(self) -> dict[str, Any] | None:
        """The newest progress, once each: percent, percent a minute, estimated end."""
        report, self._report = self._report, None
        return report

    def begin(self, at: float, now: datetime) -> None:
        """Somebody looks from here on. It was looked at a moment ago, before it became a wait."""
        self.due = at + min(self._pause, self.left(now))

    def left(self, now: datetime) -> float:
        """Seconds until the deadline, 0 once it is over."""
        return max(0.0, (self.deadline - now) / timedelta(seconds=1))

    def wants_look(self, at: float, now: datetime) -> bool:
        """Whether a look that is made now should be for it too: it is due, or will soon be."""
        return self.due - EARLY * self._pause <= at or now >= self.deadline

    def asks_precopied(self, seen: SyncSeen) -> bool:
        """Whether a look must be followed by the question whether the precopy is through."""
        return (
            self.wanted == "precopied"
            and self.sync.precopy_timeout is not None
            and seen.precopied is None
            and seen.all_in(frozenset({State.PRE_COPY}))
        )

    def saw(self, seen: SyncSeen, at: float, now: datetime) -> None:
        """A look was made: end, or wait on until the next."""
        self._seen, self._trouble = seen, ""
        self.progress.see(at, seen.percent)
        decision = decide_wait(seen, self.wanted)
        if decision.verdict is Verdict.NOTHING:
            self._report = self._plain(now)
            self._end("reached", decision.why)
        elif decision.verdict is Verdict.REFUSE and may_lag(self.scope, seen) and not self._saw_none:
            self._saw_none, self._pause = True, LAG
            self._lines.append(f"{self.subject}: {decision.why}; it is asked once more")
            self.due = at + min(LAG, self.left(now))
        elif decision.verdict is Verdict.REFUSE:
            self._end("refused", f"{self.subject}: {decision.why}\nWhat to do: {decision.remedy}")
        else:
            self._saw_none = False
            self._tell(seen, at, now)
            self._go_on(at, now, "; ".join(seen.lines()))

    def not_known(self, error: CloneError, at: float, now: datetime) -> None:
        """A look was tried and said nothing: no end of a wait (D2), unless its time is up."""
        if self.ended:
            return
        if error.what != self._trouble:
            self._lines.append(f"{self.subject}: not known now, it is asked again: {_brief(error)}")
        self._trouble = error.what
        shown = f"; last seen: {'; '.join(self._seen.lines())}" if self._seen else ""
        self._go_on(at, now, f"{_brief(error)}{shown}")

    def refused(self, error: CloneError) -> None:
        """It must not be waited for: asking again cannot help."""
        if self.ended:
            return
        self._end("refused", str(error))

    def _go_on(self, at: float, now: datetime, news: str) -> None:
        left = self.left(now)
        if left <= 0:
            self._end("late", f"{self.subject}: time is up; waiting for {self.wanted}: {news}")
            return
        self._pause = self.progress.pause()
        self.due = at + min(self._pause, left)

    def _end(self, status: str, message: str) -> None:
        self.ended = Ended(status, message, self._seen)

    def _tell(self, seen: SyncSeen, at: float, now: datetime) -> None:
        """At a change of state at once; percent at most once a minute, or at every tenth."""
        states = tuple((pair.state, pair.wrong) for pair in seen.pairs)
        percent, rate = self.progress.percent, self.progress.rate
        tenth = percent is not None and (
            self._told_percent is None or percent // TENTH != self._told_percent // TENTH
        )
        first_rate = rate is not None and not self._had_rate
        self._to_show = self._to_show or tenth or first_rate
        if states != self._states or (self._to_show and at - self._shown_at >= SHOW_SECONDS):
            self._report = self._plain(now)
            self._shown_at, self._to_show = at, False
        if states != self._states:
            self._lines.append(f"{self.subject}: waiting for {self.wanted}: {'; '.join(seen.lines())}")
        elif tenth or first_rate or (percent != self._told_percent and at - self._told_at >= TELL_SECONDS):
            end = self._end_estimate(now)
            until = f", until about {end:%Y-%m-%d %H:%M:%S} UTC" if end else ""
            self._lines.append(f"{self.subject}: {self.progress.line()}{until}")
        else:
            return
        self._states, self._told_at, self._told_percent = states, at, percent
        self._had_rate = self._had_rate or rate is not None

    def _end_estimate(self, now: datetime) -> datetime | None:
        left = self.progress.seconds_left
        return None if left is None else now + timedelta(seconds=left)

    def _plain(self, now: datetime) -> dict[str, Any]:
        """As JSON; times are UTC."""
        assert self._seen is not None
        end, rate = self._end_estimate(now), self.progress.rate
        return {
            "wanted": self.wanted,
            "percent": self.progress.percent,
            "percent_per_minute": None if rate is None else round(rate * 60, 3),
            "estimated_end": None if end is None else end.isoformat(timespec="seconds"),
            "seen_at": now.isoformat(timespec="seconds"),
            "states": dict(Counter(str(pair.state) for pair in self._seen.pairs)),
        }


def _brief(error: CloneError) -> str:
    """An error without the devices of all others that were asked for in the same command."""
    return re.sub(r"(-devs \S{1,40})\S*", r"\1...", str(error))
