"""Who may know whom: the domain knows nobody, and the lab and the operators only meet at the SSH port."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

PLUGINS = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir() and path.name[0] not in "._"}
DOMAIN_MAY_USE = {
    "clones",
    # text in and out
    "pydantic",
    "pydantic_core",
    "yaml",
    "defusedxml",
    "croniter",
}
IO = {"subprocess", "socket", "asyncio", "threading", "time", "os", "logging"}


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


@pytest.mark.parametrize("path", modules("plugins/clones"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_domain_is_free_of_airflow_and_io(path: Path) -> None:
    import sys

    used = imported(path)
    assert not used & IO
    assert used - set(sys.stdlib_module_names) <= DOMAIN_MAY_USE


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
