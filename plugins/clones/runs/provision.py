"""Bringing a service's copies into being: device group, logical devices, first copy; what is there stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clones.asking.steps import Command, Steps, note
from clones.backends.symclone import commands
from clones.backends.symclone.device_groups import GROUPS, Looked, Todo, look, one_by_one
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.rules import Verdict, decide_create, decide_wait
from clones.decide.target_sets import Recorded, refuse_last_good
from clones.errors import Refused
from clones.runs.copies import refuse_shared_devices
from clones.runs.planned import Step, conclude
from clones.states import PairSeen, State, SyncSeen, device_text

TO_BE_MADE = frozenset({State.NONE, State.TERMINATE_IN_PROG})


def plan(scope: Scope, recorded: Recorded | None = None) -> Steps[list[Step]]:
    """Look at everything, and say what would be sent. Nothing is changed.

    :param recorded: what runs have recorded of the service's target sets.
    :returns: what is decided, with the commands that would change something, in order.
    :raises Refused: everything that must not be done, at once.
    :raises TryAgain: something could not be told.
    """
    refused: list[str] = []
    groups: dict[str, Step] = {}
    creates: list[Step] = []
    overwritten: list[PairSeen] = []
    shown: list[SyncSeen] = []
    for sync in scope.service.syncs:
        try:
            looked = yield from look(scope, sync)
        except Refused as error:
            refused.append(str(error))
            continue
        shown.append(looked.seen)
        groups |= {todo.what: _step(todo) for todo in _lacking(scope, sync, looked)}
        decision = decide_create(looked.seen)
        yield from note(f"Will do for sync {sync.name}: {decision.verdict.name.lower()}", decision.why)
        if decision.verdict is not Verdict.REFUSE:
            # What has a session already is not made anew, and must be usable as it is.
            there = tuple(pair for pair in looked.seen.pairs if pair.state not in TO_BE_MADE)
            rest = decide_wait(replace(looked.seen, pairs=there, precopied=None), "precopied")
            decision = rest if rest.verdict is Verdict.REFUSE else decision
        if decision.verdict is Verdict.REFUSE:
            refused.append(f"{scope.subject(sync)}: {decision.why}\nWhat to do: {decision.remedy}")
        created: tuple[Command, ...] = ()
        if decision.verdict is Verdict.ACT:
            overwritten += decision.pairs
            command = commands.create(scope, sync, looked.seen.symid, decision.pairs)
            created = (replace(command, because=decision.why),)
            unsized = [pair.label for pair in decision.pairs if not pair.sizes_known]
            if unsized:
                refused.append(
                    f"{scope.subject(sync)}: the array does not show the sizes of "
                    f"{', '.join(unsized)}\nWhat to do: check with `symdev show` that each target is at "
                    "least as large as its source"
                )
        creates.append(Step(f"create of sync {sync.name}", decision.verdict, decision.why, created))
    try:
        refuse_shared_devices(scope, shown)
    except Refused as error:
        refused.append(str(error))
    if overwritten:
        try:
            refuse_last_good(scope, recorded or Recorded())
        except Refused as error:
            refused.append(str(error))
        yield from note(
            "What is on these targets will be overwritten",
            *(pair.label for pair in overwritten),
            warning=True,
        )
    steps = [*groups.values(), *creates]
    return (yield from conclude(scope, "provision", refused, steps, must_be_down=bool(overwritten)))


def _step(todo: Todo) -> Step:
    why = f"not yet so: {todo.what}"
    return Step(todo.what, Verdict.ACT, why, (replace(todo.command, because=why),))


def provide_group(scope: Scope, sync: Sync) -> Steps[None]:
    """Make the sync's device group and add its devices, as far as they are missing.

    :raises CloneError: see :mod:`clones.errors`.
    """

    def todo() -> Steps[Sequence[Todo]]:
        return _lacking(scope, sync, (yield from look(scope, sync)))

    by_hand = (
        "read what SYMCLI said and fix it, or make the device group by hand (for R1 or R2 devices it "
        "must be of another type than regular); then clear this task"
    )
    yield from one_by_one(scope, sync, "provide the device group", todo, by_hand=by_hand)


def _lacking(scope: Scope, sync: Sync, looked: Looked) -> list[Todo]:
    """What the sync's group lacks, in the order in which it is to be made."""
    if looked.contents is None or sync.symdg is None:
        return []
    group, made = sync.symdg, (scope.symcli, scope.control_host, sync.symdg)
    found = []
    if GROUPS[looked.contents.group] is Verdict.ACT:
        found.append(Todo(f"device group {group} exists", commands.create_group(*made)))
    for name in looked.contents.missing:
        assert name.number is not None
        command = commands.add_device(*made, (looked.seen.symid, name.name, name.number), target=name.target)
        found.append(Todo(f"{name.name} of {group} is {device_text(name.number)}", command))
    return found
