"""Whom the sweep tells of runs that have ended without a word, or that a pause of their DAG holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DagRunState

from reporting import alerts, ended_runs, paused_runs
from tests.conftest import SERVICES


class Runs:
    """The runs of a service's DAG, as a sweep may ask Airflow for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs: dict[str, tuple[str, dict[str, str], bool]] = {}
        self.kept: dict[str, Any] | None = None
        self.told: list[str] = []
        self.asked: list[str] = []
        self.fails = False
        self.silent: set[str] = set()
        self.ends: dict[str, int] = {}
        self.paused: list[str] = []
        self.paused_dags: set[str] = set()
        self.requests: list[str] = []
        monkeypatch.setattr(ended_runs, "run_without_finish", self._tell)
        monkeypatch.setattr(paused_runs, "run_is_paused", self._tell_paused)

    def __setitem__(self, run_id: str, run: tuple[str, str, str]) -> None:
        """State of the run, of its plan and of its last task; a plan `ended` it when it has said so.

        A last task fails `silently` when it does not come to its work.
        """
        state, plan, last = run
        tasks = {"plan": plan.removesuffix(" ended"), "finish": last.removesuffix(" silently")}
        self.runs[run_id] = (state, tasks, plan.endswith(" ended"))
        self.ends[run_id] = self.ends.get(run_id, 0) + 1
        self.silent.discard(run_id)
        if last.endswith(" silently"):
            self.silent.add(run_id)

    def _tell(
        self, context: Any, service: str, dag_id: str, run_id: str, config: str, silent: bool = False
    ) -> None:
        if self.fails:
            raise ConnectionError("no mail")
        assert silent == (run_id in self.silent)
        self.told.append(run_id)

    def _tell_paused(self, context: Any, service: str, dag_id: str, run_id: str, config: str) -> None:
        if self.fails:
            raise ConnectionError("no mail")
        self.paused.append(run_id)

    def get_dr_count(self, dag_id: str, states: list[str] | None = None) -> int:
        self.requests.append("runs")
        every = ["queued", "running", "success", "failed"] if states is None else states
        return sum(run[0] in every for run in self.runs.values()) if dag_id == "s" else 0

    def get_ti_count(self, dag_id: str, task_ids: list[str], states: list[str]) -> int:
        assert dag_id == "s"
        self.requests.append("tasks")
        return sum(run[1][task] in states for run in self.runs.values() for task in task_ids)

    def get_task_states(self, dag_id: str, task_ids: list[str], run_ids: list[str] | None = None) -> Any:
        assert run_ids is None or run_ids, "none would be all"
        self.requests.append("states")
        self.asked += [dag_id] if run_ids is None else []
        return {run_id: run[1] for run_id, run in self.runs.items() if run_ids is None or run_id in run_ids}

    def get_dagrun_state(self, dag_id: str, run_id: str) -> DagRunState:
        return DagRunState(self.runs[run_id][0])

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> Any:
        """Only tasks that have ended are among them (Airflow 3.3.2), and no word of which try it was."""
        self.requests.append("end")
        found = self.runs[run_id][1] if run_id in self.runs else {}
        for task, state in found.items():
            if state in ("success", "failed", "skipped"):
                # Of a clear with Downstream, `plan` is what it was.
                took = 1.0 if task == "plan" else float(self.ends[run_id])
                yield {"task_id": task, "map_index": -1, "state": state, "duration": took}

    def get_dag(self, dag_id: str) -> Any:
        self.requests.append("dag")
        return SimpleNamespace(is_paused=dag_id in self.paused_dags)

    def xcom_pull(self, task_ids: str, dag_id: str, run_id: str, key: str) -> Any:
        if task_ids == "finish":
            return None if run_id in self.silent else {"result": "stopped", "at": "plan"}
        return {"result": "superseded", "at": ""} if self.runs[run_id][2] else None

    def sweep(self) -> list[str]:
        self.told, self.asked, self.paused, self.requests = [], [], [], []
        self.kept = ended_runs.tell({"ti": self}, "s", "services.yaml", self.kept)  # type: ignore[typeddict-item]
        return self.told


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


def test_each_run_without_its_last_task_is_told_once(runs: Runs) -> None:
    assert runs.sweep() == []
    runs["good"] = ("success", "success", "success")
    assert runs.sweep() == [] and runs.asked == [], "two counts tell that nothing is wrong"
    runs["bad"] = ("failed", "failed", "failed")
    assert runs.sweep() == [] and runs.asked == ["s"], "it has said how it stands"
    assert runs.sweep() == [] and runs.asked == []
    runs["superseded"] = ("success", "success ended", "skipped")
    runs["marked"] = ("failed", "success", "skipped")
    runs["green"] = ("success", "success", "skipped")
    runs["deadlock"] = ("failed", "failed", "None")
    runs["continues"] = ("running", "success", "None")
    assert runs.sweep() == ["marked", "green", "deadlock"]
    assert runs.sweep() == [] and runs.asked == []
    runs["continues"] = ("success", "success", "success")
    assert runs.sweep() == [] and runs.asked == []
    # One is cleared with what follows and comes to its end, while another is ended from outside.
    runs["marked"] = ("success", "success", "success")
    runs["another"] = ("failed", "success", "skipped")
    assert runs.sweep() == ["another"]
    runs["green"] = ("running", "success", "None")
    assert runs.sweep() == [] and runs.asked == []
    del runs.runs["deadlock"]
    assert runs.sweep() == []
    runs["marked"] = ("failed", "success", "skipped")
    assert runs.sweep() == ["marked"], "a second end is told again"


def test_a_last_task_that_failed_before_its_work_is_told_of(runs: Runs) -> None:
    """Its process was killed, or it died on a DAG that was changed under it: no callback of Airflow's ran."""
    runs["old"] = ("failed", "success", "failed silently")
    assert runs.sweep() == [] and runs.sweep() == []
    runs["killed"] = ("failed", "success", "failed silently")
    runs.fails = True
    assert runs.sweep() == []
    runs.fails = False
    assert runs.sweep() == ["killed"] and runs.sweep() == []
    runs["killed"] = ("running", "success", "None")
    assert runs.sweep() == []
    runs["killed"] = ("failed", "success", "failed silently")
    assert runs.sweep() == ["killed"], "a second end is told again"
    runs["killed"] = ("success", "success", "success")
    runs["another"] = ("success", "success", "success")
    assert runs.sweep() == []


def test_what_an_earlier_release_kept_is_gone_on_from(runs: Runs) -> None:
    """What had failed by then is not told."""
    runs["killed"] = ("failed", "success", "failed silently")
    runs.sweep()
    assert runs.kept is not None
    kept = dict(runs.kept["s"])
    runs.kept["s"] = {key: kept[key] for key in ("seen", "told", "fine")}
    runs["good"] = ("success", "success", "success")
    assert runs.sweep() == []
    runs["another"] = ("failed", "success", "failed silently")
    assert runs.sweep() == ["another"]


def test_what_was_there_before_the_first_look_is_not_told(runs: Runs) -> None:
    runs["old"] = ("failed", "success", "skipped")
    assert runs.sweep() == [] and runs.sweep() == []
    runs["new"] = ("failed", "success", "skipped")
    assert runs.sweep() == ["new"]


def test_whom_nobody_could_be_told_of_is_told_at_the_next_look(runs: Runs) -> None:
    runs.sweep()
    runs["marked"] = ("failed", "success", "skipped")
    runs.fails = True
    assert runs.sweep() == []
    runs.fails = False
    assert runs.sweep() == ["marked"] and runs.sweep() == []


# --- Ends that no count shows.

OUTSIDE, GOES_ON, DONE = ("failed", "success", "skipped"), ("running", "success", "None"), ("success",) * 3


@pytest.mark.parametrize("between", [True, False], ids=["a sweep between", "no sweep between"])
def test_a_run_that_was_cleared_and_ended_from_outside_again_is_told_again(runs: Runs, between: bool) -> None:
    runs["old"] = DONE
    runs.sweep()
    runs["told"] = OUTSIDE
    assert runs.sweep() == ["told"] and runs.sweep() == []
    runs["told"] = GOES_ON
    if between:
        assert runs.sweep() == []
    runs["told"] = OUTSIDE
    assert runs.sweep() == ["told"] and runs.sweep() == [] and runs.sweep() == []


def test_of_two_told_the_older_is_told_again_after_a_sweep_between(runs: Runs) -> None:
    runs.sweep()
    for name in ("older", "newer"):
        runs[name] = OUTSIDE
        assert runs.sweep() == [name]
    runs["older"] = GOES_ON
    assert runs.sweep() == []
    runs["older"] = OUTSIDE
    assert runs.sweep() == ["older"] and runs.sweep() == []


@pytest.mark.parametrize(
    "known", [OUTSIDE, ("success", "success ended", "skipped"), ("failed", "failed", "failed silently")]
)
@pytest.mark.parametrize("new", [OUTSIDE, ("failed", "success", "failed silently")])
@pytest.mark.parametrize("later", [0, 1])
def test_a_run_that_ended_as_the_record_of_a_known_one_was_deleted_is_told(
    runs: Runs, known: tuple[str, str, str], new: tuple[str, str, str], later: int
) -> None:
    runs["old"] = DONE
    runs.sweep()
    runs["known"] = known
    runs.sweep()
    for number in range(later):  # it is not the last one that was told
        runs[f"later {number}"] = OUTSIDE
        assert runs.sweep() == [f"later {number}"]
    del runs.runs["known"]
    runs["new"] = new
    assert runs.sweep() == ["new"] and runs.sweep() == []


@pytest.mark.parametrize("times", [1, 2])
def test_a_last_task_that_fails_with_a_word_then_without_is_told(runs: Runs, times: int) -> None:
    runs["old"] = DONE
    runs.sweep()
    runs["run"] = ("failed", "success", "failed")
    assert runs.sweep() == []
    if times == 2:
        runs["run"] = ("failed", "success", "failed")
        assert runs.sweep() == [] and runs.asked == ["s"]
        assert runs.sweep() == [] and runs.asked == []
    runs["run"] = ("failed", "success", "failed silently")
    assert runs.sweep() == ["run"] and runs.sweep() == [] and runs.asked == []


def test_a_run_that_its_plan_ended_is_told_once_it_was_cleared_and_ended_from_outside(runs: Runs) -> None:
    runs.sweep()
    runs["superseded"] = ("success", "success ended", "skipped")
    assert runs.sweep() == []
    runs["superseded"] = ("running", "running", "None")
    assert runs.sweep() == []
    runs["superseded"] = OUTSIDE
    assert runs.sweep() == ["superseded"] and runs.sweep() == []


def test_many_known_ends_are_asked_for_in_parts(runs: Runs) -> None:
    for number in range(250):
        runs[f"r{number}"] = OUTSIDE
    runs.sweep()
    assert runs.sweep() == [] and runs.requests.count("states") == 3 and runs.asked == []
    del runs.runs["r240"]
    runs["new"] = OUTSIDE
    assert runs.sweep() == ["new"]


def test_what_a_sweep_asks(runs: Runs) -> None:
    """Beside one count for each DAG of the service that has no runs: three."""
    others = ["runs"] * 3
    runs.sweep()
    assert runs.requests == ["runs", *others]
    runs["good"] = DONE
    runs.sweep()
    runs.sweep()
    assert runs.requests == ["runs", "tasks", *others]
    runs["goes on"] = GOES_ON
    runs.sweep()
    assert runs.requests == ["runs", "tasks", "runs", "dag", *others]
    runs["goes on"] = OUTSIDE
    runs.sweep()
    runs.sweep()
    assert runs.requests == ["end", "states", "runs", "tasks", "runs", *others], "an end is remembered"


# --- A DAG that is paused amid a run.


def test_a_run_whose_dag_is_paused_is_told_once(runs: Runs) -> None:
    runs["old"] = DONE
    runs.paused_dags.add("s")
    runs.sweep()
    runs["waits"] = ("queued", "None", "None")
    assert runs.sweep() == [] and runs.paused == [], "it waits to begin, and has changed nothing"
    runs["waits"] = GOES_ON
    runs.fails = True
    runs.sweep()
    runs.fails = False
    runs.sweep()
    assert runs.paused == ["waits"]
    runs.sweep()
    assert runs.paused == []
    runs.paused_dags.clear()
    runs.sweep()
    assert runs.paused == []
    runs.paused_dags.add("s")
    runs.sweep()
    assert runs.paused == ["waits"], "another pause"
    runs["waits"] = DONE
    runs.sweep()
    assert runs.paused == [] and runs.told == []


def test_a_run_that_is_there_at_the_first_look_is_told_of_its_pause(runs: Runs) -> None:
    runs["waits"] = GOES_ON
    runs.paused_dags.add("s")
    assert runs.sweep() == [] and runs.paused == ["waits"]


def test_the_alert_of_a_pause_says_what_to_press(caplog: pytest.LogCaptureFixture) -> None:
    alerts.run_is_paused({}, "aastmphpux", "aastmphpux", "r1", str(SERVICES))
    assert "DAG aastmphpux is paused while a run of it is in progress" in caplog.text
    assert "unpause the DAG" in caplog.text and "Run: r1" in caplog.text
