"""Create, recreate and activate against the lab, over real SSH."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from clones.errors import MustWait, Refused, Torn
from operators.symclone import SymcloneActivateOperator, SymcloneCreateOperator, SymcloneRecreateOperator
from tests.conftest import PREPARED, SYMID, Log, perform, sent, take_down, typed

DATA = {"service": "aastmphpux", "sync": "data"}
LOGS = {"service": "aastmphpux", "sync": "archivelogs"}
COPIES = {"service": "reporting_copies", "sync": "warehouse"}


def recreate(lab: Any, context: dict[str, Any], **arguments: Any) -> Any:
    return perform(lab, SymcloneRecreateOperator(task_id="recreate", **arguments), context)


def activate(lab: Any, context: dict[str, Any], **arguments: Any) -> Any:
    return perform(lab, SymcloneActivateOperator(task_id="activate", **arguments), context)


def test_recreate_then_activate(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    seen = recreate(lab, context, **DATA)
    assert seen["pairs"][0]["state"] in PREPARED
    lab.advance(60)
    seen = activate(lab, context, **DATA)
    assert seen["pairs"][0]["state"] in ("CopyInProg", "Copied")
    assert [typed(entry["command"]) for entry in (*sent(lab, "recreate"), *sent(lab, "activate"))] == [
        f"symclone -sid {SYMID} -f 1234:4321 -noprompt recreate -precopy -i 20 -c 30",
        f"symclone -sid {SYMID} -f 1234:4321 -noprompt activate -i 20 -c 30 -consistent",
    ]


def test_a_second_time_changes_nothing(lab: Any, context: dict[str, Any], log: Log) -> None:
    take_down(lab)
    recreate(lab, context, **DATA)
    recreate(lab, context, **DATA)
    assert len(sent(lab, "recreate")) == 1
    assert "every pair is prepared already" in log.text
    activate(lab, context, **DATA)
    activate(lab, context, **DATA)
    assert len(sent(lab, "activate")) == 1
    assert "every pair is active already" in log.text


def test_the_proof_is_taken_right_before_the_command(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    recreate(lab, context, **DATA)
    commands = [entry["command"] for entry in lab.journal if entry.get("command")]
    at = next(n for n, command in enumerate(commands) if "recreate" in command)
    proof = zip(("netstat", "vgdisplay", "mount -p", "ping"), commands[at - 4 : at], strict=True)
    assert all(word in command for word, command in proof)


def test_a_service_that_runs_is_not_overwritten(lab: Any, context: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="Service aastmphpux is not down") as raised:
        recreate(lab, context, **DATA)
    for evidence in ("ip 192.168.32.41", "vg vgCVI", "fs /aaststcvi", "Nothing was sent to the array"):
        assert evidence in str(raised.value)
    assert not sent(lab, "recreate")


def test_what_this_run_has_activated_is_not_recreated(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    since = recreate(lab, context, **DATA)["clock"]
    lab.advance(30)
    activate(lab, context, **DATA)
    recreate(lab, context, since=since, **DATA)
    assert len(sent(lab, "recreate")) == 1
    lab.advance(3600)
    recreate(lab, context, since=lab_clock(lab, context), **DATA)
    assert len(sent(lab, "recreate")) == 2


def lab_clock(lab: Any, context: dict[str, Any]) -> str:
    return str(activate(lab, context, **DATA)["clock"])


def test_a_copy_in_progress_is_waited_for_in_the_triggerer(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    lab.set_state(SYMID, "1234", "4321", "CopyInProg")
    with pytest.raises(TaskDeferred) as deferred:
        recreate(lab, context, **DATA)
    assert (deferred.value.trigger.sync, deferred.value.trigger.wanted) == ("data", "settled")
    with pytest.raises(MustWait):
        recreate(lab, context, deferrable=False, **DATA)
    assert not sent(lab, "recreate")


def test_archivelogs_are_not_activated_before_data(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    recreate(lab, context, **DATA)
    recreate(lab, context, **LOGS)
    with pytest.raises(Refused, match="sync data comes before it"):
        activate(lab, context, **LOGS)
    assert not sent(lab, "activate")
    activate(lab, context, **DATA)
    activate(lab, context, **LOGS)


def test_torn_is_refused_alone_and_mended_in_a_refresh(lab: Any, context: dict[str, Any]) -> None:
    recreate(lab, context, **COPIES)
    lab.set_state(SYMID, "1236", "4323", "Copied")
    with pytest.raises(Torn, match="DEV001 -> CLONE001") as raised:
        activate(lab, context, **COPIES)
    assert "update" in str(raised.value)
    assert not sent(lab, "activate")
    activate(lab, context, mend_torn="True", **COPIES)
    assert "-f 1236:4323 " in typed(sent(lab, "recreate")[-1]["command"])
    assert "-f 1236:4323,1237:4324 " in typed(sent(lab, "activate")[-1]["command"])


def test_device_numbers_go_through_a_pair_file(lab: Any, context: dict[str, Any]) -> None:
    from operators.service import ServiceStopOperator

    ServiceStopOperator(task_id="stop", service="lnxpp").execute(context)  # type: ignore[arg-type]
    arguments = {"service": "lnxpp", "sync": "data"}
    recreate(lab, context, **arguments)
    activate(lab, context, **arguments)
    assert {
        lab.session("000297600001", s, t)["state"] for s, t in (("01A10", "01AB4"), ("01A11", "01AB5"))
    } <= {
        "CopyInProg",
        "Copied",
    }


def test_create_makes_only_what_is_missing(lab: Any, context: dict[str, Any]) -> None:
    lab.remove_session(SYMID, "1237", "4324")
    with pytest.raises(Refused, match="_provision"):
        recreate(lab, context, **COPIES)
    create = SymcloneCreateOperator(task_id="create", **COPIES)
    perform(lab, create, context)
    perform(lab, create, context)
    assert [typed(entry["command"]) for entry in sent(lab, "create")] == [
        f"symclone -sid {SYMID} -f 1237:4324 -noprompt create -diff -precopy -i 20 -c 30"
    ]


def test_a_service_given_as_a_mapping(lab: Any, context: dict[str, Any]) -> None:
    service = {
        "name": "inline",
        "control_host": "symcli_demo",
        "sync_max_delay": 60,
        "resources": [],
        "unattended": True,
        "syncs": [{"name": "w", "symdg": "DGREP", "pairs": ["DEV001:CLONE001"]}],
    }
    assert recreate(lab, context, service=service, sync="w")["pairs"][0]["state"] in PREPARED


def test_activation_waits_until_the_precopy_has_gone_round(lab: Any, context: dict[str, Any]) -> None:
    service = {
        "name": "inline",
        "control_host": "symcli_demo",
        "sync_max_delay": 60,
        "resources": [],
        "unattended": True,
        "syncs": [{"name": "w", "symdg": "DGREP", "pairs": ["DEV001:CLONE001"], "precopy_timeout": 60}],
    }
    arguments = {"service": service, "sync": "w"}
    recreate(lab, context, **arguments)
    lab.set_state(SYMID, "1236", "4323", "PreCopy", protected=1000)
    with pytest.raises(TaskDeferred) as deferred:
        activate(lab, context, **arguments)
    assert deferred.value.trigger.wanted == "precopied"
    assert not sent(lab, "activate")
    lab.advance(600)
    activate(lab, context, **arguments)
    assert len(sent(lab, "activate")) == 1
