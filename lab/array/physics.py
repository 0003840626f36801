"""How tracks are copied over time: a fluid model, exact between the moments when a session arrives."""

from __future__ import annotations

from collections.abc import Iterable

from lab import states
from lab.array.session import Session


def copy_on(busy: Iterable[Session], rate: float, spread: float, at: float, now: float) -> None:
    """Let the moving sessions of one array copy from one moment to another.

    They share the array's rate by their weights; one that arrives leaves its share to the others.

    :param busy: the sessions that may move.
    :param rate: tracks per second of the whole array.
    :param spread: by how much the sessions' weights differ.
    :param at: seconds since the epoch up to which they have copied.
    :param now: seconds since the epoch.
    """
    while at < now:
        movers = [s for s in busy if s.moving and s.mark < now]
        if not movers:
            break
        at = max(at, min(s.mark for s in movers))
        running = {s: s.weight(spread) for s in movers if s.mark <= at}
        later = [s.mark for s in movers if s.mark > at]
        each = rate / sum(running.values())
        step = min([now - at] + [m - at for m in later])
        for session, weight in running.items():
            net = each * weight - session.drain
            if net > 0:
                step = min(step, session.protected / net)
        end = min(now, at + step)
        for session, weight in running.items():
            net = each * weight - session.drain
            # An instant in seconds since the epoch is exact to a quarter of a microsecond only: what would be
            # copied within one microsecond more has arrived.
            arrives = session.protected - net * (end - at) <= max(1e-6, net * 1e-6)
            session.catch_up(end, each * weight)
            if arrives and session.state in states.MOVING:
                session.protected = 0.0
                session.arrive()
        at = end
