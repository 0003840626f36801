"""What the last task of a run must see for the run to be done: its own look decides, not what others did.

================================  ==========================================================================
the run                           every sync, with the configured pairs, is seen
================================  ==========================================================================
resync                            prepared; with snapshots: one was taken since the target was linked
break, start                      wholly active, at one point in time, in order (:func:`decide_start`)
resync and break (refresh,        the same, and each pair has another last action than the plan saw: that of
update)                           the newest activation that was kept, where one was; it is this run's own
provision                         with a session for each pair
merge-back                        Copied or Split: no restore flag, none under way
stop, retire                      (nothing: retiring takes away what a look at a sync needs)
================================  ==========================================================================

Of a service with target sets the syncs are those of the set that the run works on; a run that starts it on a
set, also a rewind, must see that set wholly active.

A run that ends with start must see its service up as well, one that only stops it must see it down: a run
that is cleared has proven that long ago. Of a service with target sets it must be up on the set that the run
works on; a run that leaves it running must see it up on the set on which its plan saw it. A service that
cannot be asked then stands as its last task saw it, if that task has ended well by itself.

What could not be seen of a sync is not done either (D2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from clones.actions import BREAK, PREPARE, RESYNC, START, STOP
from clones.backends import backend_of
from clones.config.scope import Scope
from clones.decide.identity import not_made
from clones.decide.ledger import Activation, Run
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Verdict
from clones.decide.start_order import Kept, decide_start
from clones.errors import CloneError, Refused
from clones.observe import own_state
from clones.observe.own_state import OwnState
from clones.runs.merge_back import AFTERWARDS
from clones.states import ACTIVE, PREPARED, State, SyncSeen

PROVISION, MERGE_BACK = "provision", "merge-back"
"""What the plans of these runs call their action."""

LOOK_AGAIN = "Clear, Only failed tasks, on this run: it checks again"


@dataclass(frozen=True)
class Shortfall:
    """What keeps a run from being done.

    :param why: in sentences.
    :param unknown: nothing speaks against it but that something could not be seen.
    """

    why: str
    remedy: str
    unknown: bool = False


def falls_short(
    scope: Scope,
    plan: Mapping[str, Any],
    looks: Sequence[SyncSeen | CloneError],
    known: Mapping[str, Activation] | None = MappingProxyType({}),
    *,
    run: Run,
    own: OwnState | None = None,
    tasks: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType({}),
) -> Shortfall | None:
    """Hold what is seen at the end against what the run was to bring about.

    :param plan: the XCom `plan` of its first task.
    :param looks: each sync as it is seen now, or why it could not be.
    :param known: by sync, the newest activation that was kept; None where no run can keep any.
    :param run: this run.
    :param own: how the service itself is seen now, None when it has no resources.
    :param tasks: what the run's tasks did, by task id, each with its tries (:mod:`clones.runs.record`).
    :returns: None when it is all there.
    """
    phases, action = plan.get("phases", ()), plan.get("action", "")
    wanted = (
        _active if BREAK in phases or PREPARE in phases else
        _with_snapshot if RESYNC in phases and scope.service.snapshots else
        _prepared if RESYNC in phases else
        _with_sessions if action == PROVISION else
        _merged_back if action == MERGE_BACK else
        None
    )  # fmt: skip
    service = _service(plan, own)
    wrong: list[str] = []
    unseen = _not_told(plan, own, tasks)
    seen: list[SyncSeen] = []
    for sync, look in zip(scope.service.syncs, looks, strict=True):
        if wanted is None:
            break
        try:
            if isinstance(look, CloneError):
                raise look
            refuse_wrong_pairs(scope.name, sync, look)
            seen.append(look)
            wrong += [f"sync {sync.name}: {text}" for text in wanted(look)]
        except Refused as error:
            wrong.append(error.what)
        except CloneError as error:
            unseen.append(f"the state of sync {sync.name} could not be read: {error.what}")
    if wanted is _active and not wrong:
        decision = decide_start(seen, Kept(known or {}))
        if decision.verdict is Verdict.REFUSE:
            wrong.append(decision.why)
        elif RESYNC in phases:
            wrong += [text for one in seen for text in not_made(plan, one, known, run)]
    if wrong or service:
        again = "trigger the action again" if phases else "trigger it again"
        remedy = f"find out who {_changed(scope) if wrong else 'started or stopped it since'}"
        return Shortfall(_said([*wrong, *service, *unseen]), f"{remedy}; then {again}.")
    if unseen:
        return Shortfall(_said(unseen), f"find out why that could not be checked; then {LOOK_AGAIN}.", True)
    return None


def _changed(scope: Scope) -> str:
    audits = dict.fromkeys(backend_of(sync).TOOLS.audit for sync in scope.service.syncs)
    return f"changed it since ({', '.join(audits)})"


def _said(lines: Sequence[str]) -> str:
    return "every task succeeded, but:\n  " + "\n  ".join(lines)


def _service(plan: Mapping[str, Any], own: OwnState | None) -> list[str]:
    """What of the service itself is not as the run was to leave it."""
    phases = plan.get("phases", ())
    wanted = own_state.State.UP if START in phases else own_state.State.DOWN if STOP in phases else None
    on = plan.get("to_set") if START in phases else None
    if wanted is None and plan.get("from_set") and plan["up"]:
        wanted, on = own_state.State.UP, plan["from_set"]
    if own is None or wanted is None or own.state is own_state.State.UNKNOWN:
        return []
    found = _on(own.state, own.target_set)
    if found == _on(wanted, on):
        return []
    return [f"the service is {found}, not {_on(wanted, on)}" + (f": {own.why}" if own.why else "")]


def _not_told(
    plan: Mapping[str, Any], own: OwnState | None, tasks: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[str]:
    """That nobody has seen the service as the run was to leave it: it cannot be asked now, and the task that
    brought it there did not end well, or was not run."""
    phases = plan.get("phases", ())
    last = START if START in phases else STOP if STOP in phases else None
    if own is None or last is None or own.state is not own_state.State.UNKNOWN:
        return []
    tries = tasks.get(f"{last}.service", ())
    if tries and tries[-1].get("ended") and not tries[-1].get("error"):
        return []
    return [f"the service could not be asked, and {last}.service did not end well by itself: {own.why}"]


def _on(state: own_state.State, target_set: str | None) -> str:
    return f"{state} on set {target_set}" if target_set else str(state)


def _active(seen: SyncSeen) -> list[str]:
    return _not_in(seen, ACTIVE, "active")


def _prepared(seen: SyncSeen) -> list[str]:
    return _not_in(seen, PREPARED, "prepared")


def _with_snapshot(seen: SyncSeen) -> list[str]:
    return [] if seen.prepared else ["no snapshot is there that was taken since it was linked"]


def _with_sessions(seen: SyncSeen) -> list[str]:
    return _not_in(seen, frozenset(State) - {State.NONE, State.FAILED, State.INVALID}, "provided")


def _merged_back(seen: SyncSeen) -> list[str]:
    return _not_in(seen, AFTERWARDS, "merged back")


def _not_in(seen: SyncSeen, states: frozenset[State], wanted: str) -> list[str]:
    return [f"{pair.label} is {pair.state}, not {wanted}" for pair in seen.pairs if pair.state not in states]
