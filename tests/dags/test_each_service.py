"""One service's name or trouble is never the others': what Airflow finds in the DAG files."""

from __future__ import annotations

import builtins
import keyword
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from clones.config import Service
from clones.runs import pools
from clones.services_yaml.checks import RESERVED
from hooks import configuration
from operators.each_service import ONE_AT_A_TIME, each_service
from tests.conftest import ROOT, SERVICES, new_context
from tests.dags.conftest import dags
from tests.support.production import services

FILES = ("clone_services", "clone_provision", "clone_retire", "clone_merge_back")


def bag(file: str) -> DagBag:
    return DagBag(ROOT / "dags" / f"{file}.py")


def many(names: list[str]) -> dict[str, Any]:
    """A service of syncs only for each name, with production, so that it has every kind of DAG."""
    production = {
        "hosts": [{"connection": "prod", "family": "linux"}],
        "resources": [{"vg": {"name": "vgP"}}],
    }
    check = {"name": "free", "connection": "other", "command": ["/opt/free"]}
    return {
        "services": {
            name: {
                "control_host": "ctl",
                "sync_max_delay": 60,
                "resources": [],
                "down_checks": [check],
                "production": production,
                "syncs": [
                    {"name": "s", "symid": "000190101234", "pairs": [f"{number:04X}:{number + 0x4000:04X}"]}
                ],
            }
            for number, name in enumerate(names)
        }
    }


@pytest.mark.parametrize("file", FILES)
def test_no_name_of_a_service_ends_a_file(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that stands in the file already, nor a word of Python, nor one that looks like either."""
    module = dags(file)
    words = {*vars(module), *vars(builtins), *keyword.kwlist, *keyword.softkwlist, "DAGS", "self", "a"}
    words |= {f"{word}_" for word in vars(module)} | {"zz__file__", "x-y", "dag", "Config", "lnxpp"}
    names = sorted(
        word
        for word in words
        if re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,63}", word) and not RESERVED.match(word)
    )
    assert {"build", "chain", "DAG", "each_service", "list", "globals", "None"} <= set(names)
    path = tmp_path / "services.yaml"
    path.write_text(yaml.safe_dump(many(names)))
    monkeypatch.setattr(configuration, "CONFIG", str(path))
    found = bag(file)
    assert not found.import_errors
    suffix = getattr(module, "SUFFIX", "")
    assert sorted(found.dag_ids) == sorted(f"{name}{suffix}" for name in names)
    assert all(len(dag.tasks) > 1 for dag in found.dags.values())


@pytest.mark.parametrize("file", FILES)
def test_a_service_that_cannot_be_built_keeps_no_other_from_it(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(configuration, "CONFIG", str(services(tmp_path / "services.yaml")))
    good = {name: [task.task_id for task in dag.tasks] for name, dag in bag(file).dags.items()}
    broken = next(name for name in good if name.startswith("lnxpp"))

    real = pools.array_pool

    def array_pool(limits: Any, service: Any, sync: Any) -> Any:
        if sync.symid == "000297600001":
            raise OverflowError("Python int too large")
        return real(limits, service, sync)

    monkeypatch.setattr(pools, "array_pool", array_pool)
    found = bag(file)
    assert not found.import_errors
    assert set(found.dag_ids) == set(good)
    for name, dag in found.dags.items():
        if name == broken:
            assert [task.task_id for task in dag.tasks] == ["finish"]
            assert dag.description == "CANNOT BE BUILT: OverflowError: Python int too large"
            assert str(dag.fileloc).endswith(f"{file}.py")
        else:
            assert [task.task_id for task in dag.tasks] == good[name]
    assert f"DAG {broken} cannot be built" in caplog.text
    with pytest.raises(
        AirflowFailException, match=r"The DAG of service lnxpp cannot be built: OverflowError"
    ):
        found.dags[broken].get_task("finish").execute(new_context())


def test_what_failed_half_way_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service would be stopped by it, and never started again."""

    def build(name: str, service: Service, limits: Any) -> DAG:
        with DAG(dag_id=name, schedule=None, auto_register=False) as dag:
            if name == "lnxpp":
                raise RuntimeError("half way")
        return dag

    found = each_service(str(SERVICES), build)
    assert {name: dag.description for name, dag in found.items() if dag.description} == {
        "<lnxpp>": "CANNOT BE BUILT: RuntimeError: half way"
    }
    assert len(found) == 3
    assert ONE_AT_A_TIME["auto_register"] is False
    for file in FILES:
        text = (ROOT / "dags" / f"{file}.py").read_text()
        assert text.count("with DAG(") == text.count("**ONE_AT_A_TIME") == 1
