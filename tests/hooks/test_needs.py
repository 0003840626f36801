"""A package that is missing is named with its remedy, and takes no DAG and no part of Airflow away."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from clones.errors import ConfigError
from clones.observe.findings import Level
from hooks import needs
from hooks.hosts import open_hosts
from hooks.whole_site import preflight
from tests.conftest import ROOT

WITHOUT = """
import importlib.util, json, sys
from pathlib import Path

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {modules}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
import preload_plugin, board_plugin
dags, errors = [], {{}}
for path in sorted(Path("dags").glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        errors[path.stem] = str(error)
    dags += [value.dag_id for value in vars(module).values() if type(value).__name__ == "DAG"]
shown = [app["name"] for app in board_plugin.BoardPlugin().fastapi_apps]
print(json.dumps({{"dags": sorted(dags), "errors": errors, "board": shown}}))
"""


def said_without(*modules: str) -> dict[str, Any]:
    """What a fresh process of Airflow has where these modules cannot be imported."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
    words = [sys.executable, "-c", WITHOUT.format(modules=modules)]
    done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return said_without()


@pytest.mark.parametrize(
    ("modules", "names"),
    [
        pytest.param(("defusedxml",), ("defusedxml",), id="defusedxml"),
        pytest.param(("asyncssh", "paramiko"), ("asyncssh",), id="the SSH client"),
        pytest.param(
            ("asyncssh", "paramiko", "defusedxml", "prometheus_client"), ("asyncssh", "defusedxml"), id="all"
        ),
        pytest.param(("prometheus_client",), (), id="what only /metrics needs"),
    ],
)
def test_one_dag_file_names_what_is_missing_and_all_other_dags_are_there(
    modules: tuple[str, ...], names: tuple[str, ...], whole: dict[str, Any]
) -> None:
    assert whole["errors"] == {} and "clone_preflight" in whole["dags"] and whole["board"] == ["Clones"]
    found = said_without(*modules)
    assert found["board"] == ["Clones"]
    if not names:
        assert found == whole
        return
    assert found["dags"] == [name for name in whole["dags"] if name != "clone_preflight"]
    assert list(found["errors"]) == ["clone_preflight"]
    for name in names:
        assert f"Package {name} is missing" in found["errors"]["clone_preflight"]
    packages = " ".join(f"'{name}'" for name in names)
    assert f"-m pip install {packages}`" in found["errors"]["clone_preflight"]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes modules be missing, for :mod:`hooks.needs`."""

    def missing(*modules: str) -> None:
        find = needs.find_spec
        monkeypatch.setattr(needs, "find_spec", lambda name: None if name in modules else find(name))

    return missing


def test_each_package_of_ours_is_looked_for() -> None:
    """A folder of the site's with one of these names hides ours."""
    packages = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    assert {*needs.OURS} == packages


def test_a_task_says_it_before_it_goes_to_a_host(without: Any) -> None:
    without("defusedxml")
    with pytest.raises(ConfigError, match=r"^Package defusedxml is missing; .*\nWhat to do: run `.* install"):
        open_hosts()


def test_preflight_says_it_and_looks_no_further(without: Any) -> None:
    without("asyncssh")
    errors = [
        found for found in preflight(str(ROOT / "config/services.yaml"), None) if found.level is Level.ERROR
    ]
    assert [(found.where, "pip install 'asyncssh'" in found.remedy) for found in errors] == [
        ("package asyncssh", True)
    ]


def test_the_metrics_say_it_and_no_run_needs_them(without: Any) -> None:
    without("prometheus_client")
    needs.require()
    with pytest.raises(ConfigError, match="Package prometheus-client is missing; needed for the board's"):
        needs.require("prometheus_client")


@pytest.mark.parametrize(
    ("version", "level"),
    [("6.0.9", Level.WARNING), ("6.1.0", Level.OK), ("7.9.9", Level.OK), ("8.0.0", Level.WARNING)],
)
def test_a_version_that_was_not_tried_is_a_warning(
    version: str, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs.metadata, "version", lambda name: version)
    (found,) = [one for one in needs.findings() if one.where == "package apache-airflow-providers-ssh"]
    assert (found.level, version in found.what) == (level, True)


def test_a_folder_of_the_site_that_hides_ours_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "operators").mkdir()
    (tmp_path / "operators/__init__.py").write_text("")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT / 'plugins'}"}
    words = [sys.executable, "-m", "hooks.needs"]
    done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert f"ERROR    folder operators: `import operators` finds {tmp_path / 'operators'}" in done.stdout
    assert "put the files of both folders into one" in done.stdout
    environment["PYTHONPATH"] = str(ROOT / "plugins")
    assert subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE).returncode == 0


def named(path: Path) -> dict[str, Requirement]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {one.name.lower(): one for one in map(Requirement, lines)}


def test_the_projects_metadata_names_what_runs_need_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.in"]}
    assert named(ROOT / "requirements.in") == {
        one.name.lower(): one for one in (Requirement(need.requirement) for need in needs.NEEDS)
    }


def test_both_ends_of_what_is_said_are_installed_for_the_tests() -> None:
    tried = dict(re.findall(r"\b([A-Z_]+)=(\d[\d.]*)", (ROOT / "scripts/test-install").read_text()))
    wanted = named(ROOT / "requirements.in")
    for package, version in (
        ("apache-airflow-core", tried["AIRFLOW"]),
        ("apache-airflow-providers-ssh", tried["SSH_PROVIDER"]),
    ):
        assert f">={version}" in str(wanted[package].specifier)
    for page in ("README.md", "CONTRIBUTING.md"):
        assert f"pip from {tried['PIP']} on" in (ROOT / page).read_text()
    deploy = (ROOT / "docs/how-to/deploy.md").read_text()
    low = f"{tried['AIRFLOW']} with {tried['SSH_PROVIDER']}"
    lock = dict(re.findall(r"^([\w-]+)==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    high = f"{lock['apache-airflow-core']} with {lock['apache-airflow-providers-ssh']}"
    assert f"({low}, and {high} are tried)" in " ".join(deploy.split())


def test_the_lock_has_what_its_header_says_it_is_made_from() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    command = lock.splitlines()[1].split()
    sources = sorted(path.name for path in ROOT.glob("requirements*.in"))
    assert sorted(word for word in command if word.endswith(".in")) == sources
    locked = {
        Requirement(line.split(" \\")[0]).name.lower() for line in lock.splitlines() if line[0].isalnum()
    }
    for source in sources:
        assert named(ROOT / source).keys() <= locked
