"""What to do about what was observed: the decision tables.

Each action has one table from a pair's state to what that pair calls for. A sync's decision is the gravest
of its pairs': refuse before wait before act before nothing; acting concerns only the pairs that call for it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from clones.config import Sync
from clones.states import (
    ACTIVE,
    COMES_BY_ITSELF,
    PREPARED,
    PairSeen,
    PointInTime,
    State,
    SyncSeen,
    Tools,
    wanted_states,
)

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
    :param to: the snapshot that the pairs are linked to by it, where that is known.
    """

    verdict: Verdict
    why: str
    pairs: tuple[PairSeen, ...] = ()
    remedy: str = ""
    torn: bool = False
    unknown: bool = False
    wanted: str = "settled"
    to: PointInTime | None = None


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

REMEDIES: Mapping[State, str] = {
    State.NONE: "run this service's `_provision` DAG: there is no session",
    State.REST_IN_PROG: "wait until the merge-back ends, then end it ({tools.end_restored})",
    State.RESTORED: "remove the restore flag of the merge-back first ({tools.end_restored})",
    State.FAILED: "ask the storage team why the session failed; it must be terminated and created again",
    State.INVALID: "ask the storage team why the session is invalid; it must be terminated and created again",
    State.COPY_IN_PROG: "wait until it is Copied, then run it again",
    State.CREATE_IN_PROG: "wait until it is made, then run it again",
    State.UNKNOWN: "check the pair ({tools.query}): nothing is sent in an unknown state",
    State.SPLIT: "run the action `update` or `refresh`: a session in state Split must be recreated first",
}

MEND_TORN = (
    "run the action `update` (or `refresh`): once the active pairs are Copied it recreates these and "
    "activates all together"
)


def decide_create(seen: SyncSeen) -> Decision:
    """Which pairs get a session that have none."""
    return gravest(CREATE, seen, "every pair has a session", "create a session for")


def decide_resync(sync: Sync, seen: SyncSeen) -> Decision:
    """What resync (`recreate`) is to do; within a run: :func:`clones.decide.identity.decide_again`."""
    table = {**RESYNC, State.COPY_IN_PROG: _ACT} if sync.recreate_while_copying else RESYNC
    return gravest(table, seen, "every pair is prepared already", "recreate")


def decide_break(seen: SyncSeen, *, mend: bool, while_copying: bool = False) -> Decision:
    """What break (`activate`) is to do.

    :param mend: whether a torn sync is to be recreated and activated again as a whole (refresh and update),
        rather than refused. The decision's pairs are then the active ones, to be recreated first.
    :param while_copying: the array takes a recreate of a pair that is CopyInProg; else mending waits.
    """
    decision = gravest(BREAK, seen, "every pair is active already", "activate")
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
    return gravest(RETIRE, seen, "no pair has a session", "terminate the session of")


def is_torn(seen: SyncSeen) -> bool:
    """Whether the break table would act on some pairs only."""
    return any(p.state in ACTIVE for p in seen.pairs) and any(p.state in PREPARED for p in seen.pairs)


def decide_under_service(decision: Decision, tools: Tools, *, beside: bool = False) -> Decision:
    """What becomes of the decision of a break while the service is up: it changes nothing then.

    What a service runs on is active. When it is prepared, somebody has recreated it under the service, and
    the activation would overwrite it once more.

    :param tools: how people look at its array.
    :param beside: what is prepared is a point in time of its own, beside the copy that the service runs on.
    """
    if decision.verdict not in (Verdict.ACT, Verdict.WAIT):
        return decision
    if beside:
        return Decision(
            _REFUSE,
            "the service was up when this run began: its disks would change under it",
            decision.pairs,
            "run the action `refresh`, which stops the service, or `stop` first",
        )
    return Decision(
        _REFUSE,
        f"the service was up when this run began, and {labels(decision.pairs)} is not active: another "
        "user recreated it while the service was up",
        decision.pairs,
        f"find out who did ({tools.audit}); the action `refresh` stops the service and copies all pairs "
        "again",
    )


def decide_wait(seen: SyncSeen, wanted: str) -> Decision:
    """Whether a wait for a state or group of states is over, goes on, or cannot end well.

    NOTHING: it is there. WAIT: it can come by itself. REFUSE: it cannot.
    """
    states = wanted_states(wanted)
    if seen.torn and wanted != "settled":
        return Decision(_REFUSE, f"torn: {seen.torn}", seen.pairs, MEND_TORN, torn=True)
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
        remedies = {REMEDIES.get(pair.state, "").format(tools=seen.tools) for pair in lost} - {""}
        return Decision(
            _REFUSE,
            f"{wanted} cannot come by itself: {shown}",
            lost,
            "; ".join(sorted(remedies))
            or f"check what was done to these pairs ({seen.tools.query}), then run the action again",
        )
    return Decision(_WAIT, f"not every pair is {wanted} yet", seen.pairs)


def _can_become(state: State) -> frozenset[State]:
    return COMES_BY_ITSELF.get(state, frozenset())


def labels(pairs: Sequence[PairSeen]) -> str:
    """Pairs for a message."""
    return ", ".join(pair.label for pair in pairs)


def gravest(
    table: Mapping[State, Verdict],
    seen: SyncSeen,
    nothing: str,
    act: str,
    remedies: Mapping[State, str] = REMEDIES,
) -> Decision:
    """The decision of a table for a sync: the gravest of its pairs'.

    :param nothing: why there is nothing to do.
    :param act: what is done, before the pairs that it concerns.
    :param remedies: by the state that is refused; ``{tools.query}`` and the like stand for :class:`Tools`.
    """
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
    texts = sorted({remedies[pair.state].format(tools=seen.tools) for pair in pairs})
    return Decision(verdict, shown, pairs, "; ".join(texts))
