"""A target set is made ready beside the running one, and what that left is taken down again.

Ready: the set's disks are found, its groups are active, its file systems checked, and nothing is mounted. All
of it works on the set's own devices alone; the service goes on running on another set.
"""

from __future__ import annotations

from collections.abc import Sequence

from clones.act.bring import Way, bring, look_before
from clones.act.rescan_disks import make_visible
from clones.asking.side_by_side import attempts, both
from clones.asking.steps import Steps, note
from clones.config.scope import Scope
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Verdict
from clones.decide.start_order import NOTHING_KEPT, Kept, decide_start
from clones.decide.target_sets import SERVES, InUse, SetSeen
from clones.errors import Refused, Unknown
from clones.observe.proof_down import Row, Seen, look_around, prove_down, require_known, unexplained
from clones.observe.running_commands import list_running, refuse_leftovers
from clones.observe.sync import observe
from clones.observe.target_sets import judge, look_at_own, serving
from clones.resources import drivers
from clones.resources.base import Use


def release(scope: Scope) -> Steps[bool]:
    """Take down what an earlier prepare has left active of the set's own groups, on every host of it.

    What is down already is left alone.

    :param scope: the service on that set.
    :returns: whether anything had to be taken down.
    :raises Refused: the set is in use, in whole or in part.
    :raises CloneError: a group stays up, or could not tell.
    """
    rows, seen = yield from _look(scope)
    if seen.in_use in SERVES:
        raise Refused(
            f"{scope.who}: it is {seen.in_use}: {seen.why}. Nothing was taken down.",
            "find out what uses the set, and end that: only a set that is not in use is released",
        )
    active = [row for row in reversed(rows) if row.probe.use is Use.UP]
    if active:
        yield from note(f"{scope.who}: it is not in use; its groups are taken down", seen.why)
    for row in active:
        # The look may be old by now: each is looked at again.
        yield from bring(scope, (yield from look_before(row.driver, row.host)), Way.DOWN)
    return bool(active)


def prove_down_or_ready(scope: Scope) -> Steps[list[Seen]]:
    """What a plan asks before its run releases the set: it is down but for groups that a prepare has left.

    :param scope: the service on that set; of one without target sets everything must be down.
    :returns: what was seen; what is up of it, the release takes down.
    :raises Refused: the set is in use, or something else uses its disks.
    :raises Unknown: something could not tell.
    """
    rows, around = yield from look_around(scope.own())
    if not scope.target_set or judge(scope.target_set, rows).in_use is not InUse.READY:
        return (yield from prove_down(scope.own()))
    if strange := unexplained(rows, around):
        raise Refused(
            f"{scope.who}: only its groups are active, but:\n  "
            + "\n  ".join(row.line() for row in strange)
            + "\nNothing was changed.",
            "find out who uses the disks, and end that",
        )
    quiet = [row for row in around if row.probe.use is not Use.UP]
    require_known(scope, [*rows, *quiet])
    return [*rows, *quiet]


def prepare(scope: Scope, kept: Kept = NOTHING_KEPT) -> Steps[None]:
    """Make the set ready on its first host.

    What is so already is left alone; so is a set that the service is on.

    :param scope: the service on that set.
    :param kept: what runs have kept of its copies: what the start would refuse is refused here, while the
        service still runs.
    :raises Refused: the service could not be started on the copies of the set.
    :raises CloneError: a disk is not there, a group does not come up, a check fails, or something could not
        be told.
    """
    looks = attempts(observe(scope, sync) for sync in scope.service.syncs)
    running, outcomes = yield from both(list_running(scope), looks)
    refuse_leftovers(scope, running, scope.service.syncs, "prepare")
    copies = [outcome.value() for outcome in outcomes]
    for sync, shown in zip(scope.service.syncs, copies, strict=True):
        refuse_wrong_pairs(scope.name, sync, shown)
    decision = decide_start(copies, kept)
    if decision.verdict is Verdict.REFUSE:
        kind = Unknown if decision.unknown else Refused
        raise kind(f"{scope.who}: it is not prepared: {decision.why}.", decision.remedy)
    rows, seen = yield from _look(scope)
    if seen.in_use in SERVES:
        yield from note(f"{scope.who}: it is {seen.in_use} already: nothing to prepare", seen.why)
        return
    own, first = scope.own().service, scope.service.hosts[0]
    yield from make_visible(scope.name, own, first)
    if not _can_be_prepared(rows):
        yield from note(
            f"{scope.who}: its groups are what is in use of a set: they stay down until the start"
        )
        return
    for driver in drivers(own, first):
        if driver.prepared is not None:
            yield from bring(scope, (yield from look_before(driver, first.connection)), Way.PREPARED)
    _, seen = yield from _look(scope)
    if seen.in_use in SERVES:
        raise Refused(
            f"{scope.who}: it came into use while it was prepared: {seen.why}",
            "find out who mounted it, and end that",
        )
    yield from note(f"{scope.who}: ready on {first.connection}")


def _can_be_prepared(rows: Sequence[Row]) -> bool:
    """Whether an active group does not make the set one in use."""
    return len(serving(rows)) < len(rows) or all(row.driver.prepared != row.driver.started for row in rows)


def _look(scope: Scope) -> Steps[tuple[list[Row], SetSeen]]:
    """:raises Unknown: there is no clear answer."""
    rows = yield from look_at_own(scope)
    seen = judge(scope.target_set, rows)
    yield from note(f"{scope.who}: it is {seen.in_use}", *(row.line() for row in rows))
    if seen.in_use is InUse.UNKNOWN:
        raise Unknown(
            f"{scope.who}: it is not known whether it is in use: {seen.why}. Nothing was changed.",
            "run the probe by hand on the host (the log above has its command line) and fix the cause of the "
            "unclear answer",
        )
    return rows, seen
