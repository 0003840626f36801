"""Who may ask, and who may approve, from `cases/approval.yaml`; and that a run by hand has a reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clones.decide.approval import Approval, Request, judge_answer, refuse_old, to_be_asked_about
from clones.errors import CloneError, Mistyped, NotApproved, Refused
from clones.runs import reason
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

ALL: dict[str, list[dict[str, Any]]] = load_yaml((CASES / "approval.yaml").read_text())
ASKED = Request("asker", by_hand=True, retries=2)


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=str(case.get("name", case.get("minutes")))) for case in ALL[name]]


def holds(case: dict[str, Any], judge: Callable[[], Any], kind: type[CloneError] = Refused) -> Any:
    """What it gives; with `says` it is refused in these words."""
    if "says" not in case:
        return judge()
    with pytest.raises((kind, NotApproved)) as raised:
        judge()
    assert case["says"] in str(raised.value)
    return None


@pytest.mark.parametrize("case", cases("requests"))
def test_who_may_ask(case: dict[str, Any]) -> None:
    changes = {key: value for key, value in case.items() if key not in ("name", "says")}
    request = Request(**{"by": "asker", "by_hand": True, "retries": 2, **changes})

    def judge() -> str:
        request.refuse_cleared()
        return request.requester

    assert holds(case, judge) in ("asker", None)


@pytest.mark.parametrize("case", cases("plans"))
def test_what_may_be_asked_about(case: dict[str, Any]) -> None:
    assert holds(case, lambda: to_be_asked_about(case["plan"], ASKED, "10:00")) in (case["plan"], None)


@pytest.mark.parametrize("case", cases("ages"))
def test_how_old_a_request_may_be(case: dict[str, Any]) -> None:
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    then = now - timedelta(minutes=case["minutes"])
    holds(case, lambda: refuse_old("This run was triggered", then, now, 3600))


@pytest.mark.parametrize("case", cases("answers"))
def test_who_may_approve(case: dict[str, Any]) -> None:
    at = case.get("at", "2026-11-28T12:00:00+00:00")
    found = holds(
        case,
        lambda: judge_answer(yes=case["approves"], names=case["names"], at=at, requester="asker", plan="d"),
        NotApproved,
    )
    assert found == (Approval("d", case["by"], at) if "by" in case else None)


@pytest.mark.parametrize("given", ["", " ", "None", "\n"])
def test_a_run_by_hand_needs_a_reason(given: str) -> None:
    assert reason.of(given) == ""
    reason.require(reason.of(given), by_hand=False, read_by=reason.LOG)
    with pytest.raises(Mistyped, match="without a reason") as raised:
        reason.require(reason.of(given), by_hand=True, read_by=reason.APPROVER)
    assert raised.value.remedy.endswith("the approver reads it")


def test_a_reason_is_one_line() -> None:
    given = reason.of(" the month's end\nmust be run again ")
    reason.require(given, by_hand=True, read_by=reason.LOG)
    assert given and "\n" not in given
