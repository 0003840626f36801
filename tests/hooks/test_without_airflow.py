"""Scripts read connections as Airflow does, and load it only where it alone can tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import BaseHook

from hooks import without_airflow
from hooks.without_airflow import connection
from tests.conftest import ROOT

BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
HERE = json.dumps({"conn_type": "ssh", "host": "here", "login": "me"})
LOOKED = """
import sys
from cli.options import as_script
as_script()
from hooks.symcli import SymcliHook
print(SymcliHook.get_connection("control").host, *(name in sys.modules for name in ("airflow", "sqlalchemy")))
"""
"""Prints where a connection leads to, and what was loaded for it."""


def said(program: str, home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What a fresh process without an Airflow of its own says."""
    kept = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith("AIRFLOW")}
    env = {**kept, "PYTHONPATH": str(ROOT / "plugins"), "AIRFLOW_HOME": str(home), **more}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def backend(tmp_path: Path) -> dict[str, str]:
    """Settings of a secrets backend that has the connection, too."""
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"control": {"conn_type": "ssh", "host": "there", "login": "me"}}))
    return {
        "AIRFLOW__SECRETS__BACKEND": BACKEND,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(file)}),
    }


def test_the_environment_alone_loads_no_airflow(tmp_path: Path) -> None:
    assert said(LOOKED, tmp_path, AIRFLOW_CONN_CONTROL=HERE).stdout.split() == ["here", "False", "False"]


def test_a_secrets_backend_counts_before_the_environment(tmp_path: Path, backend: dict[str, str]) -> None:
    found = said(LOOKED, tmp_path, AIRFLOW_CONN_CONTROL=HERE, **backend).stdout.split()
    assert found == ["there", "True", "True"]


def test_also_one_of_the_configuration_file(tmp_path: Path, backend: dict[str, str]) -> None:
    kwargs = backend["AIRFLOW__SECRETS__BACKEND_KWARGS"]
    (tmp_path / "airflow.cfg").write_text(f"[secrets]\nbackend = {BACKEND}\nbackend_kwargs = {kwargs}\n")
    assert said(LOOKED, tmp_path, AIRFLOW_CONN_CONTROL=HERE).stdout.split()[0] == "there"


def test_what_is_not_json_is_read_by_airflow(tmp_path: Path) -> None:
    found = said(LOOKED, tmp_path, AIRFLOW_CONN_CONTROL="ssh://me@elsewhere:22").stdout.split()
    assert found == ["elsewhere", "True", "True"]


STATUS = """
import sys
from cli import status
from cli.options import as_script
as_script()
sys.argv = ["status", "--json", *sys.argv[1:]]
status.main()
print("AIRFLOW", "airflow" in sys.modules)
"""


def test_a_status_loads_no_airflow(tmp_path: Path) -> None:
    """It looks, in vain: nobody listens there."""
    there = json.dumps({"host": "127.0.0.1", "port": 1, "login": "me", "extra": {"host_key": "ssh-rsa AAAA"}})
    done = said(STATUS, tmp_path, AIRFLOW_CONN_SYMCLI_DEMO=there)
    assert done.stdout.splitlines()[-1] == "AIRFLOW False", done.stdout + done.stderr
    assert "Airflow connection symcli_demo" in done.stdout


def test_a_connection_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    done = said(STATUS, tmp_path)
    assert "define the SSH connection symcli_demo" in done.stdout


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not loaded Airflow."""
    loaded = {name: module for name, module in sys.modules.items() if name.partition(".")[0] != "airflow"}
    monkeypatch.setattr(without_airflow, "ALONE", True)
    monkeypatch.setattr(without_airflow.sys, "modules", loaded)


def test_who_is_no_script_of_ours_has_airflows_own_hook(tmp_path: Path) -> None:
    found = said(LOOKED.replace("as_script()", "pass"), tmp_path, AIRFLOW_CONN_CONTROL=HERE)
    assert found.stdout.split() == ["here", "True", "True"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda home: {"AIRFLOW__SECRETS__BACKEND": "a.B"}, id="backend"),
        pytest.param(lambda home: {"AIRFLOW__SECRETS__BACKEND_CMD": "echo a.B"}, id="backend by a command"),
        pytest.param(lambda home: {"AIRFLOW__WORKERS__SECRETS_BACKEND": "a.B"}, id="backend of workers"),
        pytest.param(lambda home: {"AIRFLOW__CORE__MULTI_TEAM": "True"}, id="teams"),
        pytest.param(lambda home: {"_AIRFLOW_PROCESS_CONTEXT": "server"}, id="a part of Airflow"),
        pytest.param(lambda home: (home / "airflow.cfg").write_text("[a]\n Backend: a.B\n"), id="file"),
        pytest.param(lambda home: (home / "airflow.cfg").mkdir(), id="a file that cannot be read"),
        pytest.param(lambda home: (home / "config/airflow_local_settings.py").touch(), id="a site's module"),
    ],
)
def test_what_only_airflow_can_tell(change: Callable[[Path], Any], alone: None, tmp_path: Path) -> None:
    home = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW_CONN_CONTROL": HERE, "AIRFLOW__SECRETS__BACKEND": ""}
    (tmp_path / "config").mkdir()
    assert without_airflow.environment_tells(home) and connection("control", home)
    changed = change(tmp_path)
    more = changed if isinstance(changed, dict) else {}
    assert not without_airflow.environment_tells({**home, **more})
    assert connection("control", {**home, **more}) is None


@pytest.mark.parametrize(
    "given",
    [
        {"host": "a", "login": "b", "password": "c", "port": "2222", "extra": {"key_file": "/k"}},
        {"host": "a", "extra": '{"key_file": "/k"}', "schema": "s", "description": "d", "conn_type": "SSH"},
        {"host": "a", "port": 0, "extra": {}},
        {"host": "a", "port": None, "extra": ""},
        {},
    ],
)
def test_both_read_the_same(given: dict[str, Any], alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CONTROL", f" {json.dumps(given)} ")
    monkeypatch.setattr(without_airflow, "environment_tells", lambda environment: True)
    ours = connection("control")
    monkeypatch.undo()
    monkeypatch.setenv("AIRFLOW_CONN_CONTROL", f" {json.dumps(given)} ")
    airflows = BaseHook.get_connection("control")
    assert ours is not None
    for field in ("host", "login", "password", "port", "extra"):
        assert getattr(ours, field) == getattr(airflows, field), field


@pytest.mark.parametrize(
    "given", ['{"host": 1}', '{"host": "a", "uri": "b"}', '{"port": "x"}', '{"host"', "", "[]", '{"a": [}']
)
def test_what_is_odd_is_left_to_airflow(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(without_airflow, "environment_tells", lambda environment: True)
    assert connection("control", {"AIRFLOW_CONN_CONTROL": given}) is None
