"""A plan alone: what it foresees is what the run then sends, and it changes nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import DownstreamTasksSkipped

from clones.act import stop_and_start
from clones.actions import BREAK, RESYNC, START, STOP, phases_run
from clones.asking.one_trip import Turns
from clones.asking.steps import Command, Result
from clones.asking.whole_answers import END
from clones.backends.symclone import act as resync_and_break
from clones.backends.symclone import commands
from clones.config.scope import Scope
from clones.decide.ledger import Activation, stamps
from clones.errors import CloneError, MustWait, Refused
from clones.observe.sync import observe
from clones.runs.plan_only import foresee
from clones.runs.planned import sent_by
from clones.runs.refresh import plan
from hooks.configuration import load
from hooks.symcli import SymcliHook
from operators.run_plan import RunPlanOperator
from reporting.completed import ACTIVATION, copy_asset
from tests.conftest import ONE_ARRAY, ROOT, SERVICES, SYMID, process_list
from tests.support.hooked import hooked_services, in_short
from tests.support.loaded import run_program


class Recorder(SymcliHook):
    """Keeps every command that it sends which changes something."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Command] = []

    def execute(self, command: Command, turns: Turns | None = None) -> Result:
        if command.changes:
            self.sent.append(command)
        return super().execute(command, turns)


def scope_of(name: str) -> Scope:
    config = load(str(SERVICES))
    return Scope(name, config.services[name], config.symcli)


def carry_out(lab: Any, hosts: SymcliHook, scope: Scope, action: str) -> None:
    phases = phases_run(action, scope.service)
    syncs = scope.service.syncs
    if STOP in phases:
        hosts.run(stop_and_start.stop(scope))
    for sync in syncs if RESYNC in phases else ():
        try:
            hosts.run(resync_and_break.resync(scope, sync))
        except MustWait:  # accepted, and still in progress on this array
            lab.advance(10)
    for sync in syncs if BREAK in phases else ():
        hosts.run(resync_and_break.split(scope, sync, mend_torn=RESYNC in phases))
    if START in phases:
        hosts.run(stop_and_start.start(scope))


@pytest.mark.parametrize("name", ["aastmphpux", "lnxpp"])
@pytest.mark.parametrize(
    ("before", "action"),
    [
        ((), "refresh"),
        (("stop",), "refresh"),
        (("stop",), "update"),
        (("stop",), "resync"),
        (("stop", "resync"), "refresh"),
        (("stop", "resync"), "break"),
        (("stop", "resync"), "start"),
        (("stop",), "start"),
        ((), "stop"),
    ],
)
def test_the_run_sends_what_was_foreseen(lab: Any, name: str, before: tuple[str, ...], action: str) -> None:
    scope = scope_of(name)
    with Recorder() as hosts:
        for earlier in before:
            carry_out(lab, hosts, scope, earlier)
        hosts.sent.clear()
        foreseen = sent_by(hosts.run(foresee(scope, action)))
        decided = hosts.run(plan(scope, action)).steps
        assert hosts.sent == []
        assert [(c.host, c.words) for c in sent_by(decided)] == [(c.host, c.words) for c in foreseen]
        carry_out(lab, hosts, scope, action)
        assert [(c.host, c.words) for c in foreseen] == [(c.host, c.words) for c in hosts.sent]
        assert foreseen


def plan_only(context: dict[str, Any], action: str) -> dict[str, Any]:
    with DAG("aastmphpux"):
        task = RunPlanOperator(
            task_id="plan", service="aastmphpux", action=action, reason="test", phases={}, plan_only="True"
        )
        task >> BaseOperator(task_id="stop") >> BaseOperator(task_id="finish")
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        task.execute(context)  # type: ignore[arg-type]
    assert list(skipped.value.tasks) == ["finish", "stop"]
    foreseen: dict[str, Any] = context["ti"].xcom["foreseen"]
    return foreseen


def test_no_lock_and_all_the_rest_skipped(lab: Any, context: dict[str, Any]) -> None:
    assert len(plan_only(context, "refresh")["commands"]) > 4
    assert not [entry for entry in lab.commands() if "mkdir" in entry["command"]]


def test_a_refusal_is_said_and_nothing_is_listed(lab: Any, context: dict[str, Any]) -> None:
    shown = plan_only(context, "update")
    assert "update is refused: it is not down" in shown["refused"] and shown["commands"] == []


def decided_by_the_run(hosts: Recorder, scope: Scope, action: str) -> CloneError | None:
    """Why the plan of the run itself refuses."""
    try:
        hosts.run(plan(scope, action))
    except CloneError as error:
        return error
    return None


def test_what_a_stop_would_not_take_down_is_refused_by_the_run_too(lab: Any) -> None:
    """Before it stops anything: the resources above it would be down already."""
    elsewhere = f"/dev/vgOTHER/lvol1 /aaststcvi vxfs rw 0 0\n{END}\n"
    lab.fault("exit", host="aastmphpux", match="mount -p", exit=0, stdout=elsewhere)
    scope = scope_of("aastmphpux")
    with Recorder() as hosts:
        refused = decided_by_the_run(hosts, scope, "refresh")
        with pytest.raises(Refused, match="fs /aaststcvi on aastmphpux would not come down") as foreseen:
            hosts.run(foresee(scope, "refresh"))
        assert isinstance(refused, Refused) and str(refused) == str(foreseen.value)
        assert hosts.sent == []


@ONE_ARRAY
@pytest.mark.may_break(4)
def test_a_start_is_judged_by_the_activations_that_were_kept(lab: Any, context: dict[str, Any]) -> None:
    """The array's clock went back between the two; when the runs sent them is in the service's store."""
    scope = scope_of("aastmphpux")
    with Recorder() as hosts:
        for action in ("stop", "resync"):
            carry_out(lab, hosts, scope, action)
        for sync in reversed(scope.service.syncs):
            shown = hosts.run(observe(scope, sync))
            hosts.execute(commands.activate(scope, sync, shown.symid, shown.pairs))
            lab.advance(600)
        seen = [hosts.run(observe(scope, sync)) for sync in scope.service.syncs]
        assert "is older than the sync before it" in str(decided_by_the_run(hosts, scope, "start"))
    assert "is older than the sync before it" in plan_only(context, "start")["refused"]
    for number, shown in enumerate(seen):
        sent = Activation(
            ("other", "run"), datetime(2026, 11, 23, 10, 10 * number, tzinfo=UTC), stamps(shown)
        )
        store = context["asset_state_store"][copy_asset(scope.name, shown.name)]
        store.set(ACTIVATION, sent.to_plain())
    assert plan_only(context, "start")["refused"] == ""


def run_script(*words: str) -> tuple[int, dict[str, Any]]:
    """As `scripts/plan --json` runs it."""
    done = run_program("cli.plan", *words, "--json", "--config", str(SERVICES))
    return done.returncode, json.loads(done.stdout)


def run_anew(*words: str) -> tuple[int, dict[str, Any]]:
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.plan", *words, "--json", "--config", str(SERVICES)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout)


@ONE_ARRAY
def test_what_it_would_wait_for_is_said(lab: Any, log: Any) -> None:
    held = "/var/tmp/symclone-airflow/locks/aastmphpux/other@run@elsewhere"
    running = "/usr/symcli/bin/symclone -g DGCVI -noprompt recreate -i 20 -c 30 DEV001 sym ld CLONE001"
    lab.fault(host="symcli_demo", match="ps -ef", kind="exit", exit=0, stdout=process_list(running))
    with SymcliHook() as hosts:
        hosts.execute(Command("symcli_demo", ("mkdir", "-p", held)))
    with SymcliHook() as hosts:
        assert hosts.run(foresee(scope_of("aastmphpux"), "stop"))
    assert "held by other@run@elsewhere" in log.text and "This command still runs on symcli_demo" in log.text


def test_all_refusals_at_once(lab: Any) -> None:
    lab.remove_session(SYMID, "1234", "4321")
    lab.set_state(SYMID, "1235", "4322", "Failed")
    with SymcliHook() as hosts, pytest.raises(Refused) as refused:
        hosts.run(foresee(scope_of("aastmphpux"), "update"))
    for words in ("sync data", "_provision", "sync archivelogs", "is Failed", "it is not down", "fix all 3"):
        assert words in str(refused.value)


@pytest.mark.root_login("a process of its own reads services.yaml by itself")
@pytest.mark.over_ssh
@ONE_ARRAY
def test_from_the_command_line(lab: Any) -> None:
    code, shown = run_anew("aastmphpux", "refresh")
    assert code == 0 and "umount" in shown["commands"][0]["line"] and not shown["said"]
    code, shown = run_script("aastmphpux", "update")
    assert code == 1 and "it is not down" in shown["said"] and not shown["commands"]
    code, shown = run_script("aastmphpux", "provision")
    assert code == 0 and shown["commands"] == [], "nothing is missing"
    code, shown = run_script("aastmphpux", "retire")
    assert code == 1 and "is not down" in shown["said"]
    lab.fault(host="aastmphpux", match="mount -p", kind="exit", exit=1, stderr="mount: no table")
    code, shown = run_script("aastmphpux", "refresh")
    assert code == 2 and "is not known" in shown["said"]


def test_hooks_stand_at_their_places(lab: Any, tmp_path: Path) -> None:
    config = load(str(hooked_services(tmp_path / "services.yaml")))
    scope = Scope("aastmphpux", config.services["aastmphpux"], config.symcli)
    with SymcliHook() as hosts:
        foreseen = sent_by(hosts.run(foresee(scope, "refresh")))
    assert in_short(command.line() for command in foreseen) == [
        "drain start",
        "umount",
        "recreate DGCVI",
        "recreate DGCVIARCH",
        "backup start",
        "activate DGCVI",
        "backup stop",
        "log start",
        "activate DGCVIARCH",
        "mount",
        "drain stop",
        "answers status",
        "quick status",
    ]


def test_each_command_says_what_it_follows_from(lab: Any, context: dict[str, Any]) -> None:
    commands = plan_only(context, "refresh")["commands"]
    assert all(line["because"] for line in commands), commands
    umount = next(line["because"] for line in commands if "umount" in line["line"])
    assert umount.startswith("fs /aaststcvi is up [mounted]: /dev/vgCVI/lv_CVI /aaststcvi vxfs ")
    recreates = [line["because"] for line in commands if "recreate" in line["line"]]
    assert recreates == [
        "DEV001 -> CLONE001 (1234 -> 4321) is Copied",
        "DEV001 -> CLONE001 (1235 -> 4322) is Copied",
    ]


def test_the_estimate_is_from_what_differs_and_from_the_last_run(
    lab: Any, context: dict[str, Any], log: Any
) -> None:
    """The lab's arrays count modified tracks, or do not, as they may."""
    store = context["asset_state_store"][copy_asset("aastmphpux", "data")]
    store.set("completed", {"runs": {}, "syncs": {"data": {"pace": {"tracks": 1000, "seconds": 100}}}})
    plan_only(context, "refresh")
    shown = re.search(
        r"Estimate for sync data: (\d+) tracks, about (\d+) min: .* 10 tracks a second", log.text
    )
    if shown:
        assert float(shown[2]) == pytest.approx(int(shown[1]) / 10 / 60, abs=1)
    else:
        assert "Estimate for sync data: tracks not known, about 2 min" in log.text
    assert "Estimate for sync archivelogs: " in log.text
