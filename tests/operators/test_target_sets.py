"""Steps of a service with target sets, against the lab: what is recorded, and what is refused by it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRuntimeError,
    AirflowSkipException,
    DownstreamTasksSkipped,
)

from clones.config.scope import Scope
from clones.decide.ledger import Activation, stamps
from clones.decide.target_sets import Recorded
from clones.errors import ConfigError, Refused, Unknown
from clones.observe.sync import observe
from clones.runs.planned import plain
from hooks.configuration import load
from hooks.symcli import SymcliHook
from operators.change_over import ServiceChangeBackOperator, ServicePrepareOperator
from operators.provision import ProvisionPlanOperator
from operators.retire import RetirePlanOperator
from operators.run_plan import RunPlanOperator
from operators.service import ServiceCommandOperator, ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from reporting import completed, target_sets
from reporting.completed import copy_asset
from reporting.target_sets import KEY
from tests.conftest import TWO_SETS, Store, new_context, puts_token, typed

SERVICE, HOST = "lnxts", "lnxts01"
ABOUT: dict[str, Any] = {"task_id": "step", "service": SERVICE, "config": str(TWO_SETS)}
DRAIN = {"place": "before_stop", "hook": "drain"}
FROM_A_TO_B = {"from_set": "a", "to_set": "b"}
LOOKS = ("netstat", "ip -o", "dmsetup", "cat /proc", "status", "/ping", "readlink", "/sys/block", "multipath")
LOOKS += ("sg_turs", "lsblk", "' look ", "exec $become $it", "pvs ", "vgs ", "blkid", "findmnt", "ps -e")


def store(context: dict[str, Any]) -> Store:
    return context["asset_state_store"][copy_asset(SERVICE, "data")]


def record(context: dict[str, Any], *, good: str = "", intent: tuple[str, str] | None = None) -> None:
    """As earlier runs have left it."""
    run, at = ("lnxts", "manual__0"), datetime.now(UTC)
    recorded = Recorded()
    if intent:
        recorded = recorded.intends(*intent, run, at)
    if good:
        recorded = recorded.started(good, run, at)
    store(context).set(KEY, recorded.to_plain())


def recorded(context: dict[str, Any]) -> tuple[str, str, str]:
    """The sets that the last intent goes from and to, and the good one."""
    kept = Recorded.from_plain(store(context).get(KEY))
    intent = kept.intent
    return (intent.from_set, intent.to_set, kept.last_good) if intent else ("", "", kept.last_good)


def planned(context: dict[str, Any], action: str, asked: str = "") -> dict[str, Any]:
    """What the plan of a run says, which its other tasks then find."""
    RunPlanOperator(action=action, reason="test", phases={}, target_set=asked, **ABOUT).execute(context)  # type: ignore[arg-type]
    plan: dict[str, Any] = context["ti"].xcom["plan"]
    return plan


def do(kind: Any, context: dict[str, Any], target_set: str, **more: Any) -> None:
    kind(target_set=target_set, **ABOUT, **more).execute(context)


def changes(lab: Any) -> list[str]:
    """What was sent to the host that is no look."""
    lines = [e["command"] for e in lab.journal if e.get("host") == HOST and e.get("command")]
    return [line for line in lines if not any(look in line for look in LOOKS) and not puts_token(line)]


class Silent(Store):
    """A store of an Airflow that does not answer."""

    def get(self, *args: Any) -> Any:
        raise AirflowRuntimeError(SimpleNamespace(error=SimpleNamespace(value="DOWN"), detail=None))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [ServiceStopOperator, ServiceCommandOperator], ids=["stop", "before_stop"])
def test_nothing_is_stopped_that_is_not_recorded_first(
    two_sets: Any, context: dict[str, Any], kind: Any
) -> None:
    more = {"place": "before_stop", "hook": "drain"} if kind is ServiceCommandOperator else {}
    context["ti"].xcom["plan"] = FROM_A_TO_B
    context["asset_state_store"] = {copy_asset(SERVICE, "data"): Silent()}
    with pytest.raises(Unknown, match="on which target set the service is to run, did not answer"):
        do(kind, context, "a", **more)
    context["asset_state_store"] = {}
    with pytest.raises(Unknown, match="no inlet lnxts/data"):
        do(kind, context, "a", **more)
    assert changes(two_sets) == []
    context |= {"asset_state_store": new_context()["asset_state_store"]}
    do(kind, context, "a", **more)
    assert recorded(context) == ("a", "b", "a") and changes(two_sets)


def test_a_stop_on_purpose_is_kept_and_the_start_goes_back_there(
    two_sets: Any, context: dict[str, Any]
) -> None:
    plan = planned(context, "stop")
    assert (plan["from_set"], plan["to_set"]) == ("a", "a")
    do(ServiceStopOperator, context, "a")
    assert recorded(context) == ("a", "a", "a") and not two_sets.host(HOST).mounts()
    later = {**new_context(), "asset_state_store": context["asset_state_store"]}
    assert planned(later, "start")["to_set"] == "a"
    do(ServiceStartOperator, later, "a")
    assert {*two_sets.host(HOST).mounts()} == {"/lts/data", "/lts/arch"}


def test_without_a_set_in_use_or_a_record_the_form_must_name_one(
    two_sets: Any, context: dict[str, Any]
) -> None:
    do(ServiceStopOperator, context, "a")
    store(context).clear()
    with pytest.raises(Refused, match="no target set is in use, and none is recorded"):
        planned(context, "start")
    assert planned(context, "start", "b")["to_set"] == "b"
    do(ServicePrepareOperator, context, "b")
    do(ServiceStartOperator, context, "b")
    assert recorded(context) == ("", "b", "")


def test_the_service_is_not_started_on_a_second_set(two_sets: Any, context: dict[str, Any]) -> None:
    context["ti"].xcom["plan"] = FROM_A_TO_B
    with pytest.raises(Refused, match="set a is in use"):
        do(ServiceStartOperator, context, "b")
    assert changes(two_sets) == [] and not store(context)


@pytest.mark.may_break(12)  # what is recorded here never was
def test_the_last_good_set_is_not_recreated(two_sets: Any, context: dict[str, Any]) -> None:
    """Also when it is not in use, and nothing else speaks against it."""
    do(ServiceStopOperator, context, "a")
    record(context, good="a")
    for sync in ("data", "archivelogs"):
        with pytest.raises(Refused, match="it is the last set on which the service started well"):
            do(SymcloneRecreateOperator, context, "a", sync=sync)
        with pytest.raises(Refused, match="it is the last set on which the service started well"):
            do(SymcloneActivateOperator, context, "a", sync=sync, mend_torn=True)
    assert {one["state"] for one in two_sets.sessions()} == {"Copied"}


@pytest.mark.may_break(12)  # what is recorded here has not happened
def test_a_set_that_is_not_the_last_good_one_is_recreated(two_sets: Any, context: dict[str, Any]) -> None:
    do(ServiceStopOperator, context, "a")
    record(context, good="b")
    do(SymcloneRecreateOperator, context, "a", sync="data")


def test_activations_are_kept_apart_by_set(two_sets: Any, context: dict[str, Any]) -> None:
    do(SymcloneRecreateOperator, context, "b", sync="data")
    do(SymcloneActivateOperator, context, "b", sync="data")
    assert {*store(context)} == {"activation/b"}


def test_what_was_activated_before_there_were_sets_is_known(two_sets: Any, context: dict[str, Any]) -> None:
    from hooks.configuration import load
    from reporting.completed import ledger

    store(context).set(
        "activation", {"run": ["lnxts", "manual__0"], "at": "2026-11-01T00:00+00:00", "after": {}}
    )
    config = load(TWO_SETS)
    from clones.config.scope import Scope

    scope = Scope.of(SERVICE, config.services[SERVICE], config.symcli, "a")
    assert ledger(context, scope, scope.service.sync("data")).last is not None  # type: ignore[arg-type]


class TestBack:
    """The task that changes back."""

    def test_it_leaves_what_was_not_stopped(self, two_sets: Any, context: dict[str, Any]) -> None:
        with pytest.raises(AirflowSkipException, match="before it stopped anything"):
            do(ServiceChangeBackOperator, context, "")
        planned(context, "refresh")
        with pytest.raises(AirflowSkipException, match="before it stopped anything"):
            do(ServiceChangeBackOperator, context, "a")
        context["ti"].xcom["plan"] = {**FROM_A_TO_B, "from_set": ""}
        with pytest.raises(AirflowSkipException, match="none to change back to"):
            do(ServiceChangeBackOperator, context, "")
        assert changes(two_sets) == [] and not store(context)

    def test_it_takes_down_what_came_up_and_starts_the_former_set(
        self, two_sets: Any, context: dict[str, Any]
    ) -> None:
        planned(context, "rewind")
        do(ServicePrepareOperator, context, "b")
        do(ServiceStopOperator, context, "a")
        do(ServiceStartOperator, context, "b")
        assert {*two_sets.host(HOST).mounts().values()} == {
            "/dev/vg_lts_b/lv_data",
            "/dev/vg_ltsarch_b/lv_arch",
        }
        for _ in range(2):  # also when it is cleared
            with pytest.raises(AirflowFailException, match="runs on its former set a again"):
                do(ServiceChangeBackOperator, context, "a")
            assert context["ti"].xcom["restarted"] is True
            assert {*two_sets.host(HOST).mounts().values()} == {
                "/dev/vg_lts_a/lv_data",
                "/dev/vg_ltsarch_a/lv_arch",
            }
        assert recorded(context) == ("a", "a", "a"), "that change-over has ended"

    def test_a_task_of_a_run_that_ended_well_is_cleared(self, two_sets: Any, context: dict[str, Any]) -> None:
        """The service is on the new set, is used there, and stays there."""
        planned(context, "rewind")
        do(ServicePrepareOperator, context, "b")
        do(ServiceStopOperator, context, "a")
        do(ServiceStartOperator, context, "b")
        config = load(TWO_SETS)
        on_b = Scope.of(SERVICE, config.services[SERVICE], config.symcli, "b")
        target_sets.started_well(context, on_b)
        kept, sent = store(context).get(KEY), changes(two_sets)
        for kind, more in ((ServiceStopOperator, {}), (ServiceCommandOperator, DRAIN)):
            with pytest.raises(Refused, match="set b is in use"):
                do(kind, context, "a", **more)
        with pytest.raises(AirflowSkipException, match="has run on set b since"):
            do(ServiceChangeBackOperator, context, "a")
        assert store(context).get(KEY) == kept and changes(two_sets) == sent

    def test_a_stop_that_is_refused_begins_nothing(self, two_sets: Any, context: dict[str, Any]) -> None:
        """An older run is cleared, and the service is by now on the set that it was to change over to."""
        planned(context, "rewind")
        do(ServicePrepareOperator, context, "b")
        do(ServiceStopOperator, context, "a")
        do(ServiceStartOperator, context, "b")
        record(context, good="b", intent=("a", "b"))  # as if another run had taken it there
        kept, sent = store(context).get(KEY), changes(two_sets)
        for kind, more in ((ServiceCommandOperator, DRAIN), (ServiceStopOperator, {})):
            with pytest.raises(Refused, match="set b is in use"):
                do(kind, context, "a", **more)
        with pytest.raises(AirflowSkipException, match="before it stopped anything"):
            do(ServiceChangeBackOperator, context, "a")
        assert store(context).get(KEY) == kept and changes(two_sets) == sent


def test_a_set_is_refused_where_there_are_none(lab: Any, context: dict[str, Any]) -> None:
    context["params"] = {"set": "a"}
    plans = (
        RunPlanOperator(task_id="plan", service="lnxpp", action="refresh", reason="test", phases={}),
        ProvisionPlanOperator(task_id="plan", service="lnxpp", reason="test"),
        RetirePlanOperator(task_id="plan", service="lnxpp", reason="test"),
    )
    for plan in plans:
        with pytest.raises(ConfigError, match="has no target sets, so 'a' is none"):
            plan.execute({**context, "task_state_store": Store()})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [ProvisionPlanOperator, RetirePlanOperator])
def test_a_set_must_be_named_where_there_are_some(two_sets: Any, context: dict[str, Any], kind: Any) -> None:
    with pytest.raises(ConfigError, match="has the target sets a, b, and none is named"):
        do(kind, context, "", reason="test")


class TestServed:
    """A run for a date is served by the copies on which the service last started well, and by no others."""

    def completed(self, context: dict[str, Any], target_set: str) -> None:
        """A run that has refreshed this set, and has started the service on it."""
        phases = ["resync", "break", "prepare", "stop", "start"]
        scope = ServiceStopOperator(target_set=target_set, **ABOUT).scope()
        with SymcliHook() as hosts:
            seen = [hosts.run(observe(scope, sync)) for sync in scope.service.syncs]
        made = [(one, Activation((SERVICE, "manual__1"), datetime.now(UTC), stamps(one))) for one in seen]  # type: ignore[arg-type]
        completed.write(context, scope, phases, made)  # type: ignore[arg-type]

    def scheduled(self, context: dict[str, Any], action: str = "refresh") -> dict[str, Any]:
        """What a run of an hour ago says in its plan."""
        run = SimpleNamespace(**vars(context["dag_run"]))
        run.run_type, run.run_id = "scheduled", "scheduled__1"
        run.data_interval_end = run.run_after = datetime.now(UTC) - timedelta(hours=1)
        later = {**new_context(), "asset_state_store": context["asset_state_store"], "dag_run": run}
        with DAG(SERVICE):
            task = RunPlanOperator(action=action, reason="", phases={}, **ABOUT)
        with suppress(DownstreamTasksSkipped):
            task.execute(later)  # type: ignore[arg-type]
        found: dict[str, Any] = later["ti"].xcom
        return found

    def test_by_the_good_set(self, two_sets: Any, context: dict[str, Any]) -> None:
        self.completed(context, "a")
        record(context, good="a", intent=("b", "a"))
        assert self.scheduled(context)["superseded"]["by"] == "manual__1"

    def test_not_by_a_set_that_the_service_has_left(self, two_sets: Any, context: dict[str, Any]) -> None:
        self.completed(context, "b")
        record(context, good="a", intent=("b", "a"))
        assert "superseded" not in self.scheduled(context)

    def test_not_where_the_spare_set_is_asked_for(self, two_sets: Any, context: dict[str, Any]) -> None:
        self.completed(context, "a")
        record(context, good="a", intent=("b", "a"))
        assert "superseded" not in self.scheduled(context, "update")


def test_the_plan_on_the_command_line(two_sets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from cli.plan import planning

    config = load(TWO_SETS)
    with SymcliHook() as hosts:
        lines = [typed(one["line"]) for one in plain(hosts.run(planning(SERVICE, config, "refresh", "")))]
        assert [line for line in lines if "-noprompt recreate" in line and "0E01" in line]
        rewind = [typed(one["line"]) for one in plain(hosts.run(planning(SERVICE, config, "rewind", "b")))]
        assert not [line for line in rewind if "-noprompt" in line] and rewind
        with pytest.raises(Refused, match="set a is in use"):
            hosts.run(planning(SERVICE, config, "refresh", "a"))
        with pytest.raises(ConfigError, match="none is named"):
            planning(SERVICE, config, "retire", "")
        hosts.run(planning(SERVICE, config, "retire", "b"))
        with pytest.raises(ConfigError, match="There is no target set 'c'"):
            planning(SERVICE, config, "update", "c")
    assert changes(two_sets) == []


def test_a_set_that_is_not_wholly_active_is_no_way_back(two_sets: Any, context: dict[str, Any]) -> None:
    do(SymcloneRecreateOperator, context, "b", sync="archivelogs")
    with pytest.raises(Refused, match="archivelogs"):
        planned({**new_context(), "asset_state_store": context["asset_state_store"]}, "rewind")
    do(ServiceStopOperator, context, "a")
    record(context, intent=("b", "b"))
    with pytest.raises(Refused, match="archivelogs"):
        planned({**new_context(), "asset_state_store": context["asset_state_store"]}, "start")


def test_without_rollback_nothing_goes_back(two_sets: Any, context: dict[str, Any], tmp_path: Path) -> None:
    config = tmp_path / "services.yaml"
    config.write_text(
        TWO_SETS.read_text().replace("    before_stop:\n", "    rollback: false\n    before_stop:\n")
    )
    about = {**ABOUT, "config": str(config)}
    planned(context, "rewind")
    do(ServiceStopOperator, context, "a")
    with pytest.raises(AirflowSkipException, match="`rollback` is false"):
        ServiceChangeBackOperator(target_set="a", **about).execute(context)  # type: ignore[arg-type]
    assert recorded(context) == ("a", "b", "a")


@pytest.mark.parametrize("good", ["b", "a"])
def test_who_approves_a_retirement_reads_that_it_is_the_last_good_set(
    two_sets: Any, context: dict[str, Any], good: str
) -> None:
    record(context, good=good)
    RetirePlanOperator(reason="test", target_set="b", **ABOUT).execute(context)  # type: ignore[arg-type]
    shown = "\n".join(context["ti"].xcom["plan"]["text"])
    assert ("nothing can go back to it then" in shown) == (good == "b")
