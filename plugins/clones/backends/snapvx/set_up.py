"""The first link of a sync: both storage groups are there, and hold exactly the devices of its pairs.

Groups are never made here, nor by a link: a link to a group that is not there would make one, with new
devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clones.act.decided import decided
from clones.asking.steps import Steps, note, pause, run_together
from clones.backends.snapvx import answers, requests
from clones.backends.snapvx.act import LAG, relink, saw_link, take
from clones.backends.snapvx.answers import Volume
from clones.backends.snapvx.change import need, wait_out
from clones.backends.snapvx.groups import devices_of
from clones.backends.snapvx.intents import What, kept_intent, known_snapshots
from clones.backends.snapvx.observe import SnapSeen, look, with_snapshot
from clones.backends.snapvx.tables import Intended, decide_create
from clones.backends.todo import Todo
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.ledger import Ledger
from clones.decide.right_pairs import refuse_wrong_pairs
from clones.decide.rules import Verdict
from clones.decide.target_sets import Recorded
from clones.errors import Refused
from clones.states import PointInTime, State, SyncSeen, device_text


def look_to_set_up(scope: Scope, sync: Sync) -> Steps[tuple[SyncSeen, list[Todo]]]:
    """The sync before it is linked, with the sizes of its devices. Nothing is made before the link.

    :raises Refused: a group is not there, or holds other devices than the pairs name.
    """
    return (yield from _look(scope, sync, {})), []


def provide(scope: Scope, sync: Sync) -> Steps[None]:
    """Nothing is made: both groups must be there.

    :raises Refused: as :func:`look_to_set_up`.
    """
    yield from _look(scope, sync, {})
    yield from note(f"Both storage groups of sync {sync.name} hold exactly the devices of its pairs")


def create(
    scope: Scope, sync: Sync, recorded: Recorded | None = None, ledger: Ledger | None = None
) -> Steps[SyncSeen]:
    """Take a snapshot, and link the target group to it, where it is linked to nothing.

    :param recorded: there are no target sets.
    :raises CloneError: see :mod:`clones.errors`.
    """
    kept = need(scope, sync, ledger)
    yield from wait_out(scope, sync, kept)
    seen = yield from _look(scope, sync, known_snapshots(None, sync.name, kept))
    if all(pair.state is State.NONE for pair in seen.pairs):
        # What is not shown once may only not show yet.
        yield from pause(LAG, f"until the link of sync {sync.name} would show, if there were one")
        again = yield from look(scope, sync, seen.snapshots, group=True)
        refuse_wrong_pairs(scope.name, sync, again)
        seen = again if any(pair.state is not State.NONE for pair in again.pairs) else seen
    saw_link(kept, seen)
    decision = decide_create(sync, seen)
    yield from decided(scope, sync, "create", decision, wait_seconds=sync.copy_timeout)
    if decision.verdict is Verdict.NOTHING:
        return seen
    intent = kept_intent(kept)
    mine = seen.detail(intent.name) if intent is not None and intent.run == kept.run else None
    if mine is None or mine.expired or mine.at is None:
        mine = yield from take(scope, sync, seen, kept)
        seen = with_snapshot(seen, sync, mine)
    _refuse_other_sources(scope, sync, [int(number) for number in mine.sources], mine.name)
    assert mine.at is not None, "it was read with its time"
    intended = Intended(PointInTime(mine.name, mine.snapid, mine.at), own=True)
    return (yield from relink(scope, sync, seen, intended, kept, What.LINK, mends=False))


def _look(scope: Scope, sync: Sync, known: dict[str, int]) -> Steps[SnapSeen]:
    """:raises Refused: everything that keeps it from being linked, at once."""
    seen = yield from look(scope, sync, known, group=True)
    refuse_wrong_pairs(scope.name, sync, seen)
    refused: list[str] = []
    for group, ends in (
        (str(sync.source_group), [pair.source_device for pair in sync.pairs]),
        (str(sync.target_group), [pair.target_device for pair in sync.pairs]),
    ):
        held = yield from devices_of(scope, sync, group)
        refused += differs(group, held, [int(one) for one in ends if one is not None])
    linked = any(pair.state is not State.NONE for pair in seen.pairs)
    volumes = {} if refused else (yield from show_volumes(scope, sync))
    for pair in sync.pairs:
        source, target = volumes.get(pair.source_device or 0), volumes.get(pair.target_device or 0)
        if source is None or target is None:
            continue
        if source.cylinders and target.cylinders and target.cylinders < source.cylinders:
            refused.append(
                f"{pair.label}: the target has {target.cylinders} cylinders, less than the source's "
                f"{source.cylinders}"
            )
        if target.target and not linked:
            refused.append(f"{pair.label}: the target is linked to a snapshot that could not be found")
    if refused:
        raise Refused(
            f"{scope.subject(sync)}:\n  " + "\n  ".join(refused) + "\nNothing was changed.",
            "compare `pairs` in services.yaml with the two storage groups, and fix the wrong one",
        )
    return replace(
        seen,
        pairs=tuple(
            replace(
                pair,
                source_size=megabytes(volumes.get(pair.pair.source_device or 0)),
                target_size=megabytes(volumes.get(pair.pair.target_device or 0)),
            )
            for pair in seen.pairs
        ),
    )


def show_volumes(scope: Scope, sync: Sync) -> Steps[dict[int, Volume]]:
    """Every device of the pairs, by number.

    :raises CloneError: it could not be told.
    """
    wanted = [
        number
        for pair in sync.pairs
        for number in (pair.source_device, pair.target_device)
        if number is not None
    ]
    asked = [requests.show_volume(scope, sync, number) for number in wanted]
    results = yield from run_together(asked)
    return {
        number: answers.volume(result, f"{scope.subject(sync)}: device {device_text(number)}")
        for number, result in zip(wanted, results, strict=True)
    }


def differs(group: str, held: Sequence[int], wanted: Sequence[int]) -> list[str]:
    """What a group holds beside what the pairs name, and what it lacks, in words."""
    more = sorted(set(held) - set(wanted))
    less = sorted(set(wanted) - set(held))
    found = []
    if more:
        found.append(f"storage group {group} also holds {', '.join(map(device_text, more))}")
    if less:
        found.append(f"storage group {group} does not hold {', '.join(map(device_text, less))}")
    return found


def _refuse_other_sources(scope: Scope, sync: Sync, sources: Sequence[int], name: str) -> None:
    """:raises Refused: a snapshot is not of exactly the sources of the pairs."""
    wanted = [int(pair.source_device) for pair in sync.pairs if pair.source_device is not None]
    if sources and set(sources) != set(wanted):
        strange = sorted(set(sources) ^ set(wanted))
        raise Refused(
            f"{scope.subject(sync)}: snapshot {name} and the pairs do not hold the same sources: "
            f"{', '.join(map(device_text, strange))}. It is not linked.",
            "compare the source group with `pairs` in services.yaml, and fix the wrong one",
        )


def megabytes(volume: Volume | None) -> int | None:
    """A cylinder has 15 tracks of 128 KB."""
    if volume is None or volume.cylinders is None:
        return None
    return volume.cylinders * 15 * 128 // 1024
