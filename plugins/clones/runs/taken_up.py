"""What a task of a run may still do that somebody has cleared or marked.

==============================================  ==========================================================
The task is in a phase that the action leaves   nothing: Airflow skips it once, when the plan says so, and
out, or the run only plans                      runs it whenever it is cleared afterwards (tried, 3.3.2)
The run may have ended, and has no plan         nothing: a user has set the state of its plan
The same, and it was done                       not stop the service: it is as the run has left it
The same, and a copy was changed since its      not stop the service, which may run on what another has made
plan, not by this run
==============================================  ==========================================================

A run holds the service's lock from its plan to its last task. A task that finds it gone, and any but a first
try, may be of a run that has ended and is taken up again: others may have worked on the service since.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from clones.actions import PHASES, phases_run
from clones.asking.side_by_side import abreast
from clones.asking.steps import Steps
from clones.config import Service
from clones.config.scope import Scope
from clones.decide.identity import decide_again, planned_stamps
from clones.decide.ledger import Activation, Ledger, Run
from clones.decide.rules import Decision, Verdict, labels
from clones.errors import Refused, Unknown
from clones.observe.sync import observe

ANEW = "trigger the action again: a new run looks at everything first"


def why_left_out(phase: str, form: Mapping[str, Any], service: Service) -> str:
    """Why a task has nothing to do in its run; empty when it has.

    :param phase: the one that it is in, of :data:`clones.actions.PHASES`; anything else is in every plan.
    :param form: what the run's form says.
    :param service: with all its target sets, where it has any.
    :raises ConfigError: there is no such action for this service.
    """
    if str(form.get("plan_only")) == "True":
        return "This run only plans: nothing is done."
    action = str(form.get("action") or "")
    if phase not in PHASES or not action or phase in phases_run(action, service):
        return ""
    return f"The action {action} leaves this out: nothing is done."


def require_plan(scope: Scope, plan: Mapping[str, Any] | None) -> None:
    """:raises Refused: the run has none."""
    if plan is None:
        raise Refused(
            f"{scope.who}: this run has no plan: its first task was not done, or a user has set its state. "
            "Nothing was done.",
            ANEW,
        )


def refuse_changed(
    scope: Scope, plan: Mapping[str, Any], run: Run, own: Mapping[str, Activation] = MappingProxyType({})
) -> Steps[None]:
    """Go on only if every copy is what the run's plan saw, or what the run itself has made of it.

    :param own: by sync, the activation that the run says it has sent.
    :raises Refused: a copy was changed by somebody else.
    :raises Unknown: that is not known.
    """
    shown = yield from abreast(
        observe(scope, sync, snapshots=own[sync.name].snapshots if sync.name in own else {})
        for sync in scope.service.syncs
    )
    for sync, seen in zip(scope.service.syncs, shown, strict=True):
        decision = decide_again(
            sync,
            seen,
            planned_stamps(plan, sync),
            Ledger.to_read(run, own.get(sync.name)),
            Decision(Verdict.ACT, "nobody else has changed it"),
        )
        if decision.verdict is Verdict.REFUSE and decision.unknown:
            raise Unknown(f"{scope.subject(sync)}: {decision.why}. Nothing was stopped.", decision.remedy)
        if decision.verdict is Verdict.REFUSE:
            raise Refused(
                f"{scope.subject(sync)}: {labels(decision.pairs)} is not what this run's plan saw, nor known "
                "to be what this run has activated: the service may run on what another run has made. "
                "Nothing was stopped.",
                ANEW,
            )
