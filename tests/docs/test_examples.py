"""The example DAGs of docs/examples do what they say, on the lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from tests.conftest import ONE_ARRAY, ROOT, SERVICES, carried_out, connect, control
from tests.dags.conftest import dags, database, run  # noqa: F401 (a fixture)

EXAMPLES = {
    "one_pair": "refresh_report_copy",
    "two_syncs_in_order": "copy_in_order",
    "on_fresh_copy": "report_on_fresh_copy",
    "on_status_change": "tell_status_changes",
}


def example(file: str) -> Any:
    """The DAG of one file, as Airflow finds it."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(ROOT / "docs" / "examples" / f"{file}.py"))
    assert not bag.import_errors, bag.import_errors
    assert bag.dag_ids == [EXAMPLES[file]]
    return bag.dags[EXAMPLES[file]]


def test_each_of_them_is_parsed() -> None:
    found = {path.stem for path in (ROOT / "docs" / "examples").glob("*.py")}
    assert found == EXAMPLES.keys()
    for file in found:
        assert example(file).tasks


@pytest.fixture
def fast(arrays: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The lab at 50 times the speed."""
    with Lab(arrays, directory=tmp_path / "lab", speed=50, services=SERVICES) as lab:
        connect(monkeypatch, lab.connections)
        yield lab


def changes(lab: Any) -> list[str]:
    """What was sent to change copies, in order: the verb, and the group or the pairs."""
    return [
        short or " ".join(carried_out(entry["command"]))
        for entry in lab.commands()
        if (short := control(entry["command"]))
    ]


def succeeded(result: Any) -> bool:
    states = {ti.task_id: str(ti.state) for ti in result.get_task_instances()}
    assert str(result.state) == "success" and set(states.values()) == {"success"}, states
    return True


@ONE_ARRAY
def test_one_pair(database: None, fast: Any) -> None:  # noqa: F811
    assert succeeded(run(example("one_pair")))
    assert [change.split()[0] for change in changes(fast)] == ["recreate", "activate"]
    assert fast.session("000190101234", "1237", "4324")["state"] == "Copied"


@ONE_ARRAY
def test_two_syncs_in_order(database: None, fast: Any) -> None:  # noqa: F811
    assert succeeded(run(example("two_syncs_in_order")))
    assert changes(fast) == ["recreate DGCVI", "activate DGCVI", "recreate DGCVIARCH", "activate DGCVIARCH"]
    assert fast.host("aastmphpux").mounts(), "the service is up again"


@ONE_ARRAY
def test_on_a_fresh_copy(database: None, fast: Any, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    """Scheduled by Airflow itself it is in tests/end_to_end/test_whole_runs.py."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    dag = example("on_fresh_copy")
    refreshed = run(dags().aastmphpux, action="refresh")
    with create_session() as session:
        found = session.query(AssetEvent).filter(AssetEvent.source_run_id == refreshed.run_id).all()
        events = {name: [one for one in found if one.asset.name == name] for name in asset_names(found)}
    assets = {asset.name: asset for asset in dag.timetable.asset_condition.objects}
    assert events.keys() == assets.keys(), "a refresh gives what its schedule waits for"
    dag.get_task("report").python_callable({assets[name]: events[name] for name in assets})
    assert f"copied by run {refreshed.run_id}" in capsys.readouterr().out


def asset_names(events: list[Any]) -> set[str]:
    return {event.asset.name for event in events}


@ONE_ARRAY
def test_the_hook_in_a_task_of_ones_own(database: None, fast: Any) -> None:  # noqa: F811
    from airflow.sdk import DAG, task

    from hooks.symcli import SymcliHook

    with DAG("own_task", schedule=None, catchup=False) as dag:

        @task
        def arrays() -> str:
            with SymcliHook("symcli_demo") as hook:
                result = hook.run_command(["/usr/symcli/bin/symcfg", "list"], timeout=120)
            assert result.exit_code == 0, result.said()
            return result.stdout

        @task
        def shown(listed: str) -> None:
            assert "000190101234" in listed

        shown(arrays())
    assert succeeded(run(dag))
    assert any("symcfg list" in entry["command"] for entry in fast.commands())
