"""The service DAGs, and running one by `dag.test()`."""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import Any
from unittest import mock

import pytest
from airflow.sdk import DAG

from tests.conftest import ROOT


def dags(name: str = "clone_services") -> Any:
    """A file of the DAG folder, read anew, with each DAG that Airflow finds in it as an attribute."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "dags" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    for dag in [value for value in vars(module).values() if isinstance(value, DAG)]:
        if not hasattr(module, dag.dag_id):
            setattr(module, dag.dag_id, dag)
    return module


@pytest.fixture(scope="session")
def database() -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()


def run(dag: Any, **conf: Any) -> Any:
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    bag = DagBag(dag_folder="/dev/null")
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
    with mock.patch("time.sleep", _sleep):
        return dag.test(run_conf={"reason": "test", **conf})


def _sleep(seconds: float, sleep: Any = time.sleep) -> None:
    """Of `dag.test()` (Airflow 3.3): a second after each round that only skipped tasks."""
    own = sys._getframe(1).f_globals["__name__"] == "airflow.sdk.definitions.dag"
    sleep(0.01 if own else seconds)
