"""Observations for tests, written short."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clones.backends.symclone.observe import TOOLS
from clones.config import Pair, Sync
from clones.states import PairSeen, Session, State, SyncSeen

NOON = datetime(2026, 11, 23, 12, 0, 0)


def sync(count: int = 1, **options: Any) -> Sync:
    pairs = [f"{0x1000 + n:04X}:{0x2000 + n:04X}" for n in range(count)]
    return Sync.model_validate({"name": "data", "symid": "000190101234", "pairs": pairs, **options})


def seen(
    *states: str,
    times: list[datetime | None] | None = None,
    name: str = "data",
    clock: datetime = NOON,
    onto: int = 0x2000,
) -> SyncSeen:
    """One pair a state; ``wrong: text`` for a pair that is not the configured one.

    :param onto: the first target.
    """
    pairs = []
    for number, written in enumerate(states):
        source, target = 0x1000 + number, onto + number
        pair = Pair(
            source=f"{source:04X}", target=f"{target:04X}", source_device=source, target_device=target
        )
        if written.startswith("wrong"):
            pairs.append(PairSeen(pair, source, target, None, written))
            continue
        state = State.read(written)
        at = times[number] if times else datetime(2026, 11, 23, 10, 0, 0)
        session = None if state is State.NONE else Session(source, target, state, written, 40, at)
        pairs.append(PairSeen(pair, source, target, session, source_size=100, target_size=100))
    return SyncSeen(name, "000190101234", clock, tuple(pairs), tools=TOOLS)
