"""Whether a task asks once more if Airflow runs it: only one that may have ended from outside."""

from __future__ import annotations

from typing import Any

import pytest

from hooks import clock
from operators import ended_from_outside
from operators.ended_from_outside import STOOD_STILL, heard_from


@pytest.mark.parametrize(
    ("number", "cleared", "resumed", "age", "asks"),
    [
        (1, 0, False, 0.3, False),
        (1, 0, False, STOOD_STILL, True),  # it stood still, or the machine is that busy
        (1, 0, False, None, True),  # not known
        (2, 0, False, 0.3, True),
        (1, 1, False, 0.3, True),
        (1, 0, True, 0.3, True),
    ],
)
def test_when_it_asks(
    context: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    cleared: int,
    resumed: bool,
    age: float | None,
    asks: bool,
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(ended_from_outside, "refuse_ended", lambda context, task: asked.append(task))
    monkeypatch.setattr(clock, "awake", lambda: 100.0)
    monkeypatch.setattr(clock, "process_age", lambda: age)
    context["ti"].try_number, context["dag_run"].clear_number = number, cleared
    heard = heard_from(context, "a task", resumed=resumed)  # type: ignore[arg-type]
    assert bool(asked) is asks
    assert heard == (100.0 if asks else 100.0 - (age or 0)), "never later than Airflow's word"
