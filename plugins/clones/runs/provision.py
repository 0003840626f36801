"""Bringing a service's copies into being: device group, logical devices, first copy; what is there stays."""

from __future__ import annotations

from dataclasses import replace

from clones.asking.steps import Command, Steps, note
from clones.backends import backend_of
from clones.backends.doing import doing_of
from clones.backends.todo import Todo
from clones.config.scope import Scope
from clones.decide.rules import Verdict, decide_wait
from clones.decide.target_sets import Recorded, refuse_last_good
from clones.errors import Refused
from clones.runs.copies import refuse_shared_devices
from clones.runs.planned import Step, conclude
from clones.states import PairSeen, State, SyncSeen

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
            seen, lacking = yield from doing_of(sync).look_to_set_up(scope, sync)
        except Refused as error:
            refused.append(str(error))
            continue
        shown.append(seen)
        groups |= {todo.what: _step(todo) for todo in lacking}
        decision = backend_of(sync).decide_create(sync, seen)
        yield from note(f"Will do for sync {sync.name}: {decision.verdict.name.lower()}", decision.why)
        if decision.verdict is not Verdict.REFUSE:
            # What has a session already is not made anew, and must be usable as it is.
            there = tuple(pair for pair in seen.pairs if pair.state not in TO_BE_MADE)
            rest = decide_wait(replace(seen, pairs=there, precopied=None), "precopied")
            decision = rest if rest.verdict is Verdict.REFUSE else decision
        if decision.verdict is Verdict.REFUSE:
            refused.append(f"{scope.subject(sync)}: {decision.why}\nWhat to do: {decision.remedy}")
        created: tuple[Command, ...] = ()
        if decision.verdict is Verdict.ACT:
            overwritten += decision.pairs
            sent = backend_of(sync).sends(scope, sync, seen, "create", decision.pairs)
            created = tuple(replace(command, because=decision.why) for command in sent)
            unsized = [pair.label for pair in decision.pairs if not pair.sizes_known]
            if unsized:
                refused.append(
                    f"{scope.subject(sync)}: the array does not show the sizes of "
                    f"{', '.join(unsized)}\nWhat to do: check that each target is at least as "
                    f"large as its source ({seen.tools.show})"
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
