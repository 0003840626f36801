"""From nothing to prepared copies, and from every point between, against the lab over real SSH."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import DownstreamTasksSkipped

from clones.asking.steps import Command, Steps
from clones.backends.symclone import act as resync_and_break
from clones.backends.symclone import set_up
from clones.config.scope import Scope
from clones.errors import CloneError, ConfigError, Locked, MustWait, NotDone, Refused, Unknown
from clones.runs import provision
from hooks.configuration import load
from hooks.symcli import SymcliHook
from lab import Lab
from operators.provision import ProvisionPlanOperator, SymcloneProvideGroupOperator
from operators.symclone import SymcloneCreateOperator
from sensors.symclone import SymcloneStateSensor
from tests.conftest import ONE_ARRAY, SERVICES, SYMID, perform, sent, take_down, typed
from tests.support.mortal import Killed, MortalHook
from tests.support.without_ssh import connect_directly

REP = "reporting_copies"
GROUP = {"service": REP, "sync": "warehouse"}
TARGETS = {("1236", "4323"), ("1237", "4324")}
PREPARED = ("Created", "PreCopy")
FILLED = [
    "symdg create DGREP -type regular -i 20 -c 30",
    f"symdg -g DGREP -sid {SYMID} add dev 1236 DEV001 -i 20 -c 30",
    f"symdg -g DGREP -sid {SYMID} add dev 4323 CLONE001 -tgt -i 20 -c 30",
    f"symdg -g DGREP -sid {SYMID} add dev 1237 DEV002 -i 20 -c 30",
    f"symdg -g DGREP -sid {SYMID} add dev 4324 CLONE002 -tgt -i 20 -c 30",
]
CREATED = f"symclone -sid {SYMID} -f 1236:4323,1237:4324 -noprompt create -diff -precopy -i 10 -c 3"


def by_hand(*lines: str) -> None:
    """What the storage team does on the control host."""
    with SymcliHook() as hosts:
        for line in lines:
            result = hosts.execute(
                Command("symcli_demo", ("/usr/symcli/bin/" + line.split()[0], *line.split()[1:]))
            )
            assert result.exit_code == 0, result


def changes(lab: Any, since: int = 0) -> list[str]:
    """The commands that change something on the control host, as they are typed."""
    looks = {"list", "show", "verify", "query"}
    lines = [typed(entry["command"]) for entry in lab.commands(since)]
    return [line for line in lines if line.startswith("sym") and not looks & set(line.split())]


def nothing_there(lab: Any) -> int:
    """Neither group nor session. Gives the journal's line up to which this is."""
    by_hand("symdg delete DGREP -force")
    for pair in TARGETS:
        lab.remove_session(SYMID, *pair)
    return max(entry["seq"] for entry in lab.journal)


def plan(context: dict[str, Any], service: Any = REP) -> list[str]:
    ProvisionPlanOperator(task_id="plan", service=service, reason="a new copy").execute(context)  # type: ignore[arg-type]
    return [shown["line"] for shown in context["ti"].xcom["plan"]["commands"]]


def group(context: dict[str, Any], **arguments: Any) -> None:
    SymcloneProvideGroupOperator(task_id="group", **{**GROUP, **arguments}).execute(context)  # type: ignore[arg-type]


def whole(lab: Any, context: dict[str, Any]) -> None:
    """The tasks of the DAG, in order."""
    plan(context)
    group(context)
    perform(lab, SymcloneCreateOperator(task_id="create", **GROUP), context)
    lab.advance(10)
    sensor = SymcloneStateSensor(task_id="wait", wanted="precopied", deferrable=False, timeout=60, **GROUP)
    assert sensor.poke(context)  # type: ignore[arg-type]


def states(lab: Any) -> set[str]:
    return {lab.session(SYMID, *pair)["state"] for pair in TARGETS}


@pytest.mark.on_each_array
def test_from_nothing_to_prepared_and_a_second_time_nothing(lab: Any, context: dict[str, Any]) -> None:
    since = nothing_there(lab)
    foreseen = plan(context)
    assert changes(lab, since) == []
    whole(lab, context)
    assert changes(lab, since) == [*FILLED, CREATED]
    assert [typed(line) for line in foreseen] == [*FILLED, CREATED]
    assert states(lab) <= set(PREPARED)
    whole(lab, context)
    assert plan(context) == []
    assert changes(lab, since) == [*FILLED, CREATED]


def test_on_a_control_host_without_any_group(lab: Any, context: dict[str, Any]) -> None:
    """`symdg list` prints text then, also where XML was asked for."""
    since = nothing_there(lab)
    for other in ("DGCVI", "DGCVIARCH"):
        by_hand(f"symdg delete {other} -force")
    plan(context)
    group(context)
    assert changes(lab, since)[2:] == FILLED


@ONE_ARRAY
@pytest.mark.parametrize("there", range(1, 5))
def test_only_what_is_missing_is_added(lab: Any, context: dict[str, Any], there: int) -> None:
    nothing_there(lab)
    by_hand(*[line.split(" -i ")[0] for line in FILLED[:there]])
    since = max(entry["seq"] for entry in lab.journal)
    whole(lab, context)
    assert changes(lab, since) == [*FILLED[there:], CREATED]


def test_a_group_that_is_gone_with_its_sessions_there(lab: Any, context: dict[str, Any]) -> None:
    by_hand("symdg delete DGREP -force")
    since = max(entry["seq"] for entry in lab.journal)
    whole(lab, context)
    assert changes(lab, since) == FILLED
    assert states(lab) == {"Copied"}


def test_only_the_session_that_is_missing_is_made(lab: Any, context: dict[str, Any]) -> None:
    lab.remove_session(SYMID, "1237", "4324")
    whole(lab, context)
    assert changes(lab) == [CREATED.replace("1236:4323,", "")]
    assert states(lab) <= {"Copied", *PREPARED}


def service(**sync: Any) -> dict[str, Any]:
    pairs = ["DEV001=1236:CLONE001=4323", "DEV002=1237:CLONE002=4324"]
    return {
        "name": "inline",
        "control_host": "symcli_demo",
        "sync_max_delay": 60,
        "resources": [],
        "unattended": True,
        "syncs": [{"name": "warehouse", "symid": SYMID, "symdg": "DGREP", "pairs": pairs, **sync}],
    }


@ONE_ARRAY
@pytest.mark.parametrize(
    ("sync", "says"),
    [
        ({"symdg": "DGCVI"}, ["DEV001 is device 1234", "CLONE001 is device 4321"]),
        ({"symid": "000297600001"}, ["on array 000190101234, not on the configured 000297600001"]),
        ({"pairs": ["DEV001=1236:CLONE001=4323", "DEV003:CLONE003"]}, ["pin it", "DEV003", "CLONE003"]),
        ({"symdg": "NEW", "pairs": ["A=1236:B=9999"]}, ["9999"]),
        ({"symdg": "NEW", "pairs": ["A=9998:B=9999"]}, ["9998"]),
        ({"symdg": "NEW", "pairs": ["A=1236:B=4324"]}, ["4324 is the target of source 1237, not of 1236"]),
        ({"symdg": "NEW", "pairs": ["A=4323:B=1236"]}, ["1236 is itself the source of a copy on to 4323"]),
        ({"symdg": "NEW", "pairs": ["A=1234:B=4323"]}, ["holds 10240 MB, less than the source's 20480"]),
        ({"symdg": "NEW", "symid": None, "pairs": ["A=1236:B=4323"]}, ["give `symid`"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_what_is_refused(lab: Any, context: dict[str, Any], sync: dict[str, Any], says: list[str]) -> None:
    if "less than" in says[-1]:
        lab.remove_session(SYMID, "1236", "4323")
    given = service(**sync)
    for work in (lambda: plan(context, given), lambda: group(context, service=given)):
        with pytest.raises(Refused) as raised:
            work()
        for words in ("Service inline, sync warehouse", "othing was changed", *says):
            assert words in str(raised.value)
    assert changes(lab) == []


def test_the_plan_says_all_refusals_at_once(lab: Any, context: dict[str, Any]) -> None:
    lab.remove_session(SYMID, "1234", "4321")
    lab.set_state(SYMID, "1235", "4322", "Failed")
    with pytest.raises(Refused) as raised:
        plan(context, "aastmphpux")
    for words in ("Service aastmphpux is not down", "fs /aaststcvi", "sync archivelogs", "is Failed"):
        assert words in str(raised.value)
    assert changes(lab) == []


@pytest.mark.parametrize(
    ("state", "refused"),
    [
        ("Split", True),
        ("Restored", True),
        ("RestInProg", True),
        ("Failed", True),
        ("CopyInProg", False),
        ("Recreated", False),
        ("CopyOnAccess", False),
        ("TermInProg", False),
    ],
)
def test_a_session_that_is_there_must_be_usable(
    lab: Any, context: dict[str, Any], state: str, refused: bool
) -> None:
    lab.remove_session(SYMID, "1236", "4323")
    lab.set_state(SYMID, "1237", "4324", state)
    if not refused:
        assert len(plan(context)) == (1 if state != "TermInProg" else 0)
        return
    with pytest.raises(Refused, match=f"DEV002 -> CLONE002.* is {state}"):
        plan(context)


def test_a_service_that_runs_is_not_overwritten(lab: Any, context: dict[str, Any]) -> None:
    lab.remove_session(SYMID, "1234", "4321")
    operator = SymcloneCreateOperator(task_id="create", service="aastmphpux", sync="data")
    with pytest.raises(Refused, match="Service aastmphpux is not down"):
        operator.execute(context)  # type: ignore[arg-type]
    take_down(lab)
    assert len(plan(context, "aastmphpux")) == 1
    perform(lab, operator, context)


@pytest.mark.on_each_array
def test_a_service_without_groups(lab: Any, context: dict[str, Any]) -> None:
    from operators.service import ServiceStopOperator

    ServiceStopOperator(task_id="stop", service="lnxpp").execute(context)  # type: ignore[arg-type]
    lab.remove_session("000297600001", "01A11", "01AB5")
    assert len(plan(context, "lnxpp")) == 1
    group(context, service="lnxpp", sync="data")
    perform(lab, SymcloneCreateOperator(task_id="create", service="lnxpp", sync="data"), context)
    assert len(changes(lab)) == 1
    lab.advance(10)
    assert lab.session("000297600001", "01A11", "01AB5")["state"] in PREPARED


@ONE_ARRAY
@pytest.mark.parametrize(
    ("match", "fault", "kind"),
    [
        ("symdg -g DGREP list", {"kind": "lock", "exit": 3}, Locked),
        ("symdg -g DGREP list", {"kind": "cut_after"}, Unknown),
        ("symdg -g DGREP list", {"kind": "exit", "exit": 0, "stdout": "no XML"}, Unknown),
        ("symdg list", {"kind": "cut_after"}, Unknown),
        ("symdg list", {"kind": "silent"}, Unknown),
        ("symdg list", {"kind": "exit", "exit": 1, "stderr": "No groups"}, Refused),
        ("symdev", {"kind": "silent"}, Unknown),
        ("/usr/bin/ps", {"kind": "silent"}, Unknown),
    ],
)
def test_what_cannot_be_told_is_not_missing(
    lab: Any, context: dict[str, Any], match: str, fault: dict[str, Any], kind: type[CloneError]
) -> None:
    since = nothing_there(lab)
    lab.fault(host="symcli_demo", match=match, **fault)
    with pytest.raises(kind):
        group(context)
    assert changes(lab, since) == []


@ONE_ARRAY
@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
@pytest.mark.parametrize("step", range(len(FILLED)))
def test_a_session_that_is_lost_at_any_command(
    lab: Any, context: dict[str, Any], step: int, cut: str
) -> None:
    since = nothing_there(lab)
    lab.fault(cut, host="symcli_demo", match="symdg.* -c 30$", count=1, after=step)
    if cut == "cut_before":
        with pytest.raises(Unknown):
            group(context)
    whole(lab, context)
    done = [line for line in changes(lab, since) if line in FILLED]
    assert done == (FILLED if cut == "cut_after" else [*FILLED[: step + 1], *FILLED[step:]])


def test_a_command_of_an_earlier_try_is_waited_out(lab: Any, context: dict[str, Any]) -> None:
    since = nothing_there(lab)
    hasty = {**service(), "symcli": {"command_timeout": 0.5}}
    lab.fault("lock", host="symcli_demo", match="symdg create", exit=3, count=5)
    with pytest.raises(Unknown, match=r"longer than 0.5 s"):
        group(context, service=hasty)
    with pytest.raises(
        Locked, match=r"This command still runs on symcli_demo, .*: `/usr/symcli/bin/symdg create DGREP"
    ):
        group(context)
    lab.advance(120)
    group(context)
    assert changes(lab, since) == FILLED


def test_done_though_it_says_otherwise(lab: Any, context: dict[str, Any]) -> None:
    """Somebody else was faster, right after the look."""
    since = nothing_there(lab)
    lab.fault(
        "admin",
        host="symcli_demo",
        match=r"symdev -sid \d+ list",
        count=1,
        run="/usr/symcli/bin/symdg create DGREP -type regular",
    )
    group(context)
    assert changes(lab, since).count(FILLED[0]) >= 1


def test_a_host_whose_lists_leave_out_targets(lab: Any, context: dict[str, Any]) -> None:
    since = nothing_there(lab)
    lab.set_switch(SYMID, "symdg_lists_targets", False)
    with pytest.raises(NotDone, match="leaves out targets"):
        group(context)
    assert changes(lab, since) == FILLED[:3]
    with pytest.raises(Refused, match="already in device group"):
        group(context)


def test_plan_only(lab: Any, context: dict[str, Any]) -> None:
    since = nothing_there(lab)
    with DAG("reporting_copies_provision"):
        task = ProvisionPlanOperator(task_id="plan", service=REP, reason="test", plan_only="True")
    with pytest.raises(DownstreamTasksSkipped):
        task.execute(context)  # type: ignore[arg-type]
    assert len(context["ti"].xcom["foreseen"]["commands"]) == len(FILLED) + 1
    assert changes(lab, since) == []
    assert not [entry for entry in lab.commands(since) if "mkdir" in entry["command"]]


def test_a_reason_is_required(context: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="without a reason"):
        ProvisionPlanOperator(task_id="plan", service=REP, reason="").execute(context)  # type: ignore[arg-type]


def test_killed_between_any_two_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(SERVICES)
    scope = Scope(REP, config.services[REP], config.symcli)
    sync = scope.service.sync("warehouse")
    tasks: list[Callable[[], Steps[Any]]] = [
        lambda: provision.plan(scope),
        lambda: set_up.provide(scope, sync),
        lambda: resync_and_break.create(scope, sync),
    ]
    lives, killed = 0, True
    while killed:
        killed = False
        with Lab(clock="manual", services=SERVICES, ports=False) as lab:
            connect_directly(monkeypatch, lab)
            since = nothing_there(lab)
            hosts = MortalHook(lives)
            for task in tasks:
                try:
                    hosts.run(task())
                except Killed:
                    killed = True
                    hosts = MortalHook(-1)
                    hosts.run(task())
            assert changes(lab, since) == [*FILLED, CREATED], f"killed after {lives} commands"
            assert states(lab) <= set(PREPARED)
        lives += 1
    assert lives > 20


def test_waits_for_a_session_that_ends(lab: Any, context: dict[str, Any]) -> None:
    lab.set_state(SYMID, "1236", "4323", "TermInProg")
    operator = SymcloneCreateOperator(task_id="create", deferrable=False, **GROUP)
    with pytest.raises(MustWait):
        operator.execute(context)  # type: ignore[arg-type]
    assert sent(lab, "create") == []
