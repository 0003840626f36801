"""Which target set a service is on, and how each set is, where a last task and the sweep leave it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from clones.asking.steps import Command
from clones.decide.target_sets import Recorded
from clones.fleet import status
from hooks.configuration import load
from hooks.symcli import SymcliHook
from hooks.whole_site import look_at_copies
from operators.run_end import RunEndOperator
from operators.status import CloneStatusOperator
from reporting.completed import copy_asset
from reporting.last_seen import CHANGES, FLEET, inlets
from reporting.target_sets import KEY
from tests.conftest import SERVICES, TWO_SETS, Log, Store, new_context

SYMID = "000190107777"
PLAN: dict[str, Any] = {
    "action": "start",
    "phases": ["start"],
    "syncs": [],
    "estimates": {},
    "up": True,
    "from_set": "a",
    "to_set": "a",
}
STOP = PLAN | {"action": "stop", "phases": ["stop"]}
OF_B = (("0C01", "0E01"), ("0C02", "0E02"), ("0C03", "0E03"))


def sweep(context: dict[str, Any]) -> list[dict[str, Any]]:
    """What it tells, on the store that a run has written."""
    mine = new_context() | {"asset_state_store": context["asset_state_store"]}
    mine["ti"].get_dr_count = lambda dag_id, states: 0
    CloneStatusOperator(task_id="sweep", config=str(TWO_SETS)).execute(mine)  # type: ignore[arg-type]
    return [event.extra for event in mine["outlet_events"][CHANGES].asset_alias_events]


def finish(
    context: dict[str, Any], plan: dict[str, Any] = PLAN, *, on: str = "a", name: str = "lnxts"
) -> None:
    """The last task of a run of a service, whose tasks have succeeded."""
    context["dag_run"].dag_id = name
    context["ti"].xcom |= {"plan": plan}
    context["ti"].task_id, context["ti"].task_states = "finish", {"plan": "success"}
    with DAG(name):
        end = RunEndOperator(task_id="finish", service=name, config=str(TWO_SETS), target_set=on)
        BaseOperator(task_id="plan") >> end
    end.execute(context)  # type: ignore[arg-type]


def run_on_host(*lines: str) -> None:
    """As an administrator of host lnxts01 would."""
    with SymcliHook() as hosts:
        for line in lines:
            assert hosts.execute(Command("lnxts01", tuple(line.split()))).exit_code == 0


def take_down() -> None:
    run_on_host("/opt/lts/bin/ltsctl stop", "umount /lts/data", "umount /lts/arch")
    run_on_host("ip addr del 192.168.60.11/24 dev eth0")


@pytest.fixture
def store(context: dict[str, Any]) -> Store:
    return context["asset_state_store"][FLEET]  # type: ignore[no-any-return]


def test_a_sweep_asks_for_all_sets_in_one_command(
    two_sets: Any, context: dict[str, Any], store: Store
) -> None:
    """Three services, two sets each, pinned groups among them; no host of a service is asked."""
    told = sweep(context)
    (sent,) = two_sets.commands()
    assert f"symdev -sid {SYMID}" in sent["command"]
    assert all(
        f"{device:04X}" in sent["command"] for device in (0x0D01, 0x0E01, 0x0D12, 0x0E12, 0x0D21, 0x0E21)
    )
    assert {one["service"]: one["status"] for one in told} == dict.fromkeys(
        ("lnxts", "hpxts", "sunts"), "unknown"
    )
    assert all("no run has kept which target set is in use" in one["why"] for one in told)
    record = store["lnxts"]
    assert list(record["syncs"]) == ["data/a", "archivelogs/a", "data/b", "archivelogs/b"]
    assert all(sync["status"] == "up" for sync in record["syncs"].values())
    assert sorted(key for key in store if key.startswith("pairs/sunts")) == [
        "pairs/sunts/data/a/0",
        "pairs/sunts/data/b/0",
    ]
    assert sweep(context) == [], "it is told once"


def test_the_last_task_keeps_the_set_and_the_sweep_goes_by_it(
    two_sets: Any, context: dict[str, Any], store: Store
) -> None:
    sweep(context)
    finish(context)
    state = store["state/lnxts"]
    assert (state["state"], state["set"], state["why"]) == ("up", "a", "on lnxts01")
    assert (store["lnxts"]["status"], store["lnxts"]["set"]["name"]) == ("up", "a")
    assert store["lnxts"]["syncs"]["data/b"]["pairs"]["count"] == 2, "all sets were looked at"
    before = dict(store["lnxts"])
    assert sweep(context) == []
    assert store["lnxts"]["set"] == before["set"] and store["lnxts"]["status"] == "up"
    assert "state" not in store["hpxts"] and store["hpxts"]["status"] == "unknown"


def test_a_bad_spare_set_is_told_and_is_no_more_than_a_warning(
    two_sets: Any, context: dict[str, Any], store: Store
) -> None:
    finish(context)
    two_sets.set_state(SYMID, "0C03", "0E03", "Failed")
    (told,) = [one for one in sweep(context) if one["service"] == "lnxts"]
    assert (told["was"], told["status"]) == ("up", "warn")
    assert "spare set b, sync archivelogs" in told["why"] and "lnxts_provision with set b" in told["press"]
    assert "archivelogs" in store["lnxts"]["unready"]["b"]


def test_an_old_set_in_use_warns_and_an_old_spare_one_does_not(
    two_sets: Any, context: dict[str, Any], store: Store
) -> None:
    finish(context)
    two_sets.advance(7 * 24 * 3600)
    (told,) = [one for one in sweep(context) if one["service"] == "lnxts"]
    assert told["status"] == "warn" and "set a in use, sync data" in told["why"]
    assert store["lnxts"]["syncs"]["data/b"]["status"] == "up"


def test_a_change_over_that_nobody_has_seen_the_end_of_is_not_known(
    two_sets: Any, context: dict[str, Any], store: Store, log: Log
) -> None:
    finish(context)
    first = context["asset_state_store"][copy_asset("lnxts", "data")]
    begun = Recorded().intends("a", "b", ("lnxts", "r7"), datetime.now(UTC))
    first.set(KEY, begun.to_plain())
    (told,) = [one for one in sweep(context) if one["service"] == "lnxts"]
    assert told["status"] == "unknown"
    assert "run r7 of lnxts began to change over from set a to set b" in told["why"]
    assert "action start" in told["press"]
    finish(context)
    assert store["lnxts"]["status"] == "up" and store["lnxts"]["set"]["name"] == "a"


def test_a_service_that_is_down_and_the_set_that_it_is_to_start_on(
    two_sets: Any, context: dict[str, Any], store: Store
) -> None:
    first = context["asset_state_store"][copy_asset("lnxts", "data")]
    first.set(KEY, Recorded().intends("a", "a", ("lnxts", "r7"), datetime.now(UTC)).to_plain())
    take_down()
    finish(context, STOP)
    assert (store["state/lnxts"]["state"], store["state/lnxts"]["set"]) == ("down", "")
    assert store["lnxts"]["status"] == "up"
    assert (store["lnxts"]["set"]["name"], store["lnxts"]["set"]["down"]) == ("a", True)


def test_a_store_that_does_not_answer_hides_no_other_service(
    two_sets: Any, context: dict[str, Any], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(context)
    finish(context, name="hpxts")
    get = Store.get

    def silent(self: Store, key: str, *default: Any) -> Any:
        if key == "state/lnxts":
            raise AirflowRuntimeError(
                ErrorResponse(error=ErrorType.GENERIC_ERROR, detail={"message": "gone"})
            )
        return get(self, key, *default)

    monkeypatch.setattr(Store, "get", silent)
    told = {one["service"]: one for one in sweep(context)}
    assert told["lnxts"]["status"] == "unknown" and "gone" in told["lnxts"]["why"]
    assert "hpxts" not in told and store["hpxts"]["status"] == "up"


def test_groups_that_a_prepare_left_active_are_no_use_of_the_set(
    two_sets: Any, context: dict[str, Any], store: Store
) -> None:
    run_on_host("vgchange -a y vg_lts_b")
    finish(context)
    assert (store["state/lnxts"]["state"], store["state/lnxts"]["set"]) == ("up", "a")


def test_a_set_on_a_host_of_its_own(two_sets: Any, context: dict[str, Any], store: Store) -> None:
    finish(context, name="sunts")
    assert (store["state/sunts"]["state"], store["state/sunts"]["set"]) == ("up", "a")
    assert store["state/sunts"]["why"] == "on sunts01"


def test_the_record_of_a_run_names_the_sets(two_sets: Any, context: dict[str, Any]) -> None:
    finish(context)
    record, text = context["ti"].xcom["run_record"], context["ti"].xcom["run_record_md"]
    assert record["sets"] == {"from": "a", "to": "a", "in_use": "a"}
    assert [(one["set"], one["sync"]) for one in record["copies"]] == [
        ("a", "data"),
        ("a", "archivelogs"),
        ("b", "data"),
        ("b", "archivelogs"),
    ]
    assert "| Target set | a; in use at the end: a |" in text
    assert "| Set | Sync | Status | Point in time |" in text


def test_a_run_of_the_spare_set_sees_which_one_is_in_use(
    two_sets: Any, context: dict[str, Any], store: Store
) -> None:
    """Of an update the last task is on set b; the service runs on a."""
    for pair in OF_B:
        two_sets.set_last_action(SYMID, *pair, 60)
    update = PLAN | {"action": "resync", "phases": ["resync"], "from_set": "a", "to_set": "b"}
    with pytest.raises(AirflowFailException, match="not prepared"):
        finish(context, update, on="b")
    assert store["state/lnxts"]["set"] == "a"
    assert store["lnxts"]["set"]["name"] == "a"
    record = context["ti"].xcom["run_record"]
    assert record["sets"] == {"from": "a", "to": "b", "in_use": "a"}
    assert [one["set"] for one in record["copies"]] == ["b", "b", "a", "a"]


def test_from_the_command_line_the_hosts_are_asked(two_sets: Any) -> None:
    found = {one.name: one for one in look_at_copies(str(TWO_SETS))}
    assert {name: str(one.status) for name, one in found.items()} == dict.fromkeys(found, "up")
    lines = status.table([found["lnxts"]])
    assert lines[0].startswith("UP       lnxts: set a in use, sync data: 1 d 2 h old")
    assert [line.strip() for line in lines if "set" in line][1:] == ["set a in use", "spare set b"]
    take_down()
    two_sets.fault("down", host="hpxts01")
    found = {one.name: one for one in look_at_copies(str(TWO_SETS))}
    assert {name: str(one.status) for name, one in found.items()} == {
        "lnxts": "unknown",
        "hpxts": "unknown",
        "sunts": "up",
    }
    assert "no target set is in use" in found["lnxts"].why
    assert "cannot be reached over SSH" in found["hpxts"].why


def test_the_sweep_reads_the_stores_of_those_with_sets_only() -> None:
    assert inlets(load(str(SERVICES)).services) == [FLEET]
    assert inlets(load(str(TWO_SETS)).services) == [
        FLEET,
        *(copy_asset(name, "data") for name in ("lnxts", "hpxts", "sunts")),
    ]
