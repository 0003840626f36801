"""Two services name one target, one of them by a name that is not pinned: the file does not show it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped

from cli import plan as plan_at_command_line
from cli import preflight as preflight_at_command_line
from clones.errors import Refused, Unknown
from operators.preflight import PreflightOperator
from operators.provision import ProvisionPlanOperator
from operators.retire import RetirePlanOperator
from operators.run_end import RunEndOperator
from operators.run_plan import RunPlanOperator
from operators.status import CloneStatusOperator
from reporting.last_seen import CHANGES, FLEET
from tests.conftest import ONE_ARRAY, SERVICES, SYMID, new_context

PINNED = f'symid: "{SYMID}"\n        symdg: DGCVI\n        pairs: ["DEV001=1234:CLONE001=4321"]'
UNPINNED = 'symdg: DGCVI\n        pairs: ["DEV001:CLONE001"]'
SLY = f"""
  sly:
    control_host: symcli_demo
    schedule: none
    sync_max_delay: 1620
    hosts: [{{connection: lnxpp01, family: linux}}]
    resources:
      - ip: {{ipname: 192.168.40.99, ipdev: eth0, netmask: 24}}
    syncs:
      - {{name: data, symid: "{SYMID}", pairs: ["1234:4321"]}}
"""
OF_SLY = "1234 -> 4321: its target 4321 of 000190101234 is also target of service aastmphpux, sync data, "
OF_THE_OTHER = "its target 4321 of 000190101234 is also target of service sly, sync data, 1234 -> 4321"
GROUP = "symdg -g DGCVI list"

pytestmark = ONE_ARRAY


def services(folder: Path, *changes: tuple[str, str], more: str = SLY) -> str:
    text = SERVICES.read_text() + more
    for old, new in ((PINNED, UNPINNED), *changes):
        assert old in text
        text = text.replace(old, new)
    (folder / "services.yaml").write_text(text)
    return str(folder / "services.yaml")


@pytest.fixture
def path(lab: Any, tmp_path: Path) -> str:
    return services(tmp_path)


def context_of(service: str, **more: Any) -> Any:
    context = new_context() | more
    context["dag_run"].dag_id = context["ti"].dag_id = service
    return context


def refresh(path: str, service: str, action: str = "refresh", context: Any = None, **words: Any) -> Any:
    """The plan of a run; its task's XComs."""
    context = context or context_of(service)
    with DAG(service):
        operator = RunPlanOperator(
            task_id="plan", service=service, action=action, reason="test", phases={}, config=path, **words
        )
    operator.execute(context)
    return context["ti"].xcom


def sent(lab: Any, part: str) -> list[str]:
    return [entry["command"] for entry in lab.commands() if part in entry["command"]]


@pytest.mark.parametrize(("service", "says"), [("sly", OF_SLY), ("aastmphpux", OF_THE_OTHER)])
def test_a_run_of_either_is_refused(lab: Any, path: str, service: str, says: str) -> None:
    with pytest.raises(Refused, match=re.escape(says)) as refused:
        refresh(path, service)
    assert "pin names to their device numbers" in refused.value.remedy
    assert not sent(lab, " -noprompt ")


def provision(path: str) -> None:
    ProvisionPlanOperator(task_id="plan", service="sly", reason="test", config=path).execute(
        context_of("sly")
    )


def retire(path: str) -> None:
    RetirePlanOperator(task_id="plan", service="sly", reason="test", config=path).execute(context_of("sly"))


@pytest.mark.parametrize("planned", [provision, retire])
def test_so_is_what_creates_and_ends_sessions(lab: Any, path: str, planned: Callable[[str], None]) -> None:
    with pytest.raises(Refused, match=OF_SLY):
        planned(path)


def test_a_stop_sends_nothing_to_the_array(lab: Any, path: str) -> None:
    assert refresh(path, "aastmphpux", "stop")["plan"]["phases"] == ["stop"]


def test_a_plan_alone_says_so(
    lab: Any, path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of("sly")
    with pytest.raises(DownstreamTasksSkipped):
        refresh(path, "sly", context=context, plan_only=True)
    assert OF_SLY in context["ti"].xcom["foreseen"]["refused"]
    monkeypatch.setattr("sys.argv", ["plan", "sly", "refresh", "--config", path])
    capsys.readouterr()
    assert plan_at_command_line.main() == 1
    assert OF_SLY in capsys.readouterr().out


def test_what_a_group_stands_for_must_be_known(lab: Any, path: str) -> None:
    lab.fault("exit", host="symcli_demo", match=GROUP, exit=3, stdout="")
    with pytest.raises(
        Unknown, match="not known whether service aastmphpux, sync data has the same"
    ) as unknown:
        refresh(path, "sly")
    assert unknown.value.remedy.startswith("pin its names to their device numbers")


def test_a_group_that_is_not_there_stands_for_nothing(lab: Any, tmp_path: Path) -> None:
    path = services(tmp_path, ("symdg: DGCVI\n", "symdg: DGGONE\n"))
    assert refresh(path, "sly")["plan"]["action"] == "refresh"


def test_what_is_of_another_array_or_pinned_is_not_looked_up(lab: Any, tmp_path: Path) -> None:
    refresh(services(tmp_path, (UNPINNED, f'symid: "{SYMID}"\n        {UNPINNED}'), more=""), "lnxpp")
    refresh(services(tmp_path, (UNPINNED, PINNED), more=""), "reporting_copies")
    assert not sent(lab, GROUP)


def preflight(path: str, **only: str) -> list[tuple[str, str, str]]:
    context = context_of("check")
    with pytest.raises((AirflowFailException, Unknown)):
        PreflightOperator(task_id="check", config=path, **only).execute(context)
    found = context["ti"].xcom["findings"]
    return [(f["level"], f["where"], f["what"]) for f in found if f["level"] in ("error", "unknown")]


@pytest.mark.parametrize(
    ("service", "where", "says"),
    [
        ("sly", "service sly, sync data, 1234 -> 4321", OF_SLY.partition(": ")[2]),
        ("aastmphpux", "service aastmphpux, sync data, DEV001 -> CLONE001 (1234 -> 4321)", OF_THE_OTHER),
    ],
)
def test_a_preflight_of_one_service_says_so(lab: Any, path: str, service: str, where: str, says: str) -> None:
    (found,) = [one for one in preflight(path, service=service) if "is also" in one[2]]
    assert found[:2] == ("error", where) and found[2].startswith(says)


def test_a_preflight_says_what_it_cannot_compare(lab: Any, path: str) -> None:
    lab.fault("exit", host="symcli_demo", match=GROUP, exit=3, stdout="")
    found = [one for one in preflight(path, service="sly") if "devices of what is checked" in one[2]]
    assert [one[:2] for one in found] == [("unknown", "service aastmphpux, sync data")]


def test_the_rest_of_the_file_has_errors(lab: Any, tmp_path: Path) -> None:
    """What was not compared is said, and what is wrong there."""
    path = services(tmp_path, ("poll_interval: 2", "pol_interval: 2"))
    context = context_of("check")
    PreflightOperator(task_id="check", config=path, service="sly").execute(context)
    (found,) = [one for one in context["ti"].xcom["findings"] if one["where"] == "configuration"]
    assert found["level"] == "warning" and "unknown key; did you mean 'poll_interval'?" in found["what"]


def test_a_preflight_prints_the_numbers_to_pin(
    lab: Any, path: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["preflight", "--service", "aastmphpux", "--verbose", "--config", path])
    assert preflight_at_command_line.main() == 1
    shown = capsys.readouterr()
    assert "DEV001 -> CLONE001 (1234 -> 4321)  Copied" in shown.out + shown.err


def sweep(path: str, stores: Any) -> dict[str, tuple[str, str]]:
    """What it tells: by service its status, why and what to do."""
    context = context_of("clone_status", asset_state_store=stores)
    context["ti"].get_dr_count = lambda dag_id, states: 0
    CloneStatusOperator(task_id="sweep", config=path).execute(context)
    events = context["outlet_events"][CHANGES].asset_alias_events
    return {one.extra["service"]: (one.extra["status"], one.extra["why"]) for one in events}


def test_a_sweep_tells_it_of_both_until_it_is_mended(lab: Any, path: str, context: Any) -> None:
    stores = context["asset_state_store"]
    asked = len(lab.commands())
    told = sweep(path, stores)
    assert {name: status for name, (status, _) in told.items()} == {"sly": "down", "aastmphpux": "down"}
    assert OF_SLY in told["sly"][1] and OF_THE_OTHER in told["aastmphpux"][1]
    assert len(lab.commands()) - asked == 3, "one a group that is not pinned, one an array"
    assert sweep(path, stores) == {}

    ended = context_of("sly", asset_state_store=stores)
    ended["ti"].xcom |= {"plan": {"action": "stop", "phases": ["stop"], "syncs": [], "estimates": {}}}
    ended["ti"].task_id, ended["ti"].task_states = "finish", {"plan": "success"}
    with DAG("sly"):
        end = RunEndOperator(task_id="finish", service="sly", config=path)
    end.execute(ended)
    record = stores[FLEET]["sly"]
    assert record["looked"] and record["status"] == "down", "a run sees only its own service"
    assert ended["outlet_events"][CHANGES].asset_alias_events == []

    mended = Path(path).read_text().partition("\n  sly:")[0]
    Path(path).write_text(mended)
    assert sweep(path, stores)["aastmphpux"][0] == "up"
