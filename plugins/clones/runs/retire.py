"""The plan of what provisioning undoes: the copies are ended, the device group goes if it is empty."""

from __future__ import annotations

from typing import Any

from clones.asking.steps import Command, Steps, note
from clones.backends import backend_of
from clones.backends.doing import doing_of
from clones.config.scope import Scope
from clones.decide.approval import digest
from clones.decide.identity import require_stamps
from clones.decide.rules import Verdict
from clones.decide.target_sets import Recorded
from clones.errors import Refused
from clones.observe.sync import to_plain
from clones.runs.planned import Step, conclude, plain, sent_by
from clones.states import State


def plan(scope: Scope) -> Steps[list[Step]]:
    """Look at everything, and say what would be sent. Nothing is changed.

    :returns: what is decided, with the commands that would change something, in order.
    :raises Refused: everything that must not be done, at once.
    :raises TryAgain: something could not be told.
    """
    refused: list[str] = []
    ends: list[Step] = []
    removals: list[Step] = []
    for number, sync in enumerate(scope.service.syncs):
        try:
            before = scope.service.syncs[:number]  # which take their names out of a group of both
            seen, left = yield from doing_of(sync).look_to_end(scope, sync, before)
            decision = backend_of(sync).decide_retire(sync, seen)
            yield from note(f"Will do for sync {sync.name}: {decision.verdict.name.lower()}", decision.why)
            if decision.verdict is Verdict.REFUSE:
                refused.append(f"{scope.subject(sync)}: {decision.why}\nWhat to do: {decision.remedy}")
            ended: tuple[Command, ...] = ()
            if decision.verdict is Verdict.ACT:
                ended = backend_of(sync).sends(scope, sync, seen, "retire", decision.pairs)
            ends.append(Step(f"retire of sync {sync.name}", decision.verdict, decision.why, ended))
            removals += [
                Step(todo.what, Verdict.ACT, f"not yet so: {todo.what}", (todo.command,)) for todo in left
            ]
        except Refused as error:
            refused.append(str(error))
    return (
        yield from conclude(scope, "retire", refused, [*ends, *removals], must_be_down=bool(sent_by(ends)))
    )


def to_approve(scope: Scope, recorded: Recorded | None = None) -> Steps[dict[str, Any]]:
    """The plan as a second person is to approve it.

    :param recorded: what runs have recorded of the service's target sets, where it has any.
    :returns: ``bound``: the commands, and each sync as seen; its ``digest``; ``commands`` as
        :func:`clones.runs.planned.plain` writes them; and ``text`` for the approver, in lines. Plain JSON.
    :raises CloneError: as :func:`plan`.
    """
    shown = plain((yield from plan(scope)))
    lines = [f"{scope.who}: the sessions of its copies are ended, its device groups deleted.", ""]
    if recorded is not None and recorded.last_good == scope.target_set:
        lines += ["It is the set on which the service last started well: nothing can go back to it then.", ""]
    syncs = []
    for sync in scope.service.syncs:
        seen = yield from doing_of(sync).see_to_end(scope, sync)
        require_stamps(scope, [seen], frozenset(State))
        syncs.append(to_plain(seen))
        lines += [f"Sync {sync.name} on array {seen.symid}:", *(f"  {line}" for line in seen.lines()), ""]
    bound = {"commands": [command["line"] for command in shown], "syncs": syncs, **scope.set_to_plain()}
    sent = [f"  {command['host']}$ {command['line']}" for command in shown]
    lines += ["To be sent:", *sent, "", f"Digest of this plan: {digest(bound)}"]
    return {"bound": bound, "digest": digest(bound), "commands": shown, "text": lines}
