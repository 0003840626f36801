"""The opposite of provisioning, from every point between, against the lab over real SSH."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from clones.asking.steps import Steps
from clones.backends.symclone import end
from clones.config.scope import Scope
from clones.decide.approval import Approval
from clones.errors import MustWait, Refused, Unknown
from clones.runs import retire
from hooks.configuration import load
from lab import Lab
from operators.approval import APPROVAL
from operators.retire import RetirePlanOperator, SymcloneRemoveGroupOperator, SymcloneTerminateOperator
from tests.conftest import ONE_ARRAY, SERVICES, SYMID, take_down, typed
from tests.operators.test_provision import (
    GROUP,
    REP,
    TARGETS,
    by_hand,
    changes,
    nothing_there,
    service,
    states,
)
from tests.support.mortal import Killed, MortalHook
from tests.support.without_ssh import connect_directly

ENDED = f"symclone -sid {SYMID} -f 1236:4323,1237:4324 -noprompt terminate -i 10 -c 3"
REMOVED = [
    "symld -g DGREP remove DEV001 -i 20 -c 30",
    "symld -g DGREP remove CLONE001 -i 20 -c 30",
    "symld -g DGREP remove DEV002 -i 20 -c 30",
    "symld -g DGREP remove CLONE002 -i 20 -c 30",
    "symdg delete DGREP -i 20 -c 30",
]


def plan(context: dict[str, Any], given: Any = REP) -> list[str]:
    RetirePlanOperator(task_id="plan", service=given, reason="no longer used").execute(context)  # type: ignore[arg-type]
    lines = [shown["line"] for shown in context["ti"].xcom["plan"]["commands"]]
    return [typed(line) for line in lines]


def terminate(lab: Any, context: dict[str, Any], **arguments: Any) -> None:
    """The task, waiting as the triggerer would while the array is at it."""
    operator = SymcloneTerminateOperator(task_id="terminate", **{**GROUP, **arguments})
    try:
        operator.execute(context)  # type: ignore[arg-type]
    except TaskDeferred:
        lab.advance(10)
        operator.resume(context, {"status": "reached", "message": ""})  # type: ignore[arg-type]


def remove(context: dict[str, Any], **arguments: Any) -> None:
    SymcloneRemoveGroupOperator(task_id="remove", **{**GROUP, **arguments}).execute(context)  # type: ignore[arg-type]


def whole(lab: Any, context: dict[str, Any]) -> None:
    plan(context)
    terminate(lab, context)
    remove(context)


@pytest.mark.on_each_array
def test_from_copies_to_nothing_and_a_second_time_nothing(lab: Any, context: dict[str, Any]) -> None:
    assert plan(context) == [ENDED, *REMOVED] and changes(lab) == []
    whole(lab, context)
    assert changes(lab) == [ENDED, *REMOVED]
    assert states(lab) == {"none"}
    whole(lab, context)
    assert plan(context) == []
    assert changes(lab) == [ENDED, *REMOVED]


def approve(context: dict[str, Any], hours_ago: int = 0) -> None:
    plan = context["ti"].xcom["plan"]
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    approval = Approval(plan["digest"], "somebody else", at.isoformat())
    context["ti"].xcom[APPROVAL] = approval.to_plain()


@ONE_ARRAY
def test_only_what_was_approved_is_ended(lab: Any, context: dict[str, Any]) -> None:
    asks = {"approval_task_id": "approve"}
    plan(context)
    with pytest.raises(Refused, match="no approval of this run's plan"):
        terminate(lab, context, **asks)
    approve(context)
    plan_before = context["ti"].xcom["plan"]
    context["ti"].xcom["plan"] = {**plan_before, "bound": {**plan_before["bound"], "commands": []}}
    with pytest.raises(Refused, match="no approval of this run's plan"):
        terminate(lab, context, **asks)
    context["ti"].xcom["plan"] = plan_before
    lab.set_state(SYMID, "1236", "4323", "Failed")
    lab.set_state(SYMID, "1236", "4323", "Copied")
    lab.remove_session(SYMID, "1237", "4324")
    with pytest.raises(Refused, match="no longer what was approved"):
        terminate(lab, context, **asks)
    assert changes(lab) == []
    plan(context)
    approve(context)
    terminate(lab, context, **asks)
    by_hand("symld -g DGREP remove CLONE002")
    remove(context, **asks)
    assert states(lab) == {"none"} and ENDED.replace(",1237:4324", "") in changes(lab)


@ONE_ARRAY
@pytest.mark.parametrize("step", ["terminate", "remove"])
def test_what_was_approved_long_ago_is_asked_for_again(lab: Any, context: dict[str, Any], step: str) -> None:
    """Else one person could clear the failed task of a run that two had wanted a year ago."""
    plan(context)
    approve(context, hours_ago=25)
    with pytest.raises(Refused, match="is not good any more after `approval_timeout`"):
        if step == "terminate":
            terminate(lab, context, approval_task_id="approve")
        else:
            remove(context, approval_task_id="approve")
    assert changes(lab) == []


def test_from_prepared(lab: Any, context: dict[str, Any]) -> None:
    for pair in TARGETS:
        lab.set_state(SYMID, *pair, "PreCopy")
    whole(lab, context)
    assert changes(lab) == [ENDED, *REMOVED]


@ONE_ARRAY
@pytest.mark.parametrize("gone", range(1, 6))
def test_only_what_is_left_is_removed(lab: Any, context: dict[str, Any], gone: int) -> None:
    for pair in TARGETS:
        lab.remove_session(SYMID, *pair)
    by_hand(*[line.split(" -i ")[0] for line in REMOVED[:gone]])
    since = max(entry["seq"] for entry in lab.journal)
    whole(lab, context)
    assert changes(lab, since) == REMOVED[gone:]


def test_only_the_sessions_that_are_there_are_ended(lab: Any, context: dict[str, Any]) -> None:
    lab.remove_session(SYMID, "1236", "4323")
    terminate(lab, context)
    assert changes(lab) == [ENDED.replace("1236:4323,", "")]


def test_a_pair_whose_names_are_gone_without_a_session(lab: Any, context: dict[str, Any]) -> None:
    lab.remove_session(SYMID, "1236", "4323")
    by_hand("symld -g DGREP remove DEV001", "symld -g DGREP remove CLONE001")
    since = max(entry["seq"] for entry in lab.journal)
    whole(lab, context)
    assert changes(lab, since) == [ENDED.replace("1236:4323,", ""), *REMOVED[2:]]


def test_a_service_without_groups(lab: Any, context: dict[str, Any]) -> None:
    from operators.service import ServiceStopOperator

    with pytest.raises(Refused, match="Service lnxpp is not down"):
        terminate(lab, context, service="lnxpp", sync="archivelogs")
    ServiceStopOperator(task_id="stop", service="lnxpp").execute(context)  # type: ignore[arg-type]
    assert len(plan(context, "lnxpp")) == 2
    terminate(lab, context, service="lnxpp", sync="archivelogs")
    remove(context, service="lnxpp", sync="archivelogs")
    assert lab.session("000297600001", "01A12", "01AB6")["state"] == "none"
    assert lab.session("000297600001", "01A10", "01AB4")["state"] == "Copied"


def test_the_service_must_be_down(lab: Any, context: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="Service aastmphpux is not down"):
        terminate(lab, context, service="aastmphpux", sync="data")
    lab.set_state(SYMID, "1235", "4322", "RestInProg")
    with pytest.raises(Refused) as raised:
        plan(context, "aastmphpux")
    for words in ("fs /aaststcvi", "sync archivelogs", "RestInProg", "Nothing was changed"):
        assert words in str(raised.value)
    assert changes(lab) == []
    lab.set_state(SYMID, "1235", "4322", "Copied")
    take_down(lab)
    assert len(plan(context, "aastmphpux")) == 8


@pytest.mark.parametrize(
    "state", ["CopyInProg", "CreateInProg", "RestInProg", "Restored", "Failed", "Invalid"]
)
def test_a_session_that_moves_or_is_odd_is_left_alone(lab: Any, context: dict[str, Any], state: str) -> None:
    lab.set_switch(SYMID, "create_seconds", 3600)
    lab.set_state(SYMID, "1237", "4324", state, protected=100_000)
    for work in (lambda: plan(context), lambda: terminate(lab, context), lambda: remove(context)):
        with pytest.raises(Refused, match=f"DEV002 -> CLONE002.* is {state}"):
            work()
    assert changes(lab) == []


def test_one_that_ends_is_waited_for(lab: Any, context: dict[str, Any]) -> None:
    lab.set_switch(SYMID, "terminate_seconds", 5)
    operator = SymcloneTerminateOperator(task_id="terminate", **GROUP)
    with pytest.raises(TaskDeferred):
        operator.execute(context)  # type: ignore[arg-type]
    with pytest.raises(MustWait):
        SymcloneTerminateOperator(task_id="t", deferrable=False, **GROUP).execute(context)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="is TermInProg"):
        remove(context)
    lab.advance(10)
    operator.resume(context, {"status": "reached", "message": ""})  # type: ignore[arg-type]
    remove(context)
    assert changes(lab) == [ENDED, *REMOVED]


@ONE_ARRAY
def test_a_group_that_holds_other_names_stays_as_it_is(lab: Any, context: dict[str, Any]) -> None:
    by_hand(f"symdg -g DGREP -sid {SYMID} add dev 1235 OTHER")
    since = max(entry["seq"] for entry in lab.journal)
    with pytest.raises(Refused, match="also holds OTHER"):
        plan(context)
    terminate(lab, context)
    with pytest.raises(Refused, match="also holds OTHER"):
        remove(context)
    assert changes(lab, since) == [ENDED]


def test_a_group_of_two_syncs_goes_with_the_second(lab: Any, context: dict[str, Any]) -> None:
    pairs = ["DEV001=1236:CLONE001=4323", "DEV002=1237:CLONE002=4324"]
    one = {"symid": SYMID, "symdg": "DGREP"}
    given = {
        **service(),
        "syncs": [{**one, "name": "a", "pairs": pairs[:1]}, {**one, "name": "b", "pairs": pairs[1:]}],
    }
    foreseen = plan(context, given)
    for sync in ("a", "b"):
        terminate(lab, context, service=given, sync=sync)
    for sync in ("a", "b"):
        remove(context, service=given, sync=sync)
    assert changes(lab) == foreseen and foreseen[2:] == REMOVED


@ONE_ARRAY
@pytest.mark.parametrize(
    ("sync", "says"),
    [
        ({"pairs": ["DEV001:CLONE001=4323"]}, "DEV001 is not configured by number"),
        ({"symid": None}, "`symid` is not configured by number"),
        ({"symdg": "NEW"}, "device group NEW does not hold its names"),
        ({"pairs": ["DEV001=1237:CLONE001=4323"]}, "DEV001 is device 1236"),
        ({"symdg": "NEW", "pairs": ["A=1237:B=4323"]}, "4323 is the target of source 1236"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(lab: Any, context: dict[str, Any], sync: dict[str, Any], says: str) -> None:
    given = service(**sync)
    for work in (
        lambda: plan(context, given),
        lambda: terminate(lab, context, service=given),
        lambda: remove(context, service=given),
    ):
        with pytest.raises(Refused) as raised:
            work()
        assert says in str(raised.value) and "Service inline, sync warehouse" in str(raised.value)
    assert changes(lab) == []


@ONE_ARRAY
@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
@pytest.mark.parametrize("step", range(1 + len(REMOVED)))
def test_a_session_that_is_lost_at_any_command(
    lab: Any, context: dict[str, Any], step: int, cut: str
) -> None:
    lab.fault(cut, host="symcli_demo", match=r" -i \d+ -c \d+$", count=1, after=step)
    if cut == "cut_before":
        with pytest.raises(Unknown):
            whole(lab, context)
    whole(lab, context)
    every = [ENDED, *REMOVED]
    assert changes(lab) == (every if cut == "cut_after" else [*every[: step + 1], *every[step:]])


def test_a_host_without_the_command_leaves_the_group(lab: Any, context: dict[str, Any]) -> None:
    """That `symld remove` is there, is assumed: where it is not, nothing else is tried."""
    lab.fault("exit", host="symcli_demo", match="symld", exit=1, stderr="symld: unknown action 'remove'")
    terminate(lab, context)
    with pytest.raises(Refused, match=r"unknown action(.|\n)*by hand"):
        remove(context)
    assert changes(lab) == [ENDED, REMOVED[0]]


def test_killed_between_any_two_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(SERVICES)
    scope = Scope(REP, config.services[REP], config.symcli)
    sync = scope.service.sync("warehouse")
    tasks: list[Callable[[], Steps[Any]]] = [
        lambda: retire.plan(scope),
        lambda: end.end(scope, sync),
        lambda: end.remove(scope, sync),
    ]
    lives, killed = 0, True
    while killed:
        killed = False
        with Lab(clock="manual", services=SERVICES, ports=False) as lab:
            connect_directly(monkeypatch, lab)
            hosts = MortalHook(lives)
            for task in tasks:
                try:
                    hosts.run(task())
                except Killed:
                    killed = True
                    hosts = MortalHook(-1)
                    hosts.run(task())
            assert changes(lab) == [ENDED, *REMOVED], f"killed after {lives} commands"
        lives += 1
    assert lives > 20


def test_nothing_there_is_nothing_to_do(lab: Any, context: dict[str, Any]) -> None:
    since = nothing_there(lab)
    whole(lab, context)
    assert plan(context) == [] and changes(lab, since) == []
