"""What can be wrong outside: each is named, with what to do; nothing is changed, or it is said what was."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import DownstreamTasksSkipped, TaskDeferred

import operators.newest_try
from clones.act.lock import Owner, installation_mark
from clones.errors import CloneError, Locked, Refused, TryAgain, Unknown
from operators.run_plan import RunPlanOperator
from operators.symclone import SymcloneRecreateOperator
from operators.waits import LOOK_AGAIN
from tests.conftest import (
    ONE_ARRAY,
    PREPARED,
    SYMID,
    Log,
    Store,
    TaskInstance,
    connect,
    perform,
    sent,
    take_down,
)

DATA = {"service": "aastmphpux", "sync": "data"}


def fails(kind: type[CloneError], context: dict[str, Any], lab: Any, *says: str, **arguments: Any) -> str:
    before = lab.session(SYMID, "1234", "4321")["state"] if lab else ""
    with pytest.raises(kind) as raised:
        SymcloneRecreateOperator(task_id="recreate", **{**DATA, **arguments}).execute(context)  # type: ignore[arg-type]
    message = str(raised.value)
    for text in (*says, "What to do:"):
        assert text in message, message
    if lab:
        assert lab.session(SYMID, "1234", "4321")["state"] == before
    return message


def change_connection(monkeypatch: pytest.MonkeyPatch, lab: Any, **changes: Any) -> None:
    connection = json.loads(json.dumps(lab.connections["symcli_demo"]))
    extra = changes.pop("extra", {})
    connection |= changes
    connection["extra"] |= extra
    monkeypatch.setenv("AIRFLOW_CONN_SYMCLI_DEMO", json.dumps(connection))


def inline(**sync: Any) -> dict[str, Any]:
    return {
        "name": "inline",
        "control_host": "symcli_demo",
        "sync_max_delay": 60,
        "resources": [],
        "unattended": True,
        "syncs": [{"name": "data", "symdg": "DGCVI", "pairs": ["DEV001:CLONE001"], **sync}],
    }


def test_unknown_device_group(lab: Any, context: dict[str, Any]) -> None:
    fails(
        Refused,
        context,
        lab,
        "Service inline, sync data",
        "NOGROUP",
        "symdg list",
        service=inline(symdg="NOGROUP"),
    )


def test_unknown_logical_name(lab: Any, context: dict[str, Any]) -> None:
    fails(Refused, context, lab, "CLONE9 is not in the device group", service=inline(pairs=["DEV001:CLONE9"]))


def test_logical_name_that_stands_for_another_device(lab: Any, context: dict[str, Any]) -> None:
    pairs = ["DEV001=1235:CLONE001=4321"]
    fails(
        Refused,
        context,
        lab,
        "is device 1234",
        "not for the configured 1235",
        service=inline(pairs=pairs),
    )


def test_group_on_another_array(lab: Any, context: dict[str, Any]) -> None:
    fails(
        Refused,
        context,
        lab,
        f"on array {SYMID}, not on the configured",
        service=inline(symid="000297600001"),
    )


def test_session_missing(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    lab.remove_session(SYMID, "1234", "4321")
    with pytest.raises(Refused, match=r"DEV001 -> CLONE001 \(1234 -> 4321\) is none.*\n.*_provision"):
        SymcloneRecreateOperator(task_id="recreate", **DATA).execute(context)  # type: ignore[arg-type]
    assert not sent(lab, "recreate")


def test_session_with_another_source(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    lab.set_source(SYMID, "1234", "4321", "1236")
    with pytest.raises(Refused, match="4321 is the target of source 1236, not of 1234") as raised:
        SymcloneRecreateOperator(task_id="recreate", **DATA).execute(context)  # type: ignore[arg-type]
    assert "sync data" in str(raised.value) and "Nothing was sent to the array" in str(raised.value)
    assert not sent(lab, "recreate")


@pytest.mark.over_ssh
@ONE_ARRAY
def test_host_key_mismatch(lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    other = lab.connections["aastmphpux"]["extra"]["host_key"]
    change_connection(monkeypatch, lab, extra={"host_key": other})
    fails(Refused, context, lab, "symcli_demo does not show the host key", "another machine may answer")


@ONE_ARRAY
def test_host_key_check_turned_off(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.loads(json.dumps(lab.connections["symcli_demo"]))
    connection["extra"] = {"key_file": connection["extra"]["key_file"], "no_host_key_check": True}
    monkeypatch.setenv("AIRFLOW_CONN_SYMCLI_DEMO", json.dumps(connection))
    fails(Refused, context, lab, "turns host key checking off")


@pytest.mark.over_ssh
@ONE_ARRAY
def test_ssh_refused(lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        change_connection(monkeypatch, lab, port=unused.getsockname()[1])
        fails(TryAgain, context, lab, "symcli_demo cannot be reached over SSH", "Nothing was sent")


@pytest.mark.over_ssh
@ONE_ARRAY
def test_wrong_key(lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import asyncssh

    key = tmp_path / "other_key"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(key))
    change_connection(monkeypatch, lab, extra={"key_file": str(key)})
    fails(Refused, context, lab, "does not accept the key or login", "authorized keys")


@ONE_ARRAY
def test_connection_not_defined(lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SYMCLI_DEMO")
    fails(Refused, context, lab, "connection symcli_demo cannot be used")


@pytest.mark.root_login("sudo is found, and says so in its own words")
@ONE_ARRAY
def test_command_not_found(lab: Any, context: dict[str, Any]) -> None:
    service = {**inline(), "symcli": {"bin": "/opt/nowhere/bin"}}
    fails(Refused, context, lab, "exit code 127", "symcli.bin", service=service)


def test_array_locked_for_longer_than_the_retries(
    context: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-i 10 -c 3` is half a minute; on a clock 200 times as fast it is 0.15 s."""
    from lab import Lab

    with Lab(directory=tmp_path / "lab", speed=200) as lab:
        connect(monkeypatch, lab.connections)
        take_down(lab)
        lab.fault(host="symcli_demo", match="recreate", kind="lock", exit=3, count=4)
        message = fails(
            Locked, context, lab, "exit code 3", "locked by another process", "Nothing was changed"
        )
        assert "DEV001 -> CLONE001 (1234 -> 4321) is still Copied" in message


def test_session_cut_before_recreate_took_effect(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    lab.fault(host="symcli_demo", match="recreate", kind="cut_before", count=1)
    fails(
        Unknown,
        context,
        lab,
        "no exit status",
        "Nothing was changed on the array",
        "which checks the array first",
    )


def test_session_cut_after_recreate_took_effect(lab: Any, context: dict[str, Any], log: Log) -> None:
    take_down(lab)
    lab.fault(host="symcli_demo", match="recreate", kind="cut_after", count=1)
    seen = perform(lab, SymcloneRecreateOperator(task_id="recreate", **DATA), context)
    assert seen["pairs"][0]["state"] in PREPARED
    assert "no exit status" in log.text and "every pair is where it should be" in log.text
    assert len(sent(lab, "recreate")) == 1


def test_a_command_of_an_earlier_try_is_waited_out(lab: Any, context: dict[str, Any]) -> None:
    """It hangs on a locked array, its task gives up on it; sent again it could come through twice."""
    take_down(lab)
    service = {**inline(), "symcli": {"command_timeout": 0.5}}
    lab.fault(host="symcli_demo", match="recreate", kind="lock", exit=3, count=3)
    line = f"/usr/symcli/bin/symclone -sid {SYMID} -f /var/tmp/symclone-airflow/inline.data-"
    fails(Unknown, context, lab, "longer than 0.5 s and may still be running there", service=service)
    fails(
        Locked,
        context,
        lab,
        f"This command still runs on symcli_demo, from an earlier try or another user: `{line}",
        service=service,
    )
    assert len(sent(lab, "recreate")) == 0, "the journal has a command when it ends"
    lab.advance(120)
    operator = SymcloneRecreateOperator(task_id="recreate", service=inline(), sync="data")
    for _ in range(50):
        if lab.session(SYMID, "1234", "4321")["state"] == "PreCopy":
            break
        lab.advance(20)
        time.sleep(0.01)
    operator.execute(context)  # type: ignore[arg-type]
    assert len(sent(lab, "recreate")) == 1, "what the first one did at last was not done again"


def test_a_probe_that_cannot_tell(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    lab.fault(
        host="aastmphpux", match="vgdisplay", kind="exit", exit=7, stderr="vgdisplay: cannot open /etc/lvmtab"
    )
    fails(
        Unknown,
        context,
        lab,
        "is not known",
        "vg vgCVI",
        "cannot open /etc/lvmtab",
        "run these probes by hand",
    )
    assert not sent(lab, "recreate")


def test_an_answer_that_cannot_be_read(lab: Any, context: dict[str, Any]) -> None:
    lab.fault(host="symcli_demo", match="symdev", kind="exit", exit=0, stdout="")
    fails(Unknown, context, lab, "did not print its clock")


def plan(context: dict[str, Any], run_id: str, **run_states: str) -> None:
    context["ti"], context["dag_run"].run_type = TaskInstance(run_states), "backfill"
    context["dag_run"].run_id = run_id
    operator = RunPlanOperator(task_id="plan", service="aastmphpux", action="refresh", reason="", phases={})
    operator.execute(context)  # type: ignore[arg-type]


@ONE_ARRAY
def test_a_second_run_by_a_backfill_while_one_runs(lab: Any, log: Any, context: dict[str, Any]) -> None:
    """Airflow's backfill does not honour `max_active_runs`; the lock does."""
    plan(context, "scheduled__1")
    before = lab.journal[-1]["seq"]
    with pytest.raises(TaskDeferred) as waits:
        plan(context, "backfill__2", scheduled__1="running")
    _, trigger = waits.value.trigger.serialize()
    assert (trigger["dag_id"], trigger["run_ids"]) == ("aastmphpux", ["scheduled__1"])
    assert set(trigger["states"]) == {"success", "failed"}
    assert (waits.value.method_name, waits.value.timeout) == ("take_turn", LOOK_AGAIN)
    assert "run scheduled__1 of aastmphpux works on it" in log.text
    assert not any("/usr/symcli/bin" in entry["command"] for entry in lab.commands(before))
    plan(context, "backfill__2", scheduled__1="failed")
    folder = "/var/tmp/symclone-airflow/locks/aastmphpux"
    owner = Owner("aastmphpux", "backfill__2", installation_mark("of-the-tests"))
    assert any(
        f"{folder} " in entry["command"] and f" {owner.run}@" in entry["command"]  # the name of one try
        for entry in lab.commands(before)
    )


def test_what_a_try_did_before_it_waited_stands_in_its_record(lab: Any, context: dict[str, Any]) -> None:
    plan(context, "scheduled__1")
    store = context["task_state_store"] = Store()
    with pytest.raises(TaskDeferred):
        plan(context, "backfill__2", scheduled__1="running")
    (before,) = store["record"]
    context["ti"] = TaskInstance({"scheduled__1": "failed"})
    operator = RunPlanOperator(task_id="plan", service="aastmphpux", action="refresh", reason="", phases={})
    operator.take_turn(context, None)  # type: ignore[arg-type]
    record = context["ti"].xcom["plan"]["record"]
    assert [one["try"] for one in record] == [1, 1] and record[0] == before


def test_a_first_try_asks_for_nothing_that_was_left(lab: Any, context: dict[str, Any]) -> None:
    context["task_state_store"].set("record", [{"try": 1, "left by": "nobody"}])
    plan(context, "scheduled__1")
    assert [one["try"] for one in context["ti"].xcom["plan"]["record"]] == [1]


@ONE_ARRAY
def test_its_turn_does_not_come(lab: Any, context: dict[str, Any]) -> None:
    """The time-out is for the whole wait, whoever comes first; a cleared task waits anew."""
    plan(context, "scheduled__1")
    over = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    context["task_state_store"].set("turn_deadline_1", over)
    with pytest.raises(Refused, match=r"Its turn has not come within `turn_timeout`.*\n.*clear this task"):
        plan(context, "backfill__2", scheduled__1="running")
    context["task_state_store"] = Store()
    with pytest.raises(TaskDeferred):
        plan(context, "backfill__2", scheduled__1="running")
    assert context["task_state_store"].get("turn_deadline_1") > over


@ONE_ARRAY
def test_a_run_that_is_deleted_while_another_waits_for_it(
    lab: Any, log: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody says its end: the lock is looked at again from time to time."""
    plan(context, "scheduled__1")
    monkeypatch.setattr(operators.newest_try, "has_ended", lambda context, other: True)
    operator = RunPlanOperator(task_id="plan", service="aastmphpux", action="refresh", reason="", phases={})
    context["dag_run"].run_id = "backfill__2"
    operator.resume_execution("__fail__", {"error": "Trigger timeout"}, context)  # type: ignore[arg-type]
    assert "Took over the lock" in log.text


@ONE_ARRAY
def test_a_run_by_hand_without_a_reason(lab: Any, context: dict[str, Any]) -> None:
    operator = RunPlanOperator(task_id="plan", service="aastmphpux", action="refresh", reason="", phases={})
    with pytest.raises(CloneError, match="without a reason"):
        operator.execute(context)  # type: ignore[arg-type]
    assert not lab.commands()


def test_update_of_a_running_service_is_refused_in_the_plan(lab: Any, context: dict[str, Any]) -> None:
    operator = RunPlanOperator(task_id="plan", service="aastmphpux", action="update", reason="r", phases={})
    with pytest.raises(Refused, match="update is refused: it is not down"):
        operator.execute(context)  # type: ignore[arg-type]


@ONE_ARRAY
def test_phases_that_an_action_leaves_out_are_skipped(lab: Any, context: dict[str, Any]) -> None:
    phases = {"stop": ["stop.service"], "resync": ["r"], "break": ["b"], "start": ["s"]}
    operator = RunPlanOperator(task_id="plan", service="aastmphpux", action="stop", reason="r", phases=phases)
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        operator.execute(context)  # type: ignore[arg-type]
    assert skipped.value.tasks == ["r", "b", "s"]
    assert context["ti"].xcom["plan"]["up"] is True
