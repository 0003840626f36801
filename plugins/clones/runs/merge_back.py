"""Merge-back: copying what the clones hold back on to their sources. Production is overwritten.

A plan is made, a second person approves it, and each sync is restored under that one approval. The approval
is bound to a digest of what the plan saw; right before the restore everything is looked at again, and must
still be that. An approval is good for one restore of each sync: before the command is sent it is marked as
spent, where a task that comes after a killed one finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from clones.act.prepare import prove_down_or_ready, release
from clones.asking.side_by_side import abreast, both
from clones.asking.steps import Command, Steps, note, run
from clones.backends import backend_of
from clones.backends.symclone import commands
from clones.backends.symclone.exit_codes import Outcome, classify
from clones.config import Host, Sync, Vg
from clones.config.scope import Scope
from clones.decide.approval import ASK_AGAIN, Approval, differences, digest, require, require_recent
from clones.decide.merge_back import decide_end_restored, decide_merge_back
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Decision, Verdict
from clones.errors import CloneError, Locked, MustWait, NotDone, Refused, Unknown
from clones.observe.proof_down import prove_down, prove_production_down
from clones.observe.running_commands import list_running, nothing_still_runs, refuse_leftovers
from clones.observe.sync import is_same, observe, to_plain
from clones.resources.base import Use
from clones.states import PairSeen, State, SyncSeen, device_text

AFTERWARDS = frozenset({State.COPIED, State.SPLIT})
"""What `terminate -restored` leaves; which of the two differs between arrays."""

_LOOK_FIRST = (
    "leave production down. Clear this task: it checks first, and continues if the restore is under way; "
    "else it says how to ask again"
)
_LOCKED = (
    "leave production down. Find out who holds the lock of the array, then clear this task: it "
    "checks everything again, and needs no new approval"
)


def plan(scope: Scope) -> Steps[dict[str, Any]]:
    """Look at everything, refuse what must not be merged back, and write down what is to be approved.

    :returns: ``bound``: all that the approval is bound to; its ``digest``; and ``text`` for the approver, in
        lines. Plain JSON.
    :raises CloneError: see :mod:`clones.errors`; nothing was changed.
    """
    lines = [f"{scope.who}: its clones overwrite production.", ""]
    seen = []
    for sync in scope.service.syncs:
        shown = yield from _look(scope, sync)
        seen.append(shown)
        yield from _decided(scope, sync, decide_merge_back(shown, sent=False))
        differ = yield from backend_of(sync).differing(scope, sync, shown)
        lines.append(f"Sync {sync.name} on array {shown.symid}, {shown.clock:%Y-%m-%d %H:%M:%S}:")
        lines += [f"  {_pair_line(pair, differ)}" for pair in shown.pairs]
        lines += [f"    {_other_line(pair, other)}" for pair in shown.pairs for other in pair.others]
        lines.append("")
    _refuse_sources_twice(scope, seen)
    yield from nothing_still_runs(scope, scope.service.syncs, "merge-back")
    production, rows = yield from both(prove_production_down(scope), prove_down_or_ready(scope))
    lines += ["Production is down:", *(f"  {row.line()}" for row in production), ""]
    down = f"Nothing uses set {scope.target_set}:" if scope.target_set else "The service is down:"
    if any(row.probe.use is Use.UP for row in rows):
        down = f"{down[:-1]}; what is active of it is taken down first:"
    lines += [down, *(f"  {row.line()}" for row in rows), ""]
    bound = _bound(scope, [_essence(shown) for shown in seen])
    lines.append(f"Digest of this plan: {digest(bound)}")
    yield from note("To be approved", *lines)
    return {"bound": bound, "digest": digest(bound), "text": lines}


def restore(
    scope: Scope,
    sync: Sync,
    kept: Mapping[str, Any] | None,
    approval: Approval | None,
    *,
    sent: Approval | None,
    spend: Callable[[], Callable[[], None]],
    now: datetime,
    ended: Mapping[str, Mapping[str, Any] | None] | None = None,
) -> Steps[SyncSeen]:
    """Overwrite the sources of a sync with what its targets hold, if that is still what was approved.

    :param kept: the run's plan, as :func:`plan` returned it.
    :param approval: the approval of it.
    :param sent: the approval that this run has sent a restore of this sync under before, if any.
    :param spend: keeps `approval` as such, durably; called right before the command is sent. What it returns
        takes that back, when the command is not sent after all.
    :param now: with a zone; an approval is too old to begin with after `approval_timeout`.
    :param ended: by each sync before it, what this run saw of it when it had ended its restore; None where
        nobody has kept that.
    :raises Refused: it is not what was approved, or must not be done. Nothing was sent, unless it says so.
    :raises Unknown, NotDone: after the command was sent.
    """
    subject = scope.subject(sync)
    approval = require(approval, kept, subject)
    assert kept is not None
    syncs, planned = scope.service.syncs, kept["bound"]["syncs"]
    at = next(number for number, other in enumerate(syncs) if other.name == sync.name)
    running, seen = yield from both(list_running(scope), abreast(_look(scope, other) for other in syncs))
    decision = decide_merge_back(seen[at], sent=sent == approval)
    yield from note(f"Decided for restore of {sync.name}: {decision.verdict.name.lower()}", decision.why)
    if decision.verdict is Verdict.REFUSE:
        # Retrying on a locked array, a restore could come through when production is up again: say so first.
        refuse_leftovers(scope, running, syncs, "restore")
        raise _refusal(scope, sync, decision)
    if decision.verdict is Verdict.NOTHING:
        return seen[at]
    for before, shown in zip(planned[:at], seen[:at], strict=False):
        if not _is_merged_back(before, shown, ended):
            raise Refused(
                f"{subject}: sync {shown.name} comes before it, and is not as this run has merged it back. "
                "Nothing was sent to the array.",
                f"clear the failed task of {shown.name} first, or {ASK_AGAIN}",
            )
    if at == 0 or ended is None:
        require_recent(approval, now, scope.service.approval_timeout, subject)
    else:
        _require_to_go_on(scope, subject, ended[syncs[at - 1].name], seen[at - 1])
    bound = _bound(scope, [*planned[:at], *(_essence(shown) for shown in seen[at:])])
    if digest(bound) != approval.digest or decision.verdict is not Verdict.ACT:
        raise Refused(
            f"{subject}: it is not what {approval.by} approved any more. Nothing was sent to the array.\n  "
            + "\n  ".join(differences(kept["bound"], bound)),
            f"find out who changed it; then {ASK_AGAIN}",
        )
    refuse_leftovers(scope, running, syncs, "restore")
    if scope.target_set and (yield from release(scope)):
        # That may have taken long.
        return (yield from restore(scope, sync, kept, approval, sent=sent, spend=spend, now=now, ended=ended))
    yield from both(prove_down(scope.own()), prove_production_down(scope))
    command = commands.restore(scope, sync, seen[at].symid, seen[at].pairs)
    yield from note(f"Restoring sync {sync.name}: approved by {approval.by} at {approval.at}", warning=True)
    take_back: list[Callable[[], None]] = []

    def spend_it() -> Callable[[], None]:
        take_back.append(spend())
        return take_back[-1]

    command = replace(command, before_send=spend_it)
    reached = frozenset({State.REST_IN_PROG, State.RESTORED})
    try:
        return (yield from _send(scope, sync, "restore", command, reached, _LOOK_FIRST, seen[at]))
    except Locked:  # an approval is spent on what the array may have begun
        for back in take_back:
            back()
        raise


def end(scope: Scope, sync: Sync) -> Steps[SyncSeen]:
    """Remove the restore flag once every pair is Restored; the sessions stay.

    :raises CloneError: see :mod:`clones.errors`.
    """
    running, seen = yield from both(list_running(scope), _look(scope, sync))
    decision = decide_end_restored(seen)
    yield from _decided(scope, sync, decision, what="terminate -restored", wanted="restored")
    if decision.verdict is Verdict.NOTHING:
        return seen
    refuse_leftovers(scope, running, [sync], "terminate -restored")
    command = commands.end_restored(scope, sync, seen.symid, seen.pairs)
    return (
        yield from _send(
            scope, sync, "terminate -restored", command, AFTERWARDS, "clear this task: it checks first", seen
        )
    )


def confirm(
    scope: Scope, kept: Mapping[str, Any], ended: Mapping[str, Mapping[str, Any] | None] | None = None
) -> Steps[list[dict[str, object]]]:
    """See that every sync was merged back: the restore flag gone, and as this run has left it.

    :param ended: by sync, as :func:`restore` has it; None: acted on since the plan is enough.
    :raises Refused: one was not.
    """
    shown = []
    looked = yield from abreast(_look(scope, sync) for sync in scope.service.syncs)
    for sync, seen, before in zip(scope.service.syncs, looked, kept["bound"]["syncs"], strict=False):
        if not _is_merged_back(before, seen, ended):
            moved = ", with the last action that the plan saw" if _any_unmoved(before, seen) else ""
            raise Refused(
                f"{scope.subject(sync)}: it is not merged back: "
                + ", ".join(f"{pair.label} is {pair.state}" for pair in seen.pairs)
                + (
                    (moved or ", and is not as this run has left it")
                    if seen.all_in(AFTERWARDS)
                    else f" (expected: Copied or Split){moved}"
                ),
                f"leave production down, and check what was done to it ({seen.tools.query}, "
                f"{seen.tools.audit})",
            )
        shown.append(to_plain(seen))
    yield from note(f"{scope.who}: production holds what the clones held; it may be started")
    return shown


def _look(scope: Scope, sync: Sync) -> Steps[SyncSeen]:
    """Observe a sync, and refuse what no merge-back may touch."""
    seen = yield from observe(scope, sync)
    refuse_wrong_pairs(scope.name, sync, seen)
    wrong = [text for pair in seen.pairs for text in _unfit(pair)]
    if wrong:
        raise Refused(
            f"{scope.subject(sync)}: it must not be merged back:\n  "
            + "\n  ".join(wrong)
            + "\nNothing was sent to the array.",
            f"check these devices with the storage team ({seen.tools.show})",
        )
    return seen


def _refuse_sources_twice(scope: Scope, seen: Sequence[SyncSeen]) -> None:
    """Each source is written once and by one target, and no device is both (D4)."""
    written: dict[tuple[str, int | None], str] = {}
    targets = {(shown.symid, pair.target) for shown in seen for pair in shown.pairs}
    for shown in seen:
        for pair in shown.pairs:
            key, here = (shown.symid, pair.source), f"sync {shown.name}, {pair.label}"
            if key in written or key in targets:
                other = written.get(key, "another pair, as its target")
                raise Refused(
                    f"Service {scope.name}: device {device_text(pair.source)} would be written by {here} and "
                    f"is in {other} too. Nothing was changed.",
                    "a source can be merged back on to from one copy only: fix the pairs in services.yaml",
                )
            written[key] = here


def _unfit(pair: PairSeen) -> list[str]:
    """What forbids to write on a pair's source, whatever its own session's state."""
    found = []
    if not pair.sizes_known:
        found.append(f"{pair.label}: the array does not show both sizes")
    elif pair.source_size != pair.target_size:
        found.append(
            f"{pair.label}: the target holds {pair.target_size} MB and the source {pair.source_size} MB"
        )
    if pair.session and pair.session.last_action is None:
        found.append(f"{pair.label}: the array does not show the time of its last action")
    for other in pair.others:
        if other.target == pair.source:
            found.append(
                f"{pair.label}: its source is itself the target of a copy from {device_text(other.source)}"
            )
        elif other.state in (State.REST_IN_PROG, State.RESTORED, State.UNKNOWN):
            found.append(f"{pair.label}: {_other_line(pair, other)}")
    return found


def _decided(
    scope: Scope, sync: Sync, decision: Decision, what: str = "merge-back", wanted: str = "copied"
) -> Steps[None]:
    yield from note(f"Decided for {what} of {sync.name}: {decision.verdict.name.lower()}", decision.why)
    if decision.verdict is Verdict.REFUSE:
        raise _refusal(scope, sync, decision, what)
    if decision.verdict is Verdict.WAIT:
        seconds = sync.copy_timeout if wanted == "copied" else sync.restore_timeout
        raise MustWait(
            f"{scope.subject(sync)}: {decision.why}", sync=sync.name, wanted=wanted, seconds=seconds
        )


def _refusal(scope: Scope, sync: Sync, decision: Decision, what: str = "merge-back") -> Refused:
    return Refused(
        f"{scope.subject(sync)}: {what} is refused: {decision.why}. Nothing was sent to the array.",
        decision.remedy,
    )


def _send(
    scope: Scope,
    sync: Sync,
    action: str,
    command: Command,
    reached: frozenset[State],
    remedy: str,
    before: SyncSeen,
) -> Steps[SyncSeen]:
    """Send a command and see what came of it: only the observed state says that it worked.

    :raises Locked: it has given up on a lock, and everything is seen as before: nothing comes of it any more.
    """
    result = yield from run(command)
    said = f"{scope.subject(sync)}: {action} ended with {result.ending()}: {result.said()}"
    try:
        after = yield from _look(scope, sync)
    except CloneError as error:
        raise Unknown(f"{said}\nThe result is not known: {error.what}", remedy) from error
    if after.all_in(reached):
        if classify(result.exit_code) is not Outcome.DONE:
            yield from note(f"{said}; but every pair is where it should be", warning=True)
        return after
    shown = "\n  ".join(after.lines())
    if classify(result.exit_code) is Outcome.LOCKED and _essence(after) == _essence(before):
        raise Locked(f"{said}\nNothing was changed on the array:\n  {shown}", _LOCKED)
    kind = Unknown if classify(result.exit_code) is Outcome.UNKNOWN else NotDone
    raise kind(f"{said}\nNot every pair is where it should be:\n  {shown}", remedy)


def _pair_line(pair: PairSeen, differ: Mapping[tuple[int, int], int]) -> str:
    assert pair.source is not None and pair.target is not None and pair.session is not None
    tracks = differ.get((pair.source, pair.target))
    numbers = f"{device_text(pair.source)} <- {device_text(pair.target)}"
    return (
        f"{pair.pair.source} <- {pair.pair.target} ({numbers}), "
        f"{pair.source_size} MB, {pair.session.written} since {pair.session.last_action}; "
        f"differing tracks: {'not shown' if tracks is None else tracks}"
    )


def _other_line(pair: PairSeen, other: Any) -> str:
    return (
        f"{pair.pair.source} has another copy: {device_text(other.source)} -> {device_text(other.target)}, "
        f"{other.written}"
    )


def _essence(seen: SyncSeen) -> dict[str, Any]:
    """What of an observation an approval is bound to: no clock, no progress.

    Of another copy of a source the last action: it may be one that has overwritten production since.
    """
    kept = ("pair", "source", "target", "state", "last_action")
    plain: Any = to_plain(seen)
    pairs = []
    for pair, shown in zip(plain["pairs"], seen.pairs, strict=True):
        others = {
            f"{device_text(one.source)} -> {device_text(one.target)}": str(one.last_action)
            for one in shown.others
        }
        pairs.append({**{name: pair[name] for name in kept}, **({"other_copies": others} if others else {})})
    return {"sync": seen.name, "symid": seen.symid, "pairs": pairs}


def _bound(scope: Scope, syncs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All that an approval is bound to: the copies as seen, and whose being down was proven."""
    who = {
        "control_host",
        "hosts",
        "resources",
        "production",
        *(["down_checks"] if scope.service.down_checks else []),
    }
    # Neither the folder for tokens nor the keys of target sets, which say nothing where a set is named, are
    # part of it: a yes from before there were any is still a yes.
    no_hosts: Any = {"__all__": {"work_dir", "sets"}}
    no_sets: Any = {"__all__": {kind: {"by_set"} for kind in ("ip", "vg", "fs", "command")}}
    left_out = {"hosts": no_hosts, "resources": no_sets}
    left_out |= {"production": {"hosts": no_hosts, "resources": no_sets}}
    service: dict[str, Any] = scope.service.model_dump(mode="json", include=who, exclude=left_out)
    for user in (service, service["production"] or {}):
        # Likewise where they say what was so before there were these keys.
        for host in user.get("hosts", ()):
            if host["become"] == Host.model_fields["become"].default:
                del host["become"]
        for entry in user.get("resources", ()):
            for kind in ("app", "command"):
                if entry[kind] and not entry[kind]["become"]:
                    del entry[kind]["become"]
            for key in ("same_host_as_copies", "lv_prefix"):
                if entry["vg"] and entry["vg"][key] == Vg.model_fields[key].default:
                    del entry["vg"][key]
    return {"service": scope.name, **scope.set_to_plain(), **service, "syncs": list(syncs)}


def _is_merged_back(
    before: Mapping[str, Any], seen: SyncSeen, ended: Mapping[str, Mapping[str, Any] | None] | None
) -> bool:
    """Whether a sync is as this run has left it, or, where that is not kept, was at least acted on since."""
    if not seen.all_in(AFTERWARDS) or _any_unmoved(before, seen):
        return False
    left = ended.get(seen.name) if ended is not None else None
    return ended is None or (left is not None and is_same(dict(left), seen))


def _require_to_go_on(scope: Scope, subject: str, left: Mapping[str, Any] | None, seen: SyncSeen) -> None:
    """:raises Refused: the sync before it was merged back too long ago, both by its control host's clock."""
    since = datetime.fromisoformat(left["clock"]) if left else datetime.min
    if abs(seen.clock - since) > timedelta(seconds=scope.service.approval_timeout):
        raise Refused(
            f"{subject}: sync {seen.name} before it was merged back longer ago than `approval_timeout`: what "
            "was approved is not good any more. Nothing was sent to the array.",
            f"leave production down, and {ASK_AGAIN}",
        )


def _any_unmoved(before: Mapping[str, Any], seen: SyncSeen) -> bool:
    """Whether a pair's last action is not known to be another than the plan saw: it is the same, it is not
    shown now or was not then, or it is not a pair of the plan."""
    planned = {(pair["source"], pair["target"]): pair["last_action"] for pair in before["pairs"]}
    return any(
        None in (then, pair["last_action"]) or then == pair["last_action"]
        for pair in _essence(seen)["pairs"]
        for then in [planned.get((pair["source"], pair["target"]))]
    )
