"""What of an Airflow ends is told and started again; what does so all the time is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.watch import OFTEN, STEADY, Watch
from private_airflow.processes import ProcessError


class Airflow:
    """Two components that end when they are told to."""

    def __init__(self) -> None:
        self.codes: dict[str, int | None] = {"scheduler": None, "triggerer": None}
        self.started: list[str] = []
        self.broken = False

    def exit_codes(self) -> dict[str, int | None]:
        return dict(self.codes)

    def start_component(self, component: str) -> int:
        if self.broken:
            raise ProcessError("no room")
        self.started.append(component)
        self.codes[component] = None
        return 1

    def log(self, component: str) -> Path:
        return Path(f"/logs/{component}.log")


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def watch(airflow: Airflow, said: list[str], now: list[float]) -> Watch:
    return Watch(airflow, said.append, lambda: now[0])


def test_what_runs_is_left_alone(airflow: Airflow, watch: Watch, said: list[str]) -> None:
    watch.look()
    assert (airflow.started, said) == ([], [])


def test_what_has_ended_is_told_once_and_started_again(
    airflow: Airflow, watch: Watch, said: list[str]
) -> None:
    airflow.codes.update(scheduler=1, triggerer=-9)
    watch.look()
    watch.look()
    assert airflow.started == ["scheduler", "triggerer"]
    assert len(said) == 2
    assert said[0].startswith("Airflow's scheduler has ended, with exit code 1. It is started again.")
    assert "/logs/scheduler.log" in said[0] and "PostgreSQL" in said[0]
    airflow.codes.update(scheduler=-9)
    watch.look()
    assert "PostgreSQL" not in said.pop()
    assert said[1].startswith("Airflow's triggerer has ended, killed by signal 9. It is started again.")


def test_what_ends_again_and_again_stays_ended(
    airflow: Airflow, watch: Watch, said: list[str], now: list[float]
) -> None:
    for _ in range(OFTEN + 2):
        airflow.codes["scheduler"] = 1
        now[0] += STEADY / 2
        watch.look()
    assert watch.given_up == ["scheduler"]
    assert airflow.started == ["scheduler"] * (OFTEN - 1)
    assert len(said) == OFTEN and "is not started again" in said[-1]


def test_what_was_up_in_between_is_started_however_often(
    airflow: Airflow, watch: Watch, now: list[float]
) -> None:
    for _ in range(3 * OFTEN):
        airflow.codes["scheduler"] = 1
        now[0] += STEADY
        watch.look()
    assert watch.given_up == [] and len(airflow.started) == 3 * OFTEN


def test_what_cannot_be_started_is_tried_at_each_look_and_then_no_more(
    airflow: Airflow, watch: Watch, said: list[str]
) -> None:
    airflow.broken = True
    airflow.codes["triggerer"] = 1
    for _ in range(OFTEN + 2):
        watch.look()
    assert "could not be started again: no room" in said[0]
    assert watch.given_up == ["triggerer"] and len(said) == OFTEN
