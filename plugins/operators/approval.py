"""A plan that a second person must approve, by Airflow's human-in-the-loop operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from clones.asking.steps import Steps
from clones.clean import in_markdown, one_line
from clones.config.scope import Scope
from clones.decide.approval import ASK_AGAIN, Approval
from clones.errors import CloneError, Mistyped, Refused
from operators.base import CloneOperator, leave_word

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

    :param reason: why somebody wants it; required.

    Its XCom `plan` is the plan with `action`, `reason`, `made` (when, ISO with zone) and `run_began` (when
    Airflow says that the run has begun).
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "reason")

    def __init__(self, *, reason: str, **kwargs: Any) -> None:
        super().__init__(hold_lock=True, **kwargs)
        self.reason = reason
        self._killed = False

    does: ClassVar[str]
    """What it is the plan of, in a word."""

    def plan(self, scope: Scope) -> Steps[dict[str, Any]]:
        """The plan, as plain JSON: its ``text`` in lines for the approver, and the ``digest`` of the rest."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        try:
            asked = requester(context)
            refuse_cleared(context, self)
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
                limit = timedelta(seconds=self.scope().service.approval_timeout)
                _refuse_old("This run was triggered", context["dag_run"].run_after, limit)
            except CloneError as error:
                leave_word(context, error)
                raise
        self.reason = one_line(self.reason) if self.reason != "None" else ""
        if not self.reason:
            mistyped = Mistyped(
                "This run was triggered without a reason. Nothing was done.",
                "trigger it again and write into `reason` why; the approver reads it",
            )
            leave_word(context, mistyped)
            raise mistyped
        self.log.info("Asked for by %s. Reason: %s", asked, self.reason)
        return super().execute(context)

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> None:
        try:
            plan = hosts.run(self.plan(scope))
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

    Its XCom `approval` is ``{"digest", "by", "at"}``. Other parameters: Airflow's ``ApprovalOperator``.
    """

    template_fields: Sequence[str] = ("subject",)
    ui_color: ClassVar[str] = "#f7e1c3"

    def __init__(self, *, plan_task_id: str = "plan", **kwargs: Any) -> None:
        super().__init__(fail_on_reject=True, **kwargs)
        self.plan_task_id = plan_task_id

    def execute(self, context: Context) -> Any:
        try:
            return self._ask(context)
        except (CloneError, AirflowFailException) as error:
            leave_word(context, error)
            raise

    def _ask(self, context: Context) -> Any:
        refuse_cleared(context, self)
        plan = context["ti"].xcom_pull(task_ids=self.plan_task_id, key="plan")
        if not plan:
            raise AirflowFailException(f"There is no plan to approve.\nWhat to do: {ASK_AGAIN}.")
        if "run_began" not in plan:
            raise Refused(
                "The plan of this run was made before an upgrade, and does not say of which beginning of the "
                "run it is: who asks for it now is not known. Nothing was changed.",
                ASK_AGAIN,
            )
        if plan["run_began"] != _began(context):
            raise _cleared(context)
        if self.response_timeout:
            _refuse_old("The plan was made", datetime.fromisoformat(plan["made"]), self.response_timeout)
        self.options = _options(plan["digest"])
        # Indented lines are shown as they are, whatever a host printed into them.
        shown = "\n".join(f"    {line}" for line in plan["text"])
        self.body = (
            f"Asked by **{in_markdown(requester(context))}**; another person must "
            f"answer.\n\nReason:\n\n    {plan['reason']}\n\n{shown}\n"
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
        try:
            return self._judge(context, event, digest)
        except (CloneError, AirflowFailException) as error:
            leave_word(context, error)
            raise

    def _judge(self, context: Context, event: dict[str, Any], digest: str) -> dict[str, str]:
        refuse_cleared(context, self)
        if "error" in event:
            raise AirflowFailException(
                f"Nobody approved in time: {event['error']} Nothing was changed.\nWhat to do: {ASK_AGAIN}."
            )
        self.options = _options(digest)
        self.validate_chosen_options(event["chosen_options"])
        who = event.get("responded_by_user")
        names = _names(who)
        name = names[-1] if names else "nobody who is known"
        if event["chosen_options"] != self.options[:1]:
            raise AirflowFailException(f"Rejected by {name}. Nothing was changed.")
        if not names:
            raise AirflowFailException(
                "Who approved is not known, so it is no approval. Nothing was changed.\n"
                f"What to do: {ASK_AGAIN}; let a user who is logged in approve."
            )
        asked = requester(context)
        if asked.casefold() in {one.casefold() for one in names}:
            raise AirflowFailException(
                f"{name} asked for this and approved it: two persons are needed. Nothing was "
                f"changed.\nWhat to do: {ASK_AGAIN}; let another person approve."
            )
        at = event["responded_at"]
        at = at.isoformat() if isinstance(at, datetime) else str(at)
        approval = Approval(digest=digest, by=name, at=at).to_plain()
        if Approval.read(approval) is None:
            raise AirflowFailException(
                f"What was approved is not known. Nothing was changed.\nWhat to do: {ASK_AGAIN}."
            )
        self.log.info("Approved by %s at %s: plan %s, asked by %s", name, at, digest, asked)
        context["ti"].xcom_push(key=APPROVAL, value=approval)
        return approval


def _options(digest: str) -> list[str]:
    """The two answers. The yes names the plan: one to another plan is no answer to this."""
    return [f"{SecondPersonApprovalOperator.APPROVE} {digest[:16]}", SecondPersonApprovalOperator.REJECT]


def requester(context: Context) -> str:
    """The user who triggered this run.

    :raises Refused: it was not triggered by hand, or by whom is not known.
    """
    run = context["dag_run"]
    name = one_line(getattr(run, "triggering_user_name", None) or "")
    if not name or str(getattr(run.run_type, "value", run.run_type)) != "manual":
        raise Refused(
            "Who triggered this run is not known, so nobody else can approve it. Nothing was changed.",
            "trigger it by hand, in the UI or over REST, as a user who is logged in",
        )
    return name


def refuse_cleared(context: Context, task: BaseOperator) -> None:
    """The requester is whoever triggered the run once: what others have started again is not his wish.

    Airflow 3.3.2 counts a clear in the run, unless it was asked not to touch the run (``reset_dag_runs``
    false over REST): then more tries than `retries` allows show it, or a later last try (tried). A run that
    had ended and goes on has begun anew, which the approval sees. Clearing a task that has never begun, in a
    run that goes on, changes nothing and shows nowhere.

    :raises Refused: the run or this task was cleared.
    """
    ti, run = context["ti"], context["dag_run"]
    last = task.retries + 1
    if run.clear_number or ti.try_number > last or getattr(ti, "max_tries", 0) + 1 > last:
        raise _cleared(context)


def _cleared(context: Context) -> Refused:
    return Refused(
        f"This run was cleared, or begun again, after {requester(context)} had triggered it: who asks for it "
        "now is not known, so nobody can approve it. Nothing was changed.",
        ASK_AGAIN,
    )


def _began(context: Context) -> str:
    """When this run has begun. It is another time once the run had ended and was begun again."""
    return str(getattr(context["dag_run"], "start_date", None))


def _refuse_old(what: str, then: datetime, limit: timedelta) -> None:
    """:raises Refused: who asked for it may not want it any more."""
    if datetime.now(UTC) - then > limit:
        raise Refused(
            f"{what} at {then:%Y-%m-%d %H:%M} UTC, longer ago than `approval_timeout` "
            f"({limit.total_seconds():.0f} s). Nothing was changed.",
            ASK_AGAIN,
        )


def _names(user: object) -> list[str]:
    """All that an answer's user is called by: id, then name."""
    if not isinstance(user, Mapping):
        return []
    return [one_line(str(user[key])) for key in ("id", "name") if str(user.get(key) or "").strip()]
