"""What to do about what was observed, as tables; in words: ``docs/reference/rules.md``.

A resync takes a snapshot, which touches no target: it asks for little. A break links the target group to it:
then everything must be known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from clones.backends.snapvx.answers import Snapshot
from clones.backends.snapvx.intents import MAKES, What, kept_intent
from clones.backends.snapvx.observe import SnapSeen
from clones.backends.snapvx.standing import stands_still
from clones.config import Sync
from clones.decide.identity import decide_again
from clones.decide.ledger import Ledger
from clones.decide.rules import Decision, Verdict, gravest, labels
from clones.states import PairSeen, PointInTime, State, SyncSeen, device_text

_NOTHING, _ACT, _WAIT, _REFUSE = Verdict.NOTHING, Verdict.ACT, Verdict.WAIT, Verdict.REFUSE
_STRANGE: Mapping[State, Verdict] = dict.fromkeys(State, _REFUSE)
"""States that a link cannot have."""

CREATE: Mapping[State, Verdict] = {
    **_STRANGE,
    State.NONE: _ACT,
    State.COPY_IN_PROG: _NOTHING,
    State.COPIED: _NOTHING,
    State.COPY_ON_ACCESS: _NOTHING,
}
RESYNC: Mapping[State, Verdict] = {
    **_STRANGE,
    State.COPY_IN_PROG: _WAIT,
    State.COPIED: _ACT,
    State.COPY_ON_ACCESS: _ACT,
}
"""A relink of a link that copies is refused by some arrays: what a break would wait for, its resync does."""
BREAK: Mapping[State, Verdict] = RESYNC
RETIRE: Mapping[State, Verdict] = {
    **_STRANGE,
    State.NONE: _NOTHING,
    State.COPIED: _ACT,
    State.COPY_ON_ACCESS: _ACT,
}

REMEDIES: Mapping[State, str] = {
    **dict.fromkeys(State, "check the link of the target group in Unisphere: nothing is sent in that state"),
    State.NONE: "run this service's `_provision` DAG: the target group is not linked",
    State.FAILED: "ask the storage team why the link failed",
    State.COPY_IN_PROG: "wait until it is Copied, then run it again",
}
ANEW = "run the action `update` or `refresh`: it takes a new snapshot and links all pairs to it"
MEND_TORN = (
    "run the action `update` (or `refresh`): it links all pairs to one snapshot, once none copies any more"
)


@dataclass(frozen=True)
class Intended:
    """The snapshot that a break is to link.

    :param own: it is the one that this run has taken.
    :param gone: this run has taken one, and it is not there.
    """

    point: PointInTime | None
    own: bool = False
    gone: str = ""


def decide_create(sync: Sync, seen: SyncSeen) -> Decision:
    """Whether the target group gets its first link."""
    shown = _shown(seen)
    decision = _gravest(CREATE, shown, "every pair is linked already", "take a snapshot, and link to it")
    if decision.verdict is not _ACT:
        return _known(shown) or decision
    if len(decision.pairs) < len(shown.pairs):
        return Decision(
            _REFUSE, f"torn: {shown.torn or 'only some pairs are linked'}", shown.pairs, MEND_TORN, torn=True
        )
    return _known(shown) or _grown(sync, shown) or decision


def decide_resync(sync: Sync, seen: SyncSeen) -> Decision:
    """What a resync is to do, by what is seen alone: a snapshot left by another run is of its time."""
    shown = _shown(seen)
    decision = _gravest(_of_linked(RESYNC, shown), shown, "", "take a snapshot of")
    if decision.verdict is _ACT:
        decision = Decision(_ACT, f"take a snapshot of {sync.source_group}", shown.pairs)
    if decision.verdict in (_ACT, _WAIT):
        return (
            _known(shown) or _restored(shown) or _grown(sync, shown) or stands_still(sync, shown) or decision
        )
    return decision


def decide_resync_again(
    sync: Sync,
    seen: SyncSeen,
    planned: Mapping[str, str | None] | None,
    ledger: Ledger | None,
    before: Collection[str] = (),
) -> Decision:
    """What resync is to do within a run that may have done it already.

    :param planned: of :func:`clones.decide.identity.planned_stamps`.
    :param ledger: None when nothing is kept of this sync.
    :param before: names of snapshots that the run's plan saw. One of them that this run has taken was taken
        before the whole run was cleared, and is of then.
    """
    shown = _shown(seen)
    intended = find_intended(shown, ledger)
    name = intended.point.name if intended.own and intended.point else ""
    name = "" if name in before else name
    if name and any(one.name == name for one in shown.linked):
        if not shown.torn:
            return Decision(_NOTHING, f"this run has linked every pair to snapshot {name}: already refreshed")
        return Decision(_NOTHING, f"this run has taken snapshot {name}; its break links all pairs to it")
    decision = decide_again(sync, seen, planned, ledger, decide_resync(sync, seen))
    if decision.verdict is _REFUSE or not name:
        return decision
    detail = shown.detail(name)
    assert detail is not None and intended.point is not None
    if detail.expired:
        return replace(decision, why=f"{decision.why}; snapshot {name}, which this run took, has expired")
    if decision.verdict is _WAIT:
        return decision
    at = f"{intended.point.at:%Y-%m-%d %H:%M:%S} UTC"
    return Decision(_NOTHING, f"this run has taken snapshot {name} at {at} already")


def decide_break(sync: Sync, seen: SyncSeen, *, mend: bool, intended: Intended | None = None) -> Decision:
    """What a break is to do.

    :param mend: link a torn sync as a whole to the intended snapshot, rather than refuse it. A torn sync
        whose snapshot this very run has taken is mended in any case.
    :param intended: of :func:`find_intended`; by default what is seen to be prepared.
    """
    shown = _shown(seen)
    intended = intended or Intended(shown.prepared)
    decision = _gravest(_of_linked(BREAK, shown), shown, "", "link")
    if decision.verdict is _REFUSE:
        return decision
    if (unknown := _known(shown)) is not None:
        return unknown
    point = intended.point
    if intended.gone:
        return Decision(
            _REFUSE, f"snapshot {intended.gone}, which this run took, is not there", shown.pairs, ANEW
        )
    if point is not None and shown.wholly_on(point.name):
        return Decision(_NOTHING, f"every pair is linked to snapshot {point.name} already")
    if shown.torn and not (mend or intended.own):
        return Decision(_REFUSE, f"torn: {shown.torn}", shown.pairs, MEND_TORN, torn=True)
    if point is None:
        if not shown.torn:
            return Decision(_NOTHING, "every pair is linked, and no snapshot was taken since")
        return Decision(
            _REFUSE, f"torn: {shown.torn}; and no snapshot was taken since", shown.pairs, ANEW, torn=True
        )
    if decision.verdict is _WAIT and (still := stands_still(sync, shown)) is not None:
        return still
    if decision.verdict is _WAIT:
        torn = f"torn: {shown.torn}; " if shown.torn else ""
        return replace(decision, why=f"{torn}{decision.why}", torn=bool(shown.torn))
    refused = _unsure(shown, intended) or _unfit(sync, shown, point.name)
    if refused is not None:
        return refused
    why = f"link all {len(shown.pairs)} pairs to snapshot {point.name} of {point.at:%Y-%m-%d %H:%M:%S} UTC"
    if shown.torn:
        return Decision(_ACT, f"torn: {shown.torn}; {why}", shown.pairs, torn=True)
    return Decision(_ACT, why, shown.pairs)


def decide_retire(sync: Sync, seen: SyncSeen) -> Decision:
    """Whether the link is to be ended for good, and with it the snapshots.

    What only copies or is not defined would need `symforce`, which is never sent.
    """
    shown = _shown(seen)
    decision = _gravest(RETIRE, shown, "no pair is linked", "end the link of")
    if decision.verdict is _REFUSE:
        return stands_still(sync, shown) or decision
    if (unknown := _known(shown)) is not None:
        return unknown
    if shown.foreign:
        names = ", ".join(one.name for one in shown.foreign)
        return Decision(
            _REFUSE,
            f"the target group is linked to snapshot {names}, which this service has not taken",
            shown.pairs,
            "end that link in Unisphere; then retire it again",
        )
    undefined = tuple(
        pair
        for pair in shown.pairs
        for one in shown.linked
        for link in one.links
        if link.target == pair.target and link.defined is False and pair.state is not State.COPIED
    )
    if undefined:
        return Decision(
            _REFUSE,
            f"{labels(undefined)} is not defined yet: an unlink would leave it unusable",
            undefined,
            "wait until Unisphere shows it as defined, then run it again",
        )
    return decision


def decide_rewind(sync: Sync, seen: SyncSeen, to: PointInTime | None = None) -> Decision:
    """What a rewind to the snapshot before the linked one is to do.

    :param to: the snapshot that the run's plan goes back to; None in the plan itself. A link to it that was
        torn is made as a whole.
    """
    shown = _shown(seen)
    decision = _gravest(_of_linked(BREAK, shown), shown, "", "link")
    if decision.verdict is _REFUSE:
        return decision
    if (unknown := _known(shown)) is not None:
        return unknown
    if to is not None and shown.wholly_on(to.name):
        return Decision(_NOTHING, f"every pair is linked to snapshot {to.name} already")
    if shown.torn and to is None:
        return Decision(_REFUSE, f"torn: {shown.torn}", shown.pairs, MEND_TORN, torn=True)
    there = None if to is None else shown.detail(to.name)
    if to is not None and (there is None or (to.snapid and to.snapid != there.snapid)):
        return Decision(
            _REFUSE, f"snapshot {to.name}, which this run's plan goes back to, is not there", shown.pairs,
            "run the action `refresh`: it copies all syncs again. Where no sync has gone back yet, the "
            "action `rewind` plans with what is there",
        )  # fmt: skip
    point = to or former(shown)
    if point is None:
        return Decision(
            _REFUSE,
            f"no snapshot is kept that is older than {', '.join(one.name for one in shown.linked)}, which is "
            "linked",
            shown.pairs,
            "run the action `refresh` for a new copy; `keep` says how many former snapshots are kept",
        )
    if decision.verdict is _WAIT:
        return stands_still(sync, shown) or decision
    return _unfit(sync, shown, point.name) or Decision(
        _ACT,
        f"link all {len(shown.pairs)} pairs to the former snapshot {point.name} of "
        f"{point.at:%Y-%m-%d %H:%M:%S} UTC; what was changed on the targets since the last link is lost",
        shown.pairs,
        to=point,
    )


def former(seen: SnapSeen) -> PointInTime | None:
    """The newest snapshot of ours that is older than the linked one and was read; None when there is none.

    One that was never linked counts, too: it is a point in time like any other.
    """
    times = [one.at for one in seen.linked if one.at is not None]
    if not times:
        return None
    older = [one for one in seen.details if one.at is not None and one.at < min(times) and not one.expired]
    newest = max(older, key=lambda one: (one.at, one.name), default=None)
    if newest is None or newest.at is None:
        return None
    return PointInTime(newest.name, newest.snapid, newest.at)


def find_intended(seen: SnapSeen, ledger: Ledger | None) -> Intended:
    """The snapshot that this run has taken; where it has taken none, the one that is seen to be prepared.

    What was linked last by a rewind stays linked: the snapshot that is newer was left on purpose.
    """
    kept = kept_intent(ledger)
    if ledger is not None and kept is not None and kept.run == ledger.run and kept.what in MAKES:
        detail = seen.detail(kept.name)
        if detail is not None and detail.at is not None and kept.snapid in (None, detail.snapid):
            return Intended(PointInTime(detail.name, detail.snapid, detail.at), own=True)
        return Intended(None, own=True, gone=kept.name)
    if kept is not None and kept.what is What.REWIND and seen.wholly_on(kept.name):
        return Intended(None)
    return Intended(seen.prepared)


def _shown(seen: SyncSeen) -> SnapSeen:
    assert isinstance(seen, SnapSeen), "it was seen by this back end"
    return seen


def _of_linked(table: Mapping[State, Verdict], seen: SnapSeen) -> Mapping[State, Verdict]:
    """A pair that is not linked is one of a torn sync where others are: a relink takes it along."""
    if all(pair.state is State.NONE for pair in seen.pairs):
        return table
    return {**table, State.NONE: _ACT}


def _gravest(table: Mapping[State, Verdict], seen: SnapSeen, nothing: str, act: str) -> Decision:
    if seen.wrong:
        return Decision(
            _REFUSE,
            "; ".join(seen.wrong),
            seen.pairs,
            "compare the two storage groups with `pairs` in services.yaml, and fix the wrong one",
        )
    return gravest(table, seen, nothing, act, REMEDIES)


def _known(seen: SnapSeen) -> Decision | None:
    """Refused where a point in time is not known: nothing could be told by it later (D16)."""
    silent: tuple[PairSeen, ...] = seen.without_time
    if not silent:
        return None
    return Decision(
        _REFUSE,
        f"Unisphere does not show the time of the snapshot that {labels(silent)} is linked to",
        silent,
        "find `timestamp_utc` of the snapshot in the log above; a time that is shown is read by the next try",
        unknown=True,
    )


def _restored(seen: SnapSeen) -> Decision | None:
    found = [one.name for one in seen.details if one.restored]
    if not found:
        return None
    return Decision(
        _REFUSE,
        f"snapshot {', '.join(found)} is restored: somebody gives production its state back",
        seen.pairs,
        "wait until that is over, and end the restore in Unisphere; then run it again",
    )


def _grown(sync: Sync, seen: SnapSeen) -> Decision | None:
    """Refused where a storage group holds another number of devices than there are pairs."""
    wanted = len(sync.pairs)
    found = [
        f"storage group {sync.source_group} has {now} devices"
        for now in {one.volumes[1] for one in (*seen.details, *seen.foreign)[:1]}
        if now is not None and now != wanted
    ]
    if seen.target is not None and seen.target.devices != wanted:
        found.append(f"storage group {sync.target_group} has {seen.target.devices} devices")
    if not found:
        return None
    return Decision(
        _REFUSE,
        f"{' and '.join(found)}, and the sync has {wanted} pair{'' if wanted == 1 else 's'}",
        seen.pairs,
        "compare the two storage groups with `pairs` in services.yaml, and fix the wrong one",
    )


def _unsure(seen: SnapSeen, intended: Intended) -> Decision | None:
    """Refused where it is not known whether the snapshot is newer than the link that would be replaced."""
    if intended.own or not seen.unsure or intended.point != seen.prepared or seen.torn:
        return None
    return Decision(
        _REFUSE,
        f"it is not known whether snapshot {intended.point.name if intended.point else ''} was taken after "
        f"the target was linked, or left by a rewind: {seen.unsure}",
        seen.pairs,
        ANEW,
    )


def _unfit(sync: Sync, seen: SnapSeen, name: str) -> Decision | None:
    """Why no link may be made to a snapshot."""
    detail = seen.detail(name)
    if detail is None:
        return Decision(_REFUSE, f"snapshot {name} is not there", seen.pairs, ANEW)
    if detail.expired:
        return Decision(
            _REFUSE, f"snapshot {name} has expired: the array ends it at any time", seen.pairs, ANEW
        )
    return _restored(replace(seen, details=(detail,))) or _other_devices(sync, seen, detail)


def _other_devices(sync: Sync, seen: SnapSeen, detail: Snapshot) -> Decision | None:
    sources = {pair.source_device for pair in sync.pairs}
    strange = sorted(set(detail.sources) ^ {int(one) for one in sources if one is not None})
    if detail.sources and strange:
        return Decision(
            _REFUSE,
            f"snapshot {detail.name} and the pairs do not hold the same sources: "
            f"{', '.join(map(device_text, strange))}",
            seen.pairs,
            "compare the source group with `pairs` in services.yaml, fix the wrong one, then run the action "
            "`update` or `refresh`",
        )
    return _grown(sync, replace(seen, details=(detail, *seen.details))) or _lost_some(sync, seen, detail)


def _lost_some(sync: Sync, seen: SnapSeen, detail: Snapshot) -> Decision | None:
    taken = detail.volumes[0]
    if taken is None or taken == len(sync.pairs):
        return None
    return Decision(
        _REFUSE, f"snapshot {detail.name} holds {taken} devices, and the sync has {len(sync.pairs)} pairs",
        seen.pairs, ANEW,
    )  # fmt: skip
