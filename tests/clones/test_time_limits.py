"""Time limits and metrics: each stands in one place, and the tables in the docs are made of it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from cli.reference_tables import TABLES, main
from clones import time_limits
from clones.config import Config
from clones.time_limits import GROUPS, TimeLimit
from tests.conftest import ROOT

LIMITS = [limit for group in GROUPS.values() for limit in group]
MODELS: dict[str, Any] = Config.model_json_schema()["$defs"]
LISTS = {
    "syncs[]": "Sync",
    "down_checks[]": "DownCheck",
    "before_stop[]": "Hook",
    **{f"resources[].{name}": name.capitalize() for name in ("ip", "vg", "fs", "app", "command")},
}
PAUSES = {("Service", "poll_interval"), ("Service", "poll_max")}
"""Seconds between two looks: no limits."""


def model_of(key: str) -> tuple[str, str]:
    """The model and the field of a setting's path."""
    path, _, field = key.rpartition(".")
    return LISTS.get(path, path.capitalize() or "Service"), field


def modules() -> list[Path]:
    return [*(ROOT / "plugins/clones").rglob("*.py"), *(ROOT / "plugins/hooks").rglob("*.py")]


def test_every_limit_is_in_the_table() -> None:
    assert [limit for limit in vars(time_limits).values() if isinstance(limit, TimeLimit)] == LIMITS
    assert all(limit.of and limit.why and limit.seconds > 0 for limit in LIMITS)


@pytest.mark.parametrize("limit", [limit for limit in LIMITS if limit.key], ids=lambda limit: limit.key)
def test_a_setting_has_its_limit_as_default(limit: TimeLimit) -> None:
    model, field = model_of(limit.key)
    assert MODELS[model]["properties"][field]["default"] == limit.seconds


def test_every_setting_that_is_a_limit_is_in_the_table() -> None:
    seconds = {
        (model, name)
        for model, schema in MODELS.items()
        if model != "SymcliOfHosts"  # the same settings, for some control hosts
        for name, field in schema.get("properties", {}).items()
        if field.get("maximum") == 7 * 86400 and field.get("default") is not None
    }
    assert seconds - PAUSES == {model_of(limit.key) for limit in LIMITS if limit.key}


def test_no_command_has_a_limit_of_its_own() -> None:
    """A number at a `timeout`, or as the third part of a `Command`, belongs into the table."""
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            given: list[ast.expr | None] = []
            if isinstance(node, ast.Call):
                given = [word.value for word in node.keywords if word.arg == "timeout"]
                if isinstance(node.func, ast.Name) and node.func.id == "Command":
                    given += node.args[2:3]
            elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "timeout":
                given = [node.value]
            found += [f"{path}:{one.lineno}" for one in given if isinstance(one, ast.Constant) and one.value]
    assert not found


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_current(name: str) -> None:
    assert (ROOT / "docs/reference" / name).read_text() == TABLES[name]()


def test_what_is_not_current_is_found_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cli.reference_tables.REFERENCE", tmp_path)
    assert main(["--check"]) == 1 and "time-limits.md: is not current" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert main([]) == 0 and main(["--check"]) == 0
    (tmp_path / "metrics.md").write_text("old")
    assert main(["--check"]) == 1 and "metrics.md" in capsys.readouterr().out
