"""Create, recreate and activate against the lab, over real SSH."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType, TaskDeferred
from airflow.sdk.execution_time.comms import ErrorResponse

from clones.errors import RETRIES, MustWait, Refused, Torn, TornForNow, Unknown
from clones.states import SyncSeen
from hooks.symcli import SymcliHook
from lab import Lab
from operators.base import CloneOperator
from operators.retrying import RETRY_POLICY
from operators.run_plan import RunPlanOperator
from operators.service import ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneCreateOperator, SymcloneRecreateOperator
from reporting.completed import ACTIVATION, copy_asset
from tests.conftest import (
    ONE_ARRAY,
    PREPARED,
    SERVICES,
    SYMID,
    Log,
    carried_out,
    new_context,
    perform,
    sent,
    take_down,
    typed,
)
from tests.support.mortal import Killed
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

DATA = {"service": "aastmphpux", "sync": "data"}
LOGS = {"service": "aastmphpux", "sync": "archivelogs"}
COPIES = {"service": "reporting_copies", "sync": "warehouse"}


def recreate(lab: Any, context: dict[str, Any], **arguments: Any) -> Any:
    return perform(lab, SymcloneRecreateOperator(task_id="recreate", **arguments), context)


def activate(lab: Any, context: dict[str, Any], **arguments: Any) -> Any:
    return perform(lab, SymcloneActivateOperator(task_id="activate", **arguments), context)


@pytest.mark.on_each_array
def test_recreate_then_activate(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    seen = recreate(lab, context, **DATA)
    assert seen["pairs"][0]["state"] in PREPARED
    lab.advance(60)
    seen = activate(lab, context, **DATA)
    assert seen["pairs"][0]["state"] in ("CopyInProg", "Copied")
    assert [typed(entry["command"]) for entry in (*sent(lab, "recreate"), *sent(lab, "activate"))] == [
        f"symclone -sid {SYMID} -f 1234:4321 -noprompt recreate -precopy -i 10 -c 3",
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


def plan(context: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"action": "refresh", "reason": "a test", "phases": {}}
    RunPlanOperator(task_id="plan", service="aastmphpux", **arguments).execute(context)  # type: ignore[arg-type]


def run_of(context: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Another run of the same Airflow; each takes over the lock of the other, as of one that has ended."""
    other = new_context()
    context["ti"].run_states = other["ti"].run_states = defaultdict(lambda: "success")
    other["ti"].run_id = other["dag_run"].run_id = run_id
    return {**other, "asset_state_store": context["asset_state_store"]}


def test_what_this_run_has_activated_is_not_recreated(lab: Any, context: dict[str, Any], log: Log) -> None:
    take_down(lab)
    plan(context)
    recreate(lab, context, **DATA)
    lab.advance(30)
    activate(lab, context, **DATA)
    recreate(lab, context, **DATA)
    assert len(sent(lab, "recreate")) == 1
    assert "already refreshed" in log.text
    lab.advance(3600)
    plan(context)
    recreate(lab, context, **DATA)
    assert len(sent(lab, "recreate")) == 2


@ONE_ARRAY
def test_what_another_run_has_activated_is_refused(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    plan(context)
    other = run_of(context, "manual__2")
    recreate(lab, other, **DATA)
    activate(lab, other, **DATA)
    with pytest.raises(Refused, match="changed, and not by this run") as raised:
        recreate(lab, context, **DATA)
    assert "run manual__2 of aastmphpux" in str(raised.value) and "DEV001 -> CLONE001" in str(raised.value)
    assert len(sent(lab, "recreate")) == 1


@ONE_ARRAY
def test_what_somebody_has_acted_on_since_is_refused(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    plan(context)
    lab.advance(60)
    lab.set_last_action(SYMID, "1234", "4321", 0)
    with pytest.raises(Refused, match="no run has kept that it activated it"):
        recreate(lab, context, **DATA)
    plan(context)
    recreate(lab, context, **DATA)
    activate(lab, context, **DATA)
    lab.advance(60)
    lab.set_last_action(SYMID, "1234", "4321", 0)
    with pytest.raises(Refused, match="and it was acted on since"):
        recreate(lab, context, **DATA)
    assert len(sent(lab, "recreate")) == 1


@ONE_ARRAY
@pytest.mark.parametrize("syncs", [2, 1])
def test_a_refresh_starts_the_service_on_its_own_copies_only(
    lab: Any, context: dict[str, Any], syncs: int
) -> None:
    service = load_yaml(SERVICES.read_text())["services"]["aastmphpux"]
    given = {"name": "aastmphpux", **service, "syncs": service["syncs"][:syncs]}
    take_down(lab)
    for sync in (DATA, LOGS):
        recreate(lab, context, **sync)
        activate(lab, context, **sync)
    lab.advance(600)
    lab.set_last_action(SYMID, "1234", "4321", 300)  # somebody recreates and splits it
    start = ServiceStartOperator(task_id="start", service=given)
    context["params"] = {"action": "refresh"}
    with pytest.raises(Refused, match="sync data: it was acted on since run manual__1") as raised:
        start.execute(context)  # type: ignore[arg-type]
    assert "`start` to run on it as it is" in str(raised.value)
    assert not lab.host("aastmphpux").mounts()
    context["params"] = {"action": "start"}
    if syncs == 1:  # else it is newer than what comes after it
        start.execute(context)  # type: ignore[arg-type]
        assert lab.host("aastmphpux").mounts()


@ONE_ARRAY
def test_what_somebody_splits_in_a_first_refresh_is_not_started_on(lab: Any, context: dict[str, Any]) -> None:
    """There is nothing to activate then, and no run has kept anything of that sync."""
    take_down(lab)
    for sync in (DATA, LOGS):
        recreate(lab, context, **sync)
    lab.advance(60)
    program = "/usr/symcli/bin/symclone -noprompt activate -consistent"
    lab.administrator("symcli01", f"sh -c 'echo 1234 4321 > /tmp/p; {program} -sid {SYMID} -f /tmp/p'")
    lab.advance(60)
    for sync in (DATA, LOGS):
        activate(lab, context, **sync)
    context["params"] = {"action": "refresh"}
    with pytest.raises(Refused, match="sync data: no run has kept that it activated it"):
        ServiceStartOperator(task_id="start", service="aastmphpux").execute(context)  # type: ignore[arg-type]
    assert not lab.host("aastmphpux").mounts()


@ONE_ARRAY
def test_an_activation_ends_once_its_copy_has_shown_its_time(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_down(lab)
    for sync in (DATA, LOGS):
        recreate(lab, context, **sync)
    lab.advance(60)
    with monkeypatch.context() as patch, pytest.raises(Unknown, match="does not show the time of the last"):
        act = sys.modules["clones.backends.symclone.act"]
        look = act.look  # type: ignore[attr-defined]

        def mute(scope: Any, sync: Any, before: Any = None) -> Any:
            return without_times((yield from look(scope, sync, before)))

        patch.setattr(act, "look", mute)
        activate(lab, context, **DATA)
    for sync in (DATA, LOGS):
        activate(lab, context, **sync)
    assert len(sent(lab, "activate")) == 2, "it was sent once, and looked at again"
    context["params"] = {"action": "refresh"}
    ServiceStartOperator(task_id="start", service="aastmphpux").execute(context)  # type: ignore[arg-type]
    assert lab.host("aastmphpux").mounts()


@ONE_ARRAY
@pytest.mark.parametrize("action", ["start", "refresh"])
@pytest.mark.parametrize("look", ["observe", "_look_again"])
def test_a_time_that_is_not_shown_at_the_start_is_read_by_the_next_try(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, action: str, look: str
) -> None:
    """Nobody has acted on the copy: it is not known, and not refused for good."""
    take_down(lab)
    for sync in (DATA, LOGS):
        recreate(lab, context, **sync)
        activate(lab, context, **sync)
    context["params"] = {"action": action}
    start = ServiceStartOperator(task_id="start", service="aastmphpux")
    with monkeypatch.context() as patch, pytest.raises(Unknown, match="does not show the time of the last"):
        there = sys.modules["clones.act.stop_and_start"]
        real = getattr(there, look)

        def mute(*given: Any, **named: Any) -> Any:
            seen = yield from real(*given, **named)
            return tuple(map(without_times, seen)) if isinstance(seen, tuple) else without_times(seen)

        patch.setattr(there, look, mute)
        start.execute(context)  # type: ignore[arg-type]
    assert not lab.host("aastmphpux").mounts()
    start.execute(context)  # type: ignore[arg-type]
    assert lab.host("aastmphpux").mounts()


def without_times(seen: SyncSeen) -> SyncSeen:
    """As if the array did not show when the pairs were last acted on."""
    pairs = [
        replace(pair, session=pair.session and replace(pair.session, last_action=None)) for pair in seen.pairs
    ]
    return replace(seen, pairs=tuple(pairs))


@ONE_ARRAY
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_its_activation_it_neither_sends_it_twice_nor_takes_it_for_anothers(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    execute = SymcliHook.execute

    def mortal(hook: SymcliHook, command: Any, turns: Any = None) -> Any:
        dies = "activate" in command.words
        if dies and when == "before":
            raise Killed
        result = execute(hook, command, turns)
        if dies:
            raise Killed
        return result

    take_down(lab)
    plan(context)
    recreate(lab, context, **DATA)
    lab.advance(60)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(SymcliHook, "execute", mortal)
        activate(lab, context, **DATA)
    if when == "after":
        with pytest.raises(Refused, match="has not seen what came of it"):
            recreate(lab, context, **DATA)
    else:
        recreate(lab, context, **DATA)  # it is still prepared
    activate(lab, context, **DATA)
    recreate(lab, context, **DATA)
    assert (len(sent(lab, "recreate")), len(sent(lab, "activate"))) == (1, 1)


@ONE_ARRAY
def test_what_cannot_be_kept_is_not_sent(lab: Any, context: dict[str, Any]) -> None:
    def refuse(*_: object) -> None:
        raise AirflowRuntimeError(
            ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"why": "restarted"})
        )

    take_down(lab)
    recreate(lab, context, **DATA)
    store = context["asset_state_store"][copy_asset("aastmphpux", "data")]
    store.set = refuse
    with pytest.raises(Unknown, match=r"sync data: Airflow's store, .* did not answer"):
        activate(lab, context, **DATA)
    assert not sent(lab, "activate")
    del store.set
    activate(lab, context, **DATA)
    assert store[ACTIVATION]["run"] == ["aastmphpux", "manual__1"] and len(store[ACTIVATION]["after"]) == 1


def test_both_have_an_inlet_of_their_syncs_asset_where_its_name_is_plain() -> None:
    for kind in (SymcloneRecreateOperator, SymcloneActivateOperator):
        assert kind(task_id="a", **DATA).inlets == [copy_asset("aastmphpux", "data")]
        assert kind(task_id="a", service="{{ params.s }}", sync="data").inlets == []
        assert kind(task_id="a", service={"name": "x"}, sync="data").inlets == []


@pytest.mark.parametrize(
    ("zone", "array", "begins", "hours", "runs"),
    [
        ("Europe/Paris", "control_host", "2027-10-31T00:20:00+00:00", 0.75, 2),
        ("America/New_York", "utc", None, 5, 4),
        ("Asia/Tokyo", "utc", None, 5, 2),
    ],
    ids=["back to winter time", "the array is ahead", "the array is behind"],
)
def test_each_run_makes_its_copies_whatever_the_clocks_show(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    context: dict[str, Any],
    log: Log,
    zone: str,
    array: str,
    begins: str | None,
    hours: float,
    runs: int,
) -> None:
    """With the first, 02:20 of summer time is split, and the next run begins at 02:05 of winter time."""
    from lab.config import load

    config = load().model_dump()
    config["hosts"][0]["timezone"] = zone
    with Lab(config, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        lab.set_switch(SYMID, "last_action_zone", array)
        if begins:
            lab.advance(datetime.fromisoformat(begins).timestamp() - lab.now())
        for number in range(1, runs + 1):
            of_run, began = run_of(context, f"run{number}"), lab.now()
            plan(of_run)
            ServiceStopOperator(task_id="stop", service="aastmphpux").execute(of_run)  # type: ignore[arg-type]
            for change in (recreate, activate, recreate):  # as a task that is cleared once too often
                for sync in (DATA, LOGS):
                    change(lab, of_run, **sync)
            ServiceStartOperator(task_id="start", service="aastmphpux").execute(of_run)  # type: ignore[arg-type]
            assert [len(sent(lab, word)) for word in ("recreate", "activate")] == [2 * number, 2 * number]
            for source, target in (("1234", "4321"), ("1235", "4322")):
                point_in_time = lab.session(SYMID, source, target)["point_in_time"]
                assert point_in_time is not None and point_in_time >= began
            lab.advance(hours * 3600 - (lab.now() - began))
    said = re.search(r"differ: sync data was activated just now, .* is \d+ h 0 min off", log.text)
    assert bool(said) == (array == "utc")


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


def test_airflow_tries_again_what_the_domain_does() -> None:
    """By the errors' names, which must be importable as they are."""
    for rule in RETRIES:
        decision = RETRY_POLICY.evaluate(rule.kind.__new__(rule.kind), 1, 3)
        assert (decision.action.value, decision.reason) == ("retry" if rule.again else "fail", rule.why)
    assert [rule.exception for rule in RETRY_POLICY.rules][1:3] == [
        "clones.errors.Refused",
        "clones.errors.ConfigError",
    ]


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


@pytest.mark.parametrize("alone", [False, True], ids=["in a refresh", "by a break"])
def test_an_activation_that_tears_says_so_and_is_mended_once_it_can_be(
    lab: Any, context: dict[str, Any], log: Log, alone: bool
) -> None:
    recreate(lab, context, **COPIES)
    lab.fault("partial", match="activate", pairs=1, count=1)
    mend = {} if alone else {"mend_torn": "True"}
    with pytest.raises(
        Torn, match=r"The sync is torn: DEV001 -> CLONE001 \(1236 -> 4323\) active, DEV002"
    ) as raised:
        activate(lab, context, **mend, **COPIES)
    assert type(raised.value) is (Torn if alone else TornForNow)
    decision = RETRY_POLICY.evaluate(raised.value, 1, 3)
    assert decision.action.value == ("fail" if alone else "retry")
    assert "run the action `update`" in str(raised.value) if alone else "clear this task" in str(raised.value)
    lab.set_state(SYMID, "1236", "4323", "CopyInProg", protected=1000)
    if alone:
        with pytest.raises(Torn, match="once the active pairs are Copied"):
            activate(lab, context, **COPIES)
        return
    operator = SymcloneActivateOperator(task_id="activate", mend_torn="True", **COPIES)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)  # type: ignore[arg-type]
    assert (deferred.value.trigger.sync, deferred.value.trigger.wanted) == ("warehouse", "settled")
    assert re.search(r"warning .*Decided for break of warehouse: wait", log.text)
    assert "torn: only DEV001 -> CLONE001 (1236 -> 4323) active; wait until" in log.text
    assert len(sent(lab, "recreate")) == 1, "the array takes no recreate of what is CopyInProg"
    lab.advance(3600)
    assert lab.session(SYMID, "1236", "4323")["state"] == "Copied"
    activate(lab, context, mend_torn="True", **COPIES)
    assert [re.search(r"-f (\S+) ", typed(entry["command"]))[1] for entry in sent(lab, "recreate")] == [  # type: ignore[index]
        "1236:4323,1237:4324",
        "1236:4323",
    ]
    assert len(sent(lab, "activate")) == 2
    points = {lab.session(SYMID, *pair)["point_in_time"] for pair in (("1236", "4323"), ("1237", "4324"))}
    assert len(points) == 1 and None not in points


@ONE_ARRAY
def test_what_is_torn_is_mended_at_once_where_the_array_takes_it(lab: Any, context: dict[str, Any]) -> None:
    lab.set_switch(SYMID, "recreate_from_copyinprog", "accepted")
    service = {
        "name": "inline",
        "control_host": "symcli_demo",
        "sync_max_delay": 60,
        "resources": [],
        "unattended": True,
        "syncs": [
            {
                "name": "w",
                "symdg": "DGREP",
                "pairs": ["DEV001:CLONE001", "DEV002:CLONE002"],
                "recreate_while_copying": True,
            }
        ],
    }
    arguments: dict[str, Any] = {"service": service, "sync": "w"}
    recreate(lab, context, **arguments)
    lab.fault("partial", match="activate", pairs=1, count=1)
    with pytest.raises(TornForNow):
        activate(lab, context, mend_torn="True", **arguments)
    lab.set_state(SYMID, "1236", "4323", "CopyInProg", protected=1000)
    activate(lab, context, mend_torn="True", **arguments)
    assert (len(sent(lab, "recreate")), len(sent(lab, "activate"))) == (2, 2)


@ONE_ARRAY
def test_the_sync_before_is_looked_at_again_when_a_torn_one_was_recreated(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody acts on it while the recreate runs, which can take as long as `command_timeout`."""
    first = {"name": "d", "symdg": "DGCVI", "pairs": ["DEV001:CLONE001"]}
    torn = {
        "name": "w",
        "symdg": "DGREP",
        "pairs": ["DEV001:CLONE001", "DEV002:CLONE002"],
        "recreate_while_copying": True,
    }
    service = {
        "name": "inline",
        "control_host": "symcli_demo",
        "sync_max_delay": 60,
        "resources": [],
        "unattended": True,
        "syncs": [first, torn],
    }
    arguments: dict[str, Any] = {"service": service, "sync": "w"}
    recreate(lab, context, **arguments)
    lab.fault("partial", match="activate", pairs=1, count=1)
    with pytest.raises(TornForNow):
        activate(lab, context, mend_torn="True", **arguments)
    execute = SymcliHook._execute

    def somebody(hook: SymcliHook, client: Any, command: Any, turns: Any) -> Any:
        if "recreate" in carried_out(command.line()):
            lab.set_state(SYMID, "1234", "4321", "Recreated")
        return execute(hook, client, command, turns)

    monkeypatch.setattr(SymcliHook, "_execute", somebody)
    lab.advance(3600)
    with pytest.raises(Refused, match=r"sync d comes before it and is not fully active. It was not activ"):
        activate(lab, context, mend_torn="True", **arguments)
    assert (len(sent(lab, "recreate")), len(sent(lab, "activate"))) == (2, 1)


@ONE_ARRAY
def test_torn_by_a_command_that_was_lost_may_still_go_on(lab: Any, context: dict[str, Any]) -> None:
    """The next try waits for its end and looks, also where nothing mends what stays torn."""
    recreate(lab, context, **COPIES)
    lab.fault("partial", match="activate", pairs=1, count=1)
    lab.fault("cut_after", match="noprompt activate", count=1)
    with pytest.raises(TornForNow, match="no exit status"):
        activate(lab, context, **COPIES)


@pytest.mark.on_each_array
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
        f"symclone -sid {SYMID} -f 1237:4324 -noprompt create -diff -precopy -i 10 -c 3"
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


def test_nothing_is_split_under_a_service_that_the_plan_saw_up(lab: Any, context: dict[str, Any]) -> None:
    """Somebody has recreated it since, under the service, which this run does not stop."""
    context["ti"].xcom["plan"] = {"up": ["fs /aaststcvi"], "phases": ["break", "start"], "syncs": []}
    lab.set_state(SYMID, "1234", "4321", "PreCopy")
    with pytest.raises(Refused, match="another user recreated it while the service was up"):
        activate(lab, context, service="aastmphpux", sync="data")
    assert not sent(lab, "activate")
    context["ti"].xcom["plan"]["phases"].insert(0, "stop")
    take_down(lab)
    activate(lab, context, service="aastmphpux", sync="data")
    assert sent(lab, "activate")


def test_a_pair_file_that_cannot_be_written_does_not_say_that_the_precopy_goes_on(
    lab: Any, context: dict[str, Any]
) -> None:
    sync = {"name": "w", "symdg": "DGREP", "pairs": ["DEV001:CLONE001"], "precopy_timeout": 60}
    service = {"name": "inline", "control_host": "symcli_demo", "sync_max_delay": 60, "resources": []}
    arguments = {"service": {**service, "unattended": True, "syncs": [sync]}, "sync": "w"}
    recreate(lab, context, **arguments)
    lab.set_state(SYMID, "1236", "4323", "PreCopy", protected=1000)
    lab.fault("disk_full", host="symcli01", path="[.]pairs$")
    with pytest.raises(Refused, match=r"(?s)whether it is precopied.*120.*make room"):
        activate(lab, context, **arguments)
    assert not sent(lab, "activate")


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (SymcloneRecreateOperator, {"sync": "data"}),
        (SymcloneActivateOperator, {"sync": "data"}),
        (ServiceStopOperator, {}),
        (ServiceStartOperator, {}),
    ],
)
def test_in_anybodys_dag_the_lock_is_taken(kind: type[CloneOperator], more: dict[str, str]) -> None:
    assert kind(task_id="step", service="aastmphpux", **more).hold_lock is True
