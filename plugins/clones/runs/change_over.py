"""The plan of a run of a service with target sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from clones.act.before_start import refuse_running
from clones.actions import BREAK, RESYNC, REWIND, START, STOP, phases_run
from clones.asking.side_by_side import Ended, abreast, attempts, both
from clones.asking.steps import Steps, note
from clones.config.scope import Scope
from clones.decide.freshness import freshness
from clones.decide.identity import AT_STAKE, require_stamps
from clones.decide.ledger import Activation
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.target_sets import CHANGES_OVER, SERVES, Chosen, NotChosen, Recorded, choose
from clones.errors import CloneError, Refused, Unknown
from clones.guards import guards
from clones.guards.address import AddressGuard
from clones.observe.estimates import Pace
from clones.observe.proof_down import (
    GuardRow,
    Row,
    look,
    look_around,
    look_at,
    look_at_all,
    refuse_unlisted_groups,
    require_known,
    unexplained,
)
from clones.observe.sync import observe
from clones.observe.target_sets import is_group, look_at_own, look_at_sets
from clones.resources import drivers
from clones.resources.base import Use
from clones.runs.copies import all_at_once, estimate, judge, refuse_shared_devices, wait_until_settled
from clones.runs.refresh import Plan, announce, in_use_by_others
from clones.runs.refresh_steps import stays_up, steps_on_sets
from clones.states import SyncSeen


def plan(
    scopes: Sequence[Scope],
    action: str,
    recorded: Recorded,
    asked: str = "",
    paces: Mapping[str, Pace | None] = MappingProxyType({}),
    known: Mapping[str, Activation] = MappingProxyType({}),
) -> Steps[Plan]:
    """Choose the sets, look at everything and judge it for an action.

    :param scopes: the service on each of its sets, in order.
    :param recorded: what runs have recorded of its sets.
    :param asked: the set that the user has named; empty for none.
    :param paces: by :meth:`clones.config.scope.Scope.key`, what the last completed run showed.
    :param known: by the same, the newest activation that was kept, where
        :func:`clones.runs.copies.goes_by_order` says so.
    :returns: the plan of the set that the action works on, with `from_set` and `to_set`; its `former` is the
        set that the run can change back to.
    :raises Refused: all that the action must not do, before it did anything.
    :raises MustWait: a copy is moving.
    :raises Unknown: something could not be told.
    """
    name, whole = scopes[0].name, scopes[0].whole or scopes[0].service
    phases = phases_run(action, whole)
    yield from announce(name, whole, action)
    sets = yield from look_at_sets(scopes)
    chosen = choose(action, sets, recorded, asked, gated=bool(whole.before_start))
    if isinstance(chosen, NotChosen):
        kind = Unknown if chosen.unknown else Refused
        raise kind(f"Service {name}: {action} is refused: {chosen.why}. Nothing was changed.", chosen.remedy)
    by_name = {one.target_set: one for one in scopes}
    to = by_name[chosen.to_set]
    former = by_name.get(chosen.from_set, to)  # where none is known, what all sets share is stopped
    yield from note(_sentence(action, chosen), chosen.why)
    changes_over = action in CHANGES_OVER and former is not to
    keys = {sync.name: to.key(sync.name) for sync in to.service.syncs}
    copies, looks = yield from both(
        judge(to, action, phases, {sync: known[key] for sync, key in keys.items() if key in known}),
        attempts(observe(former, sync) for sync in (former.service.syncs if changes_over else ())),
    )
    refused = [*copies.refused]
    left = yield from _former(former, looks)
    if changes_over:
        yield from note(*_lost(action, former, left, to, copies.seen))
    try:
        if phases != (STOP,):
            refuse_shared_devices(to, [*copies.seen, *left])
    except Refused as error:
        refused.append(error)
    used = yield from look_at_all(former)
    (own, around), shared = yield from both(_of_the_set(to, phases), _shared(to, phases))
    serves = any(one.name == former.target_set and one.in_use in SERVES for one in sets)
    # Groups that a prepare has left active are nothing of a service that is up.
    up = serves or any(row.probe.use is Use.UP and not is_group(row.driver) for row in used)
    if START in phases and STOP not in phases and to.service.before_start:
        try:
            refuse_running(to, used, f"{action} is refused")
        except Refused as error:
            refused.append(error)
    if STOP in phases:
        refused += stays_up(former, used)
    if RESYNC in phases:
        try:
            refuse_unlisted_groups(to.who, to.own().service)
        except Refused as error:
            refused.append(error)
    if strange := unexplained([*own, *used, *shared], around):
        refused.append(in_use_by_others(to, action, strange))
    if refused:
        raise all_at_once(refused)
    wait_until_settled(to, copies.decisions)
    require_known(to, [*used, *own, *shared, *around])
    if RESYNC in phases or START in phases:
        require_stamps(to, [*copies.seen, *left], AT_STAKE)
    mine = {sync: paces.get(key) for sync, key in keys.items()}
    guesses = (yield from estimate(to, copies.decisions, mine)) if RESYNC in phases else {}
    steps = steps_on_sets(former, to, phases, copies.decisions, used, own, shared)
    interrupted = changes_over and not up and recorded.interrupted and chosen.from_set == recorded.last_good
    if interrupted:
        yield from note(
            f"The service is down because a change-over did not end: if the start on set {to.target_set} "
            f"fails, this run goes back to set {chosen.from_set}, on which it last started well"
        )
    return Plan(
        action,
        phases,
        copies.seen,
        guesses,
        up,
        tuple(steps),
        chosen.from_set,
        to.target_set,
        tuple(left),
        interrupted,
        recorded,
    )


def _sentence(action: str, chosen: Chosen) -> str:
    if action in CHANGES_OVER:
        return f"From set {chosen.from_set} to set {chosen.to_set}"
    return f"To {action}: set {chosen.to_set}"


def _former(scope: Scope, looks: Sequence[Ended[SyncSeen]]) -> Steps[list[SyncSeen]]:
    """The set that the service comes from, if it is known whole: without that nothing goes back to it."""
    seen = []
    try:
        for sync, look in zip(scope.service.syncs, looks, strict=False):
            shown = look.value()
            refuse_wrong_pairs(scope.name, sync, shown)
            seen.append(shown)
    except CloneError as error:
        yield from note(f"{scope.who}: this run cannot change back to it: {error.what}", warning=True)
        return []
    return seen


def _lost(
    action: str, former: Scope, left: Sequence[SyncSeen], to: Scope, seen: Sequence[SyncSeen]
) -> list[str]:
    """What a change-over means for the data, in sentences."""
    said = [f"Service {former.name} changes over from set {former.target_set} to set {to.target_set}"]
    if left:
        said.append(f"set {former.target_set} is of {point_in_time(left)}")
    if action == REWIND:
        said += [
            f"set {to.target_set} is of {point_in_time(seen)}",
            f"what was written on set {former.target_set} is not seen by the service from then on; it stays "
            "there until that set is refreshed, and is lost then",
        ]
    return said


def point_in_time(syncs: Sequence[SyncSeen]) -> str:
    """Of which time a set's copy is, as the control host writes it; of its oldest pair."""
    times = [freshness(seen, 0).point_in_time for seen in syncs]
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times):
        return "a time that is not known"
    return f"{min(known):%Y-%m-%d %H:%M:%S}"


def _of_the_set(to: Scope, phases: Sequence[str]) -> Steps[tuple[list[Row], list[GuardRow]]]:
    """What is the set's own, with the guards of its disks where it is overwritten, and those of the
    addresses where the service is started."""
    if RESYNC in phases or BREAK in phases:
        rows, around = yield from look_around(to.own())
    else:
        rows, around = (yield from look_at_own(to)), []
    if START in phases:
        addresses = [guard for guard in guards(to.service) if isinstance(guard, AddressGuard)]
        around = [*around, *(yield from abreast(look_at(guard) for guard in addresses))]
    return rows, around


def _shared(to: Scope, phases: Sequence[str]) -> Steps[list[Row]]:
    """What all sets share, on the host on which the set is started."""
    if START not in phases:
        return []
    service, first = to.shared_on(to.target_set), to.service.hosts[0]
    return (yield from abreast(look(driver, first.connection) for driver in drivers(service, first)))
