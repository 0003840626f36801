"""A plan that a second person must approve, by Airflow's human-in-the-loop operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from clones.asking.steps import Steps
from clones.clean import in_markdown, one_line
from clones.config.scope import Scope
from clones.decide.approval import ASK_AGAIN, Request, judge_answer, refuse_old, to_be_asked_about
from clones.errors import CloneError, NotApproved, Refused
from clones.runs import reason
from hooks.configuration import CONFIG
from operators.base import CloneOperator
from operators.task_record import leave_word

PLAN_RETRIES = 2
"""Further tries of a plan: it changes nothing, and Airflow can lose a task that waits in its queue."""

TRY = "plan_try"
"""Key in the plan's state store: the last try that began, and whether it came to its end by itself."""

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook

APPROVAL = "approval"
"""XCom of the approval, as :meth:`clones.decide.approval.Approval.to_plain` writes it."""


class PlanToApproveOperator(CloneOperator):
    """Make the plan that somebody else is to approve; what it plans, a subclass says.

    It holds the service's lock while it looks, and gives it back: a person's answer can take hours. What
    happens to the copies in between makes the approval void, which the task that acts on it finds out.

    It is made for the one who triggered the run, soon after: in a run that was cleared, or that was triggered
    longer ago than `approval_timeout`, it is refused. A retry of a plan that failed by itself, or that never
    began because Airflow lost it in its queue, is no clear. One that was ended while it worked may have been
    cleared then: where its tries are not counted nothing else shows that, so it is refused, too.

    :param reason: why somebody wants it; required (a template). The approver reads it.
    :raises clones.errors.Refused: the run was cleared, was not triggered by a user, or longer ago than
        `approval_timeout`; or what is planned must not be.
    :raises clones.errors.Mistyped: there is no reason.

    Its XCom `plan` is the plan with `action`, `reason`, `made` (when, ISO with zone) and `run_began` (when
    Airflow says that the run has begun).
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "reason")

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        reason: str,
        config: str = CONFIG,
        target_set: str = "",
        needs_pools: Sequence[str] = (),
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            hold_lock=True,
            service=service,
            config=config,
            target_set=target_set,
            needs_pools=needs_pools,
            deferrable=deferrable,
            **kwargs,
        )
        self.reason = reason
        self._killed = False

    does: ClassVar[str]
    """What it is the plan of, in a word."""

    def plan(self, context: Context, scope: Scope) -> Steps[dict[str, Any]]:
        """The plan, as plain JSON: its ``text`` in lines for the approver, and the ``digest`` of the rest."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        try:
            request = request_of(context, self)
            asked = request.requester
            request.refuse_cleared()
            self._begin_try(context)
        except CloneError as error:
            leave_word(context, error)
            raise
        try:
            return self._asked(context, asked)
        except CloneError:
            if not self._killed:
                context["task_state_store"].set(TRY, {"try": context["ti"].try_number, "ended": True})
            raise

    def _begin_try(self, context: Context) -> None:
        """:raises Refused: an earlier try was ended while it worked, and by whom is not known."""
        number, store = context["ti"].try_number, context["task_state_store"]
        before: Any = store.get(TRY)
        if before and before["try"] < number and not before["ended"]:
            raise Refused(
                f"Try {before['try']} of this plan was ended while it worked: its worker died, or it was "
                "cleared, and then who asks for it now is not known. Nothing was changed.",
                ASK_AGAIN,
            )
        store.set(TRY, {"try": number, "ended": False})

    def on_kill(self) -> None:
        self._killed = True
        super().on_kill()

    def _asked(self, context: Context, asked: str) -> Any:
        if not self._resumed:
            try:
                seconds = self.scope().service.approval_timeout
                refuse_old("This run was triggered", context["dag_run"].run_after, datetime.now(UTC), seconds)
            except CloneError as error:
                leave_word(context, error)
                raise
        self.reason = reason.of(self.reason)
        try:
            reason.require(self.reason, by_hand=True, read_by=reason.APPROVER)
        except CloneError as error:
            leave_word(context, error)
            raise
        self.log.info("Asked for by %s. Reason: %s", asked, self.reason)
        return super().execute(context)

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        try:
            self.refuse_set(context, scope)
            plan = hosts.run(self.plan(context, scope))
            hosts.run(self.refuse_shared(scope))
        finally:
            self.give_back(scope, hosts)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"action": self.does, "reason": self.reason, "made": made, "run_began": _began(context)}
        context["ti"].xcom_push(key="plan", value={**plan, **about})


class SecondPersonApprovalOperator(ApprovalOperator):
    """Ask for a yes to the plan, from another user than the one who triggered the run.

    The approval is bound to the digest of the plan that was shown: a plan made anew meanwhile is not approved
    by it. A no, no answer in time, or one's own yes fail the task; nothing later runs. In a run that was
    cleared, also while it waits here, nobody is asked and no answer counts: who triggered it did not ask for
    that.

    :param plan_task_id: the task whose XCom `plan` holds the plan: its ``text`` in lines and its ``digest``.

    :param service: whose plan it is, for the button that leads to the board; None: it leads to all services.

    :raises clones.errors.Refused: the run was cleared, or its plan is too old.
    :raises airflow.sdk.exceptions.AirflowFailException: somebody said no, nobody answered in time, or the one
        who asked approved it.

    Its XCom `approval`, also its `return_value`, is ``{"digest", "by", "at"}``: of what plan, the
    user, and the time in ISO form. Other parameters: Airflow's ``ApprovalOperator``.
    """

    template_fields: Sequence[str] = ("subject", "service")
    ui_color: ClassVar[str] = "#f7e1c3"

    def __init__(
        self, *, plan_task_id: str = "plan", service: str | Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(fail_on_reject=True, **kwargs)
        self.plan_task_id = plan_task_id
        self.service = service

    def execute(self, context: Context) -> Any:
        with _left_word(context):
            self._ask(context)

    def _ask(self, context: Context) -> None:
        request = request_of(context, self)
        request.refuse_cleared()
        made = context["ti"].xcom_pull(task_ids=self.plan_task_id, key="plan")
        plan = to_be_asked_about(made, request, _began(context))
        if self.response_timeout:
            seconds = self.response_timeout.total_seconds()
            refuse_old("The plan was made", datetime.fromisoformat(plan["made"]), datetime.now(UTC), seconds)
        self.options = _options(plan["digest"])
        # Indented lines are shown as they are, whatever a host printed into them.
        shown = "\n".join(f"    {line}" for line in plan["text"])
        self.body = (
            f"Asked by **{in_markdown(request.requester)}**; somebody else must answer.\n\n"
            f"Reason:\n\n    {plan['reason']}\n\n{shown}\n"
        )
        try:
            super().execute(context)
        except TaskAwaitingInput as wait:
            raise TaskAwaitingInput(
                method_name=wait.method_name, kwargs={"digest": plan["digest"]}, timeout=wait.timeout
            ) from None

    def execute_complete(self, context: Context, event: dict[str, Any], digest: str = "") -> dict[str, str]:
        """Judge the answer.

        :param digest: of the plan that was shown.
        """
        with _left_word(context):
            return self._judge(context, event, digest)

    def _judge(self, context: Context, event: dict[str, Any], digest: str) -> dict[str, str]:
        request = request_of(context, self)
        request.refuse_cleared()
        if "error" in event:
            raise NotApproved(f"Nobody approved in time: {event['error']} Nothing was changed.", ASK_AGAIN)
        self.options = _options(digest)
        self.validate_chosen_options(event["chosen_options"])
        at = event["responded_at"]
        approval = judge_answer(
            yes=event["chosen_options"] == self.options[:1],
            names=_names(event.get("responded_by_user")),
            at=at.isoformat() if isinstance(at, datetime) else str(at),
            requester=request.requester,
            plan=digest,
        )
        self.log.info(
            "Approved by %s at %s: plan %s, asked by %s", approval.by, approval.at, digest, request.requester
        )
        context["ti"].xcom_push(key=APPROVAL, value=approval.to_plain())
        return approval.to_plain()


@contextmanager
def _left_word(context: Context) -> Iterator[None]:
    """Keep why nobody was asked or no answer counts.

    :raises AirflowFailException: it was not approved. Airflow must not ask again, whatever `retries` says.
    """
    try:
        yield
    except NotApproved as error:
        failed = AirflowFailException(str(error))
        leave_word(context, failed)
        raise failed from None
    except CloneError as error:
        leave_word(context, error)
        raise


def _options(digest: str) -> list[str]:
    """The two answers. The yes names the plan: one to another plan is no answer to this."""
    return [f"{SecondPersonApprovalOperator.APPROVE} {digest[:16]}", SecondPersonApprovalOperator.REJECT]


def request_of(context: Context, task: BaseOperator) -> Request:
    """How this run came to be, as Airflow says."""
    ti, run = context["ti"], context["dag_run"]
    return Request(
        by=one_line(getattr(run, "triggering_user_name", None) or ""),
        by_hand=str(getattr(run.run_type, "value", run.run_type)) == "manual",
        clears=run.clear_number or 0,
        try_number=ti.try_number,
        most_tries=getattr(ti, "max_tries", 0) + 1,
        retries=task.retries,
    )


def _began(context: Context) -> str:
    """When this run has begun. It is another time once the run had ended and was begun again."""
    return str(getattr(context["dag_run"], "start_date", None))


def _names(user: object) -> list[str]:
    """All that an answer's user is called by: id, then name."""
    if not isinstance(user, Mapping):
        return []
    return [one_line(str(user[key])) for key in ("id", "name") if str(user.get(key) or "").strip()]
