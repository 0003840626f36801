"""When the hooks around an activation run again, from `cases/hook_windows.yaml`."""

from __future__ import annotations

from typing import Any

import pytest

from clones.config import Hook
from clones.runs.hook_windows import Window, to_run
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

ALL: dict[str, list[dict[str, Any]]] = load_yaml((CASES / "hook_windows.yaml").read_text())
WINDOW = Window(("b1", "b2"), "act", ("a1", "a2"))
HOOKS = {name: Hook(name=name, connection="ora", command=("/bin/true",)) for name in WINDOW.before}


@pytest.mark.parametrize("case", ALL["over"], ids=[case["name"] for case in ALL["over"]])
def test_what_runs_again(case: dict[str, Any]) -> None:
    over = WINDOW.is_over(case["task"], case["begun"], case["ended"])
    assert over is case["over"]
    if "runs" in case:
        run = to_run(list(HOOKS.values()), HOOKS[case["task"]], again=over)
        assert [hook.name for hook in run] == case["runs"]


@pytest.mark.parametrize("case", ALL["failed"])
def test_what_is_cleared_together(case: dict[str, Any]) -> None:
    assert WINDOW.failed(case["task"], case["states"]) == case["failed"]
