"""After a failure: whether the service may be started again on the copies that it had."""

from __future__ import annotations

from typing import Any

from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.runs.refresh import unchanged_since


def why_left_down(scope: Scope, plan: dict[str, Any] | None) -> Steps[str]:
    """Why the service is not started again; empty when it is to be.

    :param plan: XCom `plan` of the run, None when it has left none.
    :raises CloneError: the copies cannot be seen.
    """
    if plan is None:
        return "The run failed before it stopped anything: the service is as it was."
    if not plan["up"]:
        return "The service was down before this run, and stays down."
    if not scope.service.restart_if_unchanged:
        return "`restart_if_unchanged` is false: the service is left down."
    if not (yield from unchanged_since(scope, plan)):
        return (
            "The copies are not what they were when the run began: the service is left down. What to "
            "do: fix what failed, clear that task, and the run continues from there."
        )
    return ""
