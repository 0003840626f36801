"""Hooks in the service DAGs: where their tasks stand, which run when, and what a failed one leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import TriggerRule

from clones.actions import ACTIONS, BREAK, RESYNC, START, STOP
from hooks.configuration import load
from tests.conftest import SERVICES, connect
from tests.dags.conftest import dags, run
from tests.support.hooked import AROUND_DATA, hooked_services, sent_in_order, with_programs

DATA = "break.data."
AFTER = f"{DATA}after_activate."


def hooked(tmp_path: Path, **kwargs: Any) -> Any:
    """The DAG of service aastmphpux with hooks."""
    module = dags()
    module.CONFIG = str(hooked_services(tmp_path / "services.yaml", **kwargs))
    return module.build("aastmphpux", load(module.CONFIG).services["aastmphpux"])


UPSTREAM = {
    "stop.before_stop.drain": ["plan"],
    "stop.service": ["stop.before_stop.drain"],
    "resync.data.recreate": ["stop.service"],
    f"{DATA}setup": ["resync.archivelogs.recreate"],
    f"{DATA}before_activate.begin_backup": [f"{DATA}setup"],
    f"{DATA}activate": [f"{DATA}before_activate.begin_backup"],
    f"{AFTER}end_backup": [f"{DATA}activate", f"{DATA}before_activate.begin_backup", f"{DATA}setup"],
    f"{AFTER}switch_log": [f"{AFTER}end_backup", f"{DATA}before_activate.begin_backup", f"{DATA}setup"],
    f"{DATA}wait_copied": [f"{AFTER}switch_log"],
    "break.archivelogs.activate": [f"{AFTER}switch_log"],
    "start.service": ["break.archivelogs.wait_copied", f"{DATA}wait_copied"],
    "start.on_old_copies": ["break.archivelogs.wait_copied", f"{DATA}wait_copied"],
    "start.after_start.undrain": ["start.service"],
    "start.probes.answers": ["start.after_start.undrain"],
    "start.probes.quick": ["start.probes.answers"],
}


def test_their_places(tmp_path: Path) -> None:
    dag = hooked(tmp_path)
    assert {task: sorted(dag.get_task(task).upstream_task_ids) for task in UPSTREAM} == UPSTREAM
    assert [task.task_id for task in dag.leaves] == ["finish"]
    assert {task.task_id for task in dag.tasks if task.is_setup} == {
        f"{DATA}setup",
        f"{DATA}before_activate.begin_backup",
    }
    teardowns = {task.task_id: task.trigger_rule for task in dag.tasks if task.is_teardown}
    assert teardowns == {
        f"{AFTER}{name}": TriggerRule.ALL_DONE_SETUP_SUCCESS for name in ("end_backup", "switch_log")
    }
    assert dag.get_task(f"{AFTER}end_backup").hold_lock is False, "it must not need the control host"


@pytest.mark.parametrize("side", ["before_activate", "after_activate"])
def test_one_side_alone_is_a_plain_chain(tmp_path: Path, side: str) -> None:
    """A setup without a teardown would rule over everything that follows."""
    before, after = AROUND_DATA.split("        after_activate:")
    dag = hooked(
        tmp_path, around_data=before if side == "before_activate" else f"        after_activate:{after}"
    )
    assert not [task for task in dag.tasks if task.is_setup or task.is_teardown]
    assert not dag.has_task(f"{DATA}setup")
    assert {task.trigger_rule for task in dag.tasks if task.task_id.startswith(DATA)} == {
        TriggerRule.NONE_FAILED
    }
    assert dag.get_task(f"{DATA}activate").upstream_task_ids == {
        f"{DATA}before_activate.begin_backup" if side == "before_activate" else "resync.archivelogs.recreate"
    }


@pytest.mark.parametrize("action", ACTIONS)
def test_which_run_and_which_are_skipped(tmp_path: Path, action: str) -> None:
    dag = hooked(tmp_path)
    phases = dag.get_task("plan").phases
    assert {task for tasks in phases.values() for task in tasks} == {*dag.task_ids} - {"plan", "finish"}
    assert [*phases] == [STOP, RESYNC, BREAK, START]
    for phase, tasks in phases.items():
        assert all(task.split(".")[0] == phase for task in tasks)
    runs = {task for phase in ACTIONS[action] for task in phases[phase]} | {"finish"}
    waited_for, new = set(), {"finish"}
    while new:
        waited_for |= new
        new = {up for task in new for up in dag.get_task(task).upstream_task_ids} & runs - waited_for
    assert waited_for == runs, "the end waits for each"


class TestRuns:
    """By `dag.test()`; what needs a scheduler is in tests/end_to_end/test_hooks.py."""

    @pytest.fixture
    def lab(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        from lab import Lab
        from lab.config import load

        arrays = load().model_dump()  # hooks know nothing of the array: the demo's is enough
        with Lab(with_programs(arrays), directory=tmp_path / "lab", speed=50, services=SERVICES) as running:
            connect(monkeypatch, running.connections)
            yield running

    def run(self, tmp_path: Path, action: str = "refresh") -> tuple[str, dict[str, str], dict[str, str]]:
        """The run's state, its tasks' states, and how it says that it ended."""
        result = run(hooked(tmp_path, retries=0), action=action)
        found = result.get_task_instances()
        ended = next(ti for ti in found if ti.task_id == "finish").xcom_pull(task_ids="finish", key="result")
        return str(result.state), {ti.task_id: str(ti.state) for ti in found}, ended

    def test_each_at_its_place(self, database: None, lab: Any, tmp_path: Path) -> None:
        state, states, _ = self.run(tmp_path)
        assert state == "success", states
        assert sent_in_order(lab) == [
            "drain start",
            "umount",
            "recreate DGCVI",
            "recreate DGCVIARCH",
            "backup start",
            "activate DGCVI",
            "backup stop",
            "log start",
            "activate DGCVIARCH",
            "mount",
            "drain stop",
            "answers status",
            "quick status",
        ]

    def test_none_but_those_of_the_stop(self, database: None, lab: Any, tmp_path: Path) -> None:
        state, states, _ = self.run(tmp_path, action="stop")
        assert state == "success", states
        assert sent_in_order(lab) == ["drain start", "umount"]

    def test_one_before_the_stop_fails(self, database: None, lab: Any, tmp_path: Path) -> None:
        """The service was not stopped; what the hook may have done is taken back."""
        lab.fault("exit", match="/opt/site/bin/drain start", exit=1, stderr="no drain")
        state, states, ended = self.run(tmp_path)
        assert (state, ended["result"], ended["at"]) == ("failed", "unchanged", "stop.before_stop.drain"), (
            states
        )
        assert "no drain" in ended["why"]
        assert sent_in_order(lab) == ["drain start", "drain stop"]
        assert states["start.on_old_copies"] == "failed", "so that it is cleared with the run"

    def test_a_probe_fails(self, database: None, lab: Any, tmp_path: Path) -> None:
        """The run is red, and the service stays up. A probe that does not block only warns."""
        lab.fault("exit", match="/opt/site/bin/(answers|quick) status", exit=1, stderr="no answer")
        state, states, ended = self.run(tmp_path)
        assert (state, ended["result"], ended["at"]) == ("failed", "stopped", "start.probes.answers"), states
        assert states["start.on_old_copies"] == "skipped" and lab.host("aastmphpux").mounts()

    def test_one_that_does_not_block_only_warns(self, database: None, lab: Any, tmp_path: Path) -> None:
        lab.fault("exit", match="/opt/site/bin/quick status", exit=1, stderr="no answer")
        state, states, _ = self.run(tmp_path)
        assert state == "success" and sent_in_order(lab)[-1] == "quick status", states
