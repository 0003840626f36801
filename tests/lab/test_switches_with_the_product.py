"""Under every setting of every switch the operators do their work, or refuse and say why.

What is expected of each stands in the coverage table. The control host is west of UTC and the copies are
three hours old, so that a time read in the wrong zone shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from clones.errors import CloneError
from lab import Lab
from lab.config import load
from lab.tools import coverage
from operators.run_plan import RunPlanOperator
from operators.service import ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneCreateOperator, SymcloneRecreateOperator
from tests.conftest import ROOT, SERVICES, SYMID
from tests.support.tables import load_yaml
from tests.support.without_ssh import connect_directly

SERVICE = "aastmphpux"
SYNCS = {"data": ("1234", "4321"), "archivelogs": ("1235", "4322")}
DEFAULTS = coverage.Switches()
# The defaults are all in force together, so they are tried once.
SETTINGS = [
    (name, x)
    for name, switch in coverage.table().switches.items()
    for x in switch.settings
    if x.set != getattr(DEFAULTS, name) or name == "control_messages_on"
]
# Those that may matter to a second refresh while the copies of the first one are in progress.
WHILE_COPYING = {
    "recreate_from_copyinprog", "recreate_from_copyonaccess", "control_messages_on", "create_seconds",
    "precopy", "percent_sign", "modified_tracks_counted", "already_active_exit",
}  # fmt: skip
each_setting = pytest.mark.parametrize(
    ("name", "setting"), SETTINGS, ids=[f"{name}={x.set}" for name, x in SETTINGS]
)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    config = load().model_dump()
    config["hosts"][0]["timezone"] = "America/New_York"
    for session in config["arrays"][0]["sessions"]:
        session["age_hours"] = 3
    with Lab(config, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=False) as running:
        connect_directly(monkeypatch, running)
        yield running


def run(lab: Lab, context: dict[str, Any], operator: Any) -> Any:
    """Do a task's work, and wait for a moving copy as the triggerer would."""
    work = operator.execute
    for _ in range(5):
        try:
            return work(context)
        except TaskDeferred:
            lab.advance(60)
        work = lambda c: operator.resume(c, {"status": "reached", "message": ""})  # noqa: E731
    raise AssertionError("it waits for ever")


def service_with(**sync_options: Any) -> dict[str, Any]:
    """The demo's service as a mapping, with these options for each sync."""
    config = load_yaml((ROOT / "config" / "services.yaml").read_text())
    service = config["services"][SERVICE]
    for sync in service["syncs"]:
        sync |= sync_options
    return {"name": SERVICE, **service}


def refresh(lab: Lab, context: dict[str, Any], service: Any = SERVICE) -> None:
    began = lab.now()
    lab.advance(1)
    arguments: dict[str, Any] = {"action": "refresh", "reason": "a test", "phases": {}}
    run(lab, context, RunPlanOperator(task_id="plan", service=service, **arguments))
    run(lab, context, ServiceStopOperator(task_id="stop", service=service))
    for kind in (SymcloneRecreateOperator, SymcloneActivateOperator):
        for sync in SYNCS:
            for attempt in ("first", "again"):
                run(lab, context, kind(task_id=f"{sync}-{attempt}", service=service, sync=sync))
    run(lab, context, ServiceStartOperator(task_id="start", service=service))
    for source, target in SYNCS.values():
        session = lab.session(SYMID, source, target)
        assert session["point_in_time"] >= began, "success was claimed, and the copy is old"
        assert session["target_ready"]
    assert lab.host(SERVICE).mounts() == {"/aaststcvi": "/dev/vgCVI/lv_CVI"}


def expect(wanted: str, work: Any) -> None:
    if wanted == "success":
        work()
        return
    with pytest.raises(CloneError) as raised:
        work()
    assert wanted.removeprefix("refused: ") in str(raised.value)


@each_setting
def test_refresh(lab: Lab, context: dict[str, Any], name: str, setting: coverage.Setting) -> None:
    lab.set_switch(SYMID, name, setting.set)
    expect(setting.product, lambda: refresh(lab, context))


@pytest.mark.parametrize(
    ("name", "setting"),
    [(name, x) for name, x in SETTINGS if name in WHILE_COPYING and x.product == "success"],
    ids=lambda v: v if isinstance(v, str) else str(v.set),
)
def test_refresh_right_after_a_refresh(
    lab: Lab, context: dict[str, Any], name: str, setting: coverage.Setting
) -> None:
    """The copies are still in progress when the second one begins."""
    lab.set_switch(SYMID, name, setting.set)
    refresh(lab, context)
    for source, target in SYNCS.values():
        lab.set_state(SYMID, source, target, "CopyInProg", protected=100_000)
    refresh(lab, context)


@each_setting
def test_create(lab: Lab, context: dict[str, Any], name: str, setting: coverage.Setting) -> None:
    """A pair that has no session gets one: terminated by hand, created by the operator."""
    lab.set_switch(SYMID, name, setting.set)
    run(lab, context, ServiceStopOperator(task_id="stop", service=SERVICE))
    lab.remove_session(SYMID, *SYNCS["data"])
    operator = SymcloneCreateOperator(task_id="create", service=SERVICE, sync="data")
    expect(setting.create, lambda: run(lab, context, operator))
    state = lab.session(SYMID, *SYNCS["data"])["state"]
    assert state in ("Created", "PreCopy", "CreateInProg") if setting.create == "success" else state == "none"


def test_precopy_refused_is_mended_as_the_documentation_says(lab: Lab, context: dict[str, Any]) -> None:
    lab.set_switch(SYMID, "precopy", "refused")
    refresh(lab, context, service_with(precopy=False))


@pytest.mark.parametrize("setting", ["accepted", "refused"])
def test_recreate_while_copying(lab: Lab, context: dict[str, Any], setting: str) -> None:
    """The configuration says that this array takes it: it does, or says why not."""
    lab.set_switch(SYMID, "recreate_from_copyinprog", setting)
    for source, target in SYNCS.values():
        lab.set_state(SYMID, source, target, "CopyInProg", protected=100_000)
    wanted = "success" if setting == "accepted" else "refused: is in the 'CopyInProg' state"
    expect(wanted, lambda: refresh(lab, context, service_with(recreate_while_copying=True)))


@pytest.mark.parametrize("own", [None, 4, 5])
@pytest.mark.parametrize("width", [4, 5])
def test_device_numbers_of_four_and_five_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: dict[str, Any], width: int, own: int | None
) -> None:
    """In all commands alike, and otherwise in the device group's list than in the device list."""
    config = load().model_dump()
    config["arrays"][0]["device_width"] = width
    config["arrays"][0]["switches"]["symdg_device_width"] = own
    with Lab(config, directory=tmp_path / "lab", clock="manual", services=SERVICES, ports=False) as lab:
        connect_directly(monkeypatch, lab)
        refresh(lab, context)
