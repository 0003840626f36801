"""What is done to a sync: a resync takes a snapshot, a break links the target group to it.

Observe, decide, act only if needed, observe again (D1). The service is proven down right before each link,
and not before a snapshot, which touches no target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from clones.act.decided import decided, require_active
from clones.actions import STOP
from clones.asking.side_by_side import attempts
from clones.asking.steps import Steps, note, pause, run
from clones.backends.snapvx import answers, requests
from clones.backends.snapvx.answers import Snapshot
from clones.backends.snapvx.change import Sent, intent_of, need, send, settle, wait_out
from clones.backends.snapvx.intents import (
    Intent,
    What,
    kept_intent,
    known_snapshots,
    planned_snapshots,
)
from clones.backends.snapvx.names import key_of, new_name, time_of_next
from clones.backends.snapvx.observe import SnapSeen, look, look_at, observe, with_snapshot
from clones.backends.snapvx.tables import (
    MEND_TORN,
    Intended,
    decide_break,
    decide_resync,
    decide_resync_again,
    find_intended,
)
from clones.backends.snapvx.tidy import tidy
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.identity import planned_stamps
from clones.decide.ledger import Ledger
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Decision, Verdict, decide_under_service
from clones.errors import Refused, Torn, TornForNow, Unknown
from clones.observe.proof_down import prove_down
from clones.states import PointInTime, SyncSeen

LAG = 5.0
"""Seconds before a second look at what was not seen and may only lag behind."""


def resync(
    scope: Scope, sync: Sync, plan: Mapping[str, Any] | None = None, ledger: Ledger | None = None
) -> Steps[SyncSeen]:
    """Take the snapshot that the next break links: the copy's point in time. The old copy stays usable.

    What this run has taken already is not taken again; what somebody else has changed since its plan is
    refused.

    :param plan: this run's, as :meth:`clones.runs.refresh.Plan.to_plain` says it.
    :param ledger: what is kept of this sync.
    :raises CloneError: see :mod:`clones.errors`.
    """
    kept = need(scope, sync, ledger)
    yield from wait_out(scope, sync, kept)
    seen = yield from _look_for_own(scope, sync, kept, known_snapshots(plan, sync.name, kept))
    refuse_wrong_pairs(scope.name, sync, seen)
    seen = yield from again_if_gone(scope, sync, seen, kept)
    saw_link(kept, seen)
    decision = decide_resync_again(
        sync, seen, planned_stamps(plan, sync), kept, planned_snapshots(plan, sync.name)
    )
    yield from decided(scope, sync, "resync", decision, wait_seconds=sync.copy_timeout)
    if decision.verdict is Verdict.NOTHING:
        return seen
    detail = yield from take(scope, sync, seen, kept)
    after = with_snapshot(seen, sync, detail)
    fit = decide_break(sync, after, mend=True, intended=Intended(_point(detail), own=True))
    if fit.verdict is Verdict.REFUSE:
        raise Refused(
            f"{scope.subject(sync)}: snapshot {detail.name} was taken, and cannot be linked: {fit.why}. The "
            "old copy is as it was.",
            fit.remedy,
        )
    return after


def take(scope: Scope, sync: Sync, seen: SnapSeen, ledger: Ledger) -> Steps[Snapshot]:
    """Take a snapshot under a new name, and see it.

    :raises CloneError: see :mod:`clones.errors`.
    """
    now = ledger.now()
    names = seen.listed if seen.listed is not None else tuple(seen.snapshots)
    at = time_of_next(names, seen.clock)
    name = new_name(scope.name, key_of(sync), at, f"{ledger.run} {now.isoformat()}")
    intent = Intent(
        ledger.run, What.SNAPSHOT, name, None, "", now, now,
        known={**known_snapshots(None, sync.name, ledger), **seen.snapshots},
        names=seen.listed or (), linked=tuple((one.name, one.snapid) for one in seen.linked),
    )  # fmt: skip
    sent = yield from send(requests.take_snapshot(scope, sync, name), ledger, intent_of(ledger, intent))

    def shows() -> Steps[Snapshot | None]:
        return (yield from read_new(scope, sync, name))

    def consequence() -> Steps[str]:
        yield from ()
        return f"Snapshot {name} does not show. The old copy is as it was."

    # No other try has that name.
    detail = yield from settle(scope, sync, ledger, sent, "snapshot", shows, consequence, only_by_this=True)
    made = kept_intent(ledger)
    if made is not None and made.name == name:
        known = {**made.known, name: detail.snapid}
        ledger.know(
            replace(
                made, snapid=detail.snapid, known=known, names=tuple(dict.fromkeys((name, *made.names)))
            ).to_plain()
        )
    yield from note(f"Snapshot {name} of sync {sync.name} is of {detail.at} UTC, number {detail.snapid}")
    return detail


def read_new(scope: Scope, sync: Sync, name: str) -> Steps[Snapshot | None]:
    """A snapshot of which only the name is known; None as long as it does not show.

    :raises Refused: there are two of that name.
    """
    subject = f"{scope.subject(sync)}: snapshot {name}"
    found = answers.snapids((yield from run(requests.list_snapids(scope, sync, name))), subject)
    if len(found) > 1:
        raise Refused(
            f"{subject}: there are {len(found)}, numbers {', '.join(map(str, found))}: it is not known which "
            "one this run has taken.",
            "find out who took the second one, and end both by their numbers; then clear this task",
        )
    if not found:
        return None
    shown = yield from run(requests.show_snapshot(scope, sync, name, found[0]))
    detail = answers.snapshot(shown, subject, name, found[0])
    if detail is not None and detail.at is None:
        raise Unknown(
            f"{subject}: Unisphere does not show its time.",
            "find `timestamp_utc` in the answer in the log; a time that is shown is read by the next try",
        )
    return detail


def split(
    scope: Scope,
    sync: Sync,
    *,
    mend_torn: bool = False,
    ledger: Ledger | None = None,
    plan: Mapping[str, Any] | None = None,
) -> Steps[SyncSeen]:
    """Link the target group as a whole to the snapshot that was taken, after the syncs before it (D6).

    The service is proven down right before (D3): the array protects no mounted target. Former snapshots that
    are not kept are ended once the link is seen.

    :param mend_torn: link a torn sync as a whole, too; one whose snapshot this run has taken is in any case.
    :param ledger: keeps that it is sent, before it is, and what it is seen to have done.
    :param plan: the run's, if it has one.
    :raises CloneError: see :mod:`clones.errors`.
    """
    kept = need(scope, sync, ledger)
    yield from wait_out(scope, sync, kept)
    known = known_snapshots(plan, sync.name, kept)
    before = scope.service.syncs[: [one.name for one in scope.service.syncs].index(sync.name)]
    own, *earlier = yield from attempts(
        [_look_for_own(scope, sync, kept, known, group=True), *(observe(scope, one) for one in before)]
    )
    seen = own.value()
    refuse_wrong_pairs(scope.name, sync, seen)
    seen = yield from again_if_gone(scope, sync, seen, kept)
    saw_link(kept, seen)
    intended = find_intended(seen, kept)
    decision = _decide_split(sync, seen, intended, mend_torn, plan)
    if intended.own:
        _refuse_others_link(scope, sync, seen, kept, decision)
    took = kept_intent(kept)
    if intended.point is not None and not (intended.own and took is not None and took.linked):
        refuse_link_since_plan(scope, sync, seen, plan, intended.point, decision)
    yield from decided(scope, sync, "break", decision, wait_seconds=sync.copy_timeout)
    if decision.verdict is Verdict.NOTHING:
        if intended.own:
            yield from tidy(scope, sync, seen, kept)  # an earlier try may not have come to it
        return seen
    require_active(scope, sync, [outcome.value() for outcome in earlier])
    assert intended.point is not None, "it is decided to act"
    return (yield from relink(scope, sync, seen, intended, kept, What.RELINK, mends=mend_torn))


def _refuse_others_link(scope: Scope, sync: Sync, seen: SnapSeen, ledger: Ledger, decision: Decision) -> None:
    """:raises Refused: somebody has linked the target since this run took its snapshot (D16)."""
    kept = kept_intent(ledger)
    if kept is None or kept.run != ledger.run or not kept.linked:
        return
    there = {(kept.name, kept.snapid), (kept.name, None), *kept.linked}
    others = [one for one in seen.linked if not {(one.name, one.snapid), (one.name, None)} & there]
    _refuse_others(scope, sync, seen, others, f"this run took snapshot {kept.name}", decision)


def refuse_link_since_plan(
    scope: Scope,
    sync: Sync,
    seen: SnapSeen,
    plan: Mapping[str, Any] | None,
    wanted: PointInTime,
    decision: Decision,
) -> None:
    """The same where the run itself has taken no snapshot.

    :param wanted: what is to be linked: an earlier try may have begun with it.
    :raises Refused: somebody has linked the target since the run's plan (D16).
    """
    planned, numbers = planned_stamps(plan, sync), planned_snapshots(plan, sync.name)
    if planned is None:
        return
    others = [
        one
        for one in seen.linked
        if (one.name, one.snapid) != (wanted.name, wanted.snapid)
        and not (
            one.at is not None
            and one.at.isoformat() in planned.values()
            and numbers.get(one.name, one.snapid) == one.snapid
        )
    ]
    _refuse_others(scope, sync, seen, others, "this run's plan", decision)


def _refuse_others(
    scope: Scope, sync: Sync, seen: SnapSeen, others: Sequence[Snapshot], since: str, decision: Decision
) -> None:
    if not others or decision.verdict not in (Verdict.ACT, Verdict.WAIT):
        return
    names = ", ".join(f"{one.name} (number {one.snapid})" for one in others)
    raise Refused(
        f"{scope.subject(sync)}: the target group was linked to {names} since {since}, and not by this run. "
        "Nothing was sent to the array.",
        f"find out who did ({seen.tools.audit}) and whether that copy is still needed; then run the "
        "action again: a new run plans with the copies as they are now",
    )


def relink(
    scope: Scope, sync: Sync, seen: SnapSeen, intended: Intended, ledger: Ledger, what: What, *, mends: bool
) -> Steps[SnapSeen]:
    """Prove the service down, link the target group to a snapshot in place of another, and see it.

    A refused relink stays refused: an unlink of what copies may lose the only copy.

    :param mends: a torn sync is mended by the next try.
    """
    point = intended.point
    assert point is not None, "there is a snapshot to link"
    yield from prove_down(scope)
    request = (requests.link if what is What.LINK else requests.relink)(scope, sync, point.name, point.snapid)
    at, before = _of(ledger, intended, point), kept_intent(ledger)
    intent = Intent(
        ledger.run, what, point.name, point.snapid, str(sync.target_group), at, ledger.now(),
        known={**known_snapshots(None, sync.name, ledger), **seen.snapshots},
        names=_names(ledger, seen),
        former=tuple(one.name for one in seen.linked if one in seen.details and one.name != point.name),
        linked=before.linked if before is not None and intended.own and before.run == ledger.run else (),
    )  # fmt: skip

    def begin() -> Any:
        return ledger.sending(at, replace(intent, sent=ledger.now()).to_plain())

    sent = yield from send(request, ledger, begin)
    known = {point.name: point.snapid}

    def shows() -> Steps[SnapSeen | None]:
        found = yield from look_at(scope, sync, known)
        return found if found.wholly_on(point.name) else None

    def consequence() -> Steps[str]:
        former = {one.name: one.snapid for one in seen.linked}
        after = yield from look(scope, sync, {**former, **known}, all_names=False)
        if after.torn:
            raise _torn(scope, sync, sent, what, after, mends=mends)
        names = ", ".join(one.name for one in after.linked) or "no snapshot"
        return f"The target group is linked to {names}."

    linked = yield from settle(scope, sync, ledger, sent, str(what), shows, consequence)
    after = replace(
        linked,
        details=(*linked.details, *without_links(seen, point.name)),
        foreign=(),
        listed=seen.listed,
        snapshots={**seen.snapshots, **linked.snapshots},
        target=seen.target,
    )
    ledger.saw(after)
    yield from note(f"Sync {sync.name} is linked to snapshot {point.name} of {point.at} UTC", *after.lines())
    if what is not What.REWIND:
        yield from tidy(scope, sync, after, ledger)
    return after


def without_links(seen: SnapSeen, name: str) -> tuple[Snapshot, ...]:
    """The other snapshots, once every pair was seen linked to one: a target is linked to one at most."""
    targets = {pair.target for pair in seen.pairs}
    return tuple(
        replace(one, links=tuple(link for link in one.links if link.target not in targets))
        for one in seen.details
        if one.name != name
    )


def _torn(scope: Scope, sync: Sync, sent: Sent, what: What, after: SnapSeen, *, mends: bool) -> Torn:
    kind = TornForNow if mends or what is What.RELINK else Torn
    return kind(
        f"{scope.subject(sync)}: {what} ended with {sent.result.ending()}: {sent.result.said()[:200]}\nThe "
        f"sync is torn: {after.torn}.",
        "clear this task if it is not retried: it links all pairs to one snapshot"
        if kind is TornForNow
        else MEND_TORN,
    )


def ready_to_split(
    scope: Scope, sync: Sync, *, mend_torn: bool = False, plan: Mapping[str, Any] | None = None
) -> Steps[None]:
    """Go on only if the resync would not refuse or wait: it fixes the copy's point in time, so the hooks of
    the source stand around it.

    :raises CloneError: as :func:`resync`, before its request.
    """
    seen = yield from look(scope, sync, planned_snapshots(plan, sync.name))
    refuse_wrong_pairs(scope.name, sync, seen)
    yield from decided(scope, sync, "resync", decide_resync(sync, seen), wait_seconds=sync.copy_timeout)


def _decide_split(
    sync: Sync, seen: SnapSeen, intended: Intended, mend_torn: bool, plan: Mapping[str, Any] | None
) -> Decision:
    decision = decide_break(sync, seen, mend=mend_torn, intended=intended)
    if plan and plan["up"] and STOP not in plan["phases"]:
        decision = decide_under_service(decision, seen.tools, beside=True)
    return decision


def _look_for_own(
    scope: Scope, sync: Sync, ledger: Ledger, known: Mapping[str, int], *, group: bool = False
) -> Steps[SnapSeen]:
    """Look, and once more where the snapshot that this run has taken does not show: it may only lag."""
    kept = kept_intent(ledger)
    mine = kept.name if kept is not None and kept.run == ledger.run else ""
    # What this run has read of its own is enough; what another one left must be asked for.
    both = mine in known
    seen = yield from look(
        scope, sync, known, all_names=not (group and both), group=group, newest=2 if both else 1
    )
    if not mine or seen.detail(mine) is not None:
        return seen
    if seen.listed is None or mine in seen.listed:
        return (yield from look(scope, sync, known, group=group))
    return seen


def saw_link(ledger: Ledger, seen: SnapSeen) -> None:
    """Of a link that an earlier try has sent. The one before it is active, too: that is not what it made."""
    intent = kept_intent(ledger)
    if intent is not None and intent.what is not What.SNAPSHOT and seen.wholly_on(intent.name):
        ledger.saw(seen)


def again_if_gone(scope: Scope, sync: Sync, seen: SnapSeen, ledger: Ledger) -> Steps[SnapSeen]:
    """Look again, a moment later, where what was sent a moment ago does not show."""
    if not find_intended(seen, ledger).gone:
        return seen
    yield from pause(LAG, f"until Unisphere shows what it has of sync {sync.name}")
    return (yield from look(scope, sync, seen.snapshots, group=seen.target is not None))


def _of(ledger: Ledger, intended: Intended, point: PointInTime) -> datetime:
    """The copy is of this moment or later: when its snapshot was sent, where this run has sent it."""
    kept = kept_intent(ledger)
    if intended.own and kept is not None and kept.name == point.name:
        return kept.at
    return point.at.replace(tzinfo=UTC)


def _names(ledger: Ledger, seen: SnapSeen) -> tuple[str, ...]:
    kept = kept_intent(ledger)
    return seen.listed if seen.listed is not None else kept.names if kept is not None else ()


def _point(detail: Snapshot) -> PointInTime | None:
    return None if detail.at is None else PointInTime(detail.name, detail.snapid, detail.at)
