"""Who may ask for what a second person must approve, who may approve it, and what the yes is bound to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clones.errors import NotApproved, Refused

ASK_AGAIN = "ask again: trigger the DAG as yourself; a cleared run cannot ask"

CLOCKS_DIFFER = timedelta(minutes=5)
"""By so much the clocks of Airflow's machines may differ."""


@dataclass(frozen=True)
class Approval:
    """One person's yes to one plan.

    :param digest: of the plan that was shown, as :func:`digest` makes it.
    :param by: the user's name.
    :param at: when, as ISO text; two approvals of equal plans differ in it.
    """

    digest: str
    by: str
    at: str

    def is_good(self, now: datetime, seconds: float) -> bool:
        """Whether it may still be begun with: nobody can have the mind of a year ago acted upon."""
        return -CLOCKS_DIFFER <= now - datetime.fromisoformat(self.at) <= timedelta(seconds=seconds)

    def to_plain(self) -> dict[str, str]:
        return {"digest": self.digest, "by": self.by, "at": self.at}

    @classmethod
    def read(cls, plain: object) -> Approval | None:
        """What :meth:`to_plain` wrote, or None when it is not wholly that."""
        if not isinstance(plain, Mapping):
            return None
        parts = [plain.get(name) for name in ("digest", "by", "at")]
        return cls(*parts) if all(isinstance(part, str) and part for part in parts) else None  # type: ignore[arg-type]


@dataclass(frozen=True)
class Request:
    """How a run came to be, and what became of it since, as its scheduler says.

    :param by: the user who triggered it, None when that is not known.
    :param by_hand: somebody triggered it; else a schedule or a backfill did.
    :param clears: how often the run was cleared.
    :param try_number: of the task, from 1.
    :param most_tries: that the scheduler allows the task now.
    :param retries: that the task was written with.
    """

    by: str | None
    by_hand: bool
    clears: int = 0
    try_number: int = 1
    most_tries: int = 1
    retries: int = 0

    @property
    def requester(self) -> str:
        """The user who asks, and who must not approve.

        :raises Refused: it was not triggered by hand, or by whom is not known.
        """
        if not self.by or not self.by_hand:
            raise Refused(
                "Who triggered this run is not known, so nobody else can approve it. Nothing was changed.",
                "trigger it by hand, in the UI or over REST, as a user who is logged in",
            )
        return self.by

    def refuse_cleared(self) -> None:
        """The requester is whoever triggered the run once: what others have started again is not his wish.

        A clear is counted in the run; where it was asked not to touch the run, more tries than `retries`
        allows show it, or a later last try (tried with Airflow 3.3.2: ``reset_dag_runs`` false over REST).
        Clearing a task that has never begun, in a run that goes on, changes nothing and shows nowhere.

        :raises Refused: the run or this task was cleared.
        """
        last = self.retries + 1
        if self.clears or self.try_number > last or self.most_tries > last:
            raise self.begun_again()

    def begun_again(self) -> Refused:
        """It is not the requester's any more."""
        return Refused(
            f"This run was cleared, or begun again, after {self.requester} had triggered it: who asks for it "
            "now is not known, so nobody can approve it. Nothing was changed.",
            ASK_AGAIN,
        )


def refuse_old(what: str, then: datetime, now: datetime, seconds: float) -> None:
    """:raises Refused: who asked for it longer ago than `approval_timeout` may not want it any more."""
    if now - then > timedelta(seconds=seconds):
        raise Refused(
            f"{what} at {then:%Y-%m-%d %H:%M} UTC, longer ago than `approval_timeout` "
            f"({seconds:.0f} s). Nothing was changed.",
            ASK_AGAIN,
        )


def to_be_asked_about(plan: Mapping[str, Any] | None, request: Request, began: str) -> Mapping[str, Any]:
    """The plan, if it is the requester's own.

    :param began: when the run has begun, as :func:`operators.approval.PlanToApproveOperator` keeps it in the
        plan; it is another time once the run had ended and was begun again.
    :raises NotApproved: there is none.
    :raises Refused: it is of another beginning of the run.
    """
    if not plan:
        raise NotApproved("There is no plan to approve.", ASK_AGAIN)
    if "run_began" not in plan:
        raise Refused(
            "The plan of this run was made before an upgrade, and does not say of which beginning of the "
            "run it is: who asks for it now is not known. Nothing was changed.",
            ASK_AGAIN,
        )
    if plan["run_began"] != began:
        raise request.begun_again()
    return plan


def judge_answer(*, yes: bool, names: Sequence[str], at: str, requester: str, plan: str) -> Approval:
    """What an answer is: another person's yes to this plan, or none.

    :param names: all that the one who answered is called by, the last for people; empty when not known.
    :param at: when, as ISO text.
    :param plan: digest of the plan that was shown.
    :raises NotApproved: it is no approval.
    """
    name = names[-1] if names else "nobody who is known"
    if not yes:
        raise NotApproved(f"Rejected by {name}. Nothing was changed.")
    if not names:
        raise NotApproved(
            "Who approved is not known, so it is no approval. Nothing was changed.",
            f"{ASK_AGAIN}; let a user who is logged in approve",
        )
    if requester.casefold() in {one.casefold() for one in names}:
        raise NotApproved(
            f"{name} asked for this and approved it: two persons are needed. Nothing was changed.",
            f"{ASK_AGAIN}; let somebody else approve",
        )
    approval = Approval(plan, name, at)
    if Approval.read(approval.to_plain()) is None:
        raise NotApproved("What was approved is not known. Nothing was changed.", ASK_AGAIN)
    return approval


def require(approval: Approval | None, plan: Mapping[str, Any] | None, subject: str) -> Approval:
    """The approval, if it is of this plan.

    :param plan: with what it is bound to under ``bound``.
    :param subject: service and sync, for the message.
    :raises Refused: it is not.
    """
    if approval is None or not plan or digest(plan["bound"]) != approval.digest:
        raise Refused(
            f"{subject}: there is no approval of this run's plan. Nothing was sent to the array.", ASK_AGAIN
        )
    return approval


def require_recent(approval: Approval, now: datetime, seconds: float, subject: str) -> None:
    """:raises Refused: it is too old to begin with."""
    if not approval.is_good(now, seconds):
        raise Refused(
            f"{subject}: what {approval.by} approved at {approval.at} is not good any more after "
            "`approval_timeout`. Nothing was sent to the array.",
            ASK_AGAIN,
        )


def digest(bound: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of what an approval is bound to, as 64 hex digits."""
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(approved: object, now: object, at: str = "") -> list[str]:
    """Each value that differs: ``syncs.0.pairs.0.state: approved Copied, now Split``."""
    if isinstance(approved, Mapping) and isinstance(now, Mapping):
        keys = dict.fromkeys((*approved, *now))
        return [
            text
            for key in keys
            for text in differences(approved.get(key), now.get(key), f"{at}.{key}" if at else str(key))
        ]
    if isinstance(approved, list) and isinstance(now, list) and len(approved) == len(now):
        return [
            text
            for number, (old, new) in enumerate(zip(approved, now, strict=True))
            for text in differences(old, new, f"{at}.{number}")
        ]
    return [] if approved == now else [f"{at}: approved {approved}, now {now}"]
