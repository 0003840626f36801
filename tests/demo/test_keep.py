"""What `--keep` does once the refresh is over: one look at all copies, then a watch over what runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demo import __main__ as demo
from demo import refresh
from demo.refresh import STATUS, sweep
from private_airflow.rest import RestError


class Rest:
    """Airflow's API: what was asked of it, and how the run of the sweep stands at each look."""

    def __init__(self, *states: str) -> None:
        self.states, self.asked = list(states), list[str]()

    def dag(self, name: str) -> dict[str, Any]:
        self.asked.append(f"dag {name}")
        return {}

    def unpause(self, name: str) -> None:
        self.asked.append(f"unpause {name}")

    def trigger(self, name: str) -> str:
        self.asked.append(f"trigger {name}")
        return "manual__1"

    def dag_run(self, name: str, run_id: str) -> dict[str, str]:
        assert (name, run_id) == (STATUS, "manual__1")
        return {"state": self.states.pop(0) if len(self.states) > 1 else self.states[0]}


class Airflow:
    """One that runs until it is told to end."""

    def __init__(self, rest: Rest | None = None) -> None:
        self.rest = rest

    @contextmanager
    def client(self) -> Iterator[Rest]:
        if self.rest is None:
            raise RestError("nobody answers")
        yield self.rest

    def exit_codes(self) -> dict[str, int | None]:
        return {"scheduler": None}


class Lab:
    """One that has ended after so many looks."""

    log = Path("/lab/lab.log")

    def __init__(self, looks: int, code: int) -> None:
        self.looks, self.code = looks, code

    def exit_code(self) -> int | None:
        self.looks -= 1
        return self.code if self.looks < 0 else None


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock, which only a sleep moves on."""
    now = [0.0]

    def sleep(some: float) -> None:
        now[0] += some

    monkeypatch.setattr(refresh, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    return now


def test_all_copies_are_looked_at_so_that_none_is_unknown_on_the_board() -> None:
    rest = Rest("queued", "running", "success")
    assert sweep(Airflow(rest))  # type: ignore[arg-type]
    assert rest.asked == [f"dag {STATUS}", f"unpause {STATUS}", f"trigger {STATUS}"]


@pytest.mark.parametrize("state", ["failed", "running"])
def test_a_look_that_is_not_done_is_said(
    state: str, seconds: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    demo._look_at_all(Airflow(Rest(state)))  # type: ignore[arg-type]
    assert "has not been done" in capsys.readouterr().out
    assert (seconds[0] >= 60) is (state == "running")


def test_an_airflow_that_does_not_answer_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    demo._look_at_all(Airflow())  # type: ignore[arg-type]
    assert "No look at all copies could be begun: nobody answers" in capsys.readouterr().out


@pytest.mark.parametrize(("code", "how"), [(1, "with exit code 1"), (-9, "killed by signal 9")])
def test_a_lab_that_has_ended_is_told_once(
    code: int, how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = iter(range(4))

    def sleep(_seconds: float) -> None:
        if next(looks) == 3:
            raise demo.Interrupted(2)

    monkeypatch.setattr(demo, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=sleep))
    demo._wait_for_the_end(Airflow(), Lab(1, code))  # type: ignore[arg-type]
    told, *rest = capsys.readouterr().out.strip().splitlines()
    assert told.startswith(f"The lab has ended, {how}. ") and "/lab/lab.log" in told
    assert rest == ["", "Ending the lab and Airflow."]
