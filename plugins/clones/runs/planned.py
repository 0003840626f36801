"""What a plan has decided, step by step: whether a step acts, why, and what it would send."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from clones.asking.steps import Command, Steps, note
from clones.config.scope import Scope
from clones.decide.rules import Verdict
from clones.decide.target_sets import InUse
from clones.errors import Refused
from clones.observe.proof_down import Row, Seen, look_around, require_known, unexplained
from clones.observe.target_sets import judge
from clones.resources.base import Use


@dataclass(frozen=True)
class Step:
    """One step of a run, as its plan has decided it.

    :param what: what is done to what, e.g. ``resync of sync data``.
    :param verdict: what is done about it; of WAIT, what is sent once the wait is over. Never REFUSE, for a
        plan with a refusal is none.
    :param why: the sentence that the decision gave.
    :param commands: what would be sent, in order, each with what it follows from.
    """

    what: str
    verdict: Verdict
    why: str
    commands: tuple[Command, ...] = ()


def sent_by(steps: Iterable[Step]) -> list[Command]:
    """All that the steps would send, in order; what only looks is not among it."""
    return [command for step in steps for command in step.commands]


def plain(steps: Iterable[Step]) -> list[dict[str, str]]:
    """What they would send as JSON: ``[{"host", "line", "because"}]``."""
    return [{"host": c.host, "line": c.line(), "because": c.because} for c in sent_by(steps)]


def listed(steps: Iterable[Step]) -> list[str]:
    """Steps for people: their commands, each with what it follows from; or that nothing is sent, and why."""
    lines = []
    for step in steps:
        for command in step.commands:
            lines.append(f"{command.host}$ {command.line()}")
            lines += [f"    because {command.because}"] if command.because else []
        if not step.commands:
            lines.append(f"{step.what}: nothing to send: {step.why}")
    return lines


def said(row: Row) -> str:
    """What a resource says, in a line."""
    return f"{row.driver.label} is {row.probe.use.value} [{row.probe.at}]: {row.probe.evidence}"


def bring(action: str, row: Row, why: str, found: Sequence[Command]) -> Step:
    """A resource is brought up or down by these commands; none where it is so already."""
    return Step(
        f"{action} of {row.driver.label} on {row.host}",
        Verdict.ACT if found else Verdict.NOTHING,
        why,
        tuple(replace(command, because=why) for command in found),
    )


def stop_of(row: Row) -> Step:
    """A resource is taken down from where it was seen."""
    return bring("stop", row, said(row), row.driver.stop(row.probe.at))


def conclude(
    scope: Scope, doing: str, refused: Sequence[str], steps: list[Step], *, must_be_down: bool
) -> Steps[list[Step]]:
    """End a plan that has looked at every sync: with all its refusals at once, or with its steps.

    :param refused: what was refused already, one text each.
    :param must_be_down: whether the service must be down too.
    :returns: ``steps``; before them what takes down the groups that a prepare has left active of a set.
    :raises Refused: with everything that was refused.
    :raises Unknown: a resource could not tell whether it is up.
    """
    rows: list[Seen] = []
    if must_be_down:
        own, around = yield from look_around(scope.own())
        if scope.target_set and judge(scope.target_set, own).in_use is InUse.READY:
            # The run releases the set before its first command to the array.
            steps = [*(stop_of(row) for row in reversed(own) if row.probe.use is Use.UP), *steps]
            rows = [*(row for row in around if row.probe.use is not Use.UP), *unexplained(own, around)]
            rows += [row for row in own if row.probe.use is not Use.UP]
        else:
            rows = [*own, *around]
    up = [row.line() for row in rows if row.probe.use is Use.UP]
    if up:
        lines = "\n  ".join(up)
        refused = [
            *refused,
            f"Service {scope.name} is not down:\n  {lines}\nWhat to do: run the action `stop`",
        ]
    if refused:
        raise Refused(
            "\n".join(refused) + f"\nService {scope.name}: {doing} is refused. Nothing was changed.",
            "fix all of these, then run it again",
        )
    require_known(scope, rows)
    yield from note(
        f"To {doing} service {scope.name}: {len(sent_by(steps))} commands that change something",
        *listed(steps),
    )
    return steps
