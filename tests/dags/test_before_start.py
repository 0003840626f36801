"""`before_start` hooks in the service DAGs: where their tasks stand, and what a run leaves when one fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clones.actions import ACTIONS
from clones.config import Limits
from clones.runs.pool_waits import places
from clones.runs.pools import pools_of
from hooks.configuration import load
from tests.conftest import SERVICES, TWO_SETS, TWO_SETS_LAB, connect
from tests.dags.conftest import dags, run
from tests.support.masked import HOOKS, MASK, masked_services, newest, sent_in_order, with_mask

MASKS = "start.before_start.mask"
DOWN = ["pp stop", "umount /pp/arch", "umount /pp/data"]
COPIED = ["recreate", "recreate", "activate", "activate"]
UP = ["mount /pp/data", "mount /pp/arch"]
TWO = f"""\
    before_start:
      - {{name: mask, command: [{MASK}, start]}}
      - {{name: check, connection: check1, command: [/opt/site/bin/check]}}
"""


def masked(tmp_path: Path, limits: Limits = Limits(), **given: Any) -> Any:  # noqa: B008 (a frozen value)
    module = dags()
    module.CONFIG = str(masked_services(tmp_path / "services.yaml", **given))
    return module.build("lnxpp", load(module.CONFIG).services["lnxpp"], limits)


def test_their_places(tmp_path: Path) -> None:
    dag = masked(tmp_path, hooks=TWO)
    ends = ["break.archivelogs.activate", "break.data.wait_copied"]
    upstream = {
        "start.disks": ends,
        MASKS: ["start.disks"],
        "start.before_start.check": [MASKS],
        "start.service": ["start.before_start.check"],
        "start.on_old_copies": ends,
    }
    assert {task: sorted(dag.get_task(task).upstream_task_ids) for task in upstream} == upstream
    assert [task.task_id for task in dag.leaves] == ["finish"]
    assert dag.get_task("plan").phases["start"] == [
        "start.disks",
        MASKS,
        "start.before_start.check",
        "start.service",
        "start.on_old_copies",
    ]


def test_without_one_the_start_is_one_task() -> None:
    starts = [task for task in dags().lnxpp.task_ids if task.startswith("start.")]
    assert starts == ["start.service", "start.on_old_copies"]


@pytest.mark.parametrize("action", ACTIONS)
def test_the_end_waits_for_each(tmp_path: Path, action: str) -> None:
    dag = masked(tmp_path)
    phases = dag.get_task("plan").phases
    runs = {task for phase in ACTIONS[action] for task in phases[phase]} | {"finish"}
    waited_for, new = set(), {"finish"}
    while new:
        waited_for |= new
        new = {up for task in new for up in dag.get_task(task).upstream_task_ids} & runs - waited_for
    assert waited_for == runs


def test_each_is_in_the_pool_of_its_host(tmp_path: Path) -> None:
    limits = Limits(per_host=2)
    dag = masked(tmp_path, limits, hooks=TWO)
    service = load(tmp_path / "services.yaml").services["lnxpp"]
    in_pools = {
        task: place.pool
        for place in places(limits, {"lnxpp": service})
        if place.dag_id == "lnxpp"
        for task in place.tasks
    }
    starts = [task for task in dag.task_ids if task.startswith("start.") and task != "start.on_old_copies"]
    assert {task: dag.get_task(task).pool for task in starts} == {task: in_pools[task] for task in starts}
    assert in_pools["start.before_start.check"] == "symclone_host_check1"
    assert "symclone_host_check1" in {pool.name for pool in pools_of(limits, {"lnxpp": service})}


class TestOnTwoSets:
    """The hook works on the set that the service is about to run on."""

    @pytest.fixture
    def lab(self, database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        from airflow.models.asset_state_store import AssetStateStoreModel
        from airflow.utils.session import create_session

        from lab import Lab
        from lab.config import load

        with create_session() as session:  # what is kept is of another lab
            session.query(AssetStateStoreModel).delete()
        arrays = with_mask(load(TWO_SETS_LAB).model_dump(), "lnxts01")
        with Lab(arrays, directory=tmp_path / "lab", speed=50, services=TWO_SETS) as running:
            connect(monkeypatch, running.connections)
            yield running

    def run(self, tmp_path: Path) -> dict[str, str]:
        """Its tasks' states."""
        module = dags()
        text = TWO_SETS.read_text()
        module.CONFIG = str(tmp_path / "services.yaml")
        Path(module.CONFIG).write_text(text.replace("    before_stop:\n", f"{HOOKS}    before_stop:\n", 1))
        service = load(module.CONFIG).services["lnxts"].model_copy(update={"retries": 0})
        result = run(module.build("lnxts", service), action="refresh")
        return {ti.task_id: str(ti.state) for ti in result.get_task_instances()}

    def sent(self, lab: Any) -> list[str]:
        return [
            one
            for one in sent_in_order(lab)
            if one in ("mask start", "lts stop", "lts start") or one.startswith("mount")
        ]

    def test_a_refresh(self, lab: Any, tmp_path: Path) -> None:
        states = self.run(tmp_path)
        assert states["finish"] == "success" and states[MASKS] == "success", states
        up = ["mount /lts/data", "mount /lts/arch", "mask start", "lts start"]
        assert self.sent(lab) == ["lts stop", *up]
        assert all("_b/" in device for device in lab.host("lnxts01").mounts().values())

    def test_one_that_fails_goes_back(self, lab: Any, tmp_path: Path) -> None:
        """The former copy is masked again before the application runs on it."""
        lab.fault("exit", match=f"{MASK} start", exit=1, stderr="2 tables left", count=1)
        states = self.run(tmp_path)
        assert [states[MASKS], states["start.service"], states["start.on_former_set"]] == [
            "failed",
            "upstream_failed",
            "failed",
        ], states
        up = ["mount /lts/data", "mount /lts/arch", "mask start"]
        assert self.sent(lab) == ["lts stop", *up, *up, "lts start"]
        assert all("_a/" in device for device in lab.host("lnxts01").mounts().values())


class TestRuns:
    """By `dag.test()`."""

    @pytest.fixture
    def lab(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        from lab import Lab
        from lab.config import load

        arrays = with_mask(load().model_dump())  # hooks know nothing of the array: the demo's is enough
        with Lab(arrays, directory=tmp_path / "lab", speed=50, services=SERVICES) as running:
            connect(monkeypatch, running.connections)
            yield running

    def run(self, tmp_path: Path, action: str = "refresh") -> tuple[dict[str, str], dict[str, str]]:
        """Its tasks' states, and how the run says that it ended."""
        result = run(masked(tmp_path), action=action)
        found = result.get_task_instances()
        ended = next(ti for ti in found if ti.task_id == "finish").xcom_pull(task_ids="finish", key="result")
        return {ti.task_id: str(ti.state) for ti in found}, ended

    def test_a_refresh(self, database: None, lab: Any, tmp_path: Path) -> None:
        states, ended = self.run(tmp_path)
        assert ended["result"] == "done", states
        assert sent_in_order(lab) == [*DOWN, *COPIED, *UP, "mask start", "pp start"]

    def test_one_that_fails(self, database: None, lab: Any, tmp_path: Path) -> None:
        """The application is down, the disks are up; a start goes on from there."""
        lab.fault("exit", match=f"{MASK} start", exit=1, stderr="2 tables left", count=1)
        states, ended = self.run(tmp_path)
        assert (ended["result"], ended["at"]) == ("stopped", MASKS), states
        assert "2 tables left" in ended["why"] and "Only failed tasks" in ended["press"]
        assert states["start.service"] == "upstream_failed" and states["start.on_old_copies"] == "skipped"
        assert sent_in_order(lab) == [*DOWN, *COPIED, *UP, "mask start"]
        since = newest(lab)
        states, ended = self.run(tmp_path, action="start")
        assert ended["result"] == "done", states
        assert sent_in_order(lab, since) == ["mask start", "pp start"]

    def test_on_the_old_copies_too(self, database: None, lab: Any, tmp_path: Path) -> None:
        """Down for the refresh, whose recreate is refused: the application comes back behind the hook."""
        lab.fault("exit", host="symcli_demo", match="-noprompt recreate", exit=1, stderr="no")
        states, ended = self.run(tmp_path)
        assert (ended["result"], ended["at"]) == ("unchanged", "resync.data.recreate"), states
        assert sent_in_order(lab) == [*DOWN, "recreate", *UP, "mask start", "pp start"]

    def test_a_start_of_what_runs_is_refused(self, database: None, lab: Any, tmp_path: Path) -> None:
        states, ended = self.run(tmp_path, action="start")
        assert ended["result"] == "refused" and "app pp on lnxpp01 is up" in ended["why"], states
        assert sent_in_order(lab) == []
