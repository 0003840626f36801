"""What the last task of a run saw stands where the sweep leaves what it saw: at once, and told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from clones.errors import CloneError
from clones.fleet.changes import looked_at
from operators.run_end import RunEndOperator
from operators.run_plan import RunPlanOperator
from operators.status import CloneStatusOperator
from reporting.alerts import MistypedRun
from reporting.last_seen import CHANGES, FLEET
from reporting.run_records import KEEPS_RECORD
from tests.conftest import ONE_ARRAY, SERVICES, SYMID, Log, Store, new_context, take_down

PLAN = {"action": "start", "phases": ["start"], "syncs": [], "estimates": {}}
STOP = PLAN | {"action": "stop", "phases": ["stop"]}
PAIRS = (("1234", "4321"), ("1235", "4322"))


def finish(context: dict[str, Any], plan_left: dict[str, Any] = PLAN, **states: str) -> None:
    """The last task of a run with a plan, whose other tasks ended so."""
    if states.get("plan") != "failed":
        context["ti"].xcom |= {"plan": plan_left}
    context["ti"].task_id, context["ti"].task_states = "finish", {"plan": "success", **states}
    with DAG("aastmphpux"):
        end = RunEndOperator(task_id="finish", service="aastmphpux")
        for name in context["ti"].task_states:
            other = BaseOperator(task_id=name)
            setattr(other, KEEPS_RECORD, True)
            other >> end
    end.execute(context)  # type: ignore[arg-type]


@ONE_ARRAY
@pytest.mark.parametrize(
    ("reason", "action", "says", "raised"),
    [
        ("", "refresh", "without a reason", MistypedRun),
        ("wanted", "update", "update is refused: it is not down", AirflowFailException),
    ],
)
def test_why_a_run_was_refused(
    lab: Any,
    context: dict[str, Any],
    log: Log,
    reason: str,
    action: str,
    says: str,
    raised: type[Exception],
) -> None:
    words: dict[str, Any] = {"action": action, "reason": reason, "phases": {}}
    context["params"] = {"action": action, "reason": reason}
    with pytest.raises(CloneError):
        RunPlanOperator(task_id="plan", service="aastmphpux", **words).execute(context)  # type: ignore[arg-type]
    with pytest.raises(AirflowFailException, match=says) as ended:
        finish(context, plan="failed")
    assert type(ended.value) is raised
    result = context["ti"].xcom["result"]
    assert (result["result"], result["at"]) == ("refused", "plan") and says in result["why"]
    record = context["ti"].xcom["run_record"]
    assert record["action"] == action and record["result"]["text"] == str(ended.value)
    assert f"| Why | {reason or 'none given'} |" in log.text


def sweep(context: dict[str, Any]) -> list[dict[str, Any]]:
    """What it tells, on the store that a run has written."""
    mine = new_context() | {"asset_state_store": context["asset_state_store"]}
    CloneStatusOperator(task_id="sweep").execute(mine)  # type: ignore[arg-type]
    return told(mine)


def told(context: dict[str, Any]) -> list[dict[str, Any]]:
    events = context["outlet_events"][CHANGES].asset_alias_events
    return [event.extra for event in events if event.extra["service"] == "aastmphpux"]


@ONE_ARRAY
def test_the_age_that_it_saw(lab: Any, context: dict[str, Any]) -> None:
    lab.advance(2 * 3600)
    sweep(context)
    store = context["asset_state_store"][FLEET]
    assert store["aastmphpux"]["status"] == "warn"
    for pair in PAIRS:
        lab.set_last_action(SYMID, *pair, 60)
    finish(context)
    record = store["aastmphpux"]
    assert record["status"] == "up" and record["looked"]
    made = datetime.fromisoformat(record["syncs"]["data"]["point_in_time"])
    assert abs((datetime.now(UTC) - made).total_seconds() - 60) < 30
    assert record["syncs"]["data"]["pairs"]["rows"][0][5] == record["syncs"]["data"]["last_action"]
    (change,) = told(context)
    assert (change["was"], change["status"]) == ("warn", "up")
    assert sweep(context) == [], "it is told once"


@ONE_ARRAY
@pytest.mark.parametrize("stopped", [False, True])
def test_the_service_itself(lab: Any, context: dict[str, Any], stopped: bool) -> None:
    """A stopped service has copies that are up."""
    if stopped:
        take_down(lab)
    finish(context, STOP if stopped else PLAN)
    store = context["asset_state_store"][FLEET]
    state = store["aastmphpux"]["own"]
    assert state["state"] == ("down" if stopped else "up")
    assert (state["dag_id"], state["run_id"]) == ("aastmphpux", "manual__1") and state["at"]
    assert store["aastmphpux"]["status"] == "up"
    lab.advance(2 * 3600)
    sweep(context)
    assert store["aastmphpux"]["status"] == "warn"
    assert store["aastmphpux"]["own"] == state, "a sweep does not ask it"


@ONE_ARRAY
@pytest.mark.parametrize("stopped", [False, True])
def test_a_service_that_is_not_as_the_action_leaves_it(
    lab: Any, context: dict[str, Any], stopped: bool
) -> None:
    """Somebody has stopped or started it since: a run that is cleared then is not done."""
    if stopped:
        take_down(lab)
    with pytest.raises(AirflowFailException, match="is down, not up" if stopped else "is up, not down"):
        finish(context, PLAN if stopped else STOP)
    assert context["ti"].xcom["result"]["result"] == "stopped"


@ONE_ARRAY
def test_a_host_that_is_down_keeps_no_run_from_its_end(lab: Any, context: dict[str, Any]) -> None:
    lab.fault("down", host="aastmphpux")
    context["ti"].xcom["record"] = [{"try": 1, "began": "10:00", "ended": "10:01", "error": "", "events": []}]
    finish(context, **{"start.service": "success"})
    state = context["asset_state_store"][FLEET]["aastmphpux"]["own"]
    assert state["state"] == "unknown" and "cannot be reached over SSH" in state["why"]
    assert context["ti"].xcom["result"]["result"] == "done"


@ONE_ARRAY
def test_a_start_that_was_marked_is_not_done_while_its_host_is_down(
    lab: Any, context: dict[str, Any]
) -> None:
    lab.fault("down", host="aastmphpux")
    failed = {"try": 1, "began": "10:00", "ended": "10:01", "error": "it does not answer", "events": []}
    context["ti"].xcom["record"] = [failed]
    with pytest.raises(AirflowFailException, match=r"start\.service did not end well by itself"):
        finish(context, **{"start.service": "success"})


@ONE_ARRAY
def test_a_run_that_failed_leaves_the_telling_to_the_sweep(lab: Any, context: dict[str, Any]) -> None:
    """Airflow drops the events of a task that fails."""
    sweep(context)
    lab.set_state(SYMID, *PAIRS[0], "Failed")
    with pytest.raises(AirflowFailException):
        finish(context, stop="failed")
    assert context["asset_state_store"][FLEET]["aastmphpux"]["status"] == "down" and told(context) == []
    (change,) = sweep(context)
    assert (change["was"], change["status"]) == ("up", "down")
    assert sweep(context) == []


@ONE_ARRAY
def test_while_another_run_goes_on_down_is_not_told(lab: Any, context: dict[str, Any]) -> None:
    sweep(context)
    lab.set_state(SYMID, *PAIRS[0], "Failed")
    context["ti"].get_dr_count = lambda dag_id, states: 1
    finish(context)
    assert context["asset_state_store"][FLEET]["aastmphpux"]["status"] == "up" and told(context) == []


@ONE_ARRAY
def test_a_sweep_that_looked_before_does_not_overwrite_it(
    lab: Any, context: dict[str, Any], log: Log
) -> None:
    sweep(context)
    store = context["asset_state_store"][FLEET]
    later = looked_at(store["aastmphpux"] | {"status": "warn"}, datetime.now(UTC) + timedelta(minutes=1))
    store.set("aastmphpux", later)
    assert sweep(context) == [] and store["aastmphpux"] == later
    assert "aastmphpux: a run that has ended since then checked later" in log.text


@ONE_ARRAY
def test_a_sweep_that_a_run_overtakes_does_not_overwrite_it(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run writes what it saw after the sweep has read what was known, and before it writes."""
    finish(context)
    store = context["asset_state_store"][FLEET]
    before = dict(store["aastmphpux"])
    lab.set_state(SYMID, *PAIRS[0], "Failed")
    overtaken = looked_at(before, datetime.now(UTC) + timedelta(minutes=1), before["own"] | {"state": "down"})
    read = Store.get

    def then_the_run_ends(self: Store, key: str, *default: Any) -> Any:
        value = read(self, key, *default)
        if key == "aastmphpux" and value == before:
            store.set("aastmphpux", overtaken)
        return value

    monkeypatch.setattr(Store, "get", then_the_run_ends)
    sweep(context)
    assert store["aastmphpux"] == overtaken


@ONE_ARRAY
@pytest.mark.parametrize("trouble", ["no store", "no inlet", "no answer"])
def test_what_cannot_be_kept_changes_nothing_for_the_run(
    lab: Any, context: dict[str, Any], log: Log, trouble: str
) -> None:
    error = AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={}))

    class Stores(dict[Any, Any]):
        def __missing__(self, asset: Any) -> Any:
            if asset != FLEET:
                return Store()
            if trouble == "no inlet":
                raise KeyError(asset)
            raise error

    if trouble == "no store":
        del context["asset_state_store"]
    else:
        context["asset_state_store"] = Stores()
    finish(context)
    assert context["ti"].xcom["result"]["result"] == "done"
    assert ("the next sweep checks again" in log.text) is (trouble == "no answer")


def test_its_inlets_are_added_to_those_that_it_is_given() -> None:
    end = RunEndOperator(task_id="finish", service="aastmphpux", config=str(SERVICES), inlets=[CHANGES])
    assert end.inlets == [CHANGES, FLEET] and end.outlets == [CHANGES]
