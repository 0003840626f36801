"""The DAG of the check: its shape, and one run by `dag.test()`."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from tests.conftest import ROOT

FILE = ROOT / "dags" / "clone_preflight.py"


def dag() -> Any:
    spec = importlib.util.spec_from_file_location("clone_preflight", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.dag


def test_the_form() -> None:
    found = dag()
    assert (found.dag_id, found.schedule, [task.task_id for task in found.tasks]) == (
        "clone_preflight",
        None,
        ["check"],
    )
    service = found.params.get_param("service")
    assert service.value == "all"
    assert service.schema["enum"] == ["all", "aastmphpux", "lnxpp", "reporting_copies"]


@pytest.mark.parametrize("arrays", [{}], indirect=True)
def test_a_run(database: None, lab: Any) -> None:
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    bag = DagBag(dag_folder="/dev/null")
    tested = dag()
    bag.bag_dag(tested)
    sync_bag_to_db(bag, "dags-folder", None)
    run = tested.test(run_conf={"service": "lnxpp"})
    assert str(run.state) == "success"
    findings = run.get_task_instance("check").xcom_pull(task_ids="check", key="findings")
    assert any(finding["where"] == "service lnxpp, app pp on lnxpp01" for finding in findings)
    assert not any("aastmphpux" in finding["where"] for finding in findings)
