"""What a task would load of its own is loaded by its parent."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support.tables import load_yaml

LOADED_BY_THE_DAG_FILES = """
import importlib.util, json, sys
import {preloaded}
before = set(sys.modules)
for name in {names}:
    spec = importlib.util.spec_from_file_location(name, f"dags/{{name}}.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_after(preloaded: str) -> set[str]:
    """The modules that reading all DAG files loads in a process that has this one already."""
    names = [path.stem for path in sorted((ROOT / "dags").glob("*.py"))]
    return set(json.loads(said_by(LOADED_BY_THE_DAG_FILES.format(preloaded=preloaded, names=names))))


def said_by(program: str) -> str:
    """The last line that a fresh process prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_reading_the_dag_files_loads_nothing_but_what_airflow_has_in_its_workers() -> None:
    assert {name.split(".")[0] for name in loaded_after("preload_plugin")} == {"airflow"}


def test_without_it_a_task_would_load_the_operators() -> None:
    assert {"clones.runs.refresh", "operators.run_plan"} <= loaded_after("json")


def test_and_nothing_is_left_for_a_task_that_waits() -> None:
    wanted = {"asyncssh", "defusedxml.ElementTree", "hooks.symcli", "triggers.symclone"}
    program = f"import sys, preload_plugin; print({wanted} <= set(sys.modules))"
    assert said_by(program) == "True"


def test_what_a_first_login_makes_is_made_before_the_forks() -> None:
    """And not once more in a task, where Airflow's SDK loads every plugin's file anew."""
    program = (
        "import asyncssh as a; seen, options, read = [], a.SSHClientConnectionOptions, a.import_private_key; "
        "a.SSHClientConnectionOptions = lambda **words: (seen.append('options'), options(**words))[1]; "
        "a.import_private_key = lambda text: (seen.append('key'), read(text))[1]; "
        "import preload_plugin, importlib; importlib.reload(preload_plugin); print(seen)"
    )
    assert said_by(program) == "['options', 'key']"


def test_celerys_workers_load_it_before_they_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    compose = load_yaml((ROOT / "docker-compose.yaml").read_text())
    name = "AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS"
    monkeypatch.setenv(name, compose["services"]["airflow-worker"]["environment"][name])
    # What a worker does before it makes its pool of processes.
    program = (
        "import sys; from airflow.providers.celery.executors.celery_executor_utils import app; "
        "app.loader.init_worker(); print({'asyncssh', 'operators.run_plan'} <= set(sys.modules))"
    )
    assert said_by(program) == "True"
    monkeypatch.delenv(name)
    assert said_by(program) == "False"
