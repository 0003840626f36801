"""What to do about what was observed: the decision tables.

Each action has one table from a pair's state to what that pair calls for. A sync's decision is the gravest
of its pairs': refuse before wait before act before nothing; acting concerns only the pairs that call for it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from clones.config import Sync
from clones.decide.approval import ASK_AGAIN
from clones.states import ACTIVE, COMES_BY_ITSELF, PREPARED, PairSeen, State, SyncSeen, wanted_states

ONE_POINT_IN_TIME = timedelta(minutes=10)
"""Pairs of a sync whose last actions lie further apart were not activated together. Assumed: the longest
single split of a group seen in the field took about six minutes."""

ZONES_APART = timedelta(hours=26)
"""The farthest that two clocks are apart which show the same moment, one at UTC+14, one at UTC-12."""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""A last action may lie so far after the control host's clock and still be taken for just now."""


class Verdict(enum.IntEnum):
    """In order of gravity."""

    NOTHING = 0
    ACT = 1
    WAIT = 2
    REFUSE = 3


@dataclass(frozen=True)
class Decision:
    """What to do about one sync.

    :param why: the sentence for the log.
    :param pairs: the pairs that it concerns.
    :param remedy: what the operator does about a refusal.
    :param torn: only some of the sync's pairs are active.
    :param unknown: refused for what is not known, and may be known by the next try.
    :param wanted: what a wait is for.
    """

    verdict: Verdict
    why: str
    pairs: tuple[PairSeen, ...] = ()
    remedy: str = ""
    torn: bool = False
    unknown: bool = False
    wanted: str = "settled"


_NOTHING, _ACT, _WAIT, _REFUSE = Verdict.NOTHING, Verdict.ACT, Verdict.WAIT, Verdict.REFUSE

CREATE: Mapping[State, Verdict] = {
    **dict.fromkeys(State, _NOTHING),
    State.NONE: _ACT,
    State.TERMINATE_IN_PROG: _WAIT,
    State.CREATE_IN_PROG: _WAIT,
    State.FAILED: _REFUSE,
    State.INVALID: _REFUSE,
    State.UNKNOWN: _REFUSE,
}
RESYNC: Mapping[State, Verdict] = {
    State.CREATED: _NOTHING,
    State.PRE_COPY: _NOTHING,
    State.RECREATED: _NOTHING,
    State.COPIED: _ACT,
    State.SPLIT: _ACT,
    State.COPY_ON_WRITE: _ACT,
    State.COPY_ON_ACCESS: _ACT,
    State.COPY_IN_PROG: _WAIT,
    State.CREATE_IN_PROG: _WAIT,
    State.TERMINATE_IN_PROG: _WAIT,
    State.NONE: _REFUSE,
    State.REST_IN_PROG: _REFUSE,
    State.RESTORED: _REFUSE,
    State.FAILED: _REFUSE,
    State.INVALID: _REFUSE,
    State.UNKNOWN: _REFUSE,
}
BREAK: Mapping[State, Verdict] = {
    State.CREATED: _ACT,
    State.PRE_COPY: _ACT,
    State.RECREATED: _ACT,
    State.COPIED: _NOTHING,
    State.COPY_IN_PROG: _NOTHING,
    State.COPY_ON_ACCESS: _NOTHING,
    State.COPY_ON_WRITE: _NOTHING,
    State.CREATE_IN_PROG: _WAIT,
    State.TERMINATE_IN_PROG: _WAIT,
    State.SPLIT: _REFUSE,
    State.NONE: _REFUSE,
    State.REST_IN_PROG: _REFUSE,
    State.RESTORED: _REFUSE,
    State.FAILED: _REFUSE,
    State.INVALID: _REFUSE,
    State.UNKNOWN: _REFUSE,
}
RETIRE: Mapping[State, Verdict] = {
    State.NONE: _NOTHING,
    State.CREATED: _ACT,
    State.PRE_COPY: _ACT,
    State.RECREATED: _ACT,
    State.COPIED: _ACT,
    State.COPY_ON_ACCESS: _ACT,
    State.COPY_ON_WRITE: _ACT,
    State.SPLIT: _ACT,
    State.TERMINATE_IN_PROG: _WAIT,
    State.COPY_IN_PROG: _REFUSE,
    State.CREATE_IN_PROG: _REFUSE,
    State.REST_IN_PROG: _REFUSE,
    State.RESTORED: _REFUSE,
    State.FAILED: _REFUSE,
    State.INVALID: _REFUSE,
    State.UNKNOWN: _REFUSE,
}
"""To end a session that moves would need `-symforce`, which is never sent."""

MERGE_BACK: Mapping[State, Verdict] = {
    **dict.fromkeys(State, _REFUSE),
    State.COPIED: _ACT,
    State.SPLIT: _ACT,
    State.COPY_IN_PROG: _WAIT,
}
"""Before a restore was sent under the run's approval."""
RESTORE_SENT: Mapping[State, Verdict] = {
    **dict.fromkeys(State, _REFUSE),
    State.REST_IN_PROG: _NOTHING,
    State.RESTORED: _NOTHING,
}
"""After it was: an approval is good for one restore of each sync."""
END_RESTORED: Mapping[State, Verdict] = {
    **dict.fromkeys(State, _REFUSE),
    State.RESTORED: _ACT,
    State.REST_IN_PROG: _WAIT,
    State.COPIED: _NOTHING,
    State.SPLIT: _NOTHING,
}
"""What a `terminate -restored` calls for."""

REMEDIES: Mapping[State, str] = {
    State.NONE: "run this service's `_provision` DAG: there is no session",
    State.REST_IN_PROG: "wait until the merge-back ends, then run `symclone terminate -restored`",
    State.RESTORED: "remove the restore flag of the merge-back first (`symclone terminate -restored`)",
    State.FAILED: "ask the storage team why the session failed; it must be terminated and created again",
    State.INVALID: "ask the storage team why the session is invalid; it must be terminated and created again",
    State.COPY_IN_PROG: "wait until it is Copied, then run it again",
    State.CREATE_IN_PROG: "wait until it is made, then run it again",
    State.UNKNOWN: "check the pair with `symclone query`: nothing is sent in an unknown state",
    State.SPLIT: "run the action `update` or `refresh`: a session in state Split must be recreated first",
}


MEND_TORN = (
    "run the action `update` (or `refresh`): once the active pairs are Copied it recreates these and "
    "activates all together"
)
_NO_COPY = (
    "activate it first: there is nothing to merge back, because the recreate discarded the target's data"
)
_NEEDS_FULL = "ask the storage team to copy it in full first: only a full copy (Copied) can be merged back"
MERGE_BACK_REMEDIES: Mapping[State, str] = {
    **REMEDIES,
    **dict.fromkeys(PREPARED | {State.CREATE_IN_PROG}, _NO_COPY),
    **dict.fromkeys((State.COPY_ON_ACCESS, State.COPY_ON_WRITE), _NEEDS_FULL),
    State.NONE: "there is no session, so there is nothing to merge back",
    State.TERMINATE_IN_PROG: "find out who is ending this session",
    State.REST_IN_PROG: "a merge-back is under way that this approval was not spent for: clear the failed "
    "task of the run that began it; when there is none, ask the storage team who did",
    State.RESTORED: "a merge-back was done that this approval was not spent for: clear the failed task of "
    "the run that did it, or let the storage team end it with `symclone terminate -restored`",
}
_ASK_AGAIN = f"to merge back once more, {ASK_AGAIN}"
_PARTLY = (
    "production may be partly overwritten: leave it down, check with `symclone query` how each pair "
    "stands, and call the storage team before you do anything else"
)
RESTORE_SENT_REMEDIES: Mapping[State, str] = {
    **dict.fromkeys(State, _PARTLY),
    State.COPIED: _ASK_AGAIN,
    State.SPLIT: _ASK_AGAIN,
}
END_RESTORED_REMEDIES: Mapping[State, str] = dict.fromkeys(State, _PARTLY)


def decide_merge_back(seen: SyncSeen, *, sent: bool) -> Decision:
    """What a merge-back (`restore`) is to do. All pairs must be in one state; a part is never restored.

    :param sent: whether this run has sent a restore of this sync under its present approval.
    """
    if sent:
        decision = _gravest(
            RESTORE_SENT, seen, "this run's restore is under way or done", "", RESTORE_SENT_REMEDIES
        )
        if decision.verdict is not _REFUSE:
            return decision
        states = {pair.state for pair in seen.pairs}
        remedy = decision.remedy if states <= {State.COPIED, State.SPLIT} else _PARTLY
        return replace(
            decision, why=f"a restore was sent under this approval already, and {decision.why}", remedy=remedy
        )
    return _of_one_state(_gravest(MERGE_BACK, seen, "", "restore", MERGE_BACK_REMEDIES), seen)


def decide_end_restored(seen: SyncSeen) -> Decision:
    """Whether the restore flag is removed (`terminate -restored`): only when every pair is Restored."""
    decision = _gravest(
        END_RESTORED,
        seen,
        "no pair has the restore flag",
        "end the restore of",
        END_RESTORED_REMEDIES,
    )
    return _of_one_state(decision, seen)


def _of_one_state(decision: Decision, seen: SyncSeen) -> Decision:
    """Refuse to act on some pairs of a sync only, or on pairs that came here by different ways."""
    if decision.verdict is not _ACT or len({pair.state for pair in seen.pairs}) == 1:
        return decision
    shown = ", ".join(f"{pair.label} is {pair.state}" for pair in seen.pairs)
    return Decision(
        _REFUSE,
        f"not every pair is in the same state: {shown}",
        seen.pairs,
        "find out with `symclone query` what was done to some of them; all must be in one state",
    )


def decide_create(seen: SyncSeen) -> Decision:
    """Which pairs get a session that have none."""
    return _gravest(CREATE, seen, "every pair has a session", "create a session for")


def decide_resync(sync: Sync, seen: SyncSeen) -> Decision:
    """What resync (`recreate`) is to do; within a run: :func:`clones.decide.identity.decide_again`."""
    table = {**RESYNC, State.COPY_IN_PROG: _ACT} if sync.recreate_while_copying else RESYNC
    return _gravest(table, seen, "every pair is prepared already", "recreate")


def decide_break(seen: SyncSeen, *, mend: bool, while_copying: bool = False) -> Decision:
    """What break (`activate`) is to do.

    :param mend: whether a torn sync is to be recreated and activated again as a whole (refresh and update),
        rather than refused. The decision's pairs are then the active ones, to be recreated first.
    :param while_copying: the array takes a recreate of a pair that is CopyInProg; else mending waits.
    """
    decision = _gravest(BREAK, seen, "every pair is active already", "activate")
    if decision.verdict is not _ACT:
        return decision
    active = tuple(pair for pair in seen.pairs if pair.state in ACTIVE)
    if not active and seen.precopied is False:
        return Decision(
            _WAIT, "wait until the precopy has gone through all tracks once", seen.pairs, wanted="precopied"
        )
    if not active:
        return Decision(_ACT, f"activate all {len(seen.pairs)} pairs together", seen.pairs)
    names = labels(active)
    copying = tuple(pair for pair in active if pair.state is State.COPY_IN_PROG)
    if mend and copying and not while_copying:
        return Decision(
            _WAIT,
            f"torn: only {names} active; wait until {labels(copying)} is Copied to recreate the active ones",
            copying,
            torn=True,
        )
    if mend:
        return Decision(
            _ACT, f"torn: only {names} active; recreate these, then activate all together", active, torn=True
        )
    return Decision(
        _REFUSE,
        f"torn: {names} active and {labels(decision.pairs)} not; activating the rest now would mix two "
        "points in time",
        active,
        MEND_TORN,
        torn=True,
    )


def decide_retire(seen: SyncSeen) -> Decision:
    """Which pairs' sessions are to be ended for good."""
    return _gravest(RETIRE, seen, "no pair has a session", "terminate the session of")


def is_torn(seen: SyncSeen) -> bool:
    """Whether the break table would act on some pairs only."""
    return any(p.state in ACTIVE for p in seen.pairs) and any(p.state in PREPARED for p in seen.pairs)


def decide_under_service(decision: Decision) -> Decision:
    """What becomes of the decision of a break while the service is up: it changes nothing then.

    What a service runs on is active. When it is prepared, somebody has recreated it under the service, and
    the activation would overwrite it once more.
    """
    if decision.verdict not in (Verdict.ACT, Verdict.WAIT):
        return decision
    return Decision(
        _REFUSE,
        f"the service was up when this run began, and {labels(decision.pairs)} is not active: another "
        "user recreated it while the service was up",
        decision.pairs,
        "find out who did (`symaudit` on the control host); the action `refresh` stops the service and "
        "copies all pairs again",
    )


def decide_start(
    syncs: Sequence[SyncSeen], sent: Mapping[str, datetime] | None = MappingProxyType({})
) -> Decision:
    """Whether the service may be started: all syncs wholly active, each at one point in time, in order.

    :param sent: by sync, when the activation was sent that is known to have made it
        (:func:`clones.decide.identity.sent_at`). None: the order is not asked, for the service has run on
        these very copies.
    """
    for seen in syncs:
        idle = tuple(pair for pair in seen.pairs if pair.wrong or pair.state not in ACTIVE)
        if idle:
            shown = ", ".join(f"{pair.label} is {pair.wrong or pair.state}" for pair in idle)
            return Decision(
                _REFUSE,
                f"sync {seen.name} is not fully active: {shown}",
                idle,
                "run the action `refresh` (or `break`, when all pairs are prepared), then start again",
            )
    for number, seen in enumerate(syncs):
        times = [p.session.last_action for p in seen.pairs if p.session and p.session.last_action]
        if len(times) < len(seen.pairs):
            silent = seen.without_time
            return Decision(
                _REFUSE,
                f"when sync {seen.name} was activated is not known: the array does not show the time of the "
                f"last action of {labels(silent)}",
                silent,
                "find `last_action` of these sessions in the output of `symdev list` in the log above; "
                "when it is shown again, start again (or run the action `refresh`)",
                unknown=True,
            )
        if max(times) - min(times) > ONE_POINT_IN_TIME:
            return Decision(
                _REFUSE,
                f"sync {seen.name} is torn: its pairs were activated between {min(times)} and {max(times)}",
                seen.pairs,
                "run the action `refresh`: it copies all pairs again at one point in time",
            )
        for before in syncs[:number] if sent is not None else ():
            order = _in_order(before, seen, sent or {})
            if order is not None:
                return order
    return Decision(_ACT, "every sync is fully active, in order")


def _in_order(before: SyncSeen, seen: SyncSeen, sent: Mapping[str, datetime]) -> Decision | None:
    """None when a sync is not older than one before it.

    Two arrays' times are by two clocks, and may be by two zones, and no array's goes back once a year without
    telling: where the runs have kept when they sent both activations, that decides.
    """
    first, second = _last(before), _last(seen)
    apart = second - first
    if before.name in sent and seen.name in sent:
        kept = sent[seen.name] - sent[before.name]
        if abs(kept) > CLOCK_TOLERANCE:
            first, second, apart = sent[before.name], sent[seen.name], kept
        elif before.symid != seen.symid:
            return None  # one after the other, by workers whose clocks need not agree to the second
    elif before.symid != seen.symid and abs(apart) <= ZONES_APART:
        return Decision(
            _REFUSE,
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
        _REFUSE,
        f"sync {seen.name} ({second}) is older than the sync before it ({first})",
        seen.pairs,
        "run the action `refresh`: it activates the syncs in their order",
    )


def _last(seen: SyncSeen) -> datetime:
    """Of pairs that all show one."""
    return max(pair.session.last_action for pair in seen.pairs if pair.session and pair.session.last_action)


def decide_wait(seen: SyncSeen, wanted: str) -> Decision:
    """Whether a wait for a state or group of states is over, goes on, or cannot end well.

    NOTHING: it is there. WAIT: it can come by itself. REFUSE: it cannot.
    """
    states = wanted_states(wanted)
    if seen.all_in(states):
        if wanted == "precopied" and seen.precopied is False:
            return Decision(_WAIT, "the precopy has not gone through all tracks yet", seen.pairs)
        return Decision(_NOTHING, f"every pair is {wanted}")
    lost = tuple(
        pair
        for pair in seen.pairs
        if pair.wrong or (pair.state not in states and not (_can_become(pair.state) & states))
    )
    if lost:
        shown = ", ".join(f"{pair.label} is {pair.wrong or pair.state}" for pair in lost)
        remedies = {REMEDIES.get(pair.state, "") for pair in lost} - {""}
        return Decision(
            _REFUSE,
            f"{wanted} cannot come by itself: {shown}",
            lost,
            "; ".join(sorted(remedies))
            or "check what was done to these pairs (`symclone query`), then run the action again",
        )
    return Decision(_WAIT, f"not every pair is {wanted} yet", seen.pairs)


def _can_become(state: State) -> frozenset[State]:
    return COMES_BY_ITSELF.get(state, frozenset())


def labels(pairs: Sequence[PairSeen]) -> str:
    """Pairs for a message."""
    return ", ".join(pair.label for pair in pairs)


def _gravest(
    table: Mapping[State, Verdict],
    seen: SyncSeen,
    nothing: str,
    act: str,
    remedies: Mapping[State, str] = REMEDIES,
) -> Decision:
    wrong = tuple(pair for pair in seen.pairs if pair.wrong)
    if wrong:
        return Decision(
            _REFUSE,
            "; ".join(f"{pair.label}: {pair.wrong}" for pair in wrong),
            wrong,
            "compare `pairs` in services.yaml with the array, and fix the wrong one",
        )
    verdict = max(table[pair.state] for pair in seen.pairs)
    pairs = tuple(pair for pair in seen.pairs if table[pair.state] is verdict)
    shown = ", ".join(
        f"{pair.label} is {pair.session.written if pair.session else pair.state}" for pair in pairs
    )
    if verdict is _NOTHING:
        return Decision(verdict, nothing)
    if verdict is _ACT:
        return Decision(verdict, f"{act} {labels(pairs)}", pairs)
    if verdict is _WAIT:
        return Decision(verdict, f"wait: {shown}", pairs)
    texts = sorted({remedies[pair.state] for pair in pairs})
    return Decision(verdict, shown, pairs, "; ".join(texts))
