"""Who may know whom: the domain knows nobody, and the lab and the operators only meet at the SSH port."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

PLUGINS = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir() and path.name[0] not in "._"}
ORDER = (
    # the ground: words
    "errors", "names", "clean", "config", "states", "actions",
    # rules: what to do about what was seen; they ask nobody
    "decide",
    # how hosts are asked, and what they say
    "asking", "symcli", "resources", "guards",
    # what services.yaml says
    "services_yaml",
    # procedures
    "observe", "act", "runs", "fleet", "preflight",
)  # fmt: skip
"""The packages of the domain from the ground up: each may import what stands before it."""
TOP = ("clones", "hooks", "reporting", "triggers", "operators", "sensors", "board", "opensvc", "cli")
"""The packages of plugins/, likewise."""
DOMAIN_MAY_USE = {
    "clones",
    # text in and out
    "pydantic", "pydantic_core", "yaml", "defusedxml", "croniter", "json", "xml", "re", "shlex", "difflib",
    "posixpath", "hashlib", "ipaddress", "zoneinfo",
    # values
    "__future__", "collections", "contextlib", "dataclasses", "datetime", "enum", "functools", "itertools",
    "math", "operator", "types", "typing",
}  # fmt: skip
"""Of the standard library, too, only what neither reads nor writes; zoneinfo has a table of its own."""
NAMES_OF = {"sys": {"sys.intern"}, "pathlib": {"pathlib.PurePath", "pathlib.PurePosixPath"}}
READS_OR_WRITES = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}
CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def not_of_the_domain(text: str) -> set[str]:
    """What a module uses that reads, writes or tells the time, or is of somebody else."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names} - DOMAIN_MAY_USE
        elif isinstance(node, ast.ImportFrom) and node.module in NAMES_OF:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} - NAMES_OF[node.module]
        elif isinstance(node, ast.ImportFrom):
            found |= {"." if node.level else str(node.module).split(".")[0]} - DOMAIN_MAY_USE
        elif isinstance(node, ast.Name):
            found |= {node.id} & READS_OR_WRITES
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {f"{node.value.id}.{node.attr}"} & CLOCKS
    return found


def arrows(folder: str) -> dict[str, set[str]]:
    """Of each module below a folder, by its dotted name, the modules there that it imports."""
    root = ROOT / folder
    names = {path: path.relative_to(root).with_suffix("").parts for path in modules(folder)}
    known = {".".join(parts).removesuffix(".__init__"): path for path, parts in names.items()}
    found = {}
    for name, path in known.items():
        asked = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                asked |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                asked |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        found[name] = {one for one in asked & known.keys() if not _only_the_way(one, asked, known)}
    return found


def _only_the_way(one: str, asked: set[str], known: Mapping[str, Path]) -> bool:
    """Whether a package's own file is named only because one of its modules is imported from it."""
    is_package = known[one].name == "__init__.py"
    return is_package and any(other.rpartition(".")[0] == one for other in asked & known.keys())


def circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other round about, empty when none do."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def upward(arrows: Mapping[str, set[str]], order: Sequence[str], depth: int = 0) -> list[str]:
    """The imports that go against an order of packages.

    :param depth: which part of a module's dotted name is its package.
    """
    rank = {name: number for number, name in enumerate(order)}
    return [
        f"{one} imports {other}"
        for one, others in arrows.items()
        for other in others
        if rank[one.split(".")[depth]] < rank[other.split(".")[depth]]
    ]


@pytest.mark.parametrize("path", modules("plugins/clones"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_domain_is_free_of_airflow_and_io(path: Path) -> None:
    assert not_of_the_domain(path.read_text()) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import os.path", {"os"}),
        ("from airflow.sdk import DAG", {"airflow"}),
        ("def f():\n    from pathlib import Path, PurePath", {"pathlib.Path"}),
        ("import sys", {"sys"}),
        ("from . import rules", {"."}),
        ("open('x')", {"open"}),
        ("said = print", {"print"}),
        ("datetime.now(UTC)", {"datetime.now"}),
        ("from sys import intern\nfrom clones.states import State\nnow = seen.now", set()),
    ],
)
def test_what_is_not_of_the_domain_is_found(text: str, found: set[str]) -> None:
    assert not_of_the_domain(text) == found


def test_packages_of_the_domain_import_only_downwards() -> None:
    inside = {
        name.removeprefix("clones."): {other.removeprefix("clones.") for other in others if other != "clones"}
        for name, others in arrows("plugins").items()
        if name.startswith("clones.")
    }
    assert {name.split(".")[0] for name in inside} == set(ORDER), "name it in ORDER"
    assert upward(inside, ORDER) == []


def test_packages_of_plugins_import_only_downwards() -> None:
    found = {name: others for name, others in arrows("plugins").items() if not name.endswith("_plugin")}
    assert {name.split(".")[0] for name in found} == set(TOP) == PLUGINS, "name it in TOP"
    assert upward(found, TOP) == []


def test_no_module_of_plugins_imports_itself_round_about() -> None:
    assert circle(arrows("plugins")) == []


def test_what_goes_upward_or_in_a_circle_is_found() -> None:
    """These tests can fail."""
    found = {"decide.rules": {"states"}, "states": {"decide.freshness"}, "decide.freshness": {"decide.rules"}}
    assert upward(found, ORDER) == ["states imports decide.freshness"]
    assert set(circle(found)) == {"decide.rules", "states", "decide.freshness"}


@pytest.mark.parametrize("path", modules("lab"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_lab_does_not_know_the_operators(path: Path) -> None:
    assert not imported(path) & (PLUGINS | {"airflow", "demo"})


@pytest.mark.parametrize(
    "path", [*modules("plugins"), *modules("dags")], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_operators_do_not_know_the_lab(path: Path) -> None:
    assert not imported(path) & {"lab", "demo", "tests"}


def test_every_package_below_plugins_is_kept_from_the_plugin_loader() -> None:
    """Airflow would run each module as a top-level one named after its file."""
    ignored = (ROOT / "plugins" / ".airflowignore").read_text().split()
    packages = {
        path.name for path in (ROOT / "plugins").iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    assert packages <= {name.rstrip("/") for name in ignored}
