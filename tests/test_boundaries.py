"""Who may know whom: the domain knows nobody, and the lab and the operators only meet at the SSH port."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.imports import arrows, circle, upward

PLUGINS = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir() and path.name[0] not in "._"}
ORDER = (
    # the ground: words
    "clean", "errors", "names", "become", "durations", "time_limits", "config", "states", "actions",
    # rules: what to do about what was seen; they ask nobody
    "decide",
    # how hosts are asked, and what they say
    "asking", "resources", "guards",
    # what services.yaml says
    "services_yaml",
    # the ways of asking an array, one package each
    "backends",
    # procedures
    "observe", "act", "backends.doing", "runs", "fleet", "policy", "privileges", "preflight",
)  # fmt: skip
CHANGES = ("act", "checking", "device_groups", "doing", "end", "preflight", "rewind", "set_up")
"""The modules of the back ends that change something: they stand above what the procedures share."""
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
LAB = (
    # what everything stands on
    "strict", "states", "volumes", "clock", "filesystem", "journal", "config", "faults",
    # what is simulated: the world knows arrays, and of hosts what its protocol says
    "array", "shell", "rights", "world", "symcli", "unisphere", "hosts",
    # how it is reached, what of it is real, and what puts it together
    "server", "real", "building", "rest_operations", "running",
    # for whoever uses a lab; "lab" is what `import lab` gives
    "operations", "client", "inprocess", "direct", "lab", "check", "tools", "__main__",
)  # fmt: skip
"""The files and packages of the lab from the ground up: each imports only what stands before it."""
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


def place(name: str) -> str:
    """The entry of ORDER for a module of the domain."""
    package, *rest = name.split(".")
    return "backends.doing" if package == "backends" and rest[-1:] and rest[-1] in CHANGES else package


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
        for name, others in arrows(ROOT / "plugins", ROOT / "plugins").items()
        if name.startswith("clones.")
    }
    assert {place(name) for name in inside} == set(ORDER), "name it in ORDER"
    assert upward(inside, lambda name: ORDER.index(place(name))) == []


def test_packages_of_plugins_import_only_downwards() -> None:
    found = {
        name: others
        for name, others in arrows(ROOT / "plugins", ROOT / "plugins").items()
        if not name.endswith("_plugin")
    }
    assert {name.split(".")[0] for name in found} == set(TOP) == PLUGINS, "name it in TOP"
    assert upward(found, lambda name: TOP.index(name.split(".")[0])) == []


def test_no_module_of_plugins_imports_itself_round_about() -> None:
    assert circle(arrows(ROOT / "plugins", ROOT / "plugins")) == []


def test_what_goes_upward_or_in_a_circle_is_found() -> None:
    """These tests can fail."""
    found = {"decide.rules": {"states"}, "states": {"decide.freshness"}, "decide.freshness": {"decide.rules"}}
    assert upward(found, lambda name: ORDER.index(name.split(".")[0])) == ["states imports decide.freshness"]
    assert set(circle(found)) == {"decide.rules", "states", "decide.freshness"}


@pytest.mark.parametrize("path", modules("lab"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_lab_does_not_know_the_operators(path: Path) -> None:
    assert not imported(path) & (PLUGINS | {"airflow", "demo", "private_airflow", "bench", "fuzz", "tests"})


def test_the_lab_imports_only_downwards_and_never_round_about() -> None:
    found = arrows(ROOT / "lab", ROOT)
    part = {name: (name.split(".")[1:] or ["lab"])[0] for name in found}
    assert set(part.values()) == set(LAB), "name it in LAB"
    assert circle(found) == []
    assert upward(found, lambda name: LAB.index(part[name])) == []


@pytest.mark.parametrize("folder", ["bench", "demo", "private_airflow"])
def test_nothing_imports_itself_round_about(folder: str) -> None:
    assert circle(arrows(ROOT / folder, ROOT)) == []


def test_an_import_is_found_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "lab" / "hosts").mkdir(parents=True)
    for name, text in {
        "lab/__init__.py": "from lab.world import World",
        "lab/world.py": "def build():\n    from lab.hosts import build",
        "lab/hosts/__init__.py": "from . import host",
        "lab/hosts/host.py": "import json\nif TYPE_CHECKING:\n    import lab.clock",
        "lab/clock.py": "import importlib\nimportlib.import_module('lab.world')",
    }.items():
        (tmp_path / name).write_text(text)
    found = arrows(tmp_path / "lab", tmp_path)
    assert found == {
        "lab": {"lab.world"},
        "lab.world": {"lab.hosts"},
        "lab.hosts": {"lab.hosts.host"},
        "lab.hosts.host": {"lab.clock"},
        "lab.clock": {"lab.world"},
    }
    round_about = circle(found)
    assert round_about[0] == round_about[-1]
    assert set(round_about) == {"lab.world", "lab.hosts", "lab.hosts.host", "lab.clock"}
    assert all(b in found[a] for a, b in pairwise(round_about))
    order = ["lab.clock", "lab.hosts.host", "lab.hosts", "lab.world", "lab"]
    assert upward(found, order.index) == ["lab.clock imports lab.world"]


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
