"""Whether a service may be started on its copies: each at one point in time, and one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clones.decide.identity import is_unseen, not_its_own, sent_at
from clones.decide.ledger import Activation
from clones.decide.rules import CLOCK_TOLERANCE, Decision, Verdict, labels
from clones.states import ACTIVE, SyncSeen

ONE_POINT_IN_TIME = timedelta(minutes=10)
"""Pairs of a sync whose last actions lie further apart were not activated together. Assumed: the longest
single split of a group seen in the field took about six minutes."""

ZONES_APART = timedelta(hours=26)
"""The farthest that two clocks are apart which show the same moment, one at UTC+14, one at UTC-12."""


@dataclass(frozen=True)
class Kept:
    """What runs have kept of a service's copies, and what of it a start goes by.

    :param newest: by sync, the newest activation that was kept.
    :param ordered: whether the syncs must be in order. Not where the service has run on these very copies.
    :param made_here: the run makes the copies itself: another copy than the newest activation's is not what
        it was to start the service on.
    :param target_set: the set whose copies they are; empty: the service has no sets.
    """

    newest: Mapping[str, Activation] = field(default_factory=dict)
    ordered: bool = True
    made_here: bool = False
    target_set: str = ""


NOTHING_KEPT = Kept()
HAS_RUN_ON_THEM = Kept(ordered=False)


def decide_start(syncs: Sequence[SyncSeen], kept: Kept = NOTHING_KEPT) -> Decision:
    """Whether the service may be started: all syncs wholly active, each at one point in time, in order."""
    sent = sent_at(syncs, kept.newest)
    for seen in syncs:
        idle = tuple(pair for pair in seen.pairs if pair.wrong or pair.state not in ACTIVE)
        if idle:
            shown = ", ".join(f"{pair.label} is {pair.wrong or pair.state}" for pair in idle)
            return Decision(
                Verdict.REFUSE,
                f"sync {seen.name} is not fully active: {shown}",
                idle,
                "run the action `refresh` (or `break`, when all pairs are prepared), then start again",
            )
        if seen.torn:
            return Decision(
                Verdict.REFUSE,
                f"sync {seen.name} is torn: {seen.torn}",
                seen.pairs,
                "run the action `refresh`: it copies all pairs again at one point in time",
            )
    for number, seen in enumerate(syncs):
        times = [p.session.last_action for p in seen.pairs if p.session and p.session.last_action]
        if len(times) < len(seen.pairs):
            silent = seen.without_time
            return Decision(
                Verdict.REFUSE,
                f"when sync {seen.name} was activated is not known: the array does not show the time of the "
                f"last action of {labels(silent)}",
                silent,
                f"find {seen.tools.times} in the log above; when it is shown again, start again (or run the "
                "action `refresh`)",
                unknown=True,
            )
        if kept.made_here and (other := not_its_own(seen, kept.newest.get(seen.name))):
            return Decision(Verdict.REFUSE, other, seen.pairs, _remedy(seen, kept))
        if max(times) - min(times) > ONE_POINT_IN_TIME:
            return Decision(
                Verdict.REFUSE,
                f"sync {seen.name} is torn: its pairs were activated between {min(times)} and {max(times)}",
                seen.pairs,
                "run the action `refresh`: it copies all pairs again at one point in time",
            )
        for before in syncs[:number] if kept.ordered else ():
            order = _in_order(before, seen, sent)
            if order is not None:
                return order
    return Decision(Verdict.ACT, "every sync is fully active, in order")


def _remedy(seen: SyncSeen, kept: Kept) -> str:
    """For a sync that is not what the run has made."""
    if is_unseen(seen, kept.newest.get(seen.name)):
        return "clear the task that activates it: it looks again; or run the action `refresh`"
    # A service with sets is back on its former one by then.
    anyway = "" if kept.target_set else ", or `start` to run on it as it is"
    return f"find out who acted on it ({seen.tools.audit}); then run the action `refresh`{anyway}"


def _in_order(before: SyncSeen, seen: SyncSeen, sent: Mapping[str, datetime]) -> Decision | None:
    """None when a sync is not older than one before it.

    Two arrays' times are by two clocks, and may be by two zones, and an array's goes back once a year without
    telling: where the runs have kept when they sent both activations, that decides. Not of snapshots of one
    array: their times are in UTC, by one clock, and what was kept may be by two.
    """
    first, second = _last(before), _last(seen)
    apart = second - first
    if before.name in sent and seen.name in sent and not (before.snapshots and before.symid == seen.symid):
        kept = sent[seen.name] - sent[before.name]
        if abs(kept) > CLOCK_TOLERANCE:
            first, second, apart = sent[before.name], sent[seen.name], kept
        elif before.symid != seen.symid:
            return None  # one after the other, by workers whose clocks need not agree to the second
    elif before.symid != seen.symid and abs(apart) <= ZONES_APART:
        return Decision(
            Verdict.REFUSE,
            f"it is not known whether sync {seen.name} ({second}) is older than sync {before.name} "
            f"({first}): two arrays show their times by two clocks, and no run is known to have activated "
            "both",
            seen.pairs,
            "run the action `refresh`: it activates the syncs in their order, and keeps when",
            unknown=True,
        )
    if apart >= timedelta(0):
        return None
    return Decision(
        Verdict.REFUSE,
        f"sync {seen.name} ({second}) is older than the sync before it ({first})",
        seen.pairs,
        "run the action `refresh`: it activates the syncs in their order",
    )


def _last(seen: SyncSeen) -> datetime:
    """Of pairs that all show one."""
    return max(pair.session.last_action for pair in seen.pairs if pair.session and pair.session.last_action)
