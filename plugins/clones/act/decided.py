"""What stands before every change of a sync: its decision, and the syncs before it."""

from __future__ import annotations

from collections.abc import Sequence

from clones.asking.steps import Steps, note
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide.rules import Decision, Verdict
from clones.errors import MustWait, Refused, Torn, Unknown
from clones.states import ACTIVE, SyncSeen


def decided(scope: Scope, sync: Sync, action: str, decision: Decision, *, wait_seconds: float) -> Steps[None]:
    """Log a decision; leave when it is not to act."""
    title = f"Decided for {action} of {sync.name}: {decision.verdict.name.lower()}"
    yield from note(title, decision.why, warning=decision.torn)
    if decision.verdict is Verdict.REFUSE:
        kind = Torn if decision.torn else Unknown if decision.unknown else Refused
        raise kind(
            f"{scope.subject(sync)}: {action} is refused: {decision.why}. Nothing was sent to the array.",
            decision.remedy,
        )
    if decision.verdict is Verdict.WAIT:
        raise MustWait(
            f"{scope.subject(sync)}: {decision.why}",
            sync=sync.name,
            wanted=decision.wanted,
            seconds=wait_seconds,
        )


def require_active(scope: Scope, sync: Sync, before: Sequence[SyncSeen]) -> None:
    """:raises Refused: one of the syncs before it is not wholly active (D6)."""
    for seen in before:
        if not seen.all_in(ACTIVE):
            raise Refused(
                f"{scope.subject(sync)}: sync {seen.name} comes before it and is not fully active. It was "
                "not activated.",
                f"activate {seen.name} first: run the action `break`, or clear its task",
            )
