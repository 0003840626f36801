"""Preflight's look at the gates: what is said of each answer, and which policies are made anew for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from clones.asking.steps import Command, Result
from clones.backends.symclone.output import Group
from clones.config import Config
from clones.errors import CloneError
from clones.observe.findings import Finding, from_error
from clones.policy.make import make
from clones.preflight.check import check
from clones.preflight.gates import Wanted, judge, look_at_gate, read
from tests.clones.asking.test_gate import drive
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SERVICE = {"control_host": "ctl1", "sync_max_delay": 60, "resources": [], "unattended": True}
SYNC = {"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}
IN_GROUP = {"name": "data", "symid": "000190101234", "symdg": "DGCVI", "pairs": ["DEV001:CLONE001"]}


def config(*syncs: dict[str, Any]) -> Config:
    return Config.model_validate({"services": {"s": {**SERVICE, "syncs": syncs or [SYNC]}}})


@pytest.mark.parametrize(
    "case", load_yaml((CASES / "preflight" / "gates.yaml").read_text()), ids=lambda case: case["name"]
)
def test_what_is_said(case: dict[str, Any]) -> None:
    digest = make("ctl1", config(), {}, NOON).digest
    stdout = case.get("stdout", "").replace("{digest}", digest)

    def execute(command: Command) -> Result:
        assert command.words == ("symclone-gate", "policy") and not command.changes
        return Result(command, case.get("exit", 0), stdout, case.get("stderr", ""))

    try:
        if "unread" in case:
            said = read(execute(Command("ctl1", ("symclone-gate", "policy"))))
            assert said is not None
            found = list(judge("ctl1", said, digest, NOON, case["unread"]))
        else:
            found = drive(look_at_gate("ctl1", Wanted(config(), NOON)), execute)
    except CloneError as error:
        found = [from_error("host ctl1", error)]
    assert [one.level for one in found] == case["levels"], found
    assert case.get("what", "") in found[-1].what and case.get("remedy", "") in found[-1].remedy
    assert all(one.where == "host ctl1" and bool(one.remedy) == (one.level != "ok") for one in found)


def test_device_groups_are_read_for_a_policy_only_where_there_is_a_gate() -> None:
    sent: list[str] = []

    def execute(command: Command) -> Result:
        sent.append(command.shown())
        return Result(command, 127)

    found: list[Finding] = drive(look_at_gate("ctl1", Wanted(config(IN_GROUP), NOON)), execute)
    assert sent == ["symclone-gate policy"] and [one.level for one in found] == ["ok"]


def test_a_group_that_was_read_makes_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {"DGCVI": Group("000190101234", {"DEV001": 0x1234, "CLONE001": 0x4321})}
    monkeypatch.setattr("clones.policy.make.output.read_group", lambda text: groups["DGCVI"])
    digest = make("ctl1", config(IN_GROUP), groups, NOON).digest

    def execute(command: Command) -> Result:
        own = command.words[0] == "symclone-gate"
        return Result(command, 0, f"symclone-gate 1\nhost ctl1\nmade x\nof {digest}\n" if own else "<xml/>")

    assert [one.level for one in drive(look_at_gate("ctl1", Wanted(config(IN_GROUP), NOON)), execute)] == [
        "ok"
    ]


def test_every_host_is_asked_once_and_a_part_of_services_yaml_is_held_against_the_whole() -> None:
    whole = config()
    other = whole.services["s"].model_copy(update={"control_host": "ctl2"})
    both = whole.model_copy(update={"services": {**whole.services, "other": other}})
    asked: list[str] = []

    def execute(command: Command) -> Result:
        if command.words != ("symclone-gate", "policy"):
            return Result(command, 1)
        asked.append(command.host)
        digest = make(command.host, both, {}, NOON).digest
        return Result(command, 0, f"symclone-gate 1\nhost {command.host}\nmade x\nof {digest}\n")

    found = drive(check(whole.services, both.symcli, Wanted(both, NOON)), execute)
    assert asked == ["ctl1"]
    assert [one.what for one in found if "gate" in one.what] == [
        "its gate has the policy that services.yaml calls for, made x"
    ]
    asked.clear()
    drive(check(both.services, both.symcli, Wanted(both, NOON)), execute)
    assert asked == ["ctl1", "ctl2"]
