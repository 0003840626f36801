"""How fresh a copy is: up, warn, down or unknown (section "States and rules" of docs/reference/rules.md).

The age of a sync is that of its oldest pair, from its last activation to the control host's clock of the
same look; one fresh pair must not hide a stale one.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from clones.decide.rules import CLOCK_TOLERANCE
from clones.durations import spoken
from clones.states import ACTIVE, PREPARED, State, SyncSeen

PREPARING = PREPARED | {State.CREATE_IN_PROG}


class Status(enum.IntEnum):
    """In order of gravity; a service is as bad as its worst sync.

    What could not be looked at is graver than a copy that is known to be old, and less grave than one that
    was seen to be unusable: that must not hide behind an array that does not answer.
    """

    UP = 0
    WARN = 1
    UNKNOWN = 2
    DOWN = 3

    @property
    def exit_code(self) -> int:
        """As monitoring systems expect it of a check: up 0, warn 1, down 2, unknown 3."""
        return {Status.UP: 0, Status.WARN: 1, Status.DOWN: 2, Status.UNKNOWN: 3}[self]

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Freshness:
    """Status of one sync.

    :param point_in_time: last activation of the oldest pair, local time of the control host; None unless
        all pairs are active.
    :param age: from then to the look.
    """

    status: Status
    why: str
    point_in_time: datetime | None = None
    age: timedelta | None = None


def freshness(seen: SyncSeen, sync_max_delay: int | None) -> Freshness:
    """Judge one observation. Its status is never unknown: what was not seen cannot be judged.

    :param sync_max_delay: minutes after which a copy is too old; None: no age is too old, as for a target set
        that the service does not use.
    """
    for pair in seen.pairs:
        if pair.wrong or pair.state not in ACTIVE | PREPARING:
            return Freshness(Status.DOWN, f"{pair.label}: {pair.wrong or pair.state}")
    if seen.torn:
        return Freshness(Status.DOWN, f"torn: {seen.torn}")
    times = [pair.session.last_action for pair in seen.pairs if pair.session]
    oldest = None if None in times else min(time for time in times if time is not None)
    if oldest is None:
        return Freshness(Status.DOWN, "a pair shows no time of its last action")
    newest = max(time for time in times if time is not None)
    if newest > seen.clock + CLOCK_TOLERANCE:
        return Freshness(
            Status.WARN, f"its last action ({newest}) lies after the control host's clock ({seen.clock})"
        )
    age = max(seen.clock - oldest, timedelta(0))
    limit = None if sync_max_delay is None else timedelta(minutes=sync_max_delay)
    if seen.all_in(ACTIVE):
        return Freshness(*by_age(age, limit), oldest, age)
    if seen.all_in(PREPARING):
        return Freshness(*by_age(age, limit, usable=False))
    return Freshness(Status.DOWN, "torn: only some pairs are active")


def by_age(age: timedelta, limit: timedelta | None, *, usable: bool = True) -> tuple[Status, str]:
    """Up or warn, and why: for a look, and for the time between two looks.

    :param age: of the copy, or how long it has been prepared.
    :param limit: `sync_max_delay`; a copy that is just as old is up. None: none is too old.
    :param usable: all pairs are active; else they are prepared.
    """
    why = f"{spoken(age)} old" if usable else f"prepared and not usable for {spoken(age)}"
    if limit is None or age <= limit:
        return Status.UP, why
    return Status.WARN, f"{why}, more than {limit / timedelta(minutes=1):.0f} min"


def remedy_of_old(service: str) -> str:
    """What to do about a copy that is usable and too old."""
    return f"trigger {service} with action refresh, or see why its last run did not make a copy"


class Judged(Protocol):
    """Something with a status: a sync."""

    @property
    def status(self) -> Status: ...


J = TypeVar("J", bound=Judged)


def decisive(counting: Sequence[J], spare: Sequence[J] = ()) -> tuple[Status, J]:
    """The status of a service, and the sync that decides: the first of those that are alike.

    :param counting: the syncs whose copies the service uses, one at least.
    :param spare: those of its other target sets. What is wrong there keeps a refresh or a rewind from
        working, and no user from their data: it makes a service that is up `warn`, and is no more.
    """
    found = max(counting, key=lambda sync: sync.status)
    if found.status is Status.UP:
        other = max((found, *spare), key=lambda sync: sync.status)
        if other is not found:
            return Status.WARN, other
    return found.status, found
