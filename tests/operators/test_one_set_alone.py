"""Provision, retire and merge-back of one target set, while the service is up on another one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from clones.asking.steps import Command
from clones.backends.symclone import commands
from clones.config.scope import Scope
from clones.decide.approval import Approval
from clones.errors import Refused
from clones.observe.sync import observe
from clones.runs import merge_back
from hooks.configuration import load
from hooks.symcli import SymcliHook
from operators.change_over import ServicePrepareOperator
from operators.merge_back import MergeBackPlanOperator
from operators.provision import ProvisionPlanOperator, SymcloneProvideGroupOperator
from operators.retire import RetirePlanOperator, SymcloneRemoveGroupOperator, SymcloneTerminateOperator
from operators.service import ServiceStopOperator
from operators.symclone import SymcloneCreateOperator
from tests.conftest import TWO_SETS, Store, new_context, perform, typed

SYMID = "000190107777"


def about(service: str, target_set: str) -> dict[str, Any]:
    return {"task_id": "step", "service": service, "config": str(TWO_SETS), "target_set": target_set}


def planned(kind: Any, service: str, target_set: str) -> dict[str, Any]:
    """The plan that a second person would approve, or that a provision goes by."""
    context: Any = {**new_context(), "task_state_store": Store()}
    kind(reason="test", **about(service, target_set)).execute(context)
    plan: dict[str, Any] = context["ti"].xcom["plan"]
    return plan


def lines(plan: dict[str, Any]) -> list[str]:
    return [typed(one["line"]) for one in plan["commands"]]


def stop(context: dict[str, Any], service: str, target_set: str) -> None:
    ServiceStopOperator(**about(service, target_set)).execute(context)  # type: ignore[arg-type]


def states(lab: Any, prefix: str) -> set[str]:
    return {one["state"] for one in lab.sessions() if one["target"].startswith(prefix)}


def do(lab: Any, kind: Any, service: str, target_set: str, sync: str) -> None:
    perform(lab, kind(sync=sync, **about(service, target_set)), new_context())


def test_a_set_is_ended_and_made_again_beside_the_other(two_sets: Any) -> None:
    """The source's name stays in the device group: it is that of the other set, too."""
    ended = f"symclone -sid {SYMID} -f 0C11:0E11 -noprompt terminate -i 10 -c 3"
    removed = "symld -g DGHTS remove SETB001 -i 20 -c 30"
    plan = planned(RetirePlanOperator, "hpxts", "b")
    assert lines(plan)[0] == ended and removed in lines(plan)
    assert not [line for line in lines(plan) if "delete" in line or "remove DEV001" in line]
    assert plan["bound"]["set"] == "b" and plan["text"][0].startswith("Service hpxts, set b: ")
    for kind in (SymcloneTerminateOperator, SymcloneRemoveGroupOperator):
        for sync in ("data", "archivelogs"):
            do(two_sets, kind, "hpxts", "b", sync)
    assert states(two_sets, "0E1") == set() and states(two_sets, "0D1") == {"Copied"}
    assert {*two_sets.host("hpxts01").mounts()} == {"/hts/data", "/hts/arch"}
    stop(new_context(), "hpxts", "a")
    last = [line.split(" -i ")[0] for line in lines(planned(RetirePlanOperator, "hpxts", "a"))]
    assert {"symld -g DGHTS remove DEV001", "symdg delete DGHTS"} <= {*last}, "nobody needs it any more"
    made = lines(planned(ProvisionPlanOperator, "hpxts", "b"))
    assert [line.split(" -i ")[0] for line in made if "DGHTS " in f"{line} "] and len(made) == 4
    for kind in (SymcloneProvideGroupOperator, SymcloneCreateOperator):
        for sync in ("data", "archivelogs"):
            do(two_sets, kind, "hpxts", "b", sync)
    assert len([one for one in two_sets.sessions() if one["target"].startswith("0E1")]) == 2


def test_the_last_good_set_is_not_made_again(two_sets: Any) -> None:
    """The service is down, and only that set is known to be well: what is on it is not overwritten."""
    context = new_context()
    stop(context, "hpxts", "a")
    for sync in ("data", "archivelogs"):
        do(two_sets, SymcloneTerminateOperator, "hpxts", "a", sync)
    says = "hpxts, set a: it is the last set on which the service started well"
    with pytest.raises(Refused, match=says):
        ProvisionPlanOperator(reason="test", **about("hpxts", "a")).execute(context)  # type: ignore[arg-type]
    with pytest.raises(Refused, match=says):
        perform(two_sets, SymcloneCreateOperator(sync="data", **about("hpxts", "a")), context)
    assert states(two_sets, "0D1") == set()


@pytest.mark.parametrize("kind", [RetirePlanOperator, MergeBackPlanOperator])
def test_the_set_in_use_is_refused(two_sets: Any, kind: Any) -> None:
    take_production_down()
    with pytest.raises(Refused, match="fs /lts/data"):
        planned(kind, "lnxts", "a")


def take_production_down() -> None:
    with SymcliHook() as hosts:
        for words in (
            ("/usr/bin/umount", "/prod/arch"),
            ("/usr/bin/umount", "/prod/data"),
            ("/usr/sbin/vgchange", "-a", "n", "vg_lts"),
            ("/usr/sbin/vgchange", "-a", "n", "vg_ltsarch"),
        ):
            assert hosts.execute(Command("lnxprd01", words)).exit_code == 0


def test_a_merge_back_needs_only_its_own_set_unused_and_production_down(two_sets: Any) -> None:
    with pytest.raises(Refused, match=r"(?i)production of service lnxts is not down"):
        planned(MergeBackPlanOperator, "lnxts", "b")
    take_production_down()
    plan = planned(MergeBackPlanOperator, "lnxts", "b")
    assert plan["bound"]["set"] == "b"
    assert plan["text"][0] == "Service lnxts, set b: its clones overwrite production."
    assert "Nothing uses set b:" in plan["text"]
    stop(new_context(), "lnxts", "a")
    other = planned(MergeBackPlanOperator, "lnxts", "a")
    assert other["digest"] != plan["digest"], "an approval is of one set"


def prepared(lab: Any) -> None:
    """An earlier prepare has left the groups of set b active; the service is up on set a."""
    ServicePrepareOperator(**about("lnxts", "b")).execute(new_context())  # type: ignore[arg-type]
    assert active(lab) and mounted_from(lab) == {"a"}


def on_b() -> Scope:
    """The service on set b."""
    config = load(TWO_SETS)
    return Scope.of("lnxts", config.services["lnxts"], config.symcli, "b")


def active(lab: Any) -> set[str]:
    """The groups of set b that are active."""
    with SymcliHook() as hosts:
        words = ("/usr/sbin/dmsetup", "info", "-c", "--noheadings", "-o", "name")
        found = hosts.execute(Command("lnxts01", words)).stdout.split()
    return {name.partition("-")[0] for name in found if name.partition("-")[0].endswith("_b")}


def mounted_from(lab: Any) -> set[str]:
    """The sets that the service's file systems are mounted from."""
    return {source.split("/")[2][-1] for source in lab.host("lnxts01").mounts().values()}


def test_a_retirement_releases_what_a_prepare_has_left(two_sets: Any) -> None:
    prepared(two_sets)
    sent = lines(planned(RetirePlanOperator, "lnxts", "b"))
    assert [line for line in sent[:4] if "vgchange -a n" in line] == [sent[1], sent[3]], (
        "the approver sees it"
    )
    assert not [line for line in sent[4:] if "vgchange" in line]
    for sync in ("data", "archivelogs"):
        do(two_sets, SymcloneTerminateOperator, "lnxts", "b", sync)
    assert active(two_sets) == set() and states(two_sets, "0E0") == set()
    assert mounted_from(two_sets) == {"a"}


def test_a_set_is_provisioned_though_its_groups_are_active(two_sets: Any) -> None:
    prepared(two_sets)
    scope = on_b()
    with SymcliHook() as hosts:
        for sync in scope.service.syncs:
            seen = hosts.run(observe(scope, sync))
            ended = replace(commands.terminate(scope, sync, SYMID, seen.pairs), changes=False)
            assert hosts.execute(ended).exit_code == 0
    sent = lines(planned(ProvisionPlanOperator, "lnxts", "b"))
    assert [line for line in sent if "vgchange -a n" in line] == [sent[1], sent[3]] and len(sent) == 6
    do(two_sets, SymcloneCreateOperator, "lnxts", "b", "data")
    assert active(two_sets) == set() and mounted_from(two_sets) == {"a"}


def test_a_merge_back_releases_what_a_prepare_has_left(two_sets: Any) -> None:
    prepared(two_sets)
    take_production_down()
    scope = on_b()
    now = datetime.now(UTC)
    with SymcliHook() as hosts:
        plan = hosts.run(merge_back.plan(scope))
        assert "Nothing uses set b; what is active of it is taken down first:" in plan["text"]
        assert active(two_sets), "a plan changes nothing"
        two_sets.note("approval", service="lnxts")
        yes = Approval(plan["digest"], "bob", now.isoformat())
        sync = scope.service.syncs[0]
        hosts.run(merge_back.restore(scope, sync, plan, yes, sent=None, spend=lambda: lambda: None, now=now))
    assert active(two_sets) == set() and mounted_from(two_sets) == {"a"}
    assert {one["state"] for one in two_sets.sessions() if one["target"] == "0E01"} <= {
        "RestInProg",
        "Restored",
    }


def test_a_set_whose_disks_something_else_uses_is_not_ended(two_sets: Any) -> None:
    prepared(two_sets)
    two_sets.host("lnxts01").use_disk("/dev/mapper/mpathe", "open")
    with pytest.raises(Refused, match="mpathe"):
        do(two_sets, SymcloneTerminateOperator, "lnxts", "b", "data")
    assert states(two_sets, "0E0") == {"Copied"} and mounted_from(two_sets) == {"a"}
    two_sets.host("lnxts01").use_disk("/dev/mapper/mpathe", None)
