"""What a merge-back does about what was observed: its tables, as those of :mod:`clones.decide.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clones.decide.approval import ASK_AGAIN
from clones.decide.rules import REMEDIES, Decision, Verdict, gravest
from clones.states import PREPARED, State, SyncSeen

_NOTHING, _ACT, _WAIT, _REFUSE = Verdict.NOTHING, Verdict.ACT, Verdict.WAIT, Verdict.REFUSE

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
    "the run that did it, or let the storage team end it ({tools.end_restored})",
}
_ASK_AGAIN = f"to merge back once more, {ASK_AGAIN}"
_PARTLY = (
    "production may be partly overwritten: leave it down, check ({tools.query}) how each pair "
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
        decision = gravest(
            RESTORE_SENT, seen, "this run's restore is under way or done", "", RESTORE_SENT_REMEDIES
        )
        if decision.verdict is not _REFUSE:
            return decision
        states = {pair.state for pair in seen.pairs}
        remedy = (
            decision.remedy if states <= {State.COPIED, State.SPLIT} else _PARTLY.format(tools=seen.tools)
        )
        return replace(
            decision, why=f"a restore was sent under this approval already, and {decision.why}", remedy=remedy
        )
    return _of_one_state(gravest(MERGE_BACK, seen, "", "restore", MERGE_BACK_REMEDIES), seen)


def decide_end_restored(seen: SyncSeen) -> Decision:
    """Whether the restore flag is removed (`terminate -restored`): only when every pair is Restored."""
    decision = gravest(
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
        f"find out ({seen.tools.query}) what was done to some of them; all must be in one state",
    )
