"""Hooks of a source whose copies are linked to snapshots: they stand around the resync."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab import Lab
from tests.support.powermax import POWERMAX, SERVICES, Runs
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

ORACLE = "/opt/oracle/bin/backup"
DATA = "resync.data."


@pytest.fixture
def pm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    """The lab's PowerMax, on which host lnxpm02 stands for that of the production database."""
    services, arrays = load_yaml(SERVICES.read_text()), load_yaml(POWERMAX.read_text())
    begin, end = ([ORACLE, word] for word in ("start", "stop"))
    services["services"]["pmapp"]["syncs"][0] |= {
        "before_activate": [{"name": "begin", "connection": "lnxpm02", "command": begin}],
        "after_activate": [{"name": "end", "connection": "lnxpm02", "command": end}],
    }
    host = next(one for one in arrays["hosts"] if one["name"] == "lnxpm02")
    host.setdefault("apps", []).append({"name": "backup", "command": ORACLE, "running": False})
    for name, plain in (("services.yaml", services), ("arrays.yaml", arrays)):
        (tmp_path / name).write_text(yaml.safe_dump(plain))
    with Lab(
        tmp_path / "arrays.yaml",
        directory=tmp_path / "lab",
        clock="manual",
        services=tmp_path / "services.yaml",
        ports=False,
    ) as lab:
        connect_directly(monkeypatch, lab)
        yield Runs(lab, monkeypatch, tmp_path / "services.yaml")


def sent(pm: Runs) -> list[str]:
    """The hooks and the changes of the array, in short, in order."""
    found = []
    for entry in pm.lab.journal:
        command = str(entry.get("command", ""))
        if entry.get("event") in ("rest", "command", "request") and command:
            if ORACLE in command:
                found.append(command.split(ORACLE)[1].strip().strip("'"))
            elif command.startswith(("POST", "PUT", "DELETE")):
                found.append(command.split()[0])
    return found


def test_their_places(pm: Runs) -> None:
    dag = pm.dag("pmapp", "refresh")
    assert {task.task_id for task in dag.tasks if task.is_setup} == {
        f"{DATA}setup",
        f"{DATA}before_activate.begin",
    }
    assert [task.task_id for task in dag.tasks if task.is_teardown] == [f"{DATA}after_activate.end"]
    assert dag.get_task(f"{DATA}recreate").upstream_task_ids == {f"{DATA}before_activate.begin"}
    assert dag.get_task("resync.archivelogs.recreate").upstream_task_ids == {f"{DATA}after_activate.end"}
    last = {"resync.archivelogs.recreate", "stop.service"}  # a rewind skips the resync
    assert dag.get_task("break.data.activate").upstream_task_ids == last


def test_a_refresh(pm: Runs) -> None:
    run = pm.run()
    assert run.states["finish"] == "success", run.errors
    in_order = sent(pm)
    assert in_order[:3] == ["start", "POST", "stop"], "nothing but the snapshot is taken in between"
    assert in_order.count("start") == in_order.count("stop") == 1
    assert in_order.count("PUT") == 2


def test_a_rewind_holds_up_no_source(pm: Runs) -> None:
    pm.run()
    pm.run()
    before = len(sent(pm))
    run = pm.run("rewind")
    assert run.states["finish"] == "success", run.errors
    assert sent(pm)[before:] == ["PUT", "PUT"]


def test_it_is_ended_when_the_snapshot_fails(pm: Runs) -> None:
    pm.lab.fault("http", match="POST", status=500, count=20)
    run = pm.run()
    assert run.states[f"{DATA}recreate"] == "failed"
    assert sent(pm)[-1] == "stop"
    assert sent(pm).count("start") >= 1
